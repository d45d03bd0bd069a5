import { readdir, stat } from "node:fs/promises";
import { availableParallelism } from "node:os";
import { basename, join, resolve } from "node:path";
import { LCError } from "../errors.ts";
import { permutation, random } from "../math/random.ts";
import type { Decode } from "./decode.ts";
import { cutPicture } from "./picture.ts";
import { pictureThread } from "./picture-threads.ts";

/** A minibatch of pictures. */
export interface ImageBatch {
  /** Pixels 0…255, one picture after another, each crop × crop × 3 (row-major, channels last). */
  readonly images: Uint8Array;
  /** Index into `classNames` of each picture. */
  readonly labels: Uint16Array;
  /** Pictures in this batch; only the last one of an epoch may have fewer than asked for. */
  readonly count: number;
}

export interface BatchOptions {
  /** Pictures per minibatch. */
  readonly batch: number;
  /** Draws the order of an epoch; left out, the pictures come in the order of `path`, class by class. */
  readonly seed?: number;
  /** Each epoch has its own order, which depends on `seed` and this number only; default 0. */
  readonly epoch?: number;
  /** Minibatches to pass over without reading them, to go on within an epoch; default 0. */
  readonly skip?: number;
  readonly signal?: AbortSignal;
}

/** A folder of labelled pictures; nothing is decoded before `batches` runs. */
export interface ImageFolder {
  readonly name: string;
  /** Where they came from, one sentence. */
  readonly source: string;
  /** [height, width, channels] of a picture in a batch. */
  readonly shape: readonly [number, number, 3];
  /** Names of the class folders, sorted by code units; a label is an index into it. */
  readonly classNames: readonly string[];
  readonly count: number;
  /** Label of each picture, in the order of `path`. */
  readonly labels: Uint16Array;
  /** File of picture 0…count−1: classes in order, within a class sorted by name. */
  path(index: number): string;
  /**
   * Minibatches of one epoch. Only the batch being made is in memory, so a set may be larger than it.
   * @throws LCError LC_DATA naming the file that cannot be read or decoded.
   */
  batches(options: BatchOptions): AsyncGenerator<ImageBatch, void, undefined>;
}

/** Most pictures that are read and decoded at the same time. */
const MAX_LANES = 4;

/**
 * Pictures in class folders, as ImageNet is laid out: `folder/CLASS/*.jpg`. Files ending in .jpg, .jpeg or .png (in
 * any case) count; hidden files, other files and deeper folders are passed over. Each picture is scaled so that its
 * shorter side is `size` and its central crop × crop square is taken (ImageNet: size 256, crop 224).
 *
 * JPEG and PNG are decoded with jpeg-js and pngjs, about 0.1 s for a picture of 500 × 375, in up to four threads that live as
 * long as an epoch of `batches`; the caller's event loop stays free. `decode` takes another decoder, which may be
 * asynchronous; it runs on the caller's thread, as does the scaling then. Alpha and the orientation a camera noted are ignored.
 * @throws LCError LC_DATA if the folder cannot be read, has no class folders, or a class has no pictures.
 * @throws RangeError if size or crop is not a whole number from 1, or crop is larger than size.
 * @example
 * const train = await imageFolder({ folder: "imagenet/train", size: 256, crop: 224 });
 * for await (const { images, labels, count } of train.batches({ batch: 64, seed: 1, epoch: 0 })) {
 *   // images: count × 224 × 224 × 3 bytes
 * }
 */
