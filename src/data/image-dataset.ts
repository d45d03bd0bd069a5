import { LCError } from "../errors.ts";
import { type Dataset, meanOf, type Split } from "./dataset.ts";
import type { ImageFolder } from "./image-folder.ts";
import { shownDataset } from "./shown.ts";

/**
 * Two image folders read into memory as a data set; for small ones. Both need the same classes and the same `crop`.
 * @throws LCError LC_MEMORY before anything is read, if the pixels take more than `limitBytes` (default 1 GiB).
 * @throws RangeError if classes or picture sizes differ, or there are more than 256 classes.
 * @throws LCError LC_DATA naming the file that cannot be read or decoded.
 */
export async function imageDataset(options: {
  readonly train: ImageFolder;
  readonly test: ImageFolder;
  /** What figures and reports call the data; default the name of `train`. */
  readonly name?: string;
  /** Mean per pixel and channel (default), or per channel. */
  readonly mean?: "pixel" | "channel";
  readonly limitBytes?: number;
}): Promise<Dataset> {
  const { train, test, name = train.name, mean = "pixel", limitBytes = 2 ** 30 } = options;
  const classes = train.classNames.length;
  if (classes > 256) {
    throw new RangeError(
      `imageDataset: a data set has at most 256 classes, ${train.name} has ${classes}. Use train.batches({ batch }).`,
    );
  }
  const only = (a: ImageFolder, b: ImageFolder): string =>
    a.classNames.filter((className) => !b.classNames.includes(className)).join(", ") || "none";
  if (train.classNames.join("\0") !== test.classNames.join("\0")) {
    throw new RangeError(
      `imageDataset: train and test must have the same class folders; only in train: ${only(train, test)}; only in test: ${only(test, train)}.`,
    );
  }
  if (train.shape.join() !== test.shape.join()) {
    throw new RangeError(
      `imageDataset: pictures differ in size, ${train.shape.join(" × ")} and ${test.shape.join(" × ")}. Give both folders the same crop.`,
    );
  }
  const [height, width, channels] = train.shape;
  const bytes = (train.count + test.count) * height * width * channels;
  if (bytes > limitBytes) {
    throw new LCError(
      "LC_MEMORY",
      `imageDataset: ${train.count + test.count} pictures of ${train.shape.join(" × ")} take ${bytes} bytes, more than limitBytes = ${limitBytes}. Use train.batches({ batch }), which holds one batch, or a smaller crop.`,
    );
  }
  const trainSplit = await readAll(train);
  return shownDataset({
    name,
    source: train.source,
    shape: train.shape,
    classes,
    train: trainSplit,
    test: await readAll(test),
    mean: await meanOf(trainSplit, train.shape, mean),
  });
}

async function readAll(folder: ImageFolder): Promise<Split> {
  const size = folder.shape.reduce((product, n) => product * n, 1);
  const images = new Uint8Array(folder.count * size);
  let done = 0;
  for await (const batch of folder.batches({ batch: 64 })) {
    images.set(batch.images, done * size);
    done += batch.count;
  }
  return { images, labels: Uint8Array.from(folder.labels), count: folder.count };
}
