import assert from "node:assert/strict";
import type { Chart, Series } from "../../src/charts/chart.ts";
import type { Figure } from "../../src/charts/figure.ts";
import { figures } from "../../src/charts/panels/figures.ts";
import type { TimelineAttempt } from "../../src/charts/panels/timeline.ts";
import type { Progress } from "../../src/lc/progress.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { cStepsOf, historyOf, solutionWith, sweepOf, timelineWith } from "./figure-samples.ts";

const run = (steps: number, odd = false) => ({ history: historyOf(steps, odd) });
const nan = Number.NaN;

/** Each figure with nothing, one of what it shows, many, and values that an axis cannot show. */
const cases: Readonly<Record<string, Readonly<Record<string, () => Figure>>>> = {
  storage: {
    nothing: () => figures.storage(solutionWith(0, [])),
    one: () => figures.storage(solutionWith(1)),
    "two hundred": () => figures.storage(solutionWith(200)),
    zeros: () =>
      figures.storage(
        solutionWith(0, [{ layers: ["fc1"], before: 320, parts: [{ name: "mine", bits: 0 }] }]),
      ),
  },
  weights: {
    nothing: () => figures.weights({ history: [] }),
    one: () => figures.weights({ history: historyOf(1).slice(0, 1) }),
    "two hundred": () => figures.weights(run(200)),
    NaN: () => figures.weights({ history: historyOf(2).map(withoutWeights) }),
  },
  cSteps: {
    nothing: () => figures.cSteps({ cSteps: [] }),
    one: () => figures.cSteps(cStepsOf(1, 0)),
    "two hundred": () => figures.cSteps(cStepsOf(2, 200)),
    "NaN and zeros": () => figures.cSteps(withObjective([3, nan, 2, 0])),
  },
  schedule: {
    nothing: () => figures.schedule({ history: [] }),
    one: () => figures.schedule(run(1)),
    "two hundred": () => figures.schedule(run(200)),
    "NaN and zeros": () => figures.schedule(run(30, true)),
  },
  parallel: {
    nothing: () => figures.parallel(sweepOf(0)),
    one: () => figures.parallel(sweepOf(1)),
    "two hundred": () => figures.parallel(sweepOf(200)),
    "NaN and zeros": () => figures.parallel(sweepOf(30, true)),
  },
  timeline: {
    nothing: () => figures.timeline(timelineWith(0)),
    one: () => figures.timeline(timelineWith(1, 1)),
    "two hundred": () => figures.timeline(timelineWith(200, 8)),
    NaN: () => figures.timeline(spans([["a", 1, nan, nan, "finished"]])),
  },
};

function withoutWeights(record: ReturnType<typeof historyOf>[number]) {
  return {
    ...record,
    ...(record.weights
      ? { weights: record.weights.map((one) => ({ ...one, low: nan, high: nan, codebooks: [] })) }
      : {}),
  };
}

function withObjective(objective: readonly number[]) {
  const [step] = cStepsOf(1, 0).cSteps;
  return { cSteps: [{ ...step, trace: [{ order: [0, 1], start: "zero", objective }] } as never] };
}

type Span = readonly [string, number, number, number, TimelineAttempt["end"]];

function spans(all: readonly Span[], stops: readonly number[] = []) {
  const attempts = all.map(([id, attempt, from, to, end]) => ({ id, attempt, from, to, end }));
  return { timeline: { attempts, stops } };
}

function seriesOf({ chart }: { readonly chart: Chart }, name: string): Series[] {
  return chart.series.filter((series) => series.name === name);
}

/** Rectangles of a series as [left, bottom, right, top], to 3 decimals. */
function rectangles({ x, y, boxes }: Series): number[][] {
  return x.map((left, i) =>
    [left, y[i], boxes?.x[i], boxes?.y[i]].map((v) => Math.round(1000 * (v ?? nan)) / 1000),
  );
}

describe("figures of runs and sweeps", () => {
  for (const [name, all] of Object.entries(cases)) {
    for (const [what, draw] of Object.entries(all)) {
      it(`${name} of ${what}: SVG without NaN, Plotly that survives JSON, text of one line`, () => {
        const drawn = draw();
        const svg = drawn.toSVG();
        const marks = svg.replace(/<title>[^<]*<\/title>|<desc>[^<]*<\/desc>/g, "");
        assert.doesNotMatch(marks, /NaN|Infinity|undefined|e[+-]\d/);
        assert.equal(svg, draw().toSVG());
        const plotly = drawn.toPlotly();
        assert.deepEqual(JSON.parse(JSON.stringify(plotly)), plotly);
        assert.doesNotMatch(drawn[displaySymbol]()["text/plain"], /\n|NaN|undefined/);
        if (what === "nothing") assert.match(svg, new RegExp(`>${drawn.chart.emptyText}</text>`));
        else if (what !== "NaN") assert.doesNotMatch(svg, new RegExp(drawn.chart.emptyText));
      });
    }

    it(`${name}: every axis has a title or names`, () => {
      for (const { x, y } of (all.one as () => Figure)().chart.panels) {
        assert.ok(x.title !== "" || (x.ticks ?? []).length > 0);
        assert.ok(y.title !== "" || y.ticks !== undefined);
      }
    });
  }
});

