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
}
