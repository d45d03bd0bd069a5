import assert from "node:assert/strict";
import { table } from "../../src/table/table.ts";

const sample = table(
  [{ name: "layer" }, { name: "bits", format: (x) => `${x} b` }, { name: "exact" }],
  [
    ["fc1", 1234, true],
    ["<out>", null, false],
  ],
);

describe("table", () => {
  it("aligns its text: names left, numbers right, a dash for nothing", () =>
    assert.equal(sample.toText(), "layer    bits  exact\nfc1    1234 b  yes\n<out>       –  no"));
  it("escapes its HTML", () => {
    const html = sample.toHTML();
    assert.match(html, /<td style="text-align:left">&lt;out&gt;<\/td>/);
    assert.match(html, /<th style="text-align:right">bits<\/th>/);
  });
  it("shows itself in a notebook", () => {
    const display = (sample as unknown as Record<symbol, () => object>)[
      Symbol.for("Jupyter.display")
    ];
    assert.deepEqual(display?.(), { "text/plain": sample.toText(), "text/html": sample.toHTML() });
  });
});
