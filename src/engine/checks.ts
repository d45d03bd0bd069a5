import { checkAugmentation } from "../data/augment.ts";
import type { Dataset, Split } from "../data/dataset.ts";
import type { Network, Weights } from "../net/network.ts";
import { BAND, type Rest } from "../rest.ts";
import type { AdamStep, EpochOptions } from "./engine.ts";
import { size } from "./stages.ts";

/**
 * @param who The engine, first word of every message.
 * @param outputs Number of the network's outputs; those of a network with custom layers are not in its description.
 * @throws RangeError if `data` or `batch` do not fit `network`, before anything is allocated.
 */
export function checkData(
  who: string,
  network: Network,
  data: Dataset,
  batch: number,
  outputs: number = size(network.layers.at(-1)?.outputShape ?? []),
): void {
  const inputs = size(network.input);
  if (size(data.shape) !== inputs) {
    throw new RangeError(
      `${who}: network "${network.name}" reads ${shape(network.input)} = ${inputs} values, ${data.name} has ${shape(data.shape)} = ${size(data.shape)}. Describe the network with input: ${shape(data.shape)}, or take other data.`,
    );
  }
  if (data.mean.length !== inputs) {
    throw new RangeError(
      `${who}: mean of ${data.name} must have ${inputs} values, one for each of ${shape(data.shape)}, got ${data.mean.length}.`,
    );
  }
  const flat = data.shape.filter((n) => n !== 1).length <= 1;
  if (!flat && network.input.length === 3 && shape(network.input) !== shape(data.shape)) {
    throw new RangeError(
      `${who}: network "${network.name}" reads images of ${shape(network.input)}, ${data.name} has ${shape(data.shape)}. Both are [height, width, channels]: transpose the images, or describe the network with input: ${shape(data.shape)}.`,
    );
  }
  checkAugmentation(who, data);
  if (data.augment && network.input.length === 3 && shape(network.input) !== shape(data.shape)) {
    throw new RangeError(
      `${who}: augmented images must have the shape network "${network.name}" reads, ${shape(network.input)}; ${data.name} has ${shape(data.shape)}.`,
    );
  }
  for (const split of ["train", "test"] as const) {
    checkSplit(who, data[split], `${data.name} ${split}`, inputs, outputs);
  }
  const { count } = data.train;
  if (!Number.isInteger(batch) || batch < 1 || batch > count) {
    throw new RangeError(
      `${who}: batch must be from 1 to the ${count} training examples of ${data.name}, got ${batch}. Write batch: ${count} for all of them at once.`,
    );
  }
}

/** @throws RangeError if a split has another size than its count says, or a label that is no output. */
export function checkSplit(
  who: string,
  { images, labels, count }: Split,
  name: string,
  inputs: number,
  outputs: number,
): void {
  if (images.length !== count * inputs || labels.length !== count) {
    throw new RangeError(
      `${who}: ${name} must have ${count} × ${inputs} pixels and ${count} labels, got ${images.length} and ${labels.length}.`,
    );
  }
  const bad = labels.findIndex((label) => label >= outputs);
  if (bad < 0) return;
  const most = labels.reduce((a, b) => Math.max(a, b));
  throw new RangeError(
    `${who}: labels must be from 0 to ${outputs - 1}, the network's outputs; label ${bad} of ${name} is ${labels[bad]}. Give the last layer ${most + 1} outputs, or correct the labels.`,
  );
}

