/** The error–compression figure: what each combination costs in error at each compression ratio. */
import { type Axis, type Chart, type Panel, type Series, showable } from "../chart.ts";
import { type Figure, figure } from "../figure.ts";
import { labelPlaces } from "../label-places.ts";
import { short } from "../numbers.ts";
import { grey, styleOf } from "../palette.ts";
import { paretoFront } from "../pareto.ts";
import { coordinate, rangeOf } from "../scale.ts";
import { boxOf } from "../svg.ts";
import { type ErrorCompressionPoint, groupRuns, type Run } from "./runs.ts";

export interface ErrorCompressionOptions {
  /** The uncompressed network, drawn as a dashed line. */
  readonly reference?: {
    readonly trainLoss: number;
    readonly testError: number;
    readonly name?: string;
  };
  readonly title?: string;
}

const measures = ["trainLoss", "testError"] as const;
type Measure = (typeof measures)[number];

/**
 * Training loss (log) and test error (linear) over the compression ratio ρ (log). One colour, marker and dash per
 * combination, its points joined in order of level; direct compression in grey; the Pareto front as a thin step
 * line. Without points it shows empty axes, to be filled by `update`.
 * @example
 * const curve = display(errorCompression([]));
 * curve.update(errorCompression(points, { reference }));
 */
export function errorCompression(
  points: readonly ErrorCompressionPoint[],
  { reference, title = "Error–compression curve" }: ErrorCompressionOptions = {},
): Figure {
  const runs = groupRuns(points);
  const x: Axis = {
    title: "compression ratio ρ",
    scale: "log",
    ticks125: true,
    ...(points.some((p) => showable({ title: "", scale: "log" }, p.ratio))
      ? {}
      : { include: [1, 100] }),
  };
  const levels = (measure: Measure): Pick<Panel, "levels"> =>
    reference ? { levels: [{ name: reference.name ?? "reference", y: reference[measure] }] } : {};
  const chart: Chart = {
    title,
    panels: [
      {
        title: "Training loss",
        x,
        y: { title: "loss L(Δ(Θ))", scale: "log" },
        ...levels("trainLoss"),
      },
      {
        title: "Test error",
        x,
        y: { title: "test error %", scale: "linear" },
        ...levels("testError"),
      },
    ],
    columns: 2,
    series: measures.flatMap((measure, panel) => panelSeries(runs, measure, panel)),
    summary: summary(title, runs),
    table: {
      columns: ["combination", "level", "ρ", "L(Δ(Θ))", "test error %", "runs"],
      rows: runs.flatMap((run) =>
        run.levels.map((l) => [nameOf(run), l.level, l.ratio, l.trainLoss, l.testError, l.runs]),
      ),
    },
    emptyText: "no points yet",
    rowHeight: 390,
  };
  return figure(withLabels(withOffScale(chart)));
}

/** Says so if direct compression is so bad that its test error lies above the axis. */
function withOffScale(chart: Chart): Chart {
  const [, top] = rangeOf(chart, 1, "y");
  const above = chart.series
    .filter((series) => series.panel === 1 && series.stretches === false)
    .flatMap((series) => series.y.filter((y) => y > top));
  if (above.length === 0) return chart;
  const highest = short(above.reduce((a, b) => Math.max(a, b)));
  const what = above.length === 1 ? "1 point" : `${above.length} points`;
  return {
    ...chart,
    subtitle: `Direct compression: ${what} above the axis of test errors, up to ${highest} %`,
  };
}

