import type { CStepResult } from "../compression/contract.ts";
import { firstNot } from "../engine/checks.ts";
import type { EngineSession } from "../engine/engine.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import { LCError } from "../errors.ts";
import { permutation, random } from "../math/random.ts";
import type { Model, Parameter } from "../net/network.ts";
import { rest } from "../rest.ts";
import { type Arrays, copies, distances, mapArrays, omit, pick, zeros } from "./arrays.ts";
import { cStepper } from "./c-step.ts";
import { deltasOf } from "./direct.ts";
import { stopSignal } from "./interrupt.ts";
import type { Progress } from "./progress.ts";
import { type RunOptions, runSpec } from "./run-options.ts";
import { stepOptions } from "./schedules.ts";
import { sizeOf } from "./size.ts";
import { type Scores, type Solution, solutionOf } from "./solution.ts";
import type { Certificate, LCState, PlanSpec } from "./state.ts";
import { parametersOf, type Task, taskImportance, taskView } from "./task.ts";
import { summaries } from "./weight-summary.ts";

/** A failed L step: the loss is NaN or infinite. `state` is the last good one, before the failed epoch. */
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
  /** The state after the last C step or stop; undefined before direct compression is done. */
  readonly state: LCState | undefined;
}

/**
 * The LC algorithm by the augmented Lagrangian (Carreira-Perpiñán & Idelbayev, arXiv:1707.01209 and 2107.04380):
 * direct compression, then for each μ an L step, a C step and λ ← λ − μ (w − Δ(Θ)). All that decides what happens next is
 * in `state`; stopping and going on from it gives the same bytes as not stopping.
 */
export class LcRun {
  state: LCState | undefined;
  readonly #model: Model;
  readonly #tasks: readonly Task[];
  readonly #spec: PlanSpec;
  readonly #options: RunOptions;
  readonly #parameters: readonly Parameter[][];
  /** Keys of the compressed parameters. */
  readonly #keys: readonly string[];
  readonly #cStepper = cStepper();
  readonly #history: Progress[] = [];
  readonly #notes: string[] = [];
  /** Of the last C step of this process; a resumed run without steps left has none. */
  #results: readonly CStepResult<unknown>[] = [];
  #scores: Scores = {};
  #started = 0;
  readonly #largestImportance: number;

