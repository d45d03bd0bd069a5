import assert from "node:assert/strict";
import { chmod, mkdir, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { readJournal } from "../../src/runs/journal.ts";
import { openRun } from "../../src/runs/open.ts";
import { pool, slurm } from "../../src/sweep/executors.ts";
import { pointFolder } from "../../src/sweep/folder.ts";
import { arrayScript } from "../../src/sweep/slurm.ts";
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
      kill -9 $task && wait $task
      echo $? > "$SLURM_FAKE/killed"
      SLURM_RESTART_COUNT=1 SLURM_ARRAY_TASK_ID=$i sh "$2"
    else
      SLURM_ARRAY_TASK_ID=$i sh "$2"
    fi
    echo COMPLETED > "$SLURM_FAKE/job$job/$i"
  done
) > /dev/null 2>&1 &
echo "$job;cluster"
`;
/** Tells nothing of the first call, and fails at the second. */
const sacct = `#!/bin/sh
echo "$2" >> "$SLURM_FAKE/asked"
[ "$(wc -l < "$SLURM_FAKE/asked")" = 1 ] && exit 0
[ "$(wc -l < "$SLURM_FAKE/asked")" = 2 ] && exit 1
for job in $(echo "$2" | tr , " "); do
  for task in "$SLURM_FAKE/job$job"/*; do echo "\${job}_\${task##*/}|$(cat "$task")"; done
done
`;
const scancel = `#!/bin/sh
echo "$@" >> "$SLURM_FAKE/cancelled"
for task in "$SLURM_FAKE"/job1/*; do
  [ "$(cat "$task")" = PENDING ] && echo "CANCELLED by 0" > "$task"
done
true
`;
/** An sbatch whose tasks wait for ever. */
const busy = `#!/bin/sh
mkdir "$SLURM_FAKE/job1"
for i in 0 1 2; do echo PENDING > "$SLURM_FAKE/job1/$i"; done
echo 1
`;

describe("a sweep on Slurm", function () {
  this.timeout(180_000);
  const before_ = { PATH: process.env.PATH, SLURM_FAKE: process.env.SLURM_FAKE };
  afterEach(() => {
    process.env.PATH = before_.PATH;
    delete process.env.SLURM_FAKE;
  });

  /** Puts commands of a Slurm made up into the path. */
  const install = async (folder: string, commands: Readonly<Record<string, string>>) => {
    const bin = join(folder, "bin");
    const fake = join(folder, "fake");
    await Promise.all([mkdir(bin), mkdir(fake)]);
    for (const [name, text] of Object.entries(commands)) {
      await writeFile(join(bin, name), text);
      await chmod(join(bin, name), 0o755);
    }
    process.env.PATH = `${bin}:${before_.PATH}`;
    process.env.SLURM_FAKE = fake;
    return fake;
  };

  it("gives the results of the pool, a task killed and requeued among them", () =>
    withFolder(async (folder) => {
      const fake = await install(folder, { sbatch, sacct, scancel });
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
      // 128 + 9: it was at work when it was killed.
      assert.equal(await readFile(join(fake, "killed"), "utf8"), "137\n");
      const starts = (
        await readJournal(join(pointFolder(dir, found.points[0]?.id ?? ""), "journal.jsonl"))
      ).filter(({ type }) => type === "start");
      assert.equal(starts.length, 2);
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

  it("cancels tasks that wait when it is stopped, and asks for all with one call", () =>
    withFolder(async (folder) => {
      const fake = await install(folder, { sbatch: busy, sacct, scancel });
      const dir = join(folder, "sweep");
      const running = await sweep({ ...options, executor: slurm({ threads: 1 }), dir });
      const asked = () => readFile(join(fake, "asked"), "utf8").catch(() => "");
      while ((await asked()) === "") await new Promise((next) => setTimeout(next, 20));
      await running.stop();
      const cancelled = (await readFile(join(fake, "cancelled"), "utf8")).trim().split("\n");
      assert.deepEqual(
        cancelled.sort(),
        [0, 1, 2].map((i) => `--state=PENDING 1_${i}`),
      );
      assert.ok((await asked()).split("\n").every((job) => job === "1" || job === ""));
      assert.ok((await asked()).split("\n").length < 3 * 3, "one call for all tasks");
      const journal = await readFile(join(dir, "journal.jsonl"), "utf8");
      assert.doesNotMatch(journal, /crash/);
    }));

  it("writes paths with spaces, quotes and % as Slurm reads them, and refuses line breaks", () => {
    const script = (dir: string) =>
      arrayScript({ dir, list: "l", tasks: 1, threads: 1, sbatch: [], node: "node" });
    assert.ok(
      script('/a b/50%"').includes('\n#SBATCH --output="/a b/50%%\\"/slurm-%A-%a.log"\n'),
      script('/a b/50%"'),
    );
    assert.throws(() => script("/a\nb"), /must not have line breaks, got "\/a\\nb"/);
  });

  it("says that sbatch is missing, and refuses options that are none", () =>
    withFolder(async (dir) => {
      const executor = slurm({ threads: 1 });
      const silent = { stream: { write: () => true } };
      const found = await (await sweep({ ...options, executor, dir })).live(silent);
      assert.equal(found.status, "stopped");
      assert.match(found.message ?? "", /every point crashes, the last with: spawn sbatch ENOENT/);
      assert.throws(() => slurm({ sbatch: ["rm\n-rf"] }), /sbatch must be options like/);
      assert.throws(() => slurm({ threads: 0 }), /threads must be a whole number from 1, got 0/);
    }));
});
