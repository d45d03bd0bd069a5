import { spawn } from "node:child_process";
import { closeSync, existsSync, openSync } from "node:fs";
import { mkdir, readFile, rm, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { lineOn, type TextStream } from "../charts/progress-text.ts";
import { throttle } from "../charts/throttle.ts";
import type { Dataset } from "../data/dataset.ts";
import { hashData, recipeOf } from "../data/recipe.ts";
import { LCError } from "../errors.ts";
import { score } from "../lc/direct.ts";
import { stopSignal } from "../lc/interrupt.ts";
import { specOf } from "../lc/plan.ts";
import { checkRun, digest } from "../lc/run-options.ts";
import type { LStep, Schedule } from "../lc/schedules.ts";
import type { Model } from "../net/network.ts";
import { type DisplayHandle, notebookDisplay } from "../notebook.ts";
import { ownerOf } from "../runs/lock.ts";
import {
  type CombinationName,
  type Combinations,
  type Levels,
  paperGrid,
  planFor,
} from "./combinations.ts";
import { pool } from "./executors.ts";
import {
  createFolder,
  type ExecutorSpec,
  files,
  type PointSpec,
  readSpec,
  type SweepSpec,
} from "./folder.ts";
import { Follower, hasEnded, type SweepPoint, type SweepView } from "./follow.ts";
import { program } from "./pool.ts";
import { figureOf, resultOf, type SweepResult } from "./result.ts";

export interface SweepOptions {
  /** The reference network, trained. */
  readonly net: Model;
  readonly data: Dataset;
  /** Names of the paper's combinations, at all combinations of `levels`; or curves of one's own. */
  readonly combinations: readonly CombinationName[] | Combinations;
  readonly levels?: Levels;
  /** Default [0]. */
  readonly seeds?: readonly number[];
  readonly lStep: LStep;
  readonly mu: Schedule;
  /** Folder of the sweep. If it holds this sweep already, it is gone on with. */
  readonly dir: string;
  /** "last": direct compression is not in the figure; default "every", which `hopeless` needs. */
  readonly evaluate?: "every" | "ends" | "last";
  /**
   * Each point starts from the learned weights of the nearest level before it in its curve that has finished – the reference if
   * none has –, and tells which as its `from`; default false.
   */
  readonly warmStart?: boolean;
  /**
   * Gives a point up after half of its steps if a finished one is at least as small and has a training loss this many times
   * smaller, e.g. 3. Which points that are depends on what finishes first. Default: never.
   */
  readonly hopeless?: number;
  /**
   * `pool({ workers })`, which is the default with a process for every two cores, `bull({ url })`, or `slurm({ … })`. A sweep that is
   * gone on with may take another one; default then: the last.
   */
  readonly executor?: ExecutorSpec;
}

/** A sweep at work. */
export interface Sweep {
  readonly dir: string;
  /** Every point as it ends; returns all. The interrupt of a cell, or `signal`, ends the waiting and not the sweep. */
  points(options?: { readonly signal?: AbortSignal }): AsyncGenerator<SweepPoint, SweepResult>;
  /** Follows the sweep in one figure, outside a notebook in a line of text, and returns what it found. */
  live(options?: {
    readonly signal?: AbortSignal;
    readonly stream?: TextStream;
  }): Promise<SweepResult>;
  /** What is there now. */
  result(): Promise<SweepResult>;
  /** Stops the supervisor after the minibatches under way; `attach` goes on. */
  stop(): Promise<void>;
}

/**
 * Runs the LC algorithm for every combination, level and seed, in processes of their own under a supervisor that outlives this
 * one. Everything is in the folder `dir`; calling it again, or `attachSweep(dir)`, follows it.
 * @throws RangeError for options out of range, before anything starts; LCError LC_STATE if the folder holds another sweep.
 * @example
 * const found = await (await sweep({ net, data, combinations: ["Q", "Q+P"], levels: { bits: [1, 2], keep: [0.01] }, ...schedules.glimpse, dir: "sweeps/first" })).live();
 */
export async function sweep(options: SweepOptions): Promise<Sweep> {
  const { net, data, dir } = options;
  const points = pointsOf(options);
  const path = resolve(dir);
  const spec = await specFor(options, points);
  if (existsSync(join(path, files.spec))) {
    const before = await readSpec(path);
    const differs = differenceOf(before, spec);
    if (differs) {
      throw new LCError(
        "LC_STATE",
        `${path} holds another sweep: ${differs}. Give this one a folder of its own, or write attachSweep(${JSON.stringify(dir)}).`,
      );
    }
  } else {
    await mkdir(path, { recursive: true });
    const { trainLoss, testError } = await score(net, data);
    await createFolder(path, { ...spec, reference: { trainLoss, testError } }, net.weights, data);
  }
  return attachSweep(path, options.executor ? { executor: options.executor } : {});
}

/**
 * Follows the sweep in folder `dir`. If points are left and nobody works on them – it was stopped, or the machine was –, or have
 * crashed, a supervisor starts.
 * @param options `executor`: where the points that are left run; default: where the last ones did.
 * @throws LCError LC_STATE if there is no sweep, or it is at work with another executor.
 */
export async function attachSweep(
  dir: string,
  { executor }: { readonly executor?: ExecutorSpec } = {},
): Promise<Sweep> {
  const path = resolve(dir);
  const view = await (await Follower.open(path)).look();
  if (view.status === "idle") await startSupervisor(view, executor ?? view.executor);
  if (view.status === "running" && executor) {
    const [is, asked] = [view.executor, executor].map((one) => one.kind);
    if (JSON.stringify(view.executor) !== JSON.stringify(executor)) {
      throw new LCError(
        "LC_STATE",
        `${path} is at work with another executor (${is}, got ${asked}). Write stopSweep(${JSON.stringify(dir)}) first, or leave executor out.`,
      );
    }
  }
  return sweepIn(path);
}

/** The sweep in folder `dir`, as it is; starts nothing. @throws LCError LC_STATE if there is none. */
export async function openSweep(dir: string): Promise<SweepResult> {
  return resultOf(await (await Follower.open(resolve(dir))).look());
}

/** How long a supervisor on another machine may take to notice that it is to stop, in ms. */
const NOTICE_MS = 30_000;

/**
 * Stops the supervisor of the sweep in `dir`, on whatever machine that sees the folder, and waits for it.
 * @param options `notice`: how long one on another machine may take to notice, in ms; default 30,000.
 * @returns Whether there was one.
 * @throws LCError LC_STATE if the supervisor is on another machine and does not notice.
 */
export async function stopSweep(
  dir: string,
  { notice = NOTICE_MS }: { readonly notice?: number } = {},
): Promise<boolean> {
  const path = resolve(dir);
  const owner = await ownerOf(path);
  if (owner === "none" || owner === "dead") return false;
  const ask = join(path, files.stop);
  await writeFile(ask, owner.token);
  const asked = performance.now();
  for (;;) {
    const now = await ownerOf(path);
    if (now === "none" || now === "dead" || now.token !== owner.token) break;
    const unheard = (await readFile(ask, "utf8").catch(() => "")) === owner.token;
    if (unheard && owner.host !== hostname() && performance.now() - asked > notice) {
      await rm(ask, { force: true });
      throw new LCError(
        "LC_STATE",
        `the supervisor of ${path}, process ${owner.pid} on ${owner.host} since ${owner.since}, does not notice that it is to stop. If that machine is gone, remove ${join(path, files.lock)}.`,
      );
    }
    await wait(50);
  }
  await rm(ask, { force: true });
  return true;
}

function sweepIn(dir: string): Sweep {
  const result = async () => resultOf(await (await Follower.open(dir)).look());
  return Object.freeze({
    dir,
    result,
    async *points({ signal: own }: { readonly signal?: AbortSignal } = {}) {
      const told = new Set<string>();
      let last: SweepView | undefined;
      for await (const view of follow(dir, own)) {
        last = view;
        for (const point of view.points) {
          if (!hasEnded(point) || told.has(point.id)) continue;
          // The supervisor at work may try it again.
          if (point.status === "crashed" && view.status === "running") continue;
          told.add(point.id);
          yield point;
        }
      }
      return last ? resultOf(last) : result();
    },
    async live({ signal, stream = process.stdout } = {}) {
      const show = (await shower()) ?? line(stream);
      let last: SweepView | undefined;
      const updates = throttle(500, () => last && show(last));
      for await (const view of follow(dir, signal)) {
        last = view;
        updates.request();
      }
      updates.stop();
      if (!last) return result();
      show(last);
      return resultOf(last);
    },
    async stop() {
      await stopSweep(dir);
    },
  } satisfies Sweep);
}

async function* follow(
  dir: string,
  own: AbortSignal | undefined,
): AsyncGenerator<SweepView, void, undefined> {
  const { signal, release } = stopSignal(own);
  try {
    yield* (await Follower.open(dir)).views(signal);
  } finally {
    release();
  }
}

/** One figure in the notebook, or undefined where there is none. */
async function shower(): Promise<((view: SweepView) => void) | undefined> {
  const display = notebookDisplay();
  if (!display) return undefined;
  let handle: Promise<DisplayHandle | undefined> | undefined;
  return (view) => {
    const drawn = figureOf(view);
    if (!handle) handle = Promise.resolve(display(drawn) as DisplayHandle | undefined);
    else void handle.then((shown) => shown?.update(drawn));
  };
}

/** On a terminal one line that is overwritten; in a log one line per point that ends, and the last. */
function line(stream: TextStream): (view: SweepView) => void {
  const put = lineOn(stream);
  let before = "";
  return (view) => {
    const running = view.status === "running";
    const ended = `${view.status} ${view.points.filter(hasEnded).length}`;
    if (ended === before && !(running && stream.isTTY)) return;
    before = ended;
    put(`Sweep: ${figureOf(view).chart.subtitle}`, !running);
  };
}

function pointsOf(options: SweepOptions): PointSpec[] {
  const { net, combinations, levels = {}, seeds = [0], data, lStep, mu, warmStart } = options;
  for (const seed of seeds) {
    if (Number.isSafeInteger(seed) && seed >= 0) continue;
    throw new RangeError(`sweep: seeds must be whole numbers from 0, got ${seed}.`);
  }
  if (new Set(seeds).size < seeds.length) {
    throw new RangeError(
      `sweep: seeds must differ, got ${seeds.join(", ")}. The same seed gives the same bytes.`,
    );
  }
  const { hopeless, evaluate = "every" } = options;
  if (hopeless !== undefined && !(hopeless > 1 && hopeless < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`sweep: hopeless must be a number above 1, got ${hopeless}.`);
  }
  if (hopeless !== undefined && evaluate !== "every") {
    throw new RangeError(
      `sweep: hopeless needs the scores of every step, got evaluate: ${JSON.stringify(evaluate)}. Leave evaluate out.`,
    );
  }
  const curves = isNames(combinations) ? paperGrid(net, combinations, levels) : combinations;
  const points: PointSpec[] = [];
  for (const [combination, curve] of Object.entries(curves)) {
    for (const seed of seeds) {
      let before: string | undefined;
      for (const [level, choice] of Object.entries(curve)) {
        const plan = planFor(net, choice, `"${combination}" at "${level}"`);
        const spec = specOf(net, plan.tasks);
        checkRun(spec, { data, lStep, mu, seed });
        const id = `${String(points.length).padStart(3, "0")}-${slug(`${combination} ${level} ${seed}`)}`;
        points.push({
          ...{ id, combination, level, seed, tasks: spec.tasks },
          ...(warmStart && before !== undefined ? { after: before } : {}),
        });
        before = id;
      }
    }
  }
  if (points.length === 0) {
    throw new RangeError(
      'sweep: there are no points. Write e.g. combinations: ["Q"], levels: { bits: [1, 2] }.',
    );
  }
  return points;
}

function isNames(
  combinations: SweepOptions["combinations"],
): combinations is readonly CombinationName[] {
  return Array.isArray(combinations);
}

/** A folder's name everywhere. */
function slug(text: string): string {
  return text
    .replace(/%/g, "pc")
    .replace(/[^a-zA-Z0-9.]+/g, "-")
    .replace(/^-|-$/g, "");
}

async function specFor(options: SweepOptions, points: readonly PointSpec[]): Promise<SweepSpec> {
  const { net, data, lStep, mu, evaluate = "every", hopeless, executor = pool() } = options;
  const { name, input, loss, layers } = net.network;
  return {
    format: 1,
    created: new Date().toISOString(),
    network: { name, input, loss, layers: layers.map(({ spec }) => spec) },
    data: { name: data.name, sha256: await hashData(data), recipe: recipeOf(data) ?? null },
    start: digest(net.weights),
    reference: { trainLoss: Number.NaN, testError: Number.NaN },
    ...{ lStep, mu, evaluate, hopeless: hopeless ?? null, executor, points },
  };
}

/** What differs in two sweeps that should be one; where they run may. */
function differenceOf(was: SweepSpec, now: SweepSpec): string | undefined {
  const of = ({ network, start, data, lStep, mu, evaluate, hopeless, points }: SweepSpec) => ({
    ...{
      network,
      "weights of net": start,
      data: data.sha256,
      lStep,
      mu,
      evaluate,
      hopeless,
      points,
    },
  });
  const [before, after] = [of(was), of(now)];
  const differing = (Object.keys(before) as (keyof typeof before)[]).filter(
    (key) => JSON.stringify(before[key]) !== JSON.stringify(after[key]),
  );
  return differing.length > 0 ? `${differing.join(", ")} differ` : undefined;
}

/** Starts the supervisor, a process that outlives this one, and waits until it has the sweep. */
async function startSupervisor(
  { dir, supervisors }: SweepView,
  executor: ExecutorSpec,
): Promise<void> {
  const log = openSync(join(dir, files.log), "a");
  const [file, execArgv] = program("supervisor");
  const child = spawn(process.execPath, [...execArgv, file, dir], {
    stdio: ["ignore", log, log],
    env: { ...process.env, LCLAB_EXECUTOR: JSON.stringify(executor) },
    detached: true,
    windowsHide: true,
  });
  closeSync(log);
  child.unref();
  const ended = new Promise<string>((done) => {
    child.once("error", (error) => done(error.message));
    child.once("exit", (code, signal) => done(`it ended with ${signal ?? `code ${code}`}`));
  });
  const follower = await Follower.open(dir);
  for (;;) {
    const early = await Promise.race([ended, wait(50).then(() => undefined)]);
    // A short sweep may be over before it was seen.
    const view = await follower.look();
    if (view.status !== "idle" || view.supervisors > supervisors) return;
    if (early !== undefined) {
      throw new LCError(
        "LC_ENGINE",
        `the sweep's supervisor did not start: ${early}. See ${join(dir, files.log)}.`,
      );
    }
  }
}
