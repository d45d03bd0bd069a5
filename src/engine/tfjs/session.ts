import { setImmediate } from "node:timers/promises";
import type { Dataset } from "../../data/dataset.ts";
import { LCError } from "../../errors.ts";
import type { Network, Weights } from "../../net/network.ts";
import type { Tf, TfLayersModel, TfTensor } from "../../net/tfjs-module.ts";
import { type Binding, readVariable, toTensor, writeVariables } from "../../net/tfjs-parameters.ts";
import { rest } from "../../rest.ts";
import {
  checkEpoch,
  checkImportance,
  checkSecondMoments,
  checkWeights,
  powers,
} from "../checks.ts";
import type {
  EngineSession,
  EpochOptions,
  EpochResult,
  Evaluation,
  Moments,
  OpenOptions,
} from "../engine.ts";
import { fingerprint } from "../fingerprint.ts";
import type { Forward } from "./forward.ts";
import type { TfjsLoss } from "./loss.ts";
import { countErrors, gather, type Minibatch } from "./minibatch.ts";
import {
  disposeRates,
  type Gradients,
  type Rates,
  ratesOf,
  restore,
  type Slot,
  snapshot,
  update,
} from "./slots.ts";

/** Examples per minibatch of an evaluation. */
const EVALUATION_ROWS = 256;
const PROGRESS_MS = 100;

/** What `openSession` has checked and built. */
export interface SessionOptions extends OpenOptions {
  /** The user's. */
  readonly model?: TfLayersModel;
  readonly variables: readonly Binding[];
  readonly loss: TfjsLoss;
  readonly forward: Forward;
  readonly outputs: number;
  /** Called once, by `close`. */
  readonly onClose: () => void;
}

/** One network, or model of the user's, in training; `openSession` makes it. */
export class Session implements EngineSession {
  readonly #tf: Tf;
  readonly #network: Network;
  readonly #data: Dataset;
  readonly #options: SessionOptions;
  readonly #slots: readonly Slot[];
  /** The weights of the user's model, put back at the end. */
  readonly #before: readonly TfTensor[] | undefined;
  #closed = false;
  /** Commands run one after the other. */
  #last: Promise<unknown> = Promise.resolve();

