import type { Dataset, Split } from "../../data/dataset.ts";
import type { Tf, TfTensor } from "../../net/tfjs-module.ts";
import { augmentImage, placeOf } from "../augment.ts";

/** Examples as tensors: x = pixel / 255 − mean, and one-hot labels. */
export interface Minibatch {
  readonly x: TfTensor;
  readonly labels: TfTensor;
  /** Class of each example. */
  readonly classes: Uint8Array;
}

/**
 * Gathers the examples `chosen` of `split`; `shape` is the network's input, `outputs` its number of outputs. With a seed,
 * images are augmented as the data set says.
 */
export function gather(
  tf: Tf,
  { mean, shape: imageShape, augment }: Dataset,
  { images, labels }: Split,
  chosen: ArrayLike<number>,
  shape: readonly number[],
  outputs: number,
  seed?: number,
): Minibatch {
  const [count, size] = [chosen.length, mean.length];
  const x = new Float32Array(count * size);
  const oneHot = new Float32Array(count * outputs);
  const classes = new Uint8Array(count);
  const changed = augment && seed !== undefined ? new Uint8Array(size) : undefined;
  for (let n = 0; n < count; n++) {
    const example = chosen[n] as number;
    let [pixels, from] = [images, example * size];
    if (changed && augment && seed !== undefined) {
      const place = placeOf(augment, seed, example);
      augmentImage(images, from, imageShape, augment.crop, place, changed);
      [pixels, from] = [changed, 0];
    }
    for (let j = 0; j < size; j++) {
      x[n * size + j] = (pixels[from + j] as number) / 255 - (mean[j] as number);
    }
    const label = labels[example] as number;
    oneHot[n * outputs + label] = 1;
    classes[n] = label;
  }
  return {
    x: tf.tensor(x, [count, ...shape]),
    labels: tf.tensor(oneHot, [count, outputs]),
    classes,
  };
}

/** Number of rows of `outputs` whose largest entry (the first of equal ones) is not at `classes`; NaN is wrong. */
export function countErrors(outputs: ArrayLike<number>, classes: Uint8Array): number {
  const width = outputs.length / classes.length;
  let errors = 0;
  for (const [n, label] of classes.entries()) {
    const right = outputs[n * width + label] as number;
    let correct = true;
    for (let j = 0; j < width; j++) {
      const other = outputs[n * width + j] as number;
      if (j !== label && !(j < label ? other < right : other <= right)) correct = false;
    }
    if (!correct) errors++;
  }
  return errors;
}
