import { createHash } from "node:crypto";
import type { Dataset } from "../data/dataset.ts";
import type { Engine } from "../engine/engine.ts";
import { LCError } from "../errors.ts";
import type { Network, Weights } from "../net/network.ts";
import type { LStep, Schedule } from "./schedules.ts";
import type { LCState, PlanSpec } from "./state.ts";

/** What a run needs besides the plan. */
export interface RunOptions {
  readonly data: Dataset;
  /** `sgd({ … })` or `adam({ … })`. */
  readonly lStep: LStep;
  /** μ of each LC step, e.g. `geometric({ from: 1e-3, factor: 1.4, steps: 30 })`. */
  readonly mu: Schedule;
  /** Seed of the data order; default 0. */
  readonly seed?: number;
  /** Continues a stopped run to the same bytes as if it had not been stopped. */
  readonly from?: LCState | undefined;
  /** Starts from the learned weights w of another run (e.g. of a neighbouring level) instead of the reference. */
  readonly warmStart?: LCState | undefined;
  /**
   * Weights h > 0 of the compressed parameters by key, e.g. of `fisher(model, data)`: the penalty and the C steps are
   * Σ hᵢ (wᵢ − Δᵢ)² instead of ‖w − Δ‖². h = 1 for parameters without.
   */
  readonly importance?: Weights;
  /** Ends early when ‖w − Δ(Θ)‖ / ‖w‖ is below this after a step; default 0 (never). */
  readonly tolerance?: number;
  /**
   * Evaluate Δ(Θ) on both splits after "every" step (default), at both "ends" – direct compression and the last step –, after the
   * "last" only, or "never".
   */
  readonly evaluate?: "every" | "ends" | "last" | "never";
  /** Default: the WASM engine on all cores. */
  readonly engine?: Engine;
  /** Stops the run within one minibatch; the interrupt of a notebook cell does so too. */
  readonly signal?: AbortSignal;
  /**
   * Folder that keeps the run: its record, its history, and a checkpoint after every LC step. If it holds this run already, the
   * run goes on from there, and gives the same bytes as if it had never stopped.
   */
  readonly dir?: string;
}

/**
 * Everything about a run that can be checked before it starts.
 * @throws RangeError for options out of range; LCError LC_STATE if `from` belongs to another plan.
 */
export function checkRun(plan: PlanSpec, options: RunOptions): void {
  const { data, lStep, mu, from, warmStart, seed = 0, tolerance = 0 } = options;
  checkBatch(lStep, data);
  if (!Number.isSafeInteger(seed) || seed < 0) {
    throw new RangeError(`steps: seed must be a whole number from 0, got ${seed}.`);
  }
  if (!(tolerance >= 0)) {
    throw new RangeError(`steps: tolerance must be a number from 0, got ${tolerance}.`);
  }
  if (mu.length === 0) {
    throw new RangeError(
      "steps: mu has no values. Write mu: geometric({ from: 1e-3, factor: 1.4, steps: 30 }).",
    );
  }
  for (const [k, value] of mu.entries()) {
    const before = mu[k - 1] ?? 0;
    if (!(value > 0 && value < Number.POSITIVE_INFINITY && value >= before)) {
      throw new RangeError(
        `steps: mu must be above 0 and not fall, got ${value} at step ${k + 1}${k > 0 ? ` after ${before}` : ""}.`,
      );
    }
  }
  if (from && warmStart) {
    throw new RangeError(
      "steps: give from or warmStart, not both. from continues a run, warmStart begins one.",
    );
  }
  if (options.dir !== undefined && from) {
    throw new RangeError(
      "steps: give dir or from, not both. With dir the run goes on from the newest checkpoint in that folder.",
    );
  }
  for (const [name, state] of Object.entries({ from, warmStart })) {
    const differs = state && difference(state.plan, plan, name === "from");
    if (differs) {
      throw new LCError(
        "LC_STATE",
        `${name} is the state of another plan: ${differs}. Use the plan it was made with.`,
      );
    }
  }
  const other = from && otherRun(from, options);
  if (other) {
    throw new LCError(
      "LC_STATE",
      `from is the state of another run: ${other}. To begin a new run from its weights, write warmStart.`,
    );
  }
  if (from && from.stepsDone > mu.length) {
    throw new RangeError(
      `steps: from has done ${from.stepsDone} steps, but mu has only ${mu.length}.`,
    );
  }
  if (from && options.seed !== undefined && options.seed !== from.seed) {
    throw new RangeError(
      `steps: from was run with seed ${from.seed}, got seed ${options.seed}. Leave seed out.`,
    );
  }
}

