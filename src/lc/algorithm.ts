import type { Dataset } from "../data/dataset.ts";
import type { Engine, EngineSession } from "../engine/engine.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import { LCError } from "../errors.ts";
import { permutation, random } from "../math/random.ts";
import type { Model, Parameter } from "../net/network.ts";
import { type CStepper, cStepper } from "./c-step.ts";
import { stopSignal } from "./interrupt.ts";
import type { Progress } from "./progress.ts";
import type { Schedule, Sgd } from "./schedules.ts";
import { type Outcome, type Shipped, type Solution, solution } from "./solution.ts";
import type { LCState, PlanSpec } from "./state.ts";
import { parametersOf, type Task, taskDeltas, taskView } from "./task.ts";

/** What a run needs besides the plan. */
export interface RunOptions {
  readonly data: Dataset;
  readonly lStep: Sgd;
  /** μ of each LC step, e.g. `geometric({ from: 1e-3, factor: 1.4, steps: 30 })`. */
  readonly mu: Schedule;
  /** Seed of the data order; default 0. */
  readonly seed?: number;
  /** Continues a stopped run to the same bytes as if it had not been stopped. */
  readonly from?: LCState;
  /** Starts from the learned weights w of another run (e.g. of a neighbouring level) instead of the reference. */
  readonly warmStart?: LCState;
  /** Ends early when ‖w − Δ(Θ)‖ / ‖w‖ is below this; default 0 (never). */
  readonly tolerance?: number;
  /** After each step, evaluate Δ(Θ) on "test" only, "both" splits (default), or "none". */
  readonly evaluate?: "both" | "test" | "none";
  /** Default: the WASM engine on all cores. */
  readonly engine?: Engine;
  /** Stops the run within one minibatch; the interrupt of a notebook cell does so too. */
  readonly signal?: AbortSignal;
}

/** A failed L step: the loss is NaN or infinite. `state` is that after the last good step. */
export class DivergenceError extends LCError {
  readonly step: number;
  readonly mu: number;
  readonly state: LCState;
  constructor(message: string, step: number, mu: number, state: LCState) {
    super("LC_DIVERGED", message);
    this.name = "DivergenceError";
    this.step = step;
    this.mu = mu;
    this.state = state;
  }
}

/** A run under way: records as they come, and the newest state to go on from. */
export interface Run<Thetas> extends AsyncGenerator<Progress, Solution<Thetas>, undefined> {
  /** State after the last completed C step, or where the run was stopped; undefined before the first. */
  readonly state: LCState | undefined;
}

type Arrays = Record<string, Float32Array>;

/**
 * The LC algorithm by the augmented Lagrangian (Carreira-Perpiñán & Idelbayev, arXiv:1707.01209 and 2107.04380):
 * direct compression, then for each μ an L step, a C step and λ ← λ − μ (w − Δ(Θ)).
 */
export class LcRun {
  readonly #model: Model;
  readonly #tasks: readonly Task[];
  readonly #options: RunOptions;
  readonly #parameters: readonly Parameter[][];
  readonly #spec: PlanSpec;
  readonly #history: Progress[] = [];
  readonly #notes: string[] = [];
  readonly #cStepper: CStepper = cStepper();
  #started = 0;
  state: LCState | undefined;

  constructor(model: Model, tasks: readonly Task[], spec: PlanSpec, options: RunOptions) {
    this.#model = model;
    this.#tasks = tasks;
    this.#spec = spec;
    this.#options = options;
    this.#parameters = tasks.map((task) => parametersOf(model, task));
  }

