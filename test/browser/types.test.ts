import assert from "node:assert/strict";
import { type Lab, type Output, withLab, writeNotebook } from "./lab.ts";

const cells = [
  "interface Layer {\n  name: string;\n  bits: number;\n}\nconst layers: Layer[] = [{ name: 'fc1', bits: 4 }];\nlayers.length",
  "const total: string = layers.reduce((sum, { bits }) => sum + bits, 0);\nlayers[0].nmae;\ntotal",
];
const panel = "window.jupyterapp.shell.currentWidget";

/** Of the text of the type errors and of the page below it, from 0 to 1. */
const luminances = `(() => {
  const luminance = (colour) => {
    const [r, g, b] = colour.match(/[\\d.]+/g).map(Number);
    return (0.2126 * r + 0.7152 * g + 0.0722 * b) / 255;
  };
  const errors = document.querySelector(".lclab-types");
  const page = errors.closest(".jp-Notebook");
  return [
    luminance(getComputedStyle(errors).color),
    luminance(getComputedStyle(page).backgroundColor),
  ];
})()`;

describe("type errors in JupyterLab", function () {
  this.timeout(120_000);
  let lab: Lab;

  withLab(async (started) => {
    lab = started;
    await lab.open(writeNotebook("types.ipynb", cells));
  });

  it("are shown below the result of their cell, also when they come after it has ended", async () => {
    for (const index of cells.keys()) {
      await lab.startCell(index);
      await lab.cellEnded();
    }
    await lab.page.waitForFunction(
      `${panel}.content.widgets[1].model.toJSON().outputs.length === 2`,
    );
    const [first, second] = (await lab.outputs()) as [Output[], Output[]];
    assert.deepEqual(
      first.map((output) => output.data?.["text/plain"]),
      ["1"],
    );
    assert.deepEqual(
      second.map(({ output_type }) => output_type),
      ["execute_result", "display_data"],
    );
    const shown = lab.page.locator(".lclab-types");
    const text = (await shown.textContent()) ?? "";
    assert.match(
      text,
      /TS2322: Type 'number' is not assignable to type 'string'\.\s+at Cell \[2\]:1:7/,
    );
    assert.match(text, /TS2339: .*'nmae'.*\s+at Cell \[2\]:2:11/);
    for (const theme of ["Light", "Dark"] as const) {
      await lab.setTheme(`JupyterLab ${theme}`);
      await lab.page.locator("#jupyterlab-splash").waitFor({ state: "detached" });
      await lab.screenshot(`types-${theme.toLowerCase()}`, 0);
      const [ink, ground] = (await lab.page.evaluate(luminances)) as [number, number];
      assert.ok(Math.abs(ink - ground) > 0.5, `${theme}: ink ${ink} on ${ground}`);
    }
  });
});
