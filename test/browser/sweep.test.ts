import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import { openSweep, stopSweep } from "../../src/sweep/sweep.ts";
import { gone } from "../support/kernel-client.ts";
import { drawn, type Lab, plot, root, withLab, writeNotebook } from "./lab.ts";

const folder = mkdtempSync(join(tmpdir(), "lclab-sweeps-"));
const [first, second] = ["first", "second"].map((name) => join(folder, name)) as [string, string];

/** A sweep of eight points whose LC runs have so many steps. */
const sweepCell = (dir: string, steps: number): string => `
const found = await (await sweep({
  net: lenet300({ seed: 1 }), data: digits({ trainCount: 2000, testCount: 500 }),
  combinations: ["Q", "P"], levels: { bits: [1, 2, 3, 4], keep: [0.01, 0.02, 0.05, 0.1] },
  lStep: sgd({ rate: 0.05, epochs: 1, batch: 128 }), mu: geometric({ from: 1e-2, factor: 1.05, steps: ${steps} }),
  executor: pool({ workers: 2, threads: 1 }), dir: ${JSON.stringify(dir)},
})).live();
found.status`;
const cells = [
  'import { attachSweep, digits, geometric, lenet300, pool, sgd, sweep } from "lclab";',
  sweepCell(first, 12),
  `import { attachSweep } from "lclab";
(await (await attachSweep(${JSON.stringify(first)})).live()).status`,
  `import { digits, geometric, lenet300, pool, sgd, sweep } from "lclab";${sweepCell(second, 2000)}`,
];

/** How long a sweep may take to get further, on a machine that is busy with something else. */
const timeout = { timeout: 120_000 };

describe("a sweep in JupyterLab", function () {
  this.timeout(420_000);
  let lab: Lab;

  withLab(async (started) => {
    lab = started;
    await lab.open(writeNotebook("sweep.ipynb", cells));
  });

  after(async () => {
    for (const dir of [first, second]) await stopSweep(dir);
    rmSync(folder, { recursive: true, force: true });
  });

  /** Resolves when the figure with that number says that at least `ended` points have, and returns what it says. */
  const says = async (index: number, state: string, ended: number): Promise<string> => {
    const text = `document.querySelectorAll(${JSON.stringify(plot)})[${index}]?.textContent ?? ""`;
    const seen = await lab.page.waitForFunction(
      `(/${state}, (\\d+) of 8 points[^]*/.exec(${text})?.[1] ?? -1) >= ${ended} && (${text})`,
      undefined,
      timeout,
    );
    return (await seen.jsonValue()) as string;
  };
  const marks = (index: number): Promise<number> =>
    lab.page.locator(plot).nth(index).locator(".scatterlayer .points path").count();
  const value = async (index: number): Promise<unknown> =>
    (await lab.outputs())[index]?.at(-1)?.data?.["text/plain"];

  it("grows in its figure while its cell runs, and tells its speed", async () => {
    await lab.startCell(0);
    await lab.cellEnded();
    await lab.startCell(1);
    const early = await says(0, "running", 1);
    assert.match(early, /running, \d of 8 points · [\d.]+ epochs\/s · .* left/);
    const [marksBefore, drawnBefore] = [await marks(0), await drawn(lab, 0)];
    await says(0, "running", 3);
    assert.ok((await marks(0)) > marksBefore, `${marksBefore} marks, later ${await marks(0)}`);
    assert.ok((await drawn(lab, 0)) > drawnBefore);
    await lab.screenshot("sweep-running", 1);
  });

  it("outlives the kernel, and is gone on with by attachSweep in the next one", async () => {
    await lab.restart();
    const { status, supervisor, points } = await openSweep(first);
    assert.equal(status, "running");
    assert.ok(supervisor);
    await lab.startCell(2);
    // A fast machine may be through by now.
    const before = points.filter((point) => point.status === "finished").length;
    await says(1, "(?:running|finished)", before);
    await lab.cellEnded();
    assert.equal(await value(2), "'finished'");
    await says(1, "finished", 8);
    const found = await openSweep(first);
    assert.deepEqual(
      found.points.map((point) => [point.status, point.attempts]),
      found.points.map(() => ["finished", 1]),
    );
    await lab.screenshot("sweep-light", 2);
    await lab.setTheme("JupyterLab Dark");
    const ink = `getComputedStyle(document.querySelectorAll(${JSON.stringify(`${plot} .gtitle`)})[1]).fill`;
    await lab.page.waitForFunction(`${ink} === "rgb(255, 255, 255)"`);
    await lab.screenshot("sweep-dark", 2);
    await lab.setTheme("JupyterLab Light");
  });

  it("is stopped by lclab sweep stop, with its supervisor", async () => {
    await lab.startCell(3);
    await says(2, "running", 0);
    const { supervisor } = await openSweep(second);
    assert.ok(supervisor);
    const main = join(root, "dist/kernel/main.js");
    const { stdout } = await promisify(execFile)(process.execPath, [main, "sweep", "stop", second]);
    assert.equal(stdout, "Stopped.\n");
    await gone([supervisor.pid]);
    await lab.cellEnded();
    assert.equal(await value(3), "'stopped'");
    assert.equal((await openSweep(second)).supervisor, null);
  });
});
