import { hostname } from "node:os";
import { join } from "node:path";
import { type Figure, figure } from "../charts/figure.ts";
import { duration, short } from "../charts/numbers.ts";
import { errorCompression } from "../charts/panels/error-compression.ts";
import type { ErrorCompressionPoint } from "../charts/panels/runs.ts";
import type { Timeline } from "../charts/panels/timeline.ts";
import { paretoFront } from "../charts/pareto.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import type { Owner } from "../runs/lock.ts";
import { type Table, table } from "../table/table.ts";
import { files } from "./folder.ts";
import { hasEnded, type SweepPoint, type SweepView } from "./follow.ts";
import { timelineOf } from "./timeline.ts";

/** What a sweep has found. */
export interface SweepResult extends Displayable {
  readonly dir: string;
  /** "running": the supervisor is still at work; "stopped": points are left, or have crashed, and nobody works on them. */
  readonly status: "finished" | "running" | "stopped";
  /** Why it stopped, if every point crashed. */
  readonly message?: string;
  /** The process at work, if there is one. One on a machine that is gone seems to be at work: remove the file `lock` in `dir`. */
  readonly supervisor: Pick<Owner, "host" | "pid" | "since"> | null;
  readonly reference: { readonly trainLoss: number; readonly testError: number };
  /** In the order of the sweep, those that have not ended too. */
  readonly points: readonly SweepPoint[];
  /** Finished points that no other beats in both ratio and training loss, by rising ratio. */
  readonly front: readonly SweepPoint[];
  /** Every attempt at a point, for `figures.timeline`. */
  readonly timeline: Timeline;
  /** A row per point. Its distance is ‖w − Δ(Θ)‖ / ‖w‖ when it was scored last: near 0, learning has come to its end. */
  readonly table: Table;
  /** Error–compression curves of the finished points, with direct compression in grey. */
  readonly figure: Figure;
}

export function resultOf(view: SweepView): SweepResult {
  const { dir, spec, points, status, message, supervisor } = view;
  const finished = points.filter((point) => point.status === "finished" && point.scores);
  const front = paretoFront(
    finished.map(({ scores }) => scores?.ratio ?? Number.NaN),
    finished.map(({ scores }) => scores?.trainLoss ?? Number.NaN),
  ).map((i) => finished[i] as SweepPoint);
  const drawn = figureOf(view);
  const details = tableOf(points);
  const result: SweepResult = {
    dir,
    status: status === "idle" ? "stopped" : status,
    ...(message === undefined ? {} : { message }),
    supervisor: supervisor && {
      ...{ host: supervisor.host, pid: supervisor.pid, since: supervisor.since },
    },
    reference: spec.reference,
    points,
    front,
    timeline: timelineOf(view.journal, view.starts, status === "running" ? Date.now() : undefined),
    table: details,
    figure: drawn,
    [displaySymbol]: () => {
      const { "text/plain": text, "text/html": html, ...rest } = drawn[displaySymbol]();
      return {
        ...rest,
        "text/html": `${html}${details.toHTML()}`,
        "text/plain": `${drawn.chart.subtitle}\n${text}\n${details.toText()}`,
      };
    },
  };
  return Object.freeze(result);
}

/** The figure of a sweep, also while it runs: finished points, and what direct compression gave. */
export function figureOf(view: SweepView): Figure {
  const { spec, points, status, message } = view;
  const counts = (of: SweepPoint["status"]) => points.filter((p) => p.status === of).length;
  const ended = points.filter(hasEnded).length;
  const lost = counts("failed") + counts("hopeless") + counts("crashed");
  const state = { finished: "finished", running: "running", idle: "stopped" }[status];
  const chart = errorCompression(
    points.flatMap((point): ErrorCompressionPoint[] => [
      ...(point.status === "finished" ? curvePoint(point, false) : []),
      ...curvePoint(point, true),
    ]),
    { reference: spec.reference, title: `${spec.network.name} on ${spec.data.name}` },
  ).chart;
  const subtitle = `${state}, ${ended} of ${points.length} points${lost > 0 ? `, ${lost} of them without a result` : ""}${pace(view)}${elsewhere(view)}${message === undefined ? "" : ` · ${message}`}`;
  return figure({
    ...chart,
    subtitle: chart.subtitle === undefined ? subtitle : `${subtitle} · ${chart.subtitle}`,
  });
}

function curvePoint(point: SweepPoint, direct: boolean): ErrorCompressionPoint[] {
  const { combination, level, seed, id } = point;
  const { ratio, trainLoss, testError } = (direct ? point.direct : point.scores) ?? {};
  if (ratio === undefined || trainLoss === undefined || testError === undefined) return [];
  return [
    { combination, level, seed, id, ratio, trainLoss, testError, ...(direct ? { direct } : {}) },
  ];
}

/** Where it is at work, if on another machine, and what to do if that is gone. */
function elsewhere({ dir, status, supervisor }: SweepView): string {
  if (status !== "running" || !supervisor || supervisor.host === hostname()) return "";
  const { host, since } = supervisor;
  return ` · on ${host} since ${since} (if that machine is gone, remove ${join(dir, files.lock)} and attach again)`;
}

/** While it runs, epochs a second and the time that is left at this speed; when it has finished, the time that it took. */
function pace({ status, points, executor, seconds }: SweepView): string {
  if (status === "finished" && Number.isFinite(seconds)) return ` · ${duration(seconds)}`;
  const known = points.flatMap(({ epochsPerSecond = [] }) => epochsPerSecond);
  if (status !== "running" || known.length === 0) return "";
  const usual = known.reduce((sum, one) => sum + one, 0) / known.length;
  const total = Math.max(...points.map(({ newest }) => newest?.epochsTotal ?? 0));
  let [rate, left, longest] = [0, 0, 0];
  for (const point of points) {
    if (hasEnded(point)) continue;
    const epochs = total - (point.newest?.epochsDone ?? 0);
    left += epochs;
    if (point.status === "waiting") continue;
    // One that has not told yet: in the pool it has a process, elsewhere it may wait in a queue.
    const speed = point.epochsPerSecond ?? (executor.kind === "pool" ? usual : 0);
    rate += speed;
    if (speed > 0) longest = Math.max(longest, epochs / speed);
  }
  // At the end the last points run alone.
  const time = Math.max(left / rate, longest);
  return rate > 0 ? ` · ${short(rate)} epochs/s · ${duration(time)} left` : "";
}

function tableOf(points: readonly SweepPoint[]): Table {
  return table(
    [
      { name: "combination" },
      { name: "level" },
      { name: "seed" },
      { name: "status" },
      { name: "ratio", format: (x) => `${x.toPrecision(3)} ×` },
      { name: "training loss", format: (x) => x.toPrecision(3) },
      { name: "test error %", format: (x) => x.toFixed(2) },
      { name: "distance", format: (x) => x.toPrecision(2) },
      { name: "direct: test error %", format: (x) => x.toFixed(2) },
      { name: "attempts" },
      { name: "note" },
    ],
    points.map(({ combination, level, seed, status, scores, direct, attempts, message }) => [
      ...[combination, level, seed, status],
      ...[scores?.ratio ?? null, scores?.trainLoss ?? null, scores?.testError ?? null],
      ...[scores?.distance ?? null],
      ...[direct?.testError ?? null, attempts, message ?? ""],
    ]),
  );
}
