import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { join } from "node:path";
import { type Lab, missing, removeNotebooks, root, startLab, writeNotebook } from "./lab.ts";

interface Cell {
  readonly cell_type: string;
  readonly source: string | readonly string[];
}

const { cells } = JSON.parse(
  readFileSync(join(root, "notebooks/01-first-compression.ipynb"), "utf8"),
) as { cells: Cell[] };
const code = cells
  .filter((cell) => cell.cell_type === "code")
  .map((cell) => [cell.source].flat().join(""));
const index = (text: string): number => code.findIndex((source) => source.includes(text));

const plot = ".jp-NotebookPanel:not(.lm-mod-hidden) .lclab-plotly";
/** A run that would take many minutes, stopped by the test. */
const long = code[index("live(plan.steps(")]?.replace(
  "...schedules.demo",
  "...schedules.full, lStep: sgd({ rate: 0.05, epochs: 200, batch: 128 })",
);
const afterwards = `
await new Promise((resolve) => setTimeout(resolve, 1000));
const before = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 1000));
const { user, system } = process.cpuUsage(before);
JSON.stringify({ status: solution.status, records: solution.history.length, cpuMs: (user + system) / 1000 })`;

describe("notebook 01 in JupyterLab", function () {
  this.timeout(300_000);
  let lab: Lab;
  before(async function () {
    const reason = await missing();
    if (reason !== undefined) {
      process.stdout.write(`    left out: ${reason}\n`);
      this.skip();
    }
    lab = await startLab();
  });
  after(async () => {
    await lab?.close();
    removeNotebooks();
  });

  it("runs from top to bottom with our kernel: live figures change in place, the final curve is drawn", async () => {
    // A copy of its code: the page saves what it opens.
    await lab.open(writeNotebook("first.ipynb", code));
    const { page } = lab;
    await lab.runAll();
    const run = page.locator(plot).nth(1);
    await run.locator(".main-svg").first().waitFor();
    await run.evaluate("(node) => { node.dataset.sameNode = 'yes'; }");
    await lab.finished();
    const outputs = await lab.outputs();
    const errors = outputs.flat().filter((output) => output.output_type === "error");
    assert.deepEqual(errors, []);
    assert.deepEqual(
      outputs.flat().filter((output) => output.name === "stderr"),
      [],
    );

    const live = index("live(plan.steps(");
    await lab.screenshot("first-run-light", live);
    assert.equal(await run.getAttribute("data-same-node"), "yes");
    const renders = Number(await run.getAttribute("data-lclab-renders"));
    assert.ok(renders >= 5, `the live figure was drawn ${renders} times`);
    assert.match(text(outputs[live]), /finished · 10 of 10 LC steps/);

    const last = index("errorCompression(");
    await lab.screenshot("first-curve-light", last);
    const curve = page.locator(plot).last();
    assert.ok(Number(await curve.getAttribute("data-lclab-renders")) >= 5);
    assert.match((await curve.textContent()) ?? "", /compression ratio/);
    assert.match(text(outputs[last]), /1 bit \+ corrections 5 %.*pruning/);
    await lab.setTheme("JupyterLab Dark");
    await lab.screenshot("first-curve-dark", last);
    await lab.screenshot("first-run-dark", live);
    await lab.setTheme("JupyterLab Light");
  });

  it("an interrupt during live() gives a solution with status stopped, and then no thread works", async () => {
    const setup = code.slice(0, index("live(plan.steps("));
    await lab.open(writeNotebook("stopped.ipynb", [...setup, long as string, afterwards]));
    const { page } = lab;
    await lab.runAll();
    const run = page.locator(plot).nth(1);
    await run.waitFor();
    await page.waitForFunction(
      `Number(document.querySelectorAll(${JSON.stringify(plot)})[1]?.dataset.lclabRenders) >= 4`,
    );
    await lab.interrupt();
    await lab.finished();
    const outputs = await lab.outputs();
    assert.deepEqual(
      outputs.flat().filter((output) => output.output_type === "error"),
      [],
    );
    assert.match(text(outputs.at(-2)), /LC, stopped early/);
    const result = JSON.parse(text(outputs.at(-1)).replace(/^'|'$/g, ""));
    assert.equal(result.status, "stopped");
    assert.ok(result.records >= 1, `${result.records} records`);
    assert.ok(
      result.cpuMs < 200,
      `${result.cpuMs} ms of processor time in a second after the stop`,
    );
  });
});

/** All text/plain of a cell's outputs. */
function text(
  outputs: readonly { data?: Readonly<Record<string, unknown>> }[] | undefined,
): string {
  return (outputs ?? []).map(({ data }) => [data?.["text/plain"] ?? ""].flat().join("")).join("\n");
}
