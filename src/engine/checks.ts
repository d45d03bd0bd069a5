import type { Dataset, Split } from "../data/dataset.ts";
import type { Network, Weights } from "../net/network.ts";
import type { EpochOptions } from "./engine.ts";
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
      `${who}: network "${network.name}" reads ${shape(network.input)} = ${inputs} values, ${data.name} has ${shape(data.shape)} = ${size(data.shape)}.`,
    );
  }
  if (data.mean.length !== inputs) {
    throw new RangeError(
      `${who}: mean of ${data.name} must have ${inputs} values, got ${data.mean.length}.`,
    );
  }
  checkSplit(who, data.train, `${data.name} train`, inputs, outputs);
  checkSplit(who, data.test, `${data.name} test`, inputs, outputs);
  if (!Number.isInteger(batch) || batch < 1 || batch > data.train.count) {
    throw new RangeError(
      `${who}: batch must be from 1 to the ${data.train.count} training examples of ${data.name}, got ${batch}.`,
    );
  }
}

function checkSplit(
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
  throw new RangeError(
    `${who}: labels must be from 0 to ${outputs - 1}, the network's outputs; label ${bad} of ${name} is ${labels[bad]}.`,
  );
}

/** @throws RangeError if the epoch's options are out of range or `order` is not a permutation. */
export function checkEpoch(options: EpochOptions, count: number, batches: number): void {
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
  if (!(mu >= 0 && mu < Infinity)) {
    throw new RangeError(`train: mu must be a number ≥ 0, got ${mu}.`);
  }
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
export function checkImportance(importance: Weights): void {
  for (const [key, values] of Object.entries(importance)) {
    const bad = values.findIndex((h) => !(h > 0 && h < Infinity));
    if (bad < 0) continue;
    throw new RangeError(
      `setTargets: importance must be a finite number > 0, got ${values[bad]} at "${key}"[${bad}].`,
    );
  }
}

function shape(values: readonly number[]): string {
  return `[${values.join(", ")}]`;
}