/** What a state records of the options. */
export function runSpec({ lStep, mu, data, importance }: RunOptions): LCState["run"] {
  const { name, train, test, augment } = data;
  return {
    lStep,
    mu: [...mu],
    data: { name, train: train.count, test: test.count, ...(augment ? { augment } : {}) },
    ...(importance ? { importance: digest(importance) } : {}),
  };
}

/** SHA-256 of arrays with their keys, in the order of the keys. */
export function digest(arrays: Weights): string {
  const hash = createHash("sha256");
  for (const key of Object.keys(arrays).sort()) {
    const { buffer, byteOffset, byteLength } = arrays[key] as Float32Array;
    hash.update(key).update(new Uint8Array(buffer, byteOffset, byteLength));
  }
  return hash.digest("hex");
}

/** @throws RangeError if importance weights name unknown parameters, or are not above 0 and finite. */
export function checkImportance(network: Network, importance: Weights | undefined): void {
  const known = network.parameters.filter((p) => p.compressible);
  for (const [key, h] of Object.entries(importance ?? {})) {
    const parameter = known.find((p) => p.key === key);
    if (!parameter) {
      throw new RangeError(
        `importance: "${key}" is not a weight matrix of the model. They are ${known.map((p) => p.key).join(", ")}.`,
      );
    }
    const { rows, cols } = parameter;
    if (h.length !== rows * cols) {
      throw new RangeError(
        `importance: "${key}" must have ${rows} × ${cols} = ${rows * cols} values, got ${h.length}.`,
      );
    }
    const bad = h.findIndex((x) => !(x > 0 && x < Number.POSITIVE_INFINITY));
    if (bad >= 0) {
      throw new RangeError(
        `importance: "${key}" must be above 0 and finite, got ${h[bad]} at [${Math.floor(bad / cols)}, ${bad % cols}]. Add a small constant to all of it.`,
      );
    }
  }
}

/** The first thing in which `options` is not the run that made `state`; a longer μ schedule is the same run. */
export function otherRun(state: LCState, options: RunOptions): string | undefined {
  const [was, now] = [state.run, runSpec(options)];
  const begun = Math.min(state.stepsDone + 1, was.mu.length);
  const pairs = {
    lStep: [was.lStep, now.lStep],
    data: [was.data, now.data],
    importance: [was.importance ?? "none", now.importance ?? "none"],
    mu: [was.mu.slice(0, begun), now.mu.slice(0, begun)],
  };
  for (const [name, [before, after]] of Object.entries(pairs)) {
    const [a, b] = [JSON.stringify(before), JSON.stringify(after)];
    if (a !== b) return `${name} was ${a}, got ${b}`;
  }
  return undefined;
}

/** @throws RangeError if a minibatch is larger than the training set. */
export function checkBatch({ kind, batch }: LStep, { train, name }: Dataset): void {
  if (batch > train.count) {
    throw new RangeError(
      `${kind}: batch must be from 1 to the ${train.count} training examples of ${name}, got ${batch}. Write batch: ${train.count} for all of them at once.`,
    );
  }
}

/** The first thing two plans differ in, in words. A warm start needs the same network only. */
export function difference(a: PlanSpec, b: PlanSpec, tasks: boolean): string | undefined {
  if (a.network !== b.network) return `network ${a.network}, not ${b.network}`;
  const parameters = [a, b].map((p) =>
    p.parameters.map(([key, r, c]) => `${key} ${r} × ${c}`).join(", "),
  );
  if (parameters[0] !== parameters[1]) return `parameters ${parameters[0]}, not ${parameters[1]}`;
  if (!tasks) return undefined;
  const [one, two] = [a, b].map((p) => p.tasks.map((task) => JSON.stringify(task)));
  const at = one?.findIndex((task, i) => task !== two?.[i]) ?? -1;
  if (at >= 0) return `task ${at + 1} is ${one?.[at]}, not ${two?.[at] ?? "there"}`;
  return one?.length === two?.length ? undefined : `${one?.length} tasks, not ${two?.length}`;
}
