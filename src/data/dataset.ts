import { BAND, rest } from "../rest.ts";
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
  addImages(sums, images, 0, images.length);
  return Float32Array.from(sums, (sum) => sum / 255 / count);
}

/**
 * The mean as `Dataset.mean` wants it, computed in slices: "pixel" is that of `meanImage`, "channel" one mean per channel,
 * repeated for each pixel. Length height · width · channels.
 * @throws RangeError for another kind.
 */
export async function meanOf(
  { images, count }: Split,
  shape: readonly [number, number, number],
  kind: "pixel" | "channel",
): Promise<Float32Array> {
  if (kind !== "pixel" && kind !== "channel") {
    throw new RangeError(`mean must be "pixel" or "channel", got ${JSON.stringify(kind)}.`);
  }
  const [height, width, channels] = shape;
  const size = height * width * channels;
  const sums = new Float64Array(kind === "pixel" ? size : channels);
  const band = Math.ceil(BAND / size) * size;
  for (let from = 0; from < images.length; from += band) {
    addImages(sums, images, from, Math.min(images.length, from + band));
    await rest();
  }
  const values = (count * size) / sums.length;
  return Float32Array.from(
    { length: size },
    (_, i) => (sums[i % sums.length] as number) / 255 / values,
  );
}

/** Adds the values from `from` to `end` − 1, whole periods of `sums`. */
function addImages(sums: Float64Array, images: Uint8Array, from: number, end: number): void {
  const size = sums.length;
  for (let start = from; start < end; start += size) {
    for (let j = 0; j < size; j++) sums[j] = (sums[j] as number) + (images[start + j] as number);
  }
}
