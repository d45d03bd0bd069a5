import type { Dataset, Split } from "../../data/dataset.ts";
import type { Tf, TfTensor } from "../../net/tfjs-module.ts";

/** Examples as tensors: x = pixel / 255 − mean, and one-hot labels. */
export interface Minibatch {
  readonly x: TfTensor;
  readonly labels: TfTensor;
  /** Class of each example. */
  readonly classes: Uint8Array;
}

/** Gathers the examples `chosen` of `split`; `shape` is the network's input, `outputs` its number of outputs. */
export function gather(
  tf: Tf,
  { mean }: Dataset,
  { images, labels }: Split,
  chosen: ArrayLike<number>,
  shape: readonly number[],
  outputs: number,
): Minibatch {
  const [count, size] = [chosen.length, mean.length];
  const x = new Float32Array(count * size);
  const oneHot = new Float32Array(count * outputs);
  const classes = new Uint8Array(count);
  for (let n = 0; n < count; n++) {
    const from = (chosen[n] as number) * size;
    for (let j = 0; j < size; j++) {
      x[n * size + j] = (images[from + j] as number) / 255 - (mean[j] as number);
    }
    const label = labels[chosen[n] as number] as number;
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
