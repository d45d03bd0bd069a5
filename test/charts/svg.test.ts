import assert from "node:assert/strict";
import { mkdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname } from "node:path";
import { fileURLToPath } from "node:url";
import { curves } from "../../src/charts/curves.ts";
import { type Figure, figure } from "../../src/charts/figure.ts";
import { errorCompression } from "../../src/charts/panels/error-compression.ts";
import { panels } from "../../src/charts/panels/live-panels.ts";
import { points, records, reference } from "./samples.ts";

const four = [panels.loss(), panels.penalty(), panels.distance(), panels.testError()];

function liveFigure(): Figure {
  const run = curves(four);
  for (const record of records(6, 4)) run.add(record);
  return figure(run.chart());
}

/** Compares with the stored drawing; UPDATE_GOLDEN=1 stores anew, to be looked at before it is committed. */
function assertGolden(name: string, svg: string): void {
  const file = fileURLToPath(new URL(`golden/${name}.svg`, import.meta.url));
  if (process.env.UPDATE_GOLDEN) {
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, svg);
  }
  assert.equal(svg, readFileSync(file, "utf8"));
}

const drawings: Readonly<Record<string, () => Figure>> = {
  "error-compression": () => errorCompression(points, { reference }),
  empty: () => errorCompression([]),
  "live-run": liveFigure,
};

describe("static drawings", () => {
  for (const [name, draw] of Object.entries(drawings)) {
    it(`${name} has the stored bytes`, () => assertGolden(name, draw().toSVG()));

    it(`${name} drawn twice is the same bytes`, () => {
      assert.equal(draw().toSVG(), draw().toSVG());
    });

    it(`${name} names no colour for its text and paints no background`, () => {
      const svg = draw().toSVG();
      assert.match(svg, /<g fill="currentColor"/);
      assert.doesNotMatch(svg, /<rect|<text[^>]*fill=/);
    });

    it(`${name} says to screen readers what it shows`, () => {
      const drawn = draw();
      const svg = drawn.toSVG();
      assert.match(svg, /role="img" aria-label="[^"]+"/);
      assert.ok(svg.includes(`<title>${drawn.chart.title}</title><desc>`));
    });
  }

  it("every number in a drawing is finite", () => {
    for (const draw of Object.values(drawings))
      assert.doesNotMatch(draw().toSVG(), /NaN|Infinity|undefined/);
  });
});

describe("drawings of odd data", () => {
  const odd = (change: object): Figure => errorCompression([{ ...one, ...change }]);
  const one = { combination: "prune", level: "5 %", ratio: 14, trainLoss: 0.1, testError: 3 };
  const markers = (svg: string): number => svg.match(/a4 4 0 1 0 8 0/g)?.length ?? 0;

  it("a single point is drawn in both panels, and in the legend", () => {
    assert.equal(markers(odd({}).toSVG()), 3);
  });

  for (const bad of [0, -1, Number.NaN, Number.POSITIVE_INFINITY]) {
    it(`a training loss of ${bad} is left out of the log axis, the test error stays`, () => {
      const svg = odd({ trainLoss: bad }).toSVG();
      assert.equal(markers(svg), 2);
      assert.doesNotMatch(svg, /NaN|Infinity/);
    });
  }

  it("points without any finite value draw empty axes that say so", () => {
    const svg = odd({ trainLoss: Number.NaN, testError: Number.NaN }).toSVG();
    assert.equal(svg.match(/no points yet/g)?.length, 2);
    assert.doesNotMatch(svg, /NaN|Infinity/);
  });

  it("equal test errors of 0 draw an axis", () => {
    assert.doesNotMatch(odd({ testError: 0 }).toSVG(), /NaN|Infinity/);
  });

  it("names with markup stay text in SVG, HTML and Plotly", () => {
    const drawn = odd({ combination: "<script>x</script>", level: 'a & "b"' });
    for (const text of [drawn.toSVG(), drawn.toHTML().replace(/<script>\(\(\)[\s\S]*$/, "")]) {
      assert.doesNotMatch(text, /<script>x/);
    }
    assert.equal(drawn.toPlotly().data[0]?.name, "&lt;script&gt;x&lt;/script&gt;");
  });

  it("a run of NaN draws a live figure", () => {
    const run = curves(four);
    for (const record of records(2, 3)) {
      run.add({ ...record, loss: Number.NaN, penalty: Number.NaN, distance: Number.NaN });
    }
    assert.doesNotMatch(figure(run.chart()).toSVG(), /NaN|Infinity|undefined/);
  });
});