describe("the storage figure", () => {
  const drawn = figures.storage(
    solutionWith(0, [
      {
        layers: ["fc1"],
        before: 80_000,
        parts: [
          { name: "quantize(K = 2)", bits: 4000 },
          { name: "prune(1 %)", bits: 1600 },
        ],
      },
      { layers: ["fc2", "out"], before: 8000, parts: [{ name: "prune(5 %)", bits: 800 }] },
    ]),
  );

  it("stacks the parts of a layer in bytes, one colour for each kind of part", () => {
    const [quantize, ...others] = seriesOf(drawn, "quantize");
    assert.equal(others.length, 0);
    assert.deepEqual(rectangles(quantize as Series), [[0, -0.36, 500, 0.36]]);
    assert.deepEqual(rectangles(seriesOf(drawn, "prune")[0] as Series), [
      [500, -0.36, 700, 0.36],
      [0, -1.36, 100, -0.64],
    ]);
    assert.deepEqual(
      drawn.chart.panels.map(({ title, x }) => [title, x.title]),
      [
        ["Reference, float32: 11 kB", "kB"],
        ["Compressed: 800 bytes", "bytes"],
      ],
    );
  });

  it("has the reference in its own panel, and each ratio at its bar", () => {
    assert.deepEqual(rectangles(seriesOf(drawn, "reference")[0] as Series), [
      [0, -0.36, 10, 0.36],
      [0, -1.36, 1, -0.64],
    ]);
    const [ratios] = seriesOf(drawn, "ratio");
    assert.deepEqual(
      [ratios?.x, ratios?.labels],
      [
        [700, 100],
        ["14.3 ×", "10 ×"],
      ],
    );
    assert.deepEqual(drawn.chart.panels[0]?.y.ticks, [
      { value: 0, text: "fc1" },
      { value: -1, text: "fc2 + out" },
    ]);
  });

  it("of 200 layers names some, and leaves the ratios out", () => {
    const { panels, series, rowHeight } = figures.storage(solutionWith(200)).chart;
    assert.equal(panels[0]?.y.ticks?.length, 51);
    assert.ok(series.at(-1)?.labels?.every((label) => label === ""));
    assert.equal(rowHeight, 900);
  });
});

describe("the weights figure", () => {
  it("has a line for every codebook entry, and shades in the columns of the steps", () => {
    const { series } = figures.weights({ history: historyOf(4) }, { layers: ["fc1"] }).chart;
    const entries = series.filter(({ name }) => name === "entries of quantize(K = 4)");
    assert.equal(entries.length, 4);
    assert.deepEqual(entries[3]?.x, [0, 1, 2, 3, 4]);
    assert.equal(entries[3]?.y[4], 0.18);
    assert.equal(entries.filter(({ legend }) => legend).length, 1);
    const shades = series.filter(({ group }) => group === "weights");
    const columns = new Set(
      shades.flatMap(({ x, boxes }) => x.map((l, i) => `${l} ${boxes?.x[i]}`)),
    );
    assert.deepEqual([...columns].sort(), ["-0.5 0.5", "0.5 1.5", "1.5 2.5", "2.5 3.5", "3.5 4.5"]);
  });

  it("keeps the line of an entry while another one has no weights", () => {
    const books = [
      [-1, 0.1, 1],
      [-0.9, 1.1],
      [-0.8, 0.3, 1.2],
      [0.2, 1.3],
    ];
    const history = books.map((values, step) => ({
      ...(historyOf(1)[0] as Progress),
      step,
      weights: [
        { layers: ["a"], low: -1, high: 1, counts: [1], codebooks: [{ part: "q", values }] },
      ],
    }));
    const lines = figures.weights({ history }).chart.series.filter(({ group }) => group === "q");
    const nan = Number.NaN;
    assert.deepEqual(
      lines.map(({ y }) => y),
      [
        [-1, -0.9, -0.8, nan],
        [0.1, nan, 0.3, 0.2],
        [1, 1.1, 1.2, 1.3],
      ],
    );
  });

  it("tells runs that were recorded without weights from those without steps", () => {
    const { emptyText } = figures.weights({
      history: historyOf(2).map(({ weights: _, ...record }) => record),
    }).chart;
    assert.equal(emptyText, "this run was recorded without its weights");
  });

  it("is strongest where the weights are, and empty where there are none", () => {
    const summary = { layers: ["a"], low: -1, high: 1, counts: [0, 0, 0, 9], codebooks: [] };
    const { series } = figures.weights({
      history: historyOf(1)
        .slice(0, 1)
        .map((record) => ({ ...record, weights: [summary] })),
    }).chart;
    const drawn = series.filter(({ x }) => x.length > 0);
    assert.equal(drawn.length, 1);
    assert.equal(drawn[0]?.opacity, 0.8);
    const heights = rectangles(drawn[0] as Series).map(([, bottom, , top]) => [bottom, top]);
    assert.deepEqual([heights[0]?.[0], heights.at(-1)?.[1]], [0.5, 1]);
  });

  it("of 200 steps has at most 60 columns, and of 8 tasks 6 panels, which it says", () => {
    const { series } = figures.weights({ history: historyOf(200) }).chart;
    const columns = new Set(series.filter(({ boxes }) => boxes).flatMap(({ x }) => x));
    assert.equal(columns.size, 51);
    const many = historyOf(1).map((record) => ({
      ...record,
      ...(record.weights
        ? {
            weights: Array.from(
              { length: 8 },
              (_, i) => ({ ...(record.weights?.[0] as object), layers: [`c${i}`] }) as never,
            ),
          }
        : {}),
    }));
    const { panels, subtitle } = figures.weights({ history: many }).chart;
    assert.equal(panels.length, 6);
    assert.match(subtitle ?? "", /The first 6 of 8; others by \{ layers: \["c7"\] \}/);
  });

  it("of a layer that is not there says which are", () => {
    assert.throws(
      () => figures.weights(run(1), { layers: ["fcl"] }),
      /RangeError: figures\.weights: there is nothing to show of layer "fcl"\. Layers with something to show: fc1, fc2, out\./,
    );
  });
});

