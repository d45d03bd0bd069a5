import type { Chart, Series } from "../chart.ts";
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
      {
        ...common,
        ...through(points, axes, thin),
        ...{ markers: false, width: 1.2, opacity: 0.5, legend: thick.length === 0 },
      },
      {
        ...common,
        ...through(points, axes, thick),
        ...{ markers: true, width: 3, legend: thick.length > 0 },
      },
    ];
  });
  const missing = axes.some(({ positions }) => positions.includes(NONE));
  const chart: Chart = {
    title,
    subtitle: `${points.length} of ${all.length} points finished; thick: the ${best.size} on the front of ratio and training loss`,
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
      ...lines
        .filter(({ x }) => x.length > 0)
        .sort((a, b) => (a.width as number) - (b.width as number)),
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

/** The labels of axis `i`: left of the first axis, where no line is, and right of the others. */
function labels({ title, ticks }: ParallelAxis, i: number): Series {
  return {
    name: title,
    panel: 0,
    x: ticks.map(() => i),
    y: ticks.map(({ at }) => at),
    labels: ticks.map(({ text }) => text),
    labelPlaces: ticks.map(() => (i === 0 ? ("left" as const) : ("right" as const))),
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
