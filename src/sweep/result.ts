import { hostname } from "node:os";
import { join } from "node:path";
import { type Figure, figure } from "../charts/figure.ts";
import { errorCompression } from "../charts/panels/error-compression.ts";
import type { ErrorCompressionPoint } from "../charts/panels/runs.ts";
import type { Timeline } from "../charts/panels/timeline.ts";
import { paretoFront } from "../charts/pareto.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import type { Owner } from "../runs/lock.ts";
import { type Table, table } from "../table/table.ts";
import { files } from "./folder.ts";
import type { SweepPoint, SweepView } from "./follow.ts";
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
    timeline: timelineOf(view.journal, status === "running" ? Date.now() : undefined),
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
  const ended = points.length - counts("waiting") - counts("running");
  const lost = counts("failed") + counts("hopeless") + counts("crashed");
  const state = { finished: "finished", running: "running", idle: "stopped" }[status];
  const chart = errorCompression(
    points.flatMap((point): ErrorCompressionPoint[] => [
      ...(point.status === "finished" ? curvePoint(point, false) : []),
      ...curvePoint(point, true),
    ]),
    { reference: spec.reference, title: `${spec.network.name} on ${spec.data.name}` },
  ).chart;
  const subtitle = `${state}, ${ended} of ${points.length} points${lost > 0 ? `, ${lost} of them without a result` : ""}${remaining(points)}${elsewhere(view)}${message === undefined ? "" : ` · ${message}`}`;
  return figure({ ...chart, subtitle });
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

/** Epochs to do, and the time they will take at the speed so far. */
function remaining(points: readonly SweepPoint[]): string {
  const running = points.filter(({ status }) => status === "running");
  const rate = running.reduce((sum, { epochsPerSecond = 0 }) => sum + epochsPerSecond, 0);
  if (rate === 0) return "";
  const total = Math.max(...points.map(({ newest }) => newest?.epochsTotal ?? 0));
  let left = 0;
  for (const { newest, status } of points) {
    if (status === "waiting") left += total;
    if (status === "running") left += total - (newest?.epochsDone ?? 0);
  }
  return ` · ${rate.toPrecision(3)} epochs/s · ${duration(left / rate)} left`;
}

function duration(seconds: number): string {
  if (seconds < 90) return `${Math.ceil(seconds)} s`;
  if (seconds < 5400) return `${Math.ceil(seconds / 60)} min`;
  return `${(seconds / 3600).toFixed(1)} h`;
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
      { name: "direct: test error %", format: (x) => x.toFixed(2) },
      { name: "attempts" },
      { name: "note" },
    ],
    points.map(({ combination, level, seed, status, scores, direct, attempts, message }) => [
      ...[combination, level, seed, status],
      ...[scores?.ratio ?? null, scores?.trainLoss ?? null, scores?.testError ?? null],
      ...[direct?.testError ?? null, attempts, message ?? ""],
    ]),
  );
}
