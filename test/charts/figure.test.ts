import assert from "node:assert/strict";
import { figure } from "../../src/charts/figure.ts";
import { errorCompression } from "../../src/charts/panels/error-compression.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { points, reference } from "./samples.ts";

const curve = errorCompression(points, { reference });
const bundle = curve[displaySymbol]();

describe("a figure in a notebook", () => {
  it('shows itself by Symbol.for("Jupyter.display") as four MIME types', () => {
    assert.equal(displaySymbol, Symbol.for("Jupyter.display"));
    assert.deepEqual(Object.keys(bundle), [
      "application/vnd.plotly.v1+json",
      "text/html",
      "image/svg+xml",
      "text/plain",
    ]);
  });

  it("its Plotly figure survives JSON unchanged: no NaN, no undefined", () => {
    const nan = errorCompression([
      { combination: "a", level: "1", ratio: 2, trainLoss: Number.NaN, testError: 3 },
    ]);
    for (const value of [curve.toPlotly(), nan.toPlotly()]) {
      assert.deepEqual(JSON.parse(JSON.stringify(value)), value);
    }
  });

  it("keeps its labels of ratios at any zoom, unless fewer than two are in sight", () => {
    const modes = [
      [10, 20],
      [11, 18],
    ].map((ratios) => {
      const of = ratios.map((ratio) => ({
        ...{ combination: "a", level: `${ratio}`, ratio, trainLoss: 1, testError: 3 },
      }));
      const { layout } = errorCompression(of).toPlotly();
      return (layout.xaxis as { tickmode?: string }).tickmode;
    });
    assert.deepEqual(modes, ["array", undefined]);
  });

  it("offers nothing for upload and shows no logo", () => {
    assert.deepEqual(bundle["application/vnd.plotly.v1+json"].config, {
      showSendToCloud: false,
      displaylogo: false,
      responsive: true,
    });
  });

  it("its HTML names no address outside the page, and its table has every number", () => {
    const html = bundle["text/html"].replaceAll("http://www.w3.org/2000/svg", "");
    assert.doesNotMatch(html, /https?:|\bsrc=|<link|@import/);
    assert.match(html, /<details><summary>Numbers/);
    assert.match(
      html,
      /<td>prune \(direct\)<\/td>\n?<td>1 %<\/td>|<td>prune \(direct\)<\/td><td>1 %<\/td>/,
    );
  });

  it("its text is one line with the numbers", () => {
    assert.equal(bundle["text/plain"].split("\n").length, 1);
    assert.match(
      bundle["text/plain"],
      /quantize \+ prune 1 bit \+ 5 %: ρ 16\.4, loss 0\.0011, error 2\.05 %/,
    );
  });

  it("every panel has a trace, so that Plotly draws its axes also when it is empty", () => {
    const empty = errorCompression([]).toPlotly();
    assert.deepEqual(
      empty.data.map((trace) => trace.xaxis),
      ["x", "x2"],
    );
  });

  it("displaying it twice gives equal bundles", () => {
    assert.deepEqual(figure(curve.chart)[displaySymbol](), bundle);
  });
});