describe("the C steps figure", () => {
  it("has a curve for each order and start, the best with markers, and a legend entry for each order", () => {
    const { series, panels } = figures.cSteps(cStepsOf(2, 3)).chart;
    assert.equal(series.length, 2 * 5);
    assert.equal(panels.length, 2);
    const legend = series.filter((one) => one.legend).map(({ name }) => name);
    assert.deepEqual(legend, ["quantize → prune", "prune → quantize"]);
    for (const panel of [0, 1]) {
      const own = series.filter((one) => one.panel === panel);
      const ends = own.map(({ y }) => y.at(-1) ?? nan);
      const best = own.filter(({ markers }) => markers);
      assert.deepEqual(
        best.map(({ y }) => y.at(-1)),
        [Math.min(...ends)],
      );
    }
  });

  it("counts a warm start from sweep 0, any other from 1, and dots random starts", () => {
    const { cSteps } = cStepsOf(1, 1);
    const trace = [
      { order: [0, 1], start: "warm" as const, objective: [3, 2] },
      { order: [0, 1], start: 4, objective: [4, 1] },
    ];
    const { series } = figures.cSteps({
      cSteps: [{ ...(cSteps[0] as object), trace } as never],
    }).chart;
    assert.deepEqual(
      series.map(({ x, style }) => [x, style.dash]),
      [
        [[0, 1], "solid"],
        [[1, 2], "dot"],
      ],
    );
  });
});

describe("the schedule figure", () => {
  it("has μ and the distance of every LC step on log axes; step 0, which has no μ, in the second", () => {
    const { series, panels } = figures.schedule(run(3)).chart;
    assert.deepEqual(
      panels.map(({ x, y }) => [x.title, y.scale]),
      [
        ["LC step", "log"],
        ["LC step", "log"],
      ],
    );
    assert.deepEqual(series[0]?.x, [0, 1, 2, 3]);
    assert.deepEqual(
      series[0]?.y.map((mu) => mu.toPrecision(3)),
      ["0.00", "0.00100", "0.00140", "0.00196"],
    );
    assert.deepEqual(figures.schedule(run(3)).toPlotly().data[0]?.y?.[0], null);
    assert.equal(
      series[1]?.y.every((distance) => distance > 0),
      true,
    );
  });
});