function panelSeries(runs: readonly Run[], measure: Measure, panel: number): Series[] {
  const combinations = [...new Set(runs.map((run) => run.combination))];
  const series = runs.map((run): Series => {
    const style = styleOf(combinations.indexOf(run.combination));
    const firstDirect = runs.find((other) => other.direct);
    return {
      name: run.direct ? "direct compression" : run.combination,
      panel,
      x: run.levels.map((l) => l.ratio),
      y: run.levels.map((l) => l[measure]),
      error: run.levels.map((l) => l[`${measure}Deviation`]),
      labels: run.levels.map((l) => l.level),
      hover: run.levels.map((l) =>
        [
          `${nameOf(run)}, ${l.level}`,
          `ρ ${short(l.ratio)}`,
          `training loss ${short(l.trainLoss)}`,
          `test error ${short(l.testError)} %${l.runs > 1 ? ` ± ${short(l.testErrorDeviation)} (${l.runs} runs)` : ""}`,
          ...l.ids,
        ].join("\n"),
      ),
      ids: run.levels.map((l) => l.ids[0] ?? ""),
      style: run.direct ? { ...style, color: grey, dash: "dot" } : style,
      line: "straight",
      markers: run.direct ? "open" : true,
      width: run.direct ? 1 : 2,
      stretches: !run.direct,
      legend: panel === 0 && (!run.direct || run === firstDirect),
      group: run.direct ? "direct compression" : run.combination,
    };
  });
  return [...series, ...frontSeries(runs, measure, panel)];
}

function frontSeries(runs: readonly Run[], measure: Measure, panel: number): Series[] {
  // Learned networks only: a direct point a hair smaller than its learned twin would bend the front up to it.
  const learned = runs.filter((run) => !run.direct);
  const all = learned.flatMap((run) => run.levels).filter((l) => l.ratio > 0);
  const y = all.map((l) => l[measure]);
  const front = paretoFront(
    all.map((l) => l.ratio),
    y,
  );
  if (front.length < 2) return [];
  return [
    {
      name: "Pareto front",
      panel,
      x: front.map((i) => all[i]?.ratio ?? Number.NaN),
      y: front.map((i) => y[i] ?? Number.NaN),
      style: { color: grey, dash: "solid", marker: "circle" },
      line: "step",
      markers: false,
      width: 1,
      legend: panel === 0,
      group: "Pareto front",
    },
  ];
}

/** Places the labels by where the points lie in the static drawing; Plotly's is much the same. */
function withLabels(chart: Chart): Chart {
  const places = new Map<Series, Series["labelPlaces"]>();
  chart.panels.forEach((panel, index) => {
    const box = boxOf(chart, index);
    const [x, y] = [rangeOf(chart, index, "x"), rangeOf(chart, index, "y")];
    const own = chart.series.filter((series) => series.panel === index && series.labels);
    const points = own.flatMap((series) =>
      series.x.map((value, i) => ({
        x: box.left + ((coordinate(panel.x, value) - x[0]) / (x[1] - x[0])) * box.width,
        y:
          box.top +
          (1 - (coordinate(panel.y, series.y[i] ?? 0) - y[0]) / (y[1] - y[0])) * box.height,
        text: series.labels?.[i] ?? "",
      })),
    );
    const bounds = {
      left: box.left,
      right: box.left + box.width,
      top: box.top,
      bottom: box.top + box.height,
    };
    const placed = labelPlaces(points, bounds);
    let next = 0;
    for (const series of own) {
      places.set(series, placed.slice(next, next + series.x.length));
      next += series.x.length;
    }
  });
  return {
    ...chart,
    series: chart.series.map((series) => {
      const own = places.get(series);
      return own ? { ...series, labelPlaces: own } : series;
    }),
  };
}

function nameOf(run: Run): string {
  return run.direct ? `${run.combination} (direct)` : run.combination;
}

function summary(title: string, runs: readonly Run[]): string {
  const points = runs.flatMap((run) =>
    run.levels.map(
      (l) =>
        `${nameOf(run)} ${l.level}: ρ ${short(l.ratio)}, loss ${short(l.trainLoss)}, error ${short(l.testError)} %`,
    ),
  );
  return points.length === 0 ? `${title}: no points yet` : `${title}: ${points.join("; ")}`;
}