export async function imageFolder(options: {
  readonly folder: string;
  /** Shorter side after scaling, in pixels. */
  readonly size: number;
  /** Side of the square that is cut out, in pixels; default `size`. */
  readonly crop?: number;
  /** What figures and reports call the data; default the folder's name. */
  readonly name?: string;
  readonly decode?: Decode;
}): Promise<ImageFolder> {
  const { folder, size, crop = size, name = basename(resolve(folder)), decode } = options;
  for (const [option, value] of Object.entries({ size, crop })) wholeFromOne(option, value);
  if (crop > size) {
    throw new RangeError(
      `imageFolder: crop must not be larger than size, got crop ${crop} and size ${size}.`,
    );
  }
  const classNames = await folders(folder);
  const files: string[] = [];
  const labelOf: number[] = [];
  for (const [label, className] of classNames.entries()) {
    const pictures = (await list(join(folder, className)))
      .map((entry) => entry.name)
      .filter((file) => /^[^.].*\.(jpe?g|png)$/i.test(file))
      .sort();
    if (pictures.length === 0) {
      throw new LCError(
        "LC_DATA",
        `imageFolder: class folder ${join(folder, className)} has no .jpg, .jpeg or .png file. Remove it, or put its pictures there.`,
      );
    }
    for (const file of pictures) {
      files.push(file);
      labelOf.push(label);
    }
  }
  const labels = Uint16Array.from(labelOf);
  const path = (index: number): string =>
    join(folder, classNames[labels[index] as number] as string, files[index] as string);
  const pixels = 3 * crop * crop;
  return {
    name,
    source: `${files.length} pictures of ${classNames.length} classes, shorter side scaled to ${size}, central ${crop} × ${crop}, read from ${folder}`,
    shape: [crop, crop, 3],
    classNames,
    count: files.length,
    labels,
    path,
    batches(wanted) {
      const { batch, skip = 0, epoch = 0 } = wanted;
      wholeFromOne("batch", batch);
      for (const [option, value] of Object.entries({ skip, epoch })) {
        if (!Number.isInteger(value) || value < 0) {
          throw new RangeError(
            `imageFolder: ${option} must be a whole number from 0, got ${value}.`,
          );
        }
      }
      return stream(wanted);
    },
  };

  async function* stream(wanted: BatchOptions): AsyncGenerator<ImageBatch, void, undefined> {
    const { batch, seed, epoch = 0, skip = 0, signal } = wanted;
    const order = seed === undefined ? undefined : epochOrder(files.length, seed, epoch);
    const lanes = decode ? MAX_LANES : Math.min(MAX_LANES, availableParallelism(), batch);
    const threads = decode ? [] : Array.from({ length: lanes }, pictureThread);
    try {
      for (let start = skip * batch; start < files.length; start += batch) {
        const count = Math.min(batch, files.length - start);
        const indices = Array.from({ length: count }, (_, i) => order?.[start + i] ?? start + i);
        const images = new Uint8Array(count * pixels);
        await eachOf(count, lanes, async (i, lane) => {
          signal?.throwIfAborted();
          const job = { path: path(indices[i] as number), size, crop };
          const thread = threads[lane];
          const cut = thread ? thread.cut(job, signal) : cutPicture(job, decode as Decode);
          images.set(await cut, i * pixels);
        });
        yield { images, labels: Uint16Array.from(indices, (i) => labels[i] as number), count };
      }
    } finally {
      await Promise.all(threads.map((thread) => thread.close()));
    }
  }
}

/** The order of an epoch: nothing but the seed and its number decides it. */
function epochOrder(count: number, seed: number, epoch: number): Uint32Array {
  return permutation(count, random(seed, 0x1f01, epoch));
}

/** Runs `task` for 0…count−1, one at a time in each of `lanes` lanes; after a failure no further ones start. */
async function eachOf(
  count: number,
  lanes: number,
  task: (i: number, lane: number) => Promise<void>,
): Promise<void> {
  let next = 0;
  const run = async (lane: number): Promise<void> => {
    while (next < count) {
      try {
        await task(next++, lane);
      } catch (error) {
        next = count;
        throw error;
      }
    }
  };
  await Promise.all(Array.from({ length: lanes }, (_, lane) => run(lane)));
}

async function folders(folder: string): Promise<string[]> {
  const names: string[] = [];
  for (const entry of await list(folder)) {
    if (entry.name.startsWith(".")) continue;
    const linked = entry.isSymbolicLink() && (await stat(join(folder, entry.name))).isDirectory();
    if (linked || entry.isDirectory()) names.push(entry.name);
  }
  if (names.length === 0 || names.length > 65_536) {
    throw new LCError(
      "LC_DATA",
      `imageFolder: ${folder} must contain a folder for each class, from 1 to 65536, got ${names.length}. Put the pictures of a class into ${join(folder, "CLASS")}.`,
    );
  }
  return names.sort();
}

async function list(folder: string) {
  try {
    return await readdir(folder, { withFileTypes: true });
  } catch (cause) {
    throw new LCError("LC_DATA", `cannot read ${folder}: ${(cause as Error).message}.`, { cause });
  }
}

function wholeFromOne(option: string, value: number): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`imageFolder: ${option} must be a whole number from 1, got ${value}.`);
  }
}