describe("the parallel coordinates of a sweep", () => {
  const point = (
    id: string,
    combination: string,
    level: string,
    ratio: number,
    trainLoss: number,
  ) => ({
    ...{ id, combination, level, seed: 0, status: "finished" },
    scores: { ratio, trainLoss, testError: 2 },
  });
  const points = [
    point("a", "Q", "1 bit", 10, 0.1),
    point("b", "Q", "2 bits", 5, 0.2),
    point("c", "P", "5 %", 40, 0.001),
    { ...point("d", "P", "1 %", 80, 0.9), status: "crashed" },
  ];
  const { chart } = figures.parallel({ points, front: [points[2] as never] });

  it("has an axis for each unit of the levels", () => {
    assert.deepEqual(
      chart.panels[0]?.x.ticks?.map(({ text }) => text),
      [
        "combination",
        "level, bits",
        "level, %",
        "seed",
        "ratio ρ (log)",
        "training loss (log)",
        "test error %",
      ],
    );
  });

  it("has the finished points only, the front thick, and what is missing at the foot", () => {
    assert.equal(
      chart.subtitle,
      "3 of 4 points finished; thick: on the front of ratio and training loss (1)",
    );
    const lines = chart.series.filter(({ ids }) => ids);
    assert.deepEqual(
      lines.map(({ name, width, ids }) => [name, width, [...new Set(ids)].join()]),
      [
        ["Q", 1.2, "a,b"],
        ["P", 3, "c"],
      ],
    );
    const rounded = lines[0]?.y.map((y) => Math.round(1000 * y) / 1000);
    // Combination, bits, no %, seed, log ratio of 5…40, log loss of 0.001…0.2, test error; then the gap.
    assert.deepEqual(rounded, [
      1,
      0,
      -0.12,
      0.5,
      0.333,
      0.869,
      0.5,
      nan,
      1,
      1,
      -0.12,
      0.5,
      0,
      1,
      0.5,
      nan,
    ]);
  });

  it("has levels that are no numbers on an axis of names", () => {
    const own = [point("a", "mine", "small", 2, 0.1), point("b", "mine", "large", 3, 0.1)];
    const { panels, series } = figures.parallel({ points: own, front: [] }).chart;
    assert.equal(panels[0]?.x.ticks?.[1]?.text, "level");
    assert.deepEqual(seriesOf({ chart: { series } as never }, "level")[0]?.labels, [
      "large",
      "small",
    ]);
  });

  it("has a loss of 0 or NaN at the foot of its log axis, labelled", () => {
    const own = [
      point("a", "Q", "1 bit", 2, 0),
      point("b", "Q", "1 bit", 2, nan),
      point("c", "Q", "1 bit", 3, 0.1),
    ];
    const { series } = figures.parallel({ points: own, front: [] }).chart;
    const losses = series.find(({ ids }) => ids)?.y.filter((_, i) => i % 7 === 4);
    assert.deepEqual(losses, [-0.12, -0.12, 0.5]);
    assert.ok(series.find(({ name }) => name === "training loss (log)")?.labels?.includes("none"));
  });
});

describe("the timeline of a sweep", () => {
  const drawn = figures.timeline(
    spans(
      [
        ["a", 1, 1000, 3000, "finished"],
        ["b", 1, 1000, 2000, "crash"],
        ["b", 2, 2500, 6000, "running"],
        ["c", 1, 3000, 5000, "stopped"],
      ],
      [5000],
    ),
  );

  it("has a bar for every attempt, coloured by its end, in the lowest free row", () => {
    const bars = (name: string) => rectangles(seriesOf(drawn, name)[0] as Series);
    assert.deepEqual(bars("finished"), [[0, -0.4, 2, 0.4]]);
    assert.deepEqual(bars("crashed"), [[0, -1.4, 1, -0.6]]);
    assert.deepEqual(bars("running"), [[1.5, -1.4, 5, -0.6]]);
    assert.deepEqual(bars("stopped, to go on"), [[2, -0.4, 4, 0.4]]);
    const colors = drawn.chart.series.map(({ style }) => style.color);
    assert.equal(new Set(colors.slice(0, 3)).size, 3);
  });

  it("has a line across all rows where the supervisor ended, and the unit on its axis", () => {
    const [stop] = seriesOf(drawn, "the supervisor ended");
    assert.deepEqual(
      [stop?.x, stop?.y],
      [
        [4, 4, nan],
        [0.5, -1.5, nan],
      ],
    );
    assert.equal(drawn.chart.panels[0]?.x.title, "seconds since the first attempt");
    const long = figures.timeline(spans([["a", 1, 0, 5 * 3_600_000, "finished"]]));
    assert.equal(long.chart.panels[0]?.x.title, "hours since the first attempt");
  });

  it("prints the point in its bar where it fits, black or white by the bar's colour", () => {
    const one = figures.timeline(spans([["000-Q", 1, 0, 9000, "finished"]])).toSVG();
    assert.match(one, /fill="#000000">000-Q<\/text>/);
    const short: Span[] = [
      ["000-Q", 1, 0, 10, "finished"],
      ["001-Q", 1, 10, 9000, "finished"],
    ];
    assert.doesNotMatch(figures.timeline(spans(short)).toSVG(), />000-Q<\/text>/);
  });
});
