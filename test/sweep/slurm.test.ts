import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { openRun } from "../../src/runs/open.ts";
import { pool, slurm } from "../../src/sweep/executors.ts";
import { pointFolder } from "../../src/sweep/folder.ts";
import { openSweep, type SweepOptions, sweep } from "../../src/sweep/sweep.ts";
import { digestOf, plan, options as run, withFolder } from "../runs/support.ts";

const options: Omit<SweepOptions, "dir"> = {
  net: plan.model,
  data: run.data,
  combinations: ["Q"],
  levels: { bits: [1, 2, 3] },
  lStep: sgd({ rate: 0.05, epochs: 1, batch: 64 }),
  mu: geometric({ from: 1e-2, factor: 1.2, steps: 4 }),
};

/**
 * An sbatch that runs the tasks of an array one after the other in the background, kills the first once and requeues it, and an sacct
 * that tells their states.
 */
const sbatch = `#!/bin/sh
[ "$1" = --parsable ] || exit 2
job=$(($(ls "$SLURM_FAKE" | grep -c job) + 1))
mkdir "$SLURM_FAKE/job$job"
last=$(sed -n 's/^#SBATCH --array=0-//p' "$2")
(
  for i in $(seq 0 "$last"); do
    echo RUNNING > "$SLURM_FAKE/job$job/$i"
    if [ "$job$i" = 10 ]; then
      SLURM_ARRAY_TASK_ID=$i sh "$2" & task=$!
      until grep -q checkpoint "$SLURM_FAKE"/../sweep/points/000*/journal.jsonl 2>/dev/null; do sleep 0.02; done
      kill -9 $task
      SLURM_RESTART_COUNT=1 SLURM_ARRAY_TASK_ID=$i sh "$2"
    else
      SLURM_ARRAY_TASK_ID=$i sh "$2"
    fi
    echo COMPLETED > "$SLURM_FAKE/job$job/$i"
  done
) > /dev/null 2>&1 &
echo "$job;cluster"
`;
const sacct = `#!/bin/sh
cat "$SLURM_FAKE/job$(echo "$2" | cut -d_ -f1)/$(echo "$2" | cut -d_ -f2)" 2>/dev/null
true
`;

describe("a sweep on Slurm", function () {
  this.timeout(180_000);
  const before_ = { PATH: process.env.PATH, SLURM_FAKE: process.env.SLURM_FAKE };
  afterEach(() => {
    process.env.PATH = before_.PATH;
    delete process.env.SLURM_FAKE;
  });

  it("gives the results of the pool, a task killed and requeued among them", () =>
    withFolder(async (folder) => {
      const bin = join(folder, "bin");
      const fake = join(folder, "fake");
      await Promise.all([mkdir(bin), mkdir(fake)]);
      for (const [name, text] of Object.entries({ sbatch, sacct })) {
        await writeFile(join(bin, name), text);
        await chmod(join(bin, name), 0o755);
      }
      process.env.PATH = `${bin}:${before_.PATH}`;
      process.env.SLURM_FAKE = fake;
      const dir = join(folder, "sweep");
      const executor = slurm({ threads: 1, sbatch: ["--partition=long", "--time=1:00:00"] });
      const silent = { stream: { write: () => true } };
      const found = await (await sweep({ ...options, executor, dir })).live(silent);
      assert.deepEqual(
        found.points.map(({ status, attempts }) => [status, attempts]),
        [
          ["finished", 1],
          ["finished", 1],
          ["finished", 1],
        ],
      );
      const [script = ""] = (await readdir(join(dir, "slurm"))).filter((file) =>
        file.endsWith(".sh"),
      );
      const text = await readFile(join(dir, "slurm", script), "utf8");
      for (const line of ["--array=0-2", "--requeue", "--signal=B:TERM@60", "--partition=long"]) {
        assert.ok(text.includes(`#SBATCH ${line}\n`), line);
      }
      const other = join(folder, "pool");
      await (await sweep({ ...options, executor: pool(), dir: other })).live(silent);
      for (const { id } of (await openSweep(other)).points) {
        const [a, b] = await Promise.all(
          [dir, other].map(async (one) =>
            digestOf({ state: await (await openRun(pointFolder(one, id))).state() }),
          ),
        );
        assert.equal(a, b);
      }
    }));

  it("says that sbatch is missing, and refuses options that are none", () =>
    withFolder(async (dir) => {
      const executor = slurm({ threads: 1 });
      const silent = { stream: { write: () => true } };
      const found = await (await sweep({ ...options, executor, dir })).live(silent);
      assert.ok(found.points.every(({ status }) => status === "failed"));
      assert.match(
        found.points[0]?.message ?? "",
        /3 attempts crashed, the last: spawn sbatch ENOENT/,
      );
      assert.throws(() => slurm({ sbatch: ["rm\n-rf"] }), /sbatch must be options like/);
      assert.throws(() => slurm({ threads: 0 }), /threads must be a whole number from 1, got 0/);
    }));
});
