import assert from "node:assert/strict";
import { join } from "node:path";
import {
  drawn,
  installPackage,
  type Lab,
  type Output,
  plot,
  root,
  withLab,
  writeNotebook,
} from "./lab.ts";

const cells = [
  `import { errorCompression, live, show, table } from "lclab";
const points = [1, 2, 4, 8].map((bits) =>
  ({ combination: "quantize", level: bits + " bit", ratio: 32 / bits, trainLoss: 0.1 / bits, testError: 2 + 2 / bits }));
show(errorCompression(points, { reference: { trainLoss: 0.001, testError: 1.9 } }));`,
  `async function* run() {
  const epochs = 6;
  for (let epoch = 1; epoch <= epochs; epoch++) {
    await new Promise((resolve) => setTimeout(resolve, 300));
    yield { kind: "epoch", step: 1, steps: 1, epoch, epochs, epochsDone: epoch, epochsTotal: epochs, mu: 1e-3, rate: 0.1,
      loss: 0.3 * 0.9 ** epoch, penalty: 0.02 * 0.9 ** epoch, distance: 0.4 * 0.9 ** epoch, seconds: epoch } as any;
  }
  return { status: "finished" };
}
(await live(run())).status`,
  `show(table([{ name: "net" }, { name: "ratio" }], [["LeNet300 <b>", 30.5]]));`,
];

// The tslab of devDependencies with the TypeScript of its own, on the node that runs the tests.
const program = [process.execPath, join(root, "node_modules/tslab/bin/tslab")];
const tslab = {
  argv: [...program, "kernel", "--config-path", "{connection_file}"],
  display_name: "tslab",
  language: "typescript",
};

describe("figures in JupyterLab with tslab's kernel", function () {
  this.timeout(120_000);
  let lab: Lab;
  let outputs: readonly (readonly Output[])[];

  withLab(
    async (started) => {
      installPackage();
      lab = started;
      await lab.open(writeNotebook("tslab.ipynb", cells, "tslab"));
      await lab.runAll();
      await lab.finished();
      await lab.page.locator(`${plot}[data-lclab-renders]`).nth(1).waitFor();
      outputs = await lab.outputs();
    },
    { tslab },
  );

  it("show() draws by Plotly, with every point", async () => {
    const [first] = outputs;
    assert.deepEqual(
      first?.map(({ output_type, data = {} }) => [output_type, Object.keys(data).sort()]),
      [
        [
          "display_data",
          ["application/vnd.plotly.v1+json", "image/svg+xml", "text/html", "text/plain"],
        ],
      ],
    );
    const figure = lab.page.locator(plot).first();
    assert.equal(await figure.locator(".scatterlayer .points path").count(), 8);
    const box = await figure.boundingBox();
    assert.ok(box && box.height > 400 && box.width > 600, JSON.stringify(box));
  });

  it("live() updates one figure in place and ends with the run's last state", async () => {
    const [, second] = outputs;
    assert.deepEqual(
      second?.map(({ output_type, text = [] }) => [output_type, [text].flat().join("")]),
      [
        ["display_data", ""],
        ["stream", "finished\n"],
      ],
    );
    assert.equal(await lab.page.locator(plot).count(), 2);
    const renders = await drawn(lab, 1);
    assert.ok(renders >= 3, `drawn ${renders} times`);
    assert.match(String(second?.[0]?.data?.["text/plain"]), /finished/);
  });

  it("show() shows a table as a table, its text escaped", async () => {
    const shown = lab.page.locator(".jp-NotebookPanel:not(.lm-mod-hidden) .jp-OutputArea table td");
    assert.deepEqual(await shown.allTextContents(), ["LeNet300 <b>", "30.5"]);
  });

  it("the text follows the theme", async () => {
    const colour = `getComputedStyle(document.querySelector(${JSON.stringify(`${plot} .gtitle`)})).fill`;
    assert.equal(await lab.page.evaluate(colour), "rgb(0, 0, 0)");
    await lab.screenshot("tslab-light", 0);
    await lab.setTheme("JupyterLab Dark");
    await lab.page.waitForFunction(`${colour} === "rgb(255, 255, 255)"`);
    await lab.screenshot("tslab-dark", 0);
    await lab.setTheme("JupyterLab Light");
  });
});
