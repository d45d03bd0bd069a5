import { checkAugmentation } from "../../data/augment.ts";
import type { Dataset } from "../../data/dataset.ts";

/** @throws RangeError if `data` or `batch` do not fit a network of `inputs` and `outputs` values. */
export function checkData(
  network: string,
  data: Dataset,
  inputs: number,
  outputs: number,
  batch: number,
): void {
  if (data.mean.length !== inputs) {
    throw new RangeError(
      `tfjs engine: network "${network}" reads ${inputs} values, ${data.name} has ${data.mean.length}.`,
    );
  }
  checkAugmentation("tfjs engine", data);
  for (const split of ["train", "test"] as const) {
    const { images, labels, count } = data[split];
    if (images.length !== count * inputs || labels.length !== count) {
      throw new RangeError(
        `tfjs engine: ${data.name} ${split} must have ${count} × ${inputs} pixels and ${count} labels, got ${images.length} and ${labels.length}.`,
      );
    }
    const bad = labels.findIndex((label) => label >= outputs);
    if (bad >= 0) {
      throw new RangeError(
        `tfjs engine: labels must be from 0 to ${outputs - 1}, the network's outputs; label ${bad} of ${data.name} ${split} is ${labels[bad]}.`,
      );
    }
  }
  if (!Number.isInteger(batch) || batch < 1 || batch > data.train.count) {
    throw new RangeError(
      `tfjs engine: batch must be from 1 to the ${data.train.count} training examples of ${data.name}, got ${batch}.`,
    );
  }
}
