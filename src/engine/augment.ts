import type { Augmentation } from "../data/augment.ts";
import type { Dataset } from "../data/dataset.ts";
import type { AugmentArg } from "./kernels.ts";

/** How the training images are changed. */
export type Augmented = Pick<Dataset, "shape" | "augment">;

/** How one image is changed: it is cut at row `down`, column `across` of the padded one, then perhaps flipped. */
export interface Place {
  readonly flip: boolean;
  /** 0…2 · crop, pixels. */
  readonly down: number;
  readonly across: number;
}

/** What `example` becomes in the epoch of `seed`, an int32: the same as in assembly/augment.ts. */
export function placeOf({ flip, crop }: Augmentation, seed: number, example: number): Place {
  const key = mix(mix(mix(seed)) + example);
  const draw = (k: number) => mix(key + Math.imul(k, 0x9e3779b9));
  const sides = 2 * crop + 1;
  return {
    flip: flip && draw(1) >= 2 ** 31,
    down: Math.floor((draw(2) * sides) / 2 ** 32),
    across: Math.floor((draw(3) * sides) / 2 ** 32),
  };
}

/** Stored pixels of the image at `from`, changed, into `to`. */
export function augmentImage(
  images: Uint8Array,
  from: number,
  [height, width, channels]: Dataset["shape"],
  crop: number,
  { flip, down, across }: Place,
  to: Uint8Array,
): void {
  to.fill(0);
  for (let y = 0; y < height; y++) {
    const row = y + down - crop;
    if (row < 0 || row >= height) continue;
    for (let x = 0; x < width; x++) {
      const column = (flip ? width - 1 - x : x) + across - crop;
      if (column < 0 || column >= width) continue;
      const at = from + (row * width + column) * channels;
      to.set(images.subarray(at, at + channels), (y * width + x) * channels);
    }
  }
}

/** Arguments of a gather that changes images; without `data` it takes them as they are. */
export function augmentArgs(data: Augmented | undefined): Readonly<Record<AugmentArg, number>> {
  const { augment, shape = [0, 0, 0] } = data ?? {};
  const [height, width, channels] = shape;
  const [crop, flip] = [augment?.crop ?? 0, augment?.flip ? 1 : 0];
  return { height, width, channels, crop, flip };
}

/** The finalizer of MurmurHash3 (Austin Appleby, public domain), to 0…2³²−1. */
function mix(value: number): number {
  let h = value | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}
