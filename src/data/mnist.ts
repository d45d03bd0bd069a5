import { existsSync } from "node:fs";
import { join } from "node:path";
import { LCError } from "../errors.ts";
import { type Dataset, meanOf, type Split, take } from "./dataset.ts";
import { digits } from "./digits.ts";
import { type DownloadOptions, downloadRelease } from "./download.ts";
import { cacheFolder, dataFolder } from "./folders.ts";
import { readIdx } from "./idx.ts";
import { withRecipe } from "./recipe.ts";
import { type Release, releases } from "./releases.ts";
import { shownDataset } from "./shown.ts";
import { locate } from "./unpack.ts";

export interface MnistOptions {
  /** The folder with the four IDX files, gzipped or not. */
  readonly folder?: string;
  /** Use the first so many training images; default all. */
  readonly trainCount?: number;
  /**
   * Fetch the files that are missing, into `folder`, else where the default looks, else the cache; `true` or the
   * options of `download`. Without it nothing goes to the network.
   */
  readonly download?: boolean | Omit<DownloadOptions, "folder">;
}

/**
 * MNIST from its four IDX files (gzipped or not) in `folder`; default `$LCLAB_DATA/mnist`, or if there is none, the
 * cache that `mnist({ download: true })` fills.
 * The mean image is always that of all 60,000 training images, also with `trainCount`.
 * @throws LCError LC_DATA naming the file that is missing or damaged.
 */
export function mnist(options: MnistOptions = {}): Promise<Dataset> {
  const release = releases.mnist;
  return read("mnist", "MNIST", "LeCun, Cortes and Burges", release, options);
}

/**
 * Fashion-MNIST, with the files, the default folders (`fashion-mnist` instead of `mnist`) and the errors of `mnist`.
 * Classes: T-shirt/top, trouser, pullover, dress, coat, sandal, shirt, sneaker, bag, ankle boot.
 */
export function fashionMnist(options: MnistOptions = {}): Promise<Dataset> {
  const release = releases["fashion-mnist"];
  return read("fashionMnist", "Fashion-MNIST", "Xiao, Rasul and Vollgraf", release, options);
}

/** MNIST when LCLAB_DATA or the cache has it, else the embedded procedural digits; `name` and `source` say which. */
export async function mnistOrDigits(
  options: {
    readonly trainCount?: number;
    readonly testCount?: number;
    readonly seed?: number;
  } = {},
): Promise<Dataset> {
  const folder = existing(releases.mnist);
  if (!folder) return digits(options);
  const { trainCount, testCount } = options;
  const data = await mnist({ folder, ...(trainCount !== undefined && { trainCount }) });
  const part = shownDataset({ ...data, test: take("mnist", data.test, testCount) });
  return withRecipe(part, "mnistOrDigits", options);
}

async function read(
  who: string,
  name: string,
  authors: string,
  release: Release,
  options: MnistOptions,
): Promise<Dataset> {
  const folder = await place(who, release, options);
  const [train, test] = await Promise.all([
    split(who, folder, "train"),
    split(who, folder, "t10k"),
  ]);
  const data = shownDataset({
    name,
    source: `${name} (${authors}), read from ${folder}`,
    shape: [28, 28, 1],
    classes: 10,
    train: take(who, train, options.trainCount),
    test,
    mean: await meanOf(train, [28, 28, 1], "pixel"),
  });
  // What was downloaded is there now, and a retry elsewhere goes to no network unasked.
  const { download: _, ...rest } = options;
  return withRecipe(data, who, rest);
}

async function place(who: string, release: Release, options: MnistOptions): Promise<string> {
  const { folder = existing(release), download } = options;
  if (download) {
    return downloadRelease(release, {
      ...(download === true ? {} : download),
      ...(folder && { folder }),
    });
  }
  if (folder) return folder;
  const base = dataFolder();
  throw new LCError(
    "LC_DATA",
    `${who}: no folder given, ${base ? `${base} (LCLAB_DATA) has no ${release.folder}/` : "LCLAB_DATA is not set"}, and nothing was downloaded yet. Write ${who}({ download: true }) to fetch ${megabytes(release)} MB into ${join(cacheFolder(), release.folder)}, set LCLAB_DATA to the folder that contains ${release.folder}/, or use digits(), which needs no files.`,
  );
}

/** `$LCLAB_DATA/…` if it is there, else the cache if it has all files. */
function existing(release: Release): string | undefined {
  const base = dataFolder();
  const ours = base && join(base, release.folder);
  if (ours && existsSync(ours)) return ours;
  const cached = join(cacheFolder(), release.folder);
  const whole = release.files.every(({ name }) => locate(cached, name.replace(/\.gz$/, "")));
  return whole ? cached : undefined;
}

function megabytes({ files }: Release): number {
  return Math.ceil(files.reduce((sum, { bytes }) => sum + bytes, 0) / 1e6);
}

async function split(who: string, folder: string, prefix: "train" | "t10k"): Promise<Split> {
  const [images, labels] = await Promise.all([
    readIdx(find(who, folder, `${prefix}-images-idx3-ubyte`)),
    readIdx(find(who, folder, `${prefix}-labels-idx1-ubyte`)),
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
  const wrong = labels.data.findIndex((label) => label > 9);
  if (wrong >= 0) {
    throw new LCError(
      "LC_DATA",
      `${prefix}-labels-idx1-ubyte: labels must be from 0 to 9, got ${labels.data[wrong]} for image ${wrong}.`,
    );
  }
  return { images: images.data, labels: labels.data, count };
}

function find(who: string, folder: string, name: string): string {
  const path = locate(folder, name);
  if (path) return path;
  throw new LCError(
    "LC_DATA",
    `${who}: ${folder} has no ${name}.gz or ${name}. Its four files are train- and t10k-, images-idx3-ubyte and labels-idx1-ubyte.`,
  );
}
