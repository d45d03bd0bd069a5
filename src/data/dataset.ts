import type { Augmentation } from "./augment.ts";

/** Labelled images as they are stored: 8-bit pixels. */
export interface Split {
  /** Pixels 0…255, one example after another, each of `shape` (row-major, channels last). */
  readonly images: Uint8Array;
  /** Class 0…classes−1 of each example. */
  readonly labels: Uint8Array;
  readonly count: number;
}

/** A classification data set. A network sees x = pixel / 255 − mean. */
export interface Dataset {
  /** What the data are, as figures and reports name them, e.g. "MNIST". */
  readonly name: string;
  /** Where they came from, one sentence. */
  readonly source: string;
  /** [height, width, channels]. */
  readonly shape: readonly [number, number, number];
  readonly classes: number;
  readonly train: Split;
  readonly test: Split;
  /** Mean of pixel / 255 over the full training set, one per input value; subtracted from both splits. */
  readonly mean: Float32Array;
  /** How training images are changed at random (see `augmented`); default: not at all. */
  readonly augment?: Augmentation;
}

/** The first `count` examples of `split` (all if undefined), as a view. */
export function take(who: string, split: Split, count?: number): Split {
  if (count === undefined) return split;
  if (!Number.isInteger(count) || count < 1 || count > split.count) {
    throw new RangeError(
      `${who}: the number of examples must be from 1 to ${split.count}, got ${count}.`,
    );
  }
  const size = split.images.length / split.count;
  return {
    images: split.images.subarray(0, count * size),
    labels: split.labels.subarray(0, count),
    count,
  };
}

/** Mean of pixel / 255 over a split, one per input value. Sums are of integers, so exact. */
export function meanImage({ images, count }: Split, size: number): Float32Array {
  const sums = new Float64Array(size);
  for (let start = 0; start < images.length; start += size) {
    for (let j = 0; j < size; j++) sums[j] = (sums[j] as number) + (images[start + j] as number);
  }
  return Float32Array.from(sums, (sum) => sum / 255 / count);
}

/**
 * The mean as `Dataset.mean` wants it: "pixel" is that of `meanImage`, "channel" one mean per channel, repeated for
 * each pixel. Length height · width · channels.
 */
export function meanOf(
  split: Split,
  shape: readonly [number, number, number],
  kind: "pixel" | "channel",
): Float32Array {
  const [height, width, channels] = shape;
  if (kind === "pixel") return meanImage(split, height * width * channels);
  if (kind !== "channel") {
    throw new RangeError(`mean must be "pixel" or "channel", got ${JSON.stringify(kind)}.`);
  }
  const means = meanImage({ ...split, count: split.count * height * width }, channels);
  return Float32Array.from(
    { length: height * width * channels },
    (_, i) => means[i % channels] as number,
  );
}
