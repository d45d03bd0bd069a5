import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { promisify } from "node:util";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { pool } from "../../src/sweep/executors.ts";
import { type SweepOptions, sweep } from "../../src/sweep/sweep.ts";
import { plan, options as run, withFolder } from "../runs/support.ts";

// Found also from another folder.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const main = fileURLToPath(new URL("../../kernel/main.ts", import.meta.url));

const options: Omit<SweepOptions, "dir"> = {
  net: plan.model,
  data: run.data,
  combinations: ["Q"],
  levels: { bits: [1, 2] },
  lStep: sgd({ rate: 0.05, epochs: 1, batch: 64 }),
  mu: geometric({ from: 1e-2, factor: 1.2, steps: 12 }),
  executor: pool({ workers: 1, threads: 1 }),
};

async function lclab(
  args: readonly string[],
  where: { readonly cwd?: string } = {},
): Promise<{ code: number; stdout: string; stderr: string }> {
  try {
    const done = await promisify(execFile)(
      process.execPath,
      ["--import", tsx, main, ...args],
      where,
    );
    return { code: 0, ...done };
  } catch (error) {
    return error as { code: number; stdout: string; stderr: string };
  }
}

describe("lclab sweep", function () {
  this.timeout(120_000);

  it("stops a sweep, says where it stands, and goes on with it", () =>
    withFolder(async (folder) => {
      const dir = join(folder, "one");
      await sweep({ ...options, dir });
      const stopped = await lclab(["sweep", "stop", dir]);
      assert.deepEqual([stopped.code, stopped.stdout], [0, "Stopped.\n"]);
      assert.equal((await lclab(["sweep", "stop", dir])).stdout, "No supervisor was at work.\n");
      const status = await lclab(["sweep", "status", dir]);
      assert.match(status.stdout, /^stopped, [01] of 2 points\ncombination +level +seed/);
      const attached = await lclab(["sweep", "attach", dir]);
      assert.equal(attached.code, 0, attached.stderr);
      // In a log, at first and for each point that ends.
      assert.ok((attached.stdout.match(/^Sweep: /gm)?.length ?? 9) <= 3, attached.stdout);
      assert.match(attached.stdout, /Sweep: finished, 2 of 2 points · \d+ s\n/);
    }));

  it("lclab doctor names sweeps at work in its folder and below", () =>
    withFolder(async (folder) => {
      const cwd = { cwd: folder };
      const doctor = async () => (await lclab(["doctor"], cwd)).stdout;
      assert.match(await doctor(), /^✓ sweep +none at work in this folder and three below$/m);
      const dir = join(folder, ".lclab", "sweeps", "one");
      const running = await sweep({
        ...options,
        dir,
        mu: geometric({ from: 1e-2, factor: 1.001, steps: 2000 }),
      });
      assert.match(
        await doctor(),
        /^✓ sweep +\.lclab.sweeps.one running, 0 of 2 points.* \(process \d+ on .*\)$/m,
      );
      await running.stop();
      assert.match(await doctor(), /^✓ sweep +none at work/m);
    }));

  it("says what is wrong with a call, without a stack", async () => {
    const wrong = await lclab(["sweep", "go", "x"]);
    assert.deepEqual(
      [wrong.code, wrong.stderr],
      [2, "lclab sweep: write lclab sweep status | attach | stop FOLDER\n"],
    );
    const none = await lclab(["sweep", "status", "/nowhere"]);
    assert.equal(none.code, 1);
    assert.match(
      none.stderr,
      /^LC_STATE: \/nowhere has no sweep\.json: no sweep was kept there\.\n$/,
    );
    const worker = await lclab(["worker", "--redis", "here"]);
    assert.match(
      worker.stderr,
      /^bull: url must be like redis:\/\/127.0.0.1:6379, got "here"\.\n$/,
    );
  });
});