  constructor(tf: Tf, network: Network, data: Dataset, options: SessionOptions) {
    this.#tf = tf;
    this.#network = network;
    this.#data = data;
    this.#options = options;
    this.#slots = options.variables.map((binding) => ({
      ...binding,
      velocity: tf.zerosLike(binding.variable),
      second: options.optimizer === "adam" ? tf.zerosLike(binding.variable) : undefined,
      ...{ target: undefined, importance: undefined },
    }));
    this.#before = options.model && snapshot(tf, this.#slots);
  }

  /** A layer or loss that throws does so here, and not inside a gradient, which would keep its tensors. */
  tryLoss(): void {
    const { x, labels } = this.#gather("train", [0]);
    const outputs = () => this.#options.forward(x, undefined);
    try {
      this.#tf.dispose(this.#tf.tidy(() => this.#loss(labels, outputs())));
    } finally {
      this.#tf.dispose([x, labels]);
    }
  }

  write(weights: Weights, velocity?: Weights, secondMoments?: Weights): Promise<void> {
    return this.#enqueue(() => this.#write(weights, velocity, secondMoments));
  }

  async #write(
    weights: Weights,
    velocity: Weights | undefined,
    secondMoments: Weights | undefined,
  ): Promise<void> {
    checkWeights("write", this.#network, weights);
    if (velocity) checkWeights("write: velocity", this.#network, velocity);
    if (secondMoments) {
      checkWeights("write: secondMoments", this.#network, secondMoments);
      await checkSecondMoments(secondMoments, rest);
    }
    await this.#writeWeights(weights);
    const tensor = (slot: Slot, values: Float32Array | undefined) =>
      values ? toTensor(this.#tf, slot, values) : this.#tf.zerosLike(slot.variable);
    for (const slot of this.#slots) {
      slot.velocity.dispose();
      slot.velocity = tensor(slot, velocity?.[slot.parameter.key]);
      await this.#rest();
      if (!slot.second) continue;
      slot.second.dispose();
      slot.second = tensor(slot, secondMoments?.[slot.parameter.key]);
    }
  }

  read(): Promise<Moments> {
    return this.#enqueue(async () => ({
      weights: await this.#values((slot) => readVariable(slot, slot.variable)),
      velocity: await this.#values((slot) => readVariable(slot, slot.velocity)),
      ...(this.#options.optimizer === "adam" && {
        secondMoments: await this.#values((slot) => readVariable(slot, slot.second as TfTensor)),
      }),
    }));
  }

  setTargets(targets: Weights, importance?: Weights): Promise<void> {
    return this.#enqueue(() => this.#setTargets(targets, importance));
  }

  async #setTargets(targets: Weights, importance: Weights | undefined): Promise<void> {
    checkWeights("setTargets", this.#network, targets, true);
    if (importance) {
      checkWeights("setTargets: importance", this.#network, importance, true);
      await checkImportance(importance, rest);
      if (!this.#options.importance) {
        throw new RangeError(
          "setTargets: the session has no room for importance weights. Open it with { batch, importance: true }.",
        );
      }
    }
    for (const slot of this.#slots) {
      const [t, h] = [targets[slot.parameter.key], importance?.[slot.parameter.key]];
      slot.target?.dispose();
      slot.importance?.dispose();
      slot.target = t && toTensor(this.#tf, slot, t);
      slot.importance = h && toTensor(this.#tf, slot, h);
      await this.#rest();
    }
  }

  train(options: EpochOptions): Promise<EpochResult> {
    return this.#enqueue(() => this.#train(options));
  }

  async #train(options: EpochOptions): Promise<EpochResult> {
    const { order, from, signal, onProgress } = options;
    const { seed = fingerprint(order) } = options;
    const { train } = this.#data;
    const { batch } = this.#options;
    const { adam } = options;
    const batches = Math.ceil(train.count / batch);
    checkEpoch(options, train.count, batches, this.#options.optimizer);
    const start = performance.now();
    let corrections = adam ? powers(adam) : ([0, 0] as const);
    let [next, lossSum, examples, finite, told] = [from, 0, 0, true, start];
    const rates = ratesOf(this.#tf, options);
    try {
      while (next < batches && finite && !signal?.aborted) {
        const chosen = order.subarray(next * batch, (next + 1) * batch);
        const minibatch = this.#gather("train", chosen, seed);
        const loss = await this.#step(minibatch, rates, corrections, `${seed} ${next}`);
        finite = Number.isFinite(loss);
        if (!finite) break;
        next++;
        if (adam) corrections = [corrections[0] * adam.beta1, corrections[1] * adam.beta2];
        lossSum += loss * chosen.length;
        examples += chosen.length;
        if (onProgress && performance.now() - told >= PROGRESS_MS) {
          told = performance.now();
          onProgress({ batches: next, loss: lossSum / examples });
        }
        await this.#breathe();
      }
    } finally {
      disposeRates(this.#tf, rates);
    }
    return { next, lossSum, examples, finite, seconds: (performance.now() - start) / 1000 };
  }

  /** One minibatch; its loss. If that is not finite, nothing has changed. */
  async #step(
    minibatch: Minibatch,
    rates: Rates,
    corrections: readonly [number, number],
    masks: string,
  ): Promise<number> {
    const tf = this.#tf;
    // Moving statistics change in the forward pass.
    const frozen = this.#slots.filter(({ trainable }) => !trainable);
    const before = snapshot(tf, frozen);
    const { loss, grads } = await this.#gradients(minibatch, masks);
    if (Number.isFinite(loss)) {
      for (const slot of this.#slots) {
        if (slot.trainable) update(tf, slot, grads, rates, corrections);
      }
      tf.dispose(before);
    } else {
      restore(tf, frozen, before);
    }
    tf.dispose(Object.values(grads));
    return loss;
  }

  evaluate(split: "train" | "test", weights?: Weights, signal?: AbortSignal): Promise<Evaluation> {
    return this.#enqueue(() =>
      this.#with("evaluate", weights, () => this.#evaluate(split, signal)),
    );
  }

  async #evaluate(split: "train" | "test", signal?: AbortSignal): Promise<Evaluation> {
    if (split !== "train" && split !== "test") {
      throw new RangeError(
        `evaluate: split must be "train" or "test", got ${JSON.stringify(split)}.`,
      );
    }
    const { count } = this.#data[split];
    let [lossSum, errors] = [0, 0];
    signal?.throwIfAborted();
    for (let first = 0; first < count; first += EVALUATION_ROWS) {
      const rows = Math.min(EVALUATION_ROWS, count - first);
      const chosen = Uint32Array.from({ length: rows }, (_, i) => first + i);
      const { x, labels, classes } = this.#gather(split, chosen);
      try {
        const [loss, outputs] = this.#tf.tidy(() => {
          const y = this.#options.forward(x, undefined);
          return [this.#loss(labels, y), y];
        }) as [TfTensor, TfTensor];
        lossSum += ((await loss.data())[0] as number) * rows;
        errors += countErrors(await outputs.data(), classes);
        this.#tf.dispose([loss, outputs]);
      } finally {
        this.#tf.dispose([x, labels]);
      }
      await this.#breathe();
      signal?.throwIfAborted();
    }
    return { loss: count === 0 ? 0 : lossSum / count, errors, count };
  }

  fisher(weights?: Weights, signal?: AbortSignal): Promise<Record<string, Float32Array>> {
    return this.#enqueue(() => this.#with("fisher", weights, () => this.#fisher(signal)));
  }

  /** One backward pass for each example: tfjs has no squared gradients of a minibatch. */
  async #fisher(signal?: AbortSignal): Promise<Record<string, Float32Array>> {
    const tf = this.#tf;
    const { count } = this.#data.train;
    const sums = new Map(this.#slots.map((s) => [s.variable.name, tf.zerosLike(s.variable)]));
    try {
      for (let n = 0; n < count; n++) {
        signal?.throwIfAborted();
        const { loss, grads } = await this.#gradients(this.#gather("train", [n]), undefined);
        for (const [name, g] of Object.entries(grads)) {
          const sum = sums.get(name) as TfTensor;
          sums.set(name, tf.tidy(() => tf.add(sum, tf.square(g))) as TfTensor);
          sum.dispose();
        }
        tf.dispose(Object.values(grads));
        if (!Number.isFinite(loss)) throw nonfinite("the loss");
        await this.#breathe();
      }
      const result = await this.#values((slot) => {
        const sum = sums.get(slot.variable.name) as TfTensor;
        return readVariable(slot, sum).map((f) => f / count);
      });
      const bad = Object.keys(result).find((key) => !result[key]?.every(Number.isFinite));
      if (bad) throw nonfinite(`a squared gradient of "${bad}"`);
      return result;
    } finally {
      tf.dispose([...sums.values()]);
    }
  }

  async close(): Promise<void> {
    if (this.#closed) return;
    this.#closed = true;
    await this.#last.catch(() => undefined);
    const tf = this.#tf;
    for (const { velocity, second, target, importance } of this.#slots) {
      tf.dispose([velocity, second, target, importance].filter((tensor) => tensor !== undefined));
    }
    const { variables, onClose } = this.#options;
    if (this.#before) restore(tf, this.#slots, this.#before);
    else tf.dispose(variables.map(({ variable }) => variable));
    onClose();
  }

  /** @param seed Given: with augmented images. */
  #gather(split: "train" | "test", chosen: ArrayLike<number>, seed?: number): Minibatch {
    const { input } = this.#network;
    const { outputs } = this.#options;
    return gather(this.#tf, this.#data, this.#data[split], chosen, input, outputs, seed);
  }

  /** Loss of a minibatch, and its gradients by variable name. Frees the minibatch. */
  async #gradients({ x, labels }: Minibatch, masks: string | undefined): Promise<Gradients> {
    const body = () => this.#loss(labels, this.#options.forward(x, masks));
    const variables = this.#slots.filter((slot) => slot.trainable).map((slot) => slot.variable);
    try {
      const { value, grads } = this.#tf.variableGrads(body, variables);
      const loss = (await value.data())[0] as number;
      value.dispose();
      return { loss, grads };
    } finally {
      this.#tf.dispose([x, labels]);
    }
  }

  /** Mean loss, with what the layers of the user's model add to it. */
  #loss(labels: TfTensor, outputs: TfTensor): TfTensor {
    const loss = this.#tf.mean(this.#options.loss(labels, outputs));
    const more = this.#options.model?.calculateLosses() ?? [];
    return more.reduce((sum, term) => this.#tf.add(sum, term), loss);
  }

  async #values(of: (slot: Slot) => Float32Array): Promise<Record<string, Float32Array>> {
    const byKey = new Map(this.#slots.map((slot) => [slot.parameter.key, slot]));
    const values: Record<string, Float32Array> = {};
    for (const { key } of this.#network.parameters) {
      values[key] = of(byKey.get(key) as Slot);
      await this.#rest();
    }
    return values;
  }

  async #writeWeights(weights: Weights): Promise<void> {
    for (const slot of this.#slots) {
      writeVariables(this.#tf, [slot], weights);
      await this.#rest();
    }
  }

  /** Between pieces of a command; ends it when the session is closed. */
  async #rest(): Promise<void> {
    await rest();
    this.#open();
  }

  /** Runs `body` with `weights` in the model, if given, and puts the training weights back. */
  async #with<T>(who: string, weights: Weights | undefined, body: () => Promise<T>): Promise<T> {
    if (!weights) return body();
    checkWeights(who, this.#network, weights);
    const tf = this.#tf;
    const own = snapshot(tf, this.#slots);
    try {
      await this.#writeWeights(weights);
      return await body();
    } finally {
      restore(tf, this.#slots, own);
    }
  }

  /** Lets timers, messages and aborts in, between two minibatches. */
  async #breathe(): Promise<void> {
    await setImmediate();
    this.#open();
  }

  /** Runs `command` after those before it; a failed one does not stop the next. */
  async #enqueue<T>(command: () => Promise<T>): Promise<T> {
    const turn = this.#last.then(() => {
      this.#open();
      return command();
    });
    // The caller alone hears of a failure, and holds the result.
    const ended = () => undefined;
    this.#last = turn.then(ended, ended);
    return await turn;
  }

  #open(): void {
    if (!this.#closed) return;
    throw new LCError("LC_ENGINE", "tfjs engine: the session is closed. Open a new one.");
  }
}

function nonfinite(what: string): LCError {
  return new LCError(
    "LC_NONFINITE",
    `fisher: ${what} is NaN or infinite. Give weights of a network that was trained without diverging.`,
  );
}