  async *steps(): AsyncGenerator<Progress, Solution<Record<string, unknown>>, undefined> {
    const { data, engine = wasmEngine(), lStep, mu: schedule, tolerance = 0 } = this.#options;
    this.#started = performance.now();
    const { signal, release } = stopSignal(this.#options.signal);
    let session: EngineSession | undefined;
    try {
      session = await engine.open(this.#model.network, data, { batch: lStep.batch });
      if (!engine.reproducible) this.#notes.push(`Not reproducible: engine ${engine.name}.`);
      this.state = this.#options.from ?? (await this.#directCompression(signal));
      session.write(this.state.weights, this.state.velocity);
      let shipped = this.#shipped(this.state);
      if (!this.#options.from) yield await this.#stepRecord(session, shipped, signal);
      while (this.state.stepsDone < schedule.length && !signal.aborted) {
        yield* this.#lStep(session, signal);
        if (signal.aborted) break;
        const next = await this.#cStep(session, signal);
        if (!next) break;
        this.state = next;
        shipped = this.#shipped(next);
        const record = await this.#stepRecord(session, shipped, signal);
        yield record;
        if (record.distance < tolerance) break;
      }
      const outcome: Outcome = signal.aborted ? "stopped" : "finished";
      return this.#solution(outcome, shipped);
    } finally {
      release();
      await Promise.all([session?.close(), this.#cStepper.close()]);
    }
  }

  /** Θ ← argmin ‖w − Δ(Θ)‖² of the reference, and the state before the first L step. */
  async #directCompression(signal: AbortSignal): Promise<LCState> {
    const { seed = 0, warmStart } = this.#options;
    const weights = copies(warmStart?.weights ?? this.#model.weights);
    const thetas = await this.#solve(weights, {}, 0, undefined, signal);
    return {
      version: 1,
      plan: this.#spec,
      seed,
      stepsDone: 0,
      epoch: 0,
      epochsDone: 0,
      batch: 0,
      examples: 0,
      lossSum: 0,
      weights,
      velocity: zeros(weights),
      lambda: zeros(pick(weights, this.#compressedKeys())),
      thetas,
      rest: copies(omit(weights, this.#compressedKeys())),
    };
  }

  /** w ← argmin L(w) + μ/2 ‖w − Δ(Θ) − λ/μ‖², from where the state stands; yields a record per epoch. */
  async *#lStep(session: EngineSession, signal: AbortSignal): AsyncGenerator<Progress, void> {
    const { data, lStep, mu: schedule } = this.#options;
    let state = this.state as LCState;
    const step = state.stepsDone;
    const mu = schedule[step] as number;
    const rate = this.#rate(step, mu);
    const epochs = step === 0 ? lStep.firstEpochs : lStep.epochs;
    // Each L step starts without momentum: its target has moved.
    if (state.epoch === 0 && state.batch === 0) session.write(state.weights);
    const deltas = this.#deltas(state.thetas);
    const targets = mapArrays(deltas, (key, delta) => {
      const lambda = state.lambda[key] as Float32Array;
      return delta.map((d, i) => d + (lambda[i] as number) / mu);
    });
    session.setTargets(targets);
    const batches = Math.ceil(data.train.count / lStep.batch);
    while (state.epoch < epochs && !signal.aborted) {
      const order = permutation(data.train.count, random(state.seed, 0x0bde, state.epochsDone));
      const result = await session.train({
        order,
        from: state.batch,
        rate,
        momentum: lStep.momentum,
        mu,
        signal,
      });
      if (!result.finite) throw this.#diverged(step, mu, rate, state.epoch + 1, result.next);
      const lossSum = state.lossSum + result.lossSum;
      const examples = state.examples + result.examples;
      const { weights, velocity } = session.read();
      const done = result.next >= batches;
      state = {
        ...state,
        weights,
        velocity,
        epoch: state.epoch + (done ? 1 : 0),
        epochsDone: state.epochsDone + (done ? 1 : 0),
        batch: done ? 0 : result.next,
        examples: done ? 0 : examples,
        lossSum: done ? 0 : lossSum,
      };
      this.state = state;
      if (done) {
        yield this.#record("epoch", {
          step: step + 1,
          epoch: state.epoch,
          epochs,
          mu,
          rate,
          loss: lossSum / examples,
          ...this.#gap(weights, deltas, targets, mu),
        });
      }
    }
  }

  /** Θ ← argmin ‖(w − λ/μ) − Δ(Θ)‖² and λ ← λ − μ (w − Δ(Θ)); undefined if stopped before it was done. */
  async #cStep(session: EngineSession, signal: AbortSignal): Promise<LCState | undefined> {
    const state = this.state as LCState;
    const mu = this.#options.mu[state.stepsDone] as number;
    const { weights, velocity } = session.read();
    let thetas: unknown[];
    try {
      thetas = await this.#solve(weights, state.lambda, mu, state.thetas, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
    const lambda = mapArrays(this.#deltas(thetas), (key, delta) => {
      const w = weights[key] as Float32Array;
      return (state.lambda[key] as Float32Array).map(
        (l, i) => l - mu * ((w[i] as number) - (delta[i] as number)),
      );
    });
    return {
      ...state,
      stepsDone: state.stepsDone + 1,
      epoch: 0,
      weights,
      velocity,
      lambda,
      thetas,
      rest: omit(weights, this.#compressedKeys()),
    };
  }

  async #solve(
    weights: Arrays,
    lambda: Arrays,
    mu: number,
    warm: readonly unknown[] | undefined,
    signal: AbortSignal,
  ): Promise<unknown[]> {
    const thetas: unknown[] = [];
    for (const [i, task] of this.#tasks.entries()) {
      const view = taskView(this.#parameters[i] as Parameter[], weights, lambda, mu);
      const context = warm ? { mu, warm: warm[i] } : { mu };
      thetas.push((await this.#cStepper.solve(task, view, context, signal)).theta);
    }
    return thetas;
  }

  #deltas(thetas: readonly unknown[]): Arrays {
    const parts = this.#tasks.map((task, i) =>
      taskDeltas(this.#parameters[i] as Parameter[], task, thetas[i]),
    );
    return Object.assign({}, ...parts);
  }

  #compressedKeys(): string[] {
    return this.#parameters.flat().map(({ key }) => key);
  }

  #shipped({ thetas, rest, weights }: LCState): Shipped {
    const deltas = this.#deltas(thetas);
    return { thetas, deltas, learned: pick(weights, Object.keys(deltas)), weights: { ...rest, ...deltas } };
  }

  /** base · decayᵏ by repeated multiplication, at most 1/μ. */
  #rate(step: number, mu: number): number {
    const { rate: base, decay } = this.#options.lStep;
    let rate = base;
    for (let k = 0; k < step; k++) rate *= decay;
    if (rate * mu <= 1) return rate;
    const note = `Learning rate clipped to 1/μ from step ${step + 1} on.`;
    if (!this.#notes.some((n) => n.startsWith("Learning rate clipped"))) this.#notes.push(note);
    return 1 / mu;
  }

  #gap(weights: Arrays, deltas: Arrays, targets: Arrays, mu: number) {
    let [norm, gap, penalty] = [0, 0, 0];
    for (const [key, delta] of Object.entries(deltas)) {
      const w = weights[key] as Float32Array;
      const t = targets[key] as Float32Array;
      for (let i = 0; i < w.length; i++) {
        const x = w[i] as number;
        const d = x - (delta[i] as number);
        const p = x - (t[i] as number);
        norm += x * x;
        gap += d * d;
        penalty += p * p;
      }
    }
    return { distance: Math.sqrt(gap / norm), penalty: (mu / 2) * penalty, distortion: gap };
  }

  #record(kind: Progress["kind"], values: Pick<Progress, "step" | "epoch" | "epochs" | "mu" | "rate" | "loss" | "penalty" | "distance"> & Partial<Progress>): Progress {
    const { lStep, mu } = this.#options;
    const { distortion, ...rest } = values;
    const record: Progress = Object.freeze({
      ...rest,
      ...(kind === "step" && distortion !== undefined ? { distortion } : {}),
      kind,
      steps: mu.length,
      epochsDone: (this.state as LCState).epochsDone,
      epochsTotal: lStep.firstEpochs + (mu.length - 1) * lStep.epochs,
      seconds: (performance.now() - this.#started) / 1000,
    });
    this.#history.push(record);
    return record;
  }

  async #stepRecord(session: EngineSession, shipped: Shipped, signal: AbortSignal): Promise<Progress> {
    const state = this.state as LCState;
    const mu = this.#options.mu[state.stepsDone - 1] ?? 0;
    const last = this.#history.at(-1);
    const { distortion, distance } = this.#gap(shipped.learned, shipped.deltas, shipped.deltas, mu);
    // The penalty the next L step starts from uses the new λ; what the figure shows is that of this step's target.
    const { evaluate = "both" } = this.#options;
    const test = evaluate === "none" || signal.aborted ? undefined : await session.evaluate("test", shipped.weights, signal);
    const train = evaluate !== "both" || signal.aborted ? undefined : await session.evaluate("train", shipped.weights, signal);
    const { bits, ratio } = solution.size(this.#model, this.#tasks, shipped.thetas);
    return this.#record("step", {
      step: state.stepsDone,
      epoch: last?.epochs ?? 0,
      epochs: last?.epochs ?? 0,
      mu,
      rate: last?.rate ?? 0,
      loss: last?.loss ?? Number.NaN,
      penalty: last?.penalty ?? 0,
      distance,
      distortion,
      bits,
      ratio,
      ...(train ? { trainLoss: train.loss } : {}),
      ...(test ? { testError: (100 * test.errors) / test.count } : {}),
    });
  }

  #diverged(step: number, mu: number, rate: number, epoch: number, minibatch: number): DivergenceError {
    const before = this.#history.at(-1);
    const was = before && Number.isFinite(before.loss) ? `; it was ${before.loss.toPrecision(3)} before` : "";
    return new DivergenceError(
      `L step ${step + 1} (μ = ${mu.toPrecision(3)}), epoch ${epoch}: loss became NaN or infinite in minibatch ${minibatch + 1}${was}. ` +
        `The state before it is kept (error.state). Lower the learning rate (now ${rate.toPrecision(3)}) or start μ lower.`,
      step + 1,
      mu,
      this.state as LCState,
    );
  }

  #solution(status: Outcome, shipped: Shipped): Solution<Record<string, unknown>> {
    return solution.of({
      status,
      model: this.#model,
      tasks: this.#tasks,
      shipped,
      history: this.#history,
      notes: this.#notes,
      state: this.state,
    });
  }
}

function copies(weights: Readonly<Arrays>): Arrays {
  return mapArrays(weights, (_key, data) => data.slice());
}

function zeros(weights: Readonly<Arrays>): Arrays {
  return mapArrays(weights, (_key, data) => new Float32Array(data.length));
}

function mapArrays(arrays: Readonly<Arrays>, map: (key: string, data: Float32Array) => Float32Array): Arrays {
  return Object.fromEntries(Object.entries(arrays).map(([key, data]) => [key, map(key, data)]));
}

function pick(arrays: Readonly<Arrays>, keys: readonly string[]): Arrays {
  return Object.fromEntries(keys.map((key) => [key, arrays[key] as Float32Array]));
}

function omit(arrays: Readonly<Arrays>, keys: readonly string[]): Arrays {
  return Object.fromEntries(Object.entries(arrays).filter(([key]) => !keys.includes(key)));
}
