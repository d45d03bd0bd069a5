import type { Chart, LabelPlace, Series } from "../chart.ts";
import { type Figure, figure } from "../figure.ts";
import { short } from "../numbers.ts";
import { grey, styleOf } from "../palette.ts";
import { NONE, type ParallelAxis, type ParallelPoint, parallelAxes } from "./parallel-axes.ts";

/**
 * Every finished point of a sweep as a line through its combination, levels, seed, compression ratio (log), training loss (log) and test
 * error, coloured by combination; thick are the points that no other beats in both ratio and loss. What a point does not have, or a
 * log axis cannot show, is at the bottom.
 * @example
 * figures.parallel(await found.result())
 */
export function parallel({
  points: all,
  front,
}: {
  readonly points: readonly ParallelPoint[];
  readonly front: readonly Pick<ParallelPoint, "id">[];
}): Figure {
  const points = all.filter(({ status, scores }) => status === "finished" && scores);
  const axes = points.length > 0 ? parallelAxes(points) : [];
  const best = new Set(front.map(({ id }) => id));
  const title = "Points of the sweep";
  const combinations = [...new Set(points.map(({ combination }) => combination))];
  const lines = combinations.flatMap((combination, i): Series[] => {
    const own = [...points.keys()].filter((p) => points[p]?.combination === combination);
    const isBest = (p: number): boolean => best.has(points[p]?.id ?? "");
    const common = {
      ...{ name: combination, panel: 0, style: styleOf(i), group: combination },
      line: "straight",
    } as const;
    const [thick, thin] = [own.filter(isBest), own.filter((p) => !isBest(p))];
    return [
      { ...common, x: [Number.NaN], y: [Number.NaN], markers: true, legend: true },
      {
        ...{ ...common, ...through(points, axes, thin), legend: false },
        ...{ markers: false, width: 1.2, opacity: points.length > 50 ? 0.3 : 0.5 },
      },
      { ...common, ...through(points, axes, thick), legend: false, markers: true, width: 3 },
    ];
  });
  const missing = axes.some(({ positions }) => positions.includes(NONE));
  const chart: Chart = {
    title,
    subtitle: `${points.length} of ${all.length} points finished; thick: on the front of ratio and training loss (${best.size})`,
    panels: [
      {
        x: {
          title: "",
          scale: "linear",
          ticks: axes.map((axis, i) => ({ value: i, text: axis.title })),
        },
        y: { title: "", scale: "linear", include: [missing ? NONE : 0, 1], ticks: [] },
      },
    ],
    columns: 1,
    // Thick lines above the thin ones, and the labels above all.
    series: [
      ...lines.filter(({ x }) => x.length > 0).sort((a, b) => (a.width ?? 0) - (b.width ?? 0)),
      ...axes.map((axis, i) => labels(axis, i)),
    ],
    summary: `${title}: ${points.length === 0 ? "none has finished yet" : points.map((point) => hoverOf(point).replaceAll("\n", ", ")).join("; ")}`,
    table: {
      columns: ["combination", "level", "seed", "ρ", "L(Δ(Θ))", "test error %", "front"],
      rows: points.map(({ id, combination, level, seed, scores = {} }) => [
        ...[combination, level, seed, scores.ratio ?? Number.NaN, scores.trainLoss ?? Number.NaN],
        ...[scores.testError ?? Number.NaN, best.has(id) ? "yes" : ""],
      ]),
    },
    emptyText: "no point has finished yet",
    rowHeight: 400,
    left: Math.max(66, ...combinations.map((name) => 24 + 6.2 * name.length)),
  };
  return figure(chart);
}

function through(
  points: readonly ParallelPoint[],
  axes: readonly ParallelAxis[],
  own: readonly number[],
): Pick<Series, "x" | "y" | "hover" | "ids"> {
  const each = <T>(value: (point: ParallelPoint) => T): T[] =>
    own.flatMap((p) => new Array<T>(axes.length + 1).fill(value(points[p] as ParallelPoint)));
  return {
    // A gap after each point keeps its line from the next one's.
    x: own.flatMap(() => [...axes.keys(), Number.NaN]),
    y: own.flatMap((p) => [...axes.map(({ positions }) => positions[p] as number), Number.NaN]),
    hover: each(hoverOf),
    ids: each(({ id }) => id),
  };
}

/** The labels of axis `i`: left of the first axis, where no line is, and right of the others; above where lines meet. */
function labels({ title, ticks, even }: ParallelAxis, i: number): Series {
  const place: LabelPlace = i === 0 ? "left" : even ? "top right" : "right";
  return {
    name: title,
    panel: 0,
    x: ticks.map(() => i),
    y: ticks.map(({ at }) => at),
    labels: ticks.map(({ text }) => text),
    labelPlaces: ticks.map(({ at }) => (place === "right" && at === NONE ? "top right" : place)),
    hover: ticks.map(({ text }) => text),
    style: { color: grey, marker: "circle", dash: "solid" },
    line: "none",
    markers: false,
    legend: false,
    group: "labels",
  };
}

function hoverOf({ id, combination, level, seed, scores = {} }: ParallelPoint): string {
  const { ratio, trainLoss, testError } = scores;
  return [
    `${combination}, ${level}, seed ${seed}`,
    `ρ ${short(ratio ?? Number.NaN)}`,
    `training loss ${short(trainLoss ?? Number.NaN)}`,
    `test error ${short(testError ?? Number.NaN)} %`,
    id,
  ].join("\n");
}
