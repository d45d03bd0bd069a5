import assert from "node:assert/strict";
import type { Series } from "../../src/charts/chart.ts";
import { errorCompression } from "../../src/charts/panels/error-compression.ts";
import { compareLevels } from "../../src/charts/panels/runs.ts";
import { rangeOf } from "../../src/charts/scale.ts";
import { points, reference } from "./samples.ts";

const { chart } = errorCompression(points, { reference });
const named = (name: string, panel: number): readonly Series[] =>
  chart.series.filter((series) => series.name === name && series.panel === panel);

describe("errorCompression", () => {
  it("joins the points of a combination in order of level, whatever order they came in", () => {
    const { chart: shuffled } = errorCompression([...points].reverse(), { reference });
    const prune = shuffled.series.find((series) => series.name === "prune");
    assert.deepEqual(prune?.labels, ["1 %", "5 %", "20 %"]);
    assert.deepEqual(named("prune", 0)[0]?.labels, ["1 %", "5 %", "20 %"]);
  });

  it("levels compare by their numbers: 2 bit < 10 bit, 1 bit + 1 % < 1 bit + 5 %, 0.5 % < 1 %", () => {
    assert.ok(compareLevels("2 bit", "10 bit") < 0);
    assert.ok(compareLevels("1 bit + 1 %", "1 bit + 5 %") < 0);
    assert.ok(compareLevels("0.5 %", "1 %") < 0);
    assert.equal(compareLevels("a", "b"), 0);
  });

  it("averages over seeds, with the standard deviation as error bar", () => {
    const [quantize] = named("quantize", 1);
    assert.ok(Math.abs((quantize?.y[0] ?? 0) - 2.45) < 1e-12);
    assert.ok(Math.abs((quantize?.error?.[0] ?? 0) - 0.05) < 1e-12);
    assert.equal(named("prune", 1)[0]?.error?.[0], 0);
  });

  it("gives each combination its own colour, marker and dash, and direct compression grey", () => {
    const trained = ["quantize", "prune", "quantize + prune"].map(
      (name) => named(name, 0)[0]?.style,
    );
    for (const key of ["color", "marker", "dash"] as const) {
      assert.equal(new Set(trained.map((style) => style?.[key])).size, 3);
    }
    const direct = named("direct compression", 0);
    assert.deepEqual(
      direct.map((series) => series.style.color),
      ["#808080", "#808080"],
    );
    assert.deepEqual(
      direct.map((series) => series.style.marker),
      ["circle", "square"],
    );
  });

  it("says each name once in the legend", () => {
    const names = chart.series.filter((series) => series.legend).map((series) => series.name);
    assert.deepEqual(names, [
      "quantize",
      "prune",
      "quantize + prune",
      "direct compression",
      "Pareto front",
    ]);
  });

  it("a test error of direct compression far above the others does not squeeze them, and the figure says so", () => {
    const [, top] = rangeOf(chart, 1, "y");
    assert.ok(top < 8, `axis up to ${top}`);
    assert.equal(
      chart.subtitle,
      "Direct compression: 3 points above the axis of test errors, up to 71 %",
    );
  });

  it("direct compression never joins the Pareto front, however small", () => {
    const point = { combination: "prune", level: "2 %", trainLoss: 0.1, testError: 3 };
    const points = [
      { ...point, ratio: 30 },
      { ...point, ratio: 20, level: "5 %", trainLoss: 0.05, testError: 2 },
      { ...point, ratio: 30.1, trainLoss: 2, testError: 80, direct: true },
    ];
    const fronts = errorCompression(points).chart.series.filter((s) => s.name === "Pareto front");
    assert.deepEqual(
      fronts.map((front) => Math.max(...front.x)),
      [30, 30],
    );
  });

  it("the reference is a line in each panel, within its axis", () => {
    chart.panels.forEach((panel, index) => {
      const level = panel.levels?.[0];
      const [low, high] = rangeOf(chart, index, "y");
      const at = index === 0 ? Math.log10(level?.y ?? 0) : (level?.y ?? 0);
      assert.ok(low < at && at < high);
    });
  });

  it("hover says the spec, the numbers and the runs", () => {
    assert.equal(
      named("quantize", 0)[0]?.hover?.[0],
      "quantize, 1 bit\nρ 30.3\ntraining loss 0.0144\ntest error 2.45 % ± 0.05 (3 runs)\nrun-q-1 bit-0\nrun-q-1 bit-1\nrun-q-1 bit-2",
    );
  });
});
