import { existsSync } from "node:fs";
import { join } from "node:path";
import { LCError } from "../errors.ts";
import { type Dataset, meanImage, type Split, take } from "./dataset.ts";
import { digits } from "./digits.ts";
import { dataFolder } from "./folders.ts";
import { readIdx } from "./idx.ts";

/**
 * MNIST from a folder with its four IDX files (gzipped or not): `folder`, default `$LCLAB_DATA/mnist`.
 * The mean image is always that of all 60,000 training images, also with `trainCount`.
 * @throws LCError LC_DATA naming the file that is missing or damaged.
 */
export async function mnist(
  options: {
    readonly folder?: string;
    /** Use the first so many training images; default all. */
    readonly trainCount?: number;
  } = {},
): Promise<Dataset> {
  const base = dataFolder();
  const folder = options.folder ?? (base && join(base, "mnist"));
  if (!folder) {
    throw new LCError(
      "LC_DATA",
      "mnist: no folder given and LCLAB_DATA is not set. Set LCLAB_DATA to the folder that contains mnist/, or use digits(), which needs no files.",
    );
  }
  const [train, test] = await Promise.all([split(folder, "train"), split(folder, "t10k")]);
  return {
    name: "MNIST",
    source: `MNIST (LeCun, Cortes and Burges), read from ${folder}`,
    shape: [28, 28, 1],
    classes: 10,
    train: take("mnist", train, options.trainCount),
    test,
    mean: meanImage(train, 28 * 28),
  };
}

/** MNIST when LCLAB_DATA has it, else the embedded procedural digits; `name` and `source` say which. */
export async function mnistOrDigits(
  options: {
    readonly trainCount?: number;
    readonly testCount?: number;
    readonly seed?: number;
  } = {},
): Promise<Dataset> {
  const base = dataFolder();
  if (base && existsSync(join(base, "mnist"))) {
    const { trainCount, testCount } = options;
    const data = await mnist(trainCount === undefined ? {} : { trainCount });
    return { ...data, test: take("mnist", data.test, testCount) };
  }
  return digits(options);
}

async function split(folder: string, prefix: "train" | "t10k"): Promise<Split> {
  const [images, labels] = await Promise.all([
    readIdx(find(folder, `${prefix}-images-idx3-ubyte`)),
    readIdx(find(folder, `${prefix}-labels-idx1-ubyte`)),
  ]);
  const [count = 0, height, width] = images.shape;
  if (images.shape.length !== 3 || height !== 28 || width !== 28) {
    throw new LCError(
      "LC_DATA",
      `${prefix}-images-idx3-ubyte must hold n × 28 × 28 pixels, got ${images.shape.join(" × ")}.`,
    );
  }
  if (labels.shape.length !== 1 || labels.shape[0] !== count) {
    throw new LCError(
      "LC_DATA",
      `${prefix}-labels-idx1-ubyte must hold ${count} labels, one per image, got ${labels.shape.join(" × ")}.`,
    );
  }
  return { images: images.data, labels: labels.data, count };
}

function find(folder: string, name: string): string {
  for (const file of [`${name}.gz`, name]) {
    const path = join(folder, file);
    if (existsSync(path)) return path;
  }
  throw new LCError(
    "LC_DATA",
    `mnist: ${folder} has no ${name}.gz or ${name}. Its four files are train- and t10k-, images-idx3-ubyte and labels-idx1-ubyte.`,
  );
}