/** @throws RangeError if the epoch's options are out of range or `order` is not a permutation. */
export function checkEpoch(
  options: EpochOptions,
  count: number,
  batches: number,
  optimizer: "sgd" | "adam" = "sgd",
): void {
  const { order, from, rate, momentum, mu } = options;
  if (order.length !== count) {
    throw new RangeError(`train: order must have ${count} entries, got ${order.length}.`);
  }
  const seen = new Uint8Array(count);
  for (const example of order) {
    if (example >= count || seen[example]) {
      throw new RangeError(
        `train: order must be a permutation of 0…${count - 1}; ${example} is ${example >= count ? "out of range" : "there twice"}.`,
      );
    }
    seen[example] = 1;
  }
  if (!Number.isInteger(from) || from < 0 || from > batches) {
    throw new RangeError(`train: from must be a minibatch from 0 to ${batches}, got ${from}.`);
  }
  if (!(rate >= 0 && rate < Infinity)) {
    throw new RangeError(`train: rate must be a number ≥ 0, got ${rate}.`);
  }
  if (!(momentum >= 0 && momentum <= 1)) {
    throw new RangeError(`train: momentum must be from 0 to 1, got ${momentum}.`);
  }
  const { weightDecay = 0 } = options;
  if (!(weightDecay >= 0 && weightDecay < Infinity)) {
    throw new RangeError(`train: weightDecay must be a number ≥ 0, got ${weightDecay}.`);
  }
  if (!(mu >= 0 && mu < Infinity)) {
    throw new RangeError(`train: mu must be a number ≥ 0, got ${mu}.`);
  }
  const { adam } = options;
  if ((optimizer === "adam") !== (adam !== undefined)) {
    throw new RangeError(
      adam
        ? 'train: the session was opened for SGD, got adam. Open it with { batch, optimizer: "adam" }.'
        : "train: the session was opened for Adam and needs adam: { beta1, beta2, epsilon, steps }.",
    );
  }
  if (!adam) return;
  for (const name of ["beta1", "beta2"] as const) {
    if (adam[name] >= 0 && adam[name] < 1) continue;
    throw new RangeError(`train: ${name} must be from 0 to below 1, got ${adam[name]}.`);
  }
  if (!(adam.epsilon >= 1e-12 && adam.epsilon < Infinity)) {
    throw new RangeError(`train: epsilon must be a number ≥ 1e-12, got ${adam.epsilon}.`);
  }
  if (!Number.isSafeInteger(adam.steps) || adam.steps < 0) {
    throw new RangeError(`train: steps must be a whole number ≥ 0, got ${adam.steps}.`);
  }
}

/** βᵗ by repeated multiplication: the same bits as step by step, on every machine. */
export function powers({ beta1, beta2, steps }: AdamStep): readonly [number, number] {
  let [a, b] = [beta1, beta2];
  for (let t = 0; t < steps; t++) {
    const [nextA, nextB] = [a * beta1, b * beta2];
    // Near 0, where rounding gives the same number back, they stay.
    if (nextA === a && nextB === b) break;
    [a, b] = [nextA, nextB];
  }
  return [a, b];
}

/** @throws RangeError for an optimizer there is not. */
export function checkOptimizer(who: string, optimizer: unknown = "sgd"): void {
  if (optimizer === "sgd" || optimizer === "adam") return;
  throw new RangeError(
    `${who}: optimizer must be "sgd" or "adam", got ${JSON.stringify(optimizer)}.`,
  );
}

/** @throws RangeError if a parameter is missing (unless `partial`), unknown, or has another length. */
export function checkWeights(
  who: string,
  network: Network,
  weights: Weights,
  partial = false,
): void {
  for (const key of Object.keys(weights)) {
    if (network.parameters.some((parameter) => parameter.key === key)) continue;
    const keys = network.parameters.map((parameter) => parameter.key);
    throw new RangeError(`${who}: there is no parameter "${key}". They are ${keys.join(", ")}.`);
  }
  for (const { key, rows, cols } of network.parameters) {
    const values = weights[key];
    if (!values && partial) continue;
    if (!values) throw new RangeError(`${who}: parameter "${key}" (${rows} × ${cols}) is missing.`);
    if (values.length !== rows * cols) {
      throw new RangeError(
        `${who}: "${key}" must have ${rows} × ${cols} = ${rows * cols} values, got ${values.length}.`,
      );
    }
  }
}

/** @throws RangeError naming the first weight of `importance` that is not a finite number > 0. */
export async function checkImportance(importance: Weights, rest: Rest): Promise<void> {
  const bad = await firstNot(importance, (h) => h > 0 && h < Infinity, rest);
  if (!bad) return;
  throw new RangeError(
    `setTargets: importance must be a finite number > 0, got ${bad.value} at "${bad.key}"[${bad.index}].`,
  );
}

/** @throws RangeError for a second moment that is not a number ≥ 0: its root would make NaNs of weights that are sound. */
export async function checkSecondMoments(moments: Weights, rest: Rest): Promise<void> {
  const bad = await firstNot(moments, (s) => s >= 0 && s < Infinity, rest);
  if (!bad) return;
  throw new RangeError(
    `write: secondMoments must be finite numbers ≥ 0, got ${bad.value} at "${bad.key}"[${bad.index}].`,
  );
}

/** The first number that is not `right`. */
export async function firstNot(
  arrays: Weights,
  right: (x: number) => boolean,
  rest: Rest,
): Promise<{ key: string; index: number; value: number } | undefined> {
  for (const [key, values] of Object.entries(arrays)) {
    for (let from = 0; from < values.length; from += BAND) {
      const end = Math.min(values.length, from + BAND);
      for (let index = from; index < end; index++) {
        const value = values[index] as number;
        if (!right(value)) return { key, index, value };
      }
      await rest();
    }
  }
  return undefined;
}

function shape(values: readonly number[]): string {
  return `[${values.join(", ")}]`;
}