  /** @param before What earlier processes of the same run reported, if it goes on. */
  constructor(
    model: Model,
    tasks: readonly Task[],
    spec: PlanSpec,
    options: RunOptions,
    before: { readonly history: readonly Progress[]; readonly notes: readonly string[] } = none,
  ) {
    this.#model = model;
    this.#tasks = tasks;
    this.#spec = spec;
    this.#options = options;
    this.#history.push(...before.history);
    this.#notes.push(...before.notes);
    this.#parameters = tasks.map((task) => parametersOf(model, task));
    this.#keys = this.#parameters.flat().map(({ key }) => key);
    const { importance = {} } = options;
    this.#largestImportance = this.#keys.reduce(
      (largest, key) => (importance[key] ?? one).reduce((a, h) => Math.max(a, h), largest),
      0,
    );
  }

  async *steps(): AsyncGenerator<Progress, Solution, undefined> {
    const { data, engine = wasmEngine(), lStep, mu, tolerance = 0, from } = this.#options;
    this.#started = performance.now();
    const { signal, release } = stopSignal(this.#options.signal);
    let opened: EngineSession | undefined;
    try {
      const session = await engine.open(this.#model.network, data, {
        batch: lStep.batch,
        optimizer: lStep.kind,
        ...(this.#options.importance ? { importance: true } : {}),
      });
      opened = session;
      if (!engine.reproducible) this.#notes.push(`Not reproducible: engine ${engine.name}.`);
      this.#notes.push(...(engine.notes ?? []));
      let state = from ?? (await this.#directCompression(signal));
      this.state = state;
      await session.write(state.weights, state.velocity, state.secondMoments);
      if (!from) yield await this.#stepRecord(session, state);
      // The run that made `from` may have ended there by its tolerance.
      let near = from !== undefined && this.#isAfterStep(from) && this.#distance(from) < tolerance;
      while (!near && state.stepsDone < mu.length && !signal.aborted) {
        yield* this.#lStep(session, signal);
        const next = await this.#cStep(session, signal);
        if (!next) break;
        state = next;
        this.state = state;
        const record = await this.#stepRecord(session, state);
        yield record;
        near = record.distance < tolerance;
      }
      const { evaluate = "every" } = this.#options;
      const missing = this.#scores.testErrors === undefined;
      if (evaluate !== "never" && missing) {
        const { thetas } = this.state;
        await this.#evaluate(session, this.state, deltasOf(this.#model, this.#tasks, thetas));
      }
      const stopped = signal.aborted && this.state.stepsDone < mu.length;
      return this.#solution(stopped ? "stopped" : "finished", this.state);
    } finally {
      release();
      await Promise.all([opened?.close(), this.#cStepper.close()]);
    }
  }

  /** A state as a C step has left it; another one's w has moved on since. */
  #isAfterStep({ stepsDone, epoch, batch }: LCState): boolean {
    return stepsDone > 0 && epoch === 0 && batch === 0;
  }

  /** ‖w − Δ(Θ)‖ / ‖w‖. */
  #distance({ weights, thetas }: LCState): number {
    const { norm, gap } = distances(weights, deltasOf(this.#model, this.#tasks, thetas));
    return Math.sqrt(gap / norm);
  }

  /** Θ ← argmin ‖w − Δ(Θ)‖²: the state before the first L step. */
  async #directCompression(signal: AbortSignal): Promise<LCState> {
    const { seed = 0, warmStart } = this.#options;
    const weights = copies(warmStart?.weights ?? this.#model.weights);
    const results = await this.#solve(weights, {}, 0, undefined, signal);
    return {
      version: 2,
      plan: this.#spec,
      run: runSpec(this.#options),
      seed,
      stepsDone: 0,
      epoch: 0,
      epochsDone: 0,
      batch: 0,
      examples: 0,
      lossSum: 0,
      weights,
      velocity: zeros(weights),
      lambda: zeros(pick(weights, this.#keys)),
      thetas: results.map(({ theta }) => theta),
      certificates: certificates(results),
      rest: copies(omit(weights, this.#keys)),
    };
  }

  /** w ← argmin L(w) + μ/2 ‖w − Δ(Θ) − λ/μ‖² (with importance Σ h (w − Δ(Θ) − λ/(μ h))²), from where the state stands; yields a record per epoch. */
  async *#lStep(session: EngineSession, signal: AbortSignal): AsyncGenerator<Progress, void> {
    const { data, lStep, mu: schedule, importance } = this.#options;
    let state = this.state as LCState;
    const step = state.stepsDone;
    const mu = schedule[step] as number;
    const rate = this.#rate(step, mu);
    const epochs = step === 0 ? lStep.firstEpochs : lStep.epochs;
    // Each L step starts without momentum: its target has moved.
    if (state.epoch === 0 && state.batch === 0) await session.write(state.weights);
    const deltas = deltasOf(this.#model, this.#tasks, state.thetas);
    const targets = mapArrays(deltas, (key, delta) => {
      const lambda = state.lambda[key] as Float32Array;
      const h = importance?.[key];
      return delta.map((d, i) => d + (lambda[i] as number) / (h ? mu * (h[i] as number) : mu));
    });
    await session.setTargets(targets, importance && pick(importance, this.#weighted(importance)));
    const batches = Math.ceil(data.train.count / lStep.batch);
    while (state.epoch < epochs && !signal.aborted) {
      const order = permutation(data.train.count, random(state.seed, 0x0bde, state.epochsDone));
      const from = state.batch;
      const how = stepOptions(lStep, state.epoch * batches + from);
      const result = await session.train({ order, from, rate, ...how, mu, signal });
      if (!result.finite) throw this.#diverged(step, mu, rate, state, result.next);
      const lossSum = state.lossSum + result.lossSum;
      const examples = state.examples + result.examples;
      const moments = await session.read();
      const { weights } = moments;
      // The engine looks at losses before each update; the last update of an epoch is seen here.
      const bad = (await firstNot(weights, Number.isFinite, rest))?.key;
      if (bad) throw this.#diverged(step, mu, rate, state, result.next - 1, bad);
      if (result.next < batches) {
        this.state = { ...state, ...moments, batch: result.next, examples, lossSum };
        return;
      }
      const done = { epoch: state.epoch + 1, epochsDone: state.epochsDone + 1 };
      state = { ...state, ...done, ...moments, batch: 0, examples: 0, lossSum: 0 };
      this.state = state;
      const { norm, gap } = distances(weights, deltas);
      yield this.#record("epoch", {
        step: step + 1,
        epoch: state.epoch,
        epochs,
        mu,
        rate,
        loss: lossSum / examples,
        penalty: (mu / 2) * distances(weights, targets, importance).gap,
        distance: Math.sqrt(gap / norm),
      });
    }
  }

  /** Keys of compressed parameters with importance weights. */
  #weighted(importance: Readonly<Arrays>): string[] {
    return this.#keys.filter((key) => importance[key]);
  }

  /** Θ ← argmin ‖(w − λ/μ) − Δ(Θ)‖² and λ ← λ − μ (w − Δ(Θ)) (with importance μ h for μ); undefined if stopped before it was done. */
  async #cStep(session: EngineSession, signal: AbortSignal): Promise<LCState | undefined> {
    if (signal.aborted) return undefined;
    const state = this.state as LCState;
    const mu = this.#options.mu[state.stepsDone] as number;
    const moments = await session.read();
    const { weights } = moments;
    let results: CStepResult<unknown>[];
    try {
      results = await this.#solve(weights, state.lambda, mu, state.thetas, signal);
    } catch (error) {
      if (signal.aborted) return undefined;
      throw error;
    }
    const thetas = results.map(({ theta }) => theta);
    const { importance } = this.#options;
    const lambda = mapArrays(deltasOf(this.#model, this.#tasks, thetas), (key, delta) => {
      const w = weights[key] as Float32Array;
      const before = state.lambda[key] as Float32Array;
      const h = importance?.[key];
      return before.map((l, i) => {
        const step = h ? mu * (h[i] as number) : mu;
        return l - step * ((w[i] as number) - (delta[i] as number));
      });
    });
    const rest = omit(weights, this.#keys);
    const stepsDone = state.stepsDone + 1;
    const found = { thetas, certificates: certificates(results) };
    return { ...state, stepsDone, epoch: 0, ...moments, lambda, ...found, rest };
  }

  async #solve(
    weights: Readonly<Arrays>,
    lambda: Readonly<Arrays>,
    mu: number,
    warm?: readonly unknown[],
    signal?: AbortSignal,
  ): Promise<CStepResult<unknown>[]> {
    const { importance, mu: schedule } = this.#options;
    const results: CStepResult<unknown>[] = [];
    for (const [i, task] of this.#tasks.entries()) {
      const parameters = this.#parameters[i] as Parameter[];
      const view = taskView(this.#model.network, parameters, weights, lambda, mu, importance);
      const h = taskImportance(parameters, importance);
      const context = {
        // At μ = 0 a penalty would win over the weights: those start from the first μ.
        mu: mu === 0 && task.compression.cost ? (schedule[0] as number) : mu,
        ...(warm ? { warm: warm[i] } : {}),
        ...(h ? { importance: h } : {}),
      };
      results.push(await this.#cStepper.solve(task, view, context, signal));
    }
    this.#results = results;
    return results;
  }

  /** rate · decayᵏ by repeated multiplication; of SGD at most 1/μ (with importance, 1/(μ · its largest)). */
  #rate(step: number, mu: number): number {
    let rate = this.#options.lStep.rate;
    for (let k = 0; k < step; k++) rate *= this.#options.lStep.decay;
    const steepest = mu * this.#largestImportance;
    if (this.#options.lStep.kind === "adam" || rate * steepest <= 1) return rate;
    const bound = this.#options.importance ? "1/(μ · the largest importance)" : "1/μ";
    const note = `The learning rate was clipped to ${bound}`;
    if (!this.#notes.some((n) => n.startsWith(note))) {
      this.#notes.push(`${note} from step ${step + 1} on (to ${(1 / steepest).toPrecision(3)}).`);
    }
    return 1 / steepest;
  }

  /** The record of a finished C step (or direct compression): storage, distortion, and what Δ(Θ) achieves. */
  async #stepRecord(session: EngineSession, state: LCState): Promise<Progress> {
    const { evaluate = "every", mu, lStep, tolerance = 0 } = this.#options;
    const deltas = deltasOf(this.#model, this.#tasks, state.thetas);
    const { norm, gap } = distances(state.weights, deltas);
    const distance = Math.sqrt(gap / norm);
    const isNear = this.#isAfterStep(state) && distance < tolerance;
    const isLast = state.stepsDone === mu.length || isNear;
    // Before the record is made: it is what a journal keeps.
    const isEnd = isLast || (evaluate === "ends" && state.stepsDone === 0);
    if (evaluate === "every" || (evaluate !== "never" && isEnd)) {
      await this.#evaluate(session, state, deltas);
    } else this.#scores = {};
    const { testErrors: _, ...scores } = this.#scores;
    const { bits, ratio } = sizeOf(this.#model.network, this.#tasks, state.thetas);
    const last = this.#history.at(-1);
    const epochs = state.stepsDone === 0 ? 0 : (last?.epochs ?? lStep.epochs);
    return this.#record("step", {
      step: state.stepsDone,
      epoch: epochs,
      epochs,
      mu: mu[state.stepsDone - 1] ?? 0,
      rate: state.stepsDone > 0 ? this.#rate(state.stepsDone - 1, mu[state.stepsDone - 1] ?? 0) : 0,
      loss: last?.loss ?? Number.NaN,
      penalty: last?.penalty ?? 0,
      distance,
      distortion: gap,
      ...{ bits, ratio, ...scores },
      weights: summaries(this.#model, this.#tasks, state.weights, state.thetas),
    });
  }

  /** Scores of the compressed network: Δ(Θ) and the parameters outside the compression. */
  async #evaluate(session: EngineSession, state: LCState, deltas: Arrays): Promise<void> {
    const compressed = { ...state.rest, ...deltas };
    const train = await session.evaluate("train", compressed);
    const { errors, count } = await session.evaluate("test", compressed);
    this.#scores = {
      trainLoss: train.loss,
      testErrors: errors,
      testError: (100 * errors) / count,
    };
  }

  #record(
    kind: Progress["kind"],
    values: Omit<Progress, "kind" | "steps" | "epochsDone" | "epochsTotal" | "seconds">,
  ): Progress {
    const { lStep, mu } = this.#options;
    const record: Progress = Object.freeze({
      kind,
      ...values,
      steps: mu.length,
      epochsDone: (this.state as LCState).epochsDone,
      epochsTotal: lStep.firstEpochs + (mu.length - 1) * lStep.epochs,
      seconds: (performance.now() - this.#started) / 1000,
    });
    this.#history.push(record);
    return record;
  }

  #diverged(step: number, mu: number, rate: number, state: LCState, batch: number, key?: string) {
    const before = this.#history.at(-1)?.loss;
    const what = key ? `weights "${key}"` : "loss";
    const was = Number.isFinite(before) ? `; it was ${before?.toPrecision(3)} before` : "";
    return new DivergenceError(
      `L step ${step + 1} (μ = ${mu.toPrecision(3)}), epoch ${state.epoch + 1}: ${what} became NaN or infinite in minibatch ${batch + 1}${was}. ` +
        `The last good state is kept (error.state). Lower the learning rate (now ${rate.toPrecision(3)}) or start μ lower.`,
      step + 1,
      mu,
      state,
    );
  }

  #solution(status: "finished" | "stopped", state: LCState): Solution {
    return solutionOf({
      status,
      model: this.#model,
      tasks: this.#tasks,
      results: state.thetas.map((theta, i) => ({
        ...asResult(state.certificates[i] as Certificate, theta),
        ...(this.#results[i]?.theta === theta ? this.#results[i] : {}),
      })),
      deltas: deltasOf(this.#model, this.#tasks, state.thetas),
      learned: state.weights,
      rest: state.rest,
      scores: this.#scores,
      history: [...this.#history],
      notes: [...this.#notes],
      state,
    });
  }
}

const none = { history: [], notes: [] } as const;

/** Of a parameter without importance weights. */
const one = Float32Array.of(1);

function certificates(results: readonly CStepResult<unknown>[]): Certificate[] {
  return results.map(({ exact, gap }) => ({ exact, gap: gap ?? null }));
}

function asResult({ exact, gap }: Certificate, theta: unknown): CStepResult<unknown> {
  return gap === null ? { theta, exact } : { theta, exact, gap };
}
