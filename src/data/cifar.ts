import { basename, join } from "node:path";
import { LCError } from "../errors.ts";
import { rest } from "../rest.ts";
import { grouped } from "../text.ts";
import { type Augmentation, augmented } from "./augment.ts";
import { type Dataset, meanOf, type Split, take } from "./dataset.ts";
import { dataFolder } from "./folders.ts";
import { withRecipe } from "./recipe.ts";
import { shownDataset } from "./shown.ts";
import { locate, readUnpacked } from "./unpack.ts";

const side = 32;
const plane = side * side;
/** Bytes of one record: a label, then the red, the green and the blue plane, each row-major. */
const recordBytes = 1 + 3 * plane;
/** Records in a batch file of the published set. */
const batchRecords = 10_000;

/**
 * Parses, in slices, a file of the CIFAR-10 binary version into pixels with channels last (32 × 32 × 3).
 * `records` is how many the file must hold; left out, any whole number from 1. `name` is for messages.
 * @throws LCError LC_DATA if it has another length, or a label above 9.
 * @see https://www.cs.toronto.edu/~kriz/cifar.html (file format)
 */
export async function parseCifar(
  bytes: Uint8Array,
  name: string,
  records?: number,
): Promise<Split> {
  const count = records ?? Math.max(1, Math.ceil(bytes.length / recordBytes));
  const expected = count * recordBytes;
  if (bytes.length !== expected) {
    const state = bytes.length < expected ? "is truncated" : "has bytes left over";
    throw new LCError(
      "LC_DATA",
      `${name} ${state}: ${count} records of ${recordBytes} bytes need ${expected} bytes, found ${bytes.length}. Fetch it again.`,
    );
  }
  const images = new Uint8Array(count * 3 * plane);
  const labels = new Uint8Array(count);
  for (let i = 0; i < count; i++) {
    if (i % 32 === 0) await rest();
    const start = i * recordBytes;
    const label = bytes[start] as number;
    if (label > 9) {
      throw new LCError(
        "LC_DATA",
        `${name}: labels must be from 0 to 9, got ${label} in record ${i} (byte ${start}). It is not a file of the CIFAR-10 binary version; CIFAR-100 has two labels a record.`,
      );
    }
    labels[i] = label;
    for (let p = 0, to = i * 3 * plane; p < plane; p++, to += 3) {
      images[to] = bytes[start + 1 + p] as number;
      images[to + 1] = bytes[start + 1 + plane + p] as number;
      images[to + 2] = bytes[start + 1 + 2 * plane + p] as number;
    }
  }
  return { images, labels, count };
}

/** Which copy of CIFAR-10: as published, all images through JPEG at quality 75, or the first 4,000 without loss. */
export type CifarCopy = "published" | "jpeg75" | "lossless4000";

/**
 * CIFAR-10 from a folder with files of its binary version (gzipped or not): `folder`, default `$LCLAB_DATA/cifar-10`.
 * Three copies are known; `copy` picks one, and by default the first that is there is read:
 * - `"published"`: data_batch_1.bin … data_batch_5.bin and test_batch.bin, 10,000 images each.
 * - `"jpeg75"`: the same names after `jpeg75_`: every image went through JPEG at quality 75 (30 dB), in another order.
 *   One training batch is enough; `name` says how many images there are. Its errors are not errors on CIFAR-10.
 * - `"lossless4000"`: lossless_first4000_train.bin, the first 4,000 training images as published; the last 1,000 of
 *   them are held out as `test`. The published test set is not in it.
 *
 * `mean` is per pixel and channel (the default, as in He et al. 2016) or per channel; always that of all training
 * images read, also with `trainCount`. The whole set takes 184 MB.
 * @throws LCError LC_DATA naming the file that is missing, damaged or of another length.
 * @throws RangeError if `trainCount` is not from 1 to the number of training images.
 */
