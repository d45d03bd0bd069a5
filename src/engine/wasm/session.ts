import type { Dataset } from "../../data/dataset.ts";
import { LCError } from "../../errors.ts";
import type { Network, Weights } from "../../net/network.ts";
import { BAND, type Rest, rest } from "../../rest.ts";
import {
  checkData,
  checkEpoch,
  checkImportance,
  checkOptimizer,
  checkSecondMoments,
  checkWeights,
  firstNot,
  powers,
} from "../checks.ts";
import type {
  AdamStep,
  EngineSession,
  EpochOptions,
  EpochResult,
  Evaluation,
  Moments,
  OpenOptions,
} from "../engine.ts";
import { fingerprint } from "../fingerprint.ts";
import type { Program } from "../program.ts";
import { clear, load, type Slot, store } from "../slots.ts";
import * as layout from "./assembly/layout.ts";
import { allocate, type Memory, scratchOf } from "./memory.ts";
import { kernelModule } from "./module.ts";
import { type Plan, plan, type SplitName } from "./plan.ts";
import { Pool, type Progress } from "./pool.ts";

/** One pass over a split. */
interface Pass {
  readonly program: Program;
  readonly split: SplitName;
  readonly batch: number;
  /** First example. */
  readonly first: number;
  /** Offset of the order, 0 for none. */
  readonly order: number;
  readonly signal: AbortSignal | undefined;
  readonly onProgress?: Progress | undefined;
}

/**
 * Opens a session: checks, memory, threads.
 * @throws RangeError, LCError LC_MEMORY or LC_ENGINE, before any thread runs.
 */
export async function openSession(
  network: Network,
  data: Dataset,
  options: OpenOptions & { readonly threads: number; readonly spins: number },
): Promise<EngineSession> {
  const { batch, threads, spins } = options;
  checkOptimizer("wasm engine", options.optimizer);
  const planned = plan(network, data, options, threads);
  checkData("wasm engine", network, data, batch);
  const module = await kernelModule();
  const memory = await allocate(planned, data, `network "${network.name}" with ${data.name}`);
  const { control } = planned;
  memory.words[(control + layout.SPINS) / 4] = spins;
  const pool = await Pool.start(threads, (thread) => {
    const scratch = scratchOf(planned, thread);
    return { module, memory: memory.wasm, control, scratch, thread, threads };
  });
  return new Session(network, data, batch, planned, memory, pool);
}

