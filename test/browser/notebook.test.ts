import assert from "node:assert/strict";
import { copyNotebook, drawn, type Lab, type Output, plot, withLab, writeNotebook } from "./lab.ts";

const longRun = [
  `import { compress, lenet300, live, mnistOrDigits, panels, quantize, schedules, sgd, train } from "lclab";
const data = await mnistOrDigits({ trainCount: 4096 });
const reference = await live(train(lenet300({ seed: 1 }), { data, lStep: sgd({ rate: 0.1, epochs: 2, batch: 128 }) }), panels.loss());
const plan = compress(reference.model).each(["fc1", "fc2", "out"], quantize({ bits: 1 }));`,
  "const solution = await live(plan.steps({ data, ...schedules.short, seed: 1 }));\nsolution.status",
  // From one second after the stop: processor time of the whole user process, all its threads, in one second.
  `await new Promise((resolve) => setTimeout(resolve, 1000));
const before = process.cpuUsage();
await new Promise((resolve) => setTimeout(resolve, 1000));
const { user, system } = process.cpuUsage(before);
[solution.history.length > 0, (user + system) / 1000]`,
];

const plain = (output: Output | undefined): string => String(output?.data?.["text/plain"] ?? "");
const errors = (outputs: readonly (readonly Output[])[]): readonly string[] =>
  outputs.flat().flatMap((o) => (o.output_type === "error" ? [`${o.ename}: ${o.evalue}`] : []));

describe("notebooks in JupyterLab", function () {
  this.timeout(420_000);
  let lab: Lab;

  withLab((started) => {
    lab = started;
  });

  it("■ during live() ends the run with status stopped, keeps the kernel's variables and lets no thread work on", async () => {
    await lab.open(writeNotebook("interrupt.ipynb", longRun));
    await lab.runAll();
    // The second figure is the LC run's.
    const often = `Number(document.querySelectorAll(${JSON.stringify(plot)})[1]?.dataset.lclabRenders) >= 3`;
    await lab.page.waitForFunction(often, undefined, { timeout: 120_000 });
    await lab.interrupt();
    await lab.finished();
    const outputs = await lab.outputs();
    assert.deepEqual(errors(outputs), []);
    assert.equal(plain(outputs[1]?.at(-1)), "'stopped'");
    assert.match(plain(outputs[1]?.[0]), /^LC run, stopped · /);
    const [learned, cpuMs] = JSON.parse(plain(outputs[2]?.[0]));
    assert.equal(learned, true);
    assert.ok(cpuMs < 200, `the stopped engine's process used ${cpuMs} ms of a second`);
  });

  it("01-first-compression runs from top to bottom, with live figures and the error–compression curve", async () => {
    await lab.open(copyNotebook("notebooks/01-first-compression.ipynb", { images: 1500 }));
    await lab.runAll();
    await lab.finished();
    const outputs = await lab.outputs();
    assert.deepEqual(errors(outputs), []);
    assert.deepEqual(
      outputs.flat().filter((output) => output.name === "stderr"),
      [],
    );
    const figures = await lab.page.locator(plot).count();
    assert.equal(figures, 3);
    for (let i = 0; i < figures; i++)
      assert.ok((await drawn(lab, i)) >= 5, `figure ${i} drawn ${await drawn(lab, i)} times`);
    assert.match(plain(outputs.at(-1)?.[0]), /^Error–compression curve: /);
    await lab.screenshot("01-live", 10);
    await lab.screenshot("01-curve", 13);
  });
});