export async function cifar10(
  options: {
    readonly folder?: string;
    readonly copy?: CifarCopy;
    /** Use the first so many training images; default all. */
    readonly trainCount?: number;
    readonly mean?: "pixel" | "channel";
    /** Flip and padded crop of the training images; `true` for { flip: true, crop: 4 }, see `augmented`. Default false. */
    readonly augment?: boolean | Partial<Augmentation>;
  } = {},
): Promise<Dataset> {
  const base = dataFolder();
  const folder = options.folder ?? (base && join(base, "cifar-10"));
  if (!folder) {
    throw new LCError(
      "LC_DATA",
      "cifar10: no folder given and LCLAB_DATA is not set. Unpack the binary version of CIFAR-10 into cifar-10/ in some folder and set LCLAB_DATA to that folder.",
    );
  }
  const { name, source, train, test } = await readCopy(folder, options.copy ?? whichCopy(folder));
  const shape = [side, side, 3] as const;
  const data = shownDataset({
    name,
    source: `${source}, read from ${folder}`,
    shape,
    classes: 10,
    train: take("cifar10", train, options.trainCount),
    test,
    mean: await meanOf(train, shape, options.mean ?? "pixel"),
  });
  const { augment = false } = options;
  const whole = augment ? augmented(data, augment === true ? {} : augment) : data;
  return withRecipe(whole, "cifar10", options);
}

const losslessFile = "lossless_first4000_train.bin";
const heldOut = 1_000;
const trainFiles = [1, 2, 3, 4, 5].map((i) => `data_batch_${i}.bin`);

/** The first copy of which the folder has a training file. */
function whichCopy(folder: string): CifarCopy {
  if (trainFiles.some((file) => locate(folder, file))) return "published";
  if (trainFiles.some((file) => locate(folder, `jpeg75_${file}`))) return "jpeg75";
  if (locate(folder, losslessFile)) return "lossless4000";
  throw new LCError(
    "LC_DATA",
    `cifar10: ${folder} has no file of CIFAR-10. Its files are data_batch_1.bin … data_batch_5.bin and test_batch.bin, each 30730000 bytes, gzipped (.bin.gz) or not.`,
  );
}

interface Copy {
  readonly name: string;
  readonly source: string;
  readonly train: Split;
  readonly test: Split;
}

async function readCopy(folder: string, copy: CifarCopy): Promise<Copy> {
  if (copy === "lossless4000") {
    const all = await batch(folder, losslessFile, 4_000);
    return {
      name: "CIFAR-10 (first 4,000 training images, the last 1,000 of them held out)",
      source: "the first 4,000 training images of CIFAR-10 (Krizhevsky 2009), lossless",
      train: slice(all, 0, all.count - heldOut),
      test: slice(all, all.count - heldOut, all.count),
    };
  }
  if (copy === "jpeg75") {
    const there = trainFiles.map((f) => `jpeg75_${f}`).filter((file) => locate(folder, file));
    const train = await batches(folder, there.length === 0 ? ["jpeg75_data_batch_1.bin"] : there);
    const total = trainFiles.length * batchRecords;
    const part = `${grouped(train.count)} of ${grouped(total)} training images`;
    return {
      name: `CIFAR-10 (JPEG-75 copy${train.count < total ? `, ${part}` : ""})`,
      source: `CIFAR-10 (Krizhevsky 2009) decoded from a JPEG copy of quality 75, ${part}, not in the published order`,
      train,
      test: await batch(folder, "jpeg75_test_batch.bin", batchRecords),
    };
  }
  if (copy !== "published") {
    throw new RangeError(
      `cifar10: copy must be "published", "jpeg75" or "lossless4000", got ${JSON.stringify(copy)}.`,
    );
  }
  return {
    name: "CIFAR-10",
    source: "CIFAR-10 (Krizhevsky 2009)",
    train: await batches(folder, trainFiles),
    test: await batch(folder, "test_batch.bin", batchRecords),
  };
}

async function batch(folder: string, file: string, records: number): Promise<Split> {
  const path = locate(folder, file);
  if (!path) {
    throw new LCError(
      "LC_DATA",
      `cifar10: ${folder} has no ${file}.gz or ${file}. It must hold ${records} records, ${records * recordBytes} bytes unpacked.`,
    );
  }
  return parseCifar(await readUnpacked(path), basename(path), records);
}

/** Several batch files one after another. Read in turn, so that only one is held twice. */
async function batches(folder: string, files: readonly string[]): Promise<Split> {
  const count = files.length * batchRecords;
  const images = new Uint8Array(count * 3 * plane);
  const labels = new Uint8Array(count);
  for (const [i, file] of files.entries()) {
    const split = await batch(folder, file, batchRecords);
    images.set(split.images, i * split.images.length);
    labels.set(split.labels, i * split.count);
  }
  return { images, labels, count };
}

function slice({ images, labels }: Split, from: number, to: number): Split {
  return {
    images: images.subarray(from * 3 * plane, to * 3 * plane),
    labels: labels.subarray(from, to),
    count: to - from,
  };
}
