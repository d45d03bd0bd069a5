import { createHash } from "node:crypto";
import { rest } from "../rest.ts";
import type { Dataset } from "./dataset.ts";

/** How a data set was made: the name of a reader of this library, and its options. Plain data. */
export interface Recipe {
  readonly reader: string;
  readonly options: Readonly<Record<string, unknown>>;
}

/** By identity, so that a data set the user changes (`{ ...data, train }`) has none. */
const recipes = new WeakMap<Dataset, Recipe>();

/** Remembers that `reader(options)` gives `data`. */
export function withRecipe<Data extends Dataset>(
  data: Data,
  reader: string,
  options: Readonly<Record<string, unknown>>,
): Data {
  recipes.set(data, { reader, options });
  return data;
}

/** How to make `data` again in another process; undefined for the user's own. */
export function recipeOf(data: Dataset): Recipe | undefined {
  return recipes.get(data);
}

/** Bytes hashed in one go, a few milliseconds. */
const BAND = 2 ** 22;

/** SHA-256 of all that a run reads of a data set: pixels, labels, mean, shape and augmentation; computed in slices. */
export async function hashData(data: Dataset): Promise<string> {
  const { shape, classes, train, test, mean, augment } = data;
  const hash = createHash("sha256");
  hash.update(JSON.stringify([shape, classes, train.count, test.count, augment ?? null]));
  for (const array of [train.images, train.labels, test.images, test.labels, mean]) {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    for (let at = 0; at < bytes.length; at += BAND) {
      hash.update(bytes.subarray(at, at + BAND));
      await rest();
    }
  }
  return hash.digest("hex");
}