class Session implements EngineSession {
  readonly #network: Network;
  readonly #counts: Readonly<Record<SplitName, number>>;
  readonly #batch: number;
  readonly #plan: Plan;
  readonly #pool: Pool;
  /** Undefined once closed, so the memory can be freed. */
  #memory: Memory | undefined;
  /** Commands run one after the other. */
  #last: Promise<unknown> = Promise.resolve();
  readonly #targets = new Set<string>();
  /** Between pieces of a command; ends it when the session is closed. */
  readonly #rest: Rest = async () => {
    await rest();
    this.#open();
  };

  constructor(
    network: Network,
    data: Dataset,
    batch: number,
    planned: Plan,
    memory: Memory,
    pool: Pool,
  ) {
    this.#network = network;
    this.#counts = { train: data.train.count, test: data.test.count };
    this.#batch = batch;
    this.#plan = planned;
    this.#memory = memory;
    this.#pool = pool;
  }

  write(weights: Weights, velocity?: Weights, secondMoments?: Weights): Promise<void> {
    return this.#enqueue(({ floats }) => this.#write(floats, weights, velocity, secondMoments));
  }

  async #write(
    floats: Float32Array,
    weights: Weights,
    velocity: Weights | undefined,
    secondMoments: Weights | undefined,
  ): Promise<void> {
    checkWeights("write", this.#network, weights);
    if (velocity) checkWeights("write: velocity", this.#network, velocity);
    if (secondMoments) {
      checkWeights("write: secondMoments", this.#network, secondMoments);
      await checkSecondMoments(secondMoments, this.#rest);
    }
    await this.#storeWeights(floats, weights);
    const storeOrClear = (slot: Slot, offset: number, values: Float32Array | undefined) =>
      values
        ? store(floats, slot, offset, values, this.#rest)
        : clear(floats, slot, offset, this.#rest);
    for (const slot of this.#slots) {
      await storeOrClear(slot, slot.momentum, velocity?.[slot.key]);
      if (slot.second) await storeOrClear(slot, slot.second, secondMoments?.[slot.key]);
    }
  }

  read(): Promise<Moments> {
    return this.#enqueue(async ({ floats }) => {
      const weights = await this.#load(floats, "weight");
      const velocity = await this.#load(floats, "momentum");
      if (!this.#second) return { weights, velocity };
      return { weights, velocity, secondMoments: await this.#load(floats, "second") };
    });
  }

  setTargets(targets: Weights, importance?: Weights): Promise<void> {
    return this.#enqueue(({ floats }) => this.#setTargets(floats, targets, importance));
  }

  async #setTargets(
    floats: Float32Array,
    targets: Weights,
    importance: Weights | undefined,
  ): Promise<void> {
    checkWeights("setTargets", this.#network, targets, true);
    if (importance) {
      checkWeights("setTargets: importance", this.#network, importance, true);
      await checkImportance(importance, this.#rest);
      if (this.#slots.some((slot) => !slot.importance)) {
        throw new RangeError(
          "setTargets: the session has no room for importance weights. Open it with { batch, importance: true }.",
        );
      }
    }
    this.#targets.clear();
    for (const slot of this.#slots) {
      const target = targets[slot.key];
      if (!target) continue;
      this.#targets.add(slot.key);
      await store(floats, slot, slot.target, target, this.#rest);
      if (!slot.importance) continue;
      const h = importance?.[slot.key] ?? (await ones(target.length, this.#rest));
      await store(floats, slot, slot.importance, h, this.#rest);
    }
  }

  train(options: EpochOptions): Promise<EpochResult> {
    return this.#enqueue((memory) => this.#train(memory, options));
  }

  async #train(memory: Memory, options: EpochOptions): Promise<EpochResult> {
    const { from, order, mu, signal, onProgress } = options;
    const batch = this.#batch;
    const batches = Math.ceil(this.#counts.train / batch);
    checkEpoch(options, this.#counts.train, batches, this.#second ? "adam" : "sgd");
    if (from === batches || signal?.aborted) {
      return { next: from, lossSum: 0, examples: 0, finite: true, seconds: 0 };
    }
    const { compiled, control, order: orderOffset } = this.#plan;
    new Uint32Array(memory.wasm.buffer, orderOffset, order.length).set(order);
    memory.floats[(control + layout.RATE) / 4] = options.rate;
    memory.floats[(control + layout.MOMENTUM) / 4] = options.momentum;
    memory.floats[(control + layout.DECAY) / 4] = options.weightDecay ?? 0;
    memory.words[(control + layout.SEED) / 4] = options.seed ?? fingerprint(order);
    this.#setAdam(memory, options.adam);
    for (const { key, penalty } of this.#slots) {
      memory.floats[penalty / 4] = this.#targets.has(key) ? mu : 0;
    }
    const start = performance.now();
    const { stop, first, lossSum, examples } = await this.#pass(memory, {
      ...{ program: compiled.train, split: "train", batch, order: orderOffset },
      ...{ first: from * batch, signal },
      onProgress: onProgress && (({ first, loss }) => onProgress({ batches: first / batch, loss })),
    });
    return {
      next: Math.ceil(first / batch),
      lossSum,
      examples,
      finite: stop !== layout.STOP_NONFINITE,
      seconds: (performance.now() - start) / 1000,
    };
  }

  evaluate(split: SplitName, weights?: Weights, signal?: AbortSignal): Promise<Evaluation> {
    return this.#enqueue((memory) => this.#evaluate(memory, split, weights, signal));
  }

  async #evaluate(
    memory: Memory,
    split: SplitName,
    weights: Weights | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Evaluation> {
    const count = this.#counts[split];
    if (count === undefined) {
      throw new RangeError(
        `evaluate: split must be "train" or "test", got ${JSON.stringify(split)}.`,
      );
    }
    if (weights) checkWeights("evaluate", this.#network, weights);
    signal?.throwIfAborted();
    if (count === 0) return { loss: 0, errors: 0, count };
    for (const slot of weights ? this.#slots : []) {
      signal?.throwIfAborted();
      await store(memory.floats, slot, slot.other, weights?.[slot.key] as Float32Array, this.#rest);
    }
    signal?.throwIfAborted();
    const { compiled } = this.#plan;
    const { stop, lossSum, errors } = await this.#pass(memory, {
      program: weights ? compiled.evaluateOther : compiled.evaluate,
      ...{ split, batch: compiled.evaluationBatch, first: 0, order: 0, signal },
    });
    if (stop === layout.STOP_ABORTED) signal?.throwIfAborted();
    return { loss: lossSum / count, errors, count };
  }

  fisher(weights?: Weights, signal?: AbortSignal): Promise<Record<string, Float32Array>> {
    return this.#enqueue((memory) => this.#fisher(memory, weights, signal));
  }

  async #fisher(
    memory: Memory,
    weights: Weights | undefined,
    signal: AbortSignal | undefined,
  ): Promise<Record<string, Float32Array>> {
    if (weights) checkWeights("fisher", this.#network, weights);
    signal?.throwIfAborted();
    const { floats } = memory;
    const { compiled } = this.#plan;
    // The other copies are free for the sums, but gradients need the place of the training weights.
    const own = weights && (await this.#load(floats, "weight"));
    const clearSums = async () => {
      for (const slot of this.#slots) await clear(floats, slot, slot.other, this.#rest);
    };
    try {
      if (weights) await this.#storeWeights(floats, weights);
      await clearSums();
      signal?.throwIfAborted();
      const { stop } = await this.#pass(memory, {
        ...{ program: compiled.fisher, split: "train", batch: compiled.fisherBatch },
        ...{ first: 0, order: 0, signal },
      });
      if (stop === layout.STOP_ABORTED) signal?.throwIfAborted();
      const sums = await this.#load(floats, "other");
      const bad = (await firstNot(sums, Number.isFinite, this.#rest))?.key;
      if (bad || stop === layout.STOP_NONFINITE) {
        throw new LCError(
          "LC_NONFINITE",
          `fisher: ${bad ? `a squared gradient of "${bad}"` : "the loss"} is NaN or infinite. Give weights of a network that was trained without diverging.`,
        );
      }
      await divide(sums, this.#counts.train, this.#rest);
      return sums;
    } finally {
      // An infinite sum leaves NaN in the padding, which must be zero. A closed session needs nothing more.
      if (this.#memory) {
        await clearSums();
        if (own) await this.#storeWeights(floats, own);
      }
    }
  }

  async close(): Promise<void> {
    this.#memory = undefined;
    await this.#pool.close();
  }

  get #slots(): readonly Slot[] {
    return this.#plan.compiled.slots;
  }

  /** Bytes from a momentum to its second moment; 0 without Adam. */
  get #second(): number {
    const slot = this.#slots.find(({ second }) => second > 0);
    return slot ? slot.second - slot.momentum : 0;
  }

  #setAdam(memory: Memory, adam: AdamStep | undefined): void {
    const { control } = this.#plan;
    memory.words[(control + layout.ADAM_SECOND) / 4] = this.#second;
    if (!adam) return;
    const doubles = new Float64Array(memory.wasm.buffer, control + layout.ADAM_BETA1, 4);
    doubles.set([adam.beta1, adam.beta2, ...powers(adam)]);
    memory.floats[(control + layout.ADAM_EPSILON) / 4] = adam.epsilon;
  }

  async #storeWeights(floats: Float32Array, weights: Weights): Promise<void> {
    for (const slot of this.#slots) {
      await store(floats, slot, slot.weight, weights[slot.key] as Float32Array, this.#rest);
    }
  }

  async #load(
    floats: Float32Array,
    what: "weight" | "momentum" | "second" | "other",
  ): Promise<Record<string, Float32Array>> {
    const all: Record<string, Float32Array> = {};
    for (const slot of this.#slots)
      all[slot.key] = await load(floats, slot, slot[what], this.#rest);
    return all;
  }

  /** Sets the control block, runs the program, reads the sums. */
  async #pass(memory: Memory, pass: Pass) {
    const { control, splits, programs } = this.#plan;
    const { program, split, batch, first, order, signal, onProgress } = pass;
    const count = this.#counts[split];
    const set = (offset: number, value: number) => {
      memory.words[(control + offset) / 4] = value;
    };
    const get = (offset: number) => memory.words[(control + offset) / 4] as number;
    set(layout.STOP, 0);
    set(layout.FIRST, first);
    set(layout.ROWS, Math.min(batch, count - first));
    set(layout.COUNT, count);
    set(layout.BATCH, batch);
    set(layout.IMAGES, splits[split].images);
    set(layout.LABELS, splits[split].labels);
    set(layout.ORDER, order);
    set(layout.ERRORS, 0);
    set(layout.EXAMPLES, 0);
    const loss = new Float64Array(memory.wasm.buffer, control + layout.LOSS_SUM, 1);
    loss[0] = 0;
    const setAbort = (value: number) =>
      void Atomics.store(memory.words, (control + layout.ABORT) / 4, value);
    setAbort(0);
    const abort = () => setAbort(1);
    signal?.addEventListener("abort", abort, { once: true });
    try {
      const stop = await this.#pool.run(programs.get(program)?.offset ?? 0, onProgress);
      return {
        ...{ stop, first: get(layout.FIRST), lossSum: loss[0] },
        ...{ errors: get(layout.ERRORS), examples: get(layout.EXAMPLES) },
      };
    } finally {
      signal?.removeEventListener("abort", abort);
    }
  }

  /** Runs `command` after those before it; a failed one does not stop the next. */
  async #enqueue<T>(command: (memory: Memory) => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => command(this.#open()));
    // The caller alone hears of a failure, and holds the result.
    const ended = () => undefined;
    this.#last = turn.then(ended, ended);
    return await turn;
  }

  #open(): Memory {
    if (this.#memory) return this.#memory;
    throw new LCError("LC_ENGINE", "wasm engine: the session is closed. Open a new one.");
  }
}

async function divide(
  arrays: Readonly<Record<string, Float32Array>>,
  by: number,
  rest: Rest,
): Promise<void> {
  for (const values of Object.values(arrays)) {
    for (let from = 0; from < values.length; from += BAND) {
      const end = Math.min(values.length, from + BAND);
      for (let i = from; i < end; i++) values[i] = (values[i] as number) / by;
      await rest();
    }
  }
}

async function ones(length: number, rest: Rest): Promise<Float32Array> {
  const values = new Float32Array(length);
  for (let from = 0; from < length; from += BAND) {
    values.fill(1, from, from + BAND);
    await rest();
  }
  return values;
}
