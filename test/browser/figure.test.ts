import assert from "node:assert/strict";
import { drawn, type Lab, plot, withLab, writeNotebook } from "./lab.ts";

const figureCell = `
import { errorCompression } from "../src/charts/panels/error-compression.js";
const points = [];
const curve = display(errorCompression(points));
for (let k = 1; k <= 24; k++) {
  // After the sixth the same points again: a slow page still loads Plotly while the first updates come.
  if (k <= 6) points.push({ combination: "quantize", level: \`\${k} bit\`, ratio: 32 / k, trainLoss: 0.1 / k ** 2, testError: 2 + 3 / k });
  if (k <= 6) points.push({ combination: "prune", level: \`\${k} %\`, ratio: 60 / k, trainLoss: 0.2 / k ** 2, testError: 2.1 + 4 / k });
  curve.update(errorCompression(points, { reference: { trainLoss: 0.001, testError: 1.9 } }));
  await new Promise((resolve) => setTimeout(resolve, 200));
}`;

const liveCell = `
import { live } from "../src/charts/live.js";
async function* run() {
  const steps = 8, epochs = 5;
  for (let step = 1; step <= steps; step++) {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const epochsDone = (step - 1) * epochs + epoch;
      await new Promise((resolve) => setTimeout(resolve, 80));
      const record = { kind: "epoch", step, steps, epoch, epochs, epochsDone, epochsTotal: steps * epochs, mu: 1e-3 * 1.4 ** step,
        rate: 0.1, loss: 0.3 * 0.95 ** epochsDone, penalty: 0.02 * 0.9 ** epochsDone, distance: 0.4 * 0.9 ** step, seconds: epochsDone * 0.08 };
      yield record;
      if (epoch === epochs) yield { ...record, kind: "step", ratio: 30.2, trainLoss: 0.5 * 0.8 ** step, testError: 2 + 8 * 0.8 ** step };
    }
  }
  return { status: "finished" };
}
(await live(run())).status`;

describe("figures in JupyterLab", function () {
  this.timeout(120_000);
  let lab: Lab;

  withLab(async (started) => {
    lab = started;
    await lab.open(writeNotebook("figures.ipynb", [figureCell, liveCell]));
    // Marks the first cell's node while it is being drawn: an update that replaced it would lose the mark.
    await lab.runAll();
    await lab.page.locator(`${plot}[data-lclab-renders]`).first().waitFor();
    await lab.page.evaluate(
      `document.querySelector(${JSON.stringify(plot)}).dataset.sameNode = "yes"`,
    );
    await lab.finished();
  });

  it("a cell's updates change one figure in place, drawn by our renderer", async () => {
    assert.equal(await lab.page.locator(plot).count(), 2);
    assert.equal(await lab.page.locator(plot).first().getAttribute("data-same-node"), "yes");
    assert.ok((await drawn(lab, 0)) >= 5, `drawn ${await drawn(lab, 0)} times`);
    const [first] = await lab.outputs();
    assert.deepEqual(
      first?.map((output) => output.output_type),
      ["display_data"],
    );
    assert.match(String(first?.[0]?.data?.["text/plain"]), /quantize 6 bit: ρ 5\.33/);
  });

  it("live() updates its figure at least 5 times and ends with the run's last state", async () => {
    assert.ok((await drawn(lab, 1)) >= 5, `drawn ${await drawn(lab, 1)} times`);
    const [, second] = await lab.outputs();
    assert.match(String(second?.[0]?.data?.["text/plain"]), /finished · 8 of 8 LC steps/);
    assert.match((await lab.page.locator(plot).nth(1).textContent()) ?? "", /finished/);
  });

  it("the figure is as wide as the output area and shows every point", async () => {
    const figure = lab.page.locator(plot).first();
    const box = await figure.boundingBox();
    const drawing = await figure.locator(".main-svg").first().boundingBox();
    assert.ok(box && drawing && Math.abs(box.width - drawing.width) < 2);
    assert.ok(box.height > 400, `${box.height} pixels high`);
    assert.equal(await figure.locator(".scatterlayer .points path").count(), 24);
  });

  it("the text takes the theme's colour and follows a change of theme, with the same node", async () => {
    const colour = `getComputedStyle(document.querySelector(${JSON.stringify(`${plot} .gtitle`)})).fill`;
    const fill = (): Promise<string> => lab.page.evaluate(colour);
    const light = await fill();
    await lab.screenshot("curve-light", 0);
    await lab.screenshot("live-light", 1);
    await lab.setTheme("JupyterLab Dark");
    await lab.page.waitForFunction(`${colour} !== ${JSON.stringify(light)}`);
    assert.equal(light, "rgb(0, 0, 0)");
    assert.equal(await fill(), "rgb(255, 255, 255)");
    assert.equal(await lab.page.locator(plot).first().getAttribute("data-same-node"), "yes");
    await lab.screenshot("curve-dark", 0);
    await lab.screenshot("live-dark", 1);
    await lab.setTheme("JupyterLab Light");
  });

  it("a narrower window makes the figure narrower", async () => {
    const drawing = lab.page.locator(`${plot} .main-svg`).first();
    const before = (await drawing.boundingBox())?.width ?? 0;
    await lab.page.setViewportSize({ width: 1000, height: 1000 });
    await lab.page.waitForFunction(
      `document.querySelector(${JSON.stringify(`${plot} .main-svg`)}).getBoundingClientRect().width < ${before - 100}`,
    );
  });
});
