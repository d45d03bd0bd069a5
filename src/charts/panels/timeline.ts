import type { Chart, Series } from "../chart.ts";
import { type Figure, figure } from "../figure.ts";
import { duration, short } from "../numbers.ts";
import { grey, styleOf } from "../palette.ts";
import { nameWidth, rowHeightFor, rowTicks } from "./rows.ts";

/** One attempt at a point of a sweep. */
export interface TimelineAttempt {
  readonly id: string;
  readonly attempt: number;
  /** Milliseconds since 1970. */
  readonly from: number;
  readonly to: number;
  /**
   * How it ended. "crash": another follows. "stopped": by the sweep's stop, or its time was over. "lost": its supervisor ended without
   * a word, so that `to` is no later than the end.
   */
  readonly end: "finished" | "failed" | "hopeless" | "crash" | "stopped" | "lost" | "running";
}

export interface Timeline {
  readonly attempts: readonly TimelineAttempt[];
  /** When a supervisor ended, in milliseconds since 1970; where it gave no word, its last line. */
  readonly stops: readonly number[];
}

const ends = ["finished", "running", "crash", "stopped", "lost", "hopeless", "failed"] as const;
const names: Readonly<Record<TimelineAttempt["end"], string>> = {
  finished: "finished",
  running: "running",
  crash: "crashed",
  stopped: "stopped, to go on",
  lost: "lost with its supervisor",
  hopeless: "given up as hopeless",
  failed: "failed",
};

/**
 * What a sweep has done when: a bar for every attempt at a point, coloured by how it ended, in rows of what ran at the same time; where
 * the supervisor ended, a dashed line. Of attempts that ended without a word the end is not known; theirs is the last line before.
 * @example
 * figures.timeline(await found.result())
 */
export function timeline({
  timeline: { attempts, stops },
}: {
  readonly timeline: Timeline;
}): Figure {
  const all = attempts.filter(({ from, to }) => Number.isFinite(from) && Number.isFinite(to));
  const began = all.reduce((a, { from }) => Math.min(a, from), Number.POSITIVE_INFINITY);
  const ended = all.reduce((a, { to }) => Math.max(a, to), Number.NEGATIVE_INFINITY);
  const { unit, ms } = unitOf(ended - began);
  const shownStops = stops.filter((time) => time >= began);
  const rows = lanes(all);
  const count = Math.max(0, ...rows.values()) + 1;
  const labels = Array.from({ length: count }, (_, i) => `lane ${i + 1}`);
  const at = (time: number): number => (time - began) / ms;
  const title = "Timeline of the sweep";
  const points = new Set(all.map(({ id }) => id)).size;
  const busy = all.reduce((total, { from, to }) => total + to - from, 0);
  const subtitle = `${all.length} ${all.length === 1 ? "attempt" : "attempts"} at ${points} ${points === 1 ? "point" : "points"} in ${duration((ended - began) / 1000)} · ${short(busy / (ended - began) || 1)} at a time`;
  const chart: Chart = {
    title,
    ...(all.length > 0 ? { subtitle } : {}),
    panels: [
      {
        x: { title: `${unit} since the first attempt`, scale: "linear", include: [0] },
        y: { title: "", scale: "linear", ticks: all.length > 0 ? rowTicks(labels) : [] },
      },
    ],
    columns: 1,
    series: [
      ...ends.flatMap((end): Series[] => {
        const own = all.filter((one) => one.end === end);
        if (own.length === 0) return [];
        const row = own.map((one) => 0 - (rows.get(one) as number));
        return [
          {
            name: names[end],
            panel: 0,
            x: own.map(({ from }) => at(from)),
            y: row.map((y) => y - 0.4),
            boxes: { x: own.map(({ to }) => at(to)), y: row.map((y) => y + 0.4) },
            labels: own.map(({ id }) => id),
            hover: own.map(
              ({ id, attempt, from, to }) =>
                `${id}, attempt ${attempt}\n${names[end]} after ${duration((to - from) / 1000)}`,
            ),
            ids: own.map(({ id }) => id),
            style: { ...styleOf(0), color: colors[end] },
            line: "none",
            markers: false,
            legend: true,
            group: end,
          },
        ];
      }),
      ...(shownStops.length > 0
        ? [
            {
              name: "the supervisor ended",
              panel: 0,
              x: shownStops.flatMap((time) => [at(time), at(time), Number.NaN]),
              y: shownStops.flatMap(() => [0.5, 0.5 - count, Number.NaN]),
              style: { color: grey, marker: "circle", dash: "dash" },
              line: "straight",
              markers: false,
              width: 1.5,
              legend: true,
              group: "stops",
            } as const,
          ]
        : []),
    ],
    summary: `${title}: ${all.length > 0 ? subtitle : "no attempts yet"}`,
    table: {
      columns: ["point", "attempt", "lane", `from (${unit})`, `to (${unit})`, "end"],
      rows: all.map((one) => [
        ...[one.id, one.attempt, (rows.get(one) as number) + 1, at(one.from), at(one.to)],
        names[one.end],
      ]),
    },
    emptyText: "no attempts yet",
    rowHeight: rowHeightFor(count),
    left: nameWidth(labels),
  };
  return figure(chart);
}

const colors: Readonly<Record<TimelineAttempt["end"], string>> = {
  finished: styleOf(2).color,
  running: styleOf(5).color,
  crash: styleOf(1).color,
  stopped: grey,
  lost: styleOf(6).color,
  hopeless: styleOf(4).color,
  failed: styleOf(3).color,
};

/** The lowest row that is free for each attempt: as many rows as ran at the same time. */
function lanes(all: readonly TimelineAttempt[]): Map<TimelineAttempt, number> {
  const free: number[] = [];
  const rows = new Map<TimelineAttempt, number>();
  for (const one of [...all].sort((a, b) => a.from - b.from)) {
    const found = free.findIndex((until) => until <= one.from);
    const row = found < 0 ? free.length : found;
    free[row] = one.to;
    rows.set(one, row);
  }
  return rows;
}

function unitOf(span: number): { readonly unit: string; readonly ms: number } {
  if (span > 3 * 3_600_000) return { unit: "hours", ms: 3_600_000 };
  if (span > 3 * 60_000) return { unit: "minutes", ms: 60_000 };
  return { unit: "seconds", ms: 1000 };
}
