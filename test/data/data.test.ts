import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import { digits } from "../../src/data/digits.ts";
import { parseIdx, readIdx } from "../../src/data/idx.ts";
import { mnist, mnistOrDigits } from "../../src/data/mnist.ts";

/** An IDX file of bytes. */
function idx(shape: number[], data: number[]): Buffer {
  const header = Buffer.alloc(4 + 4 * shape.length);
  header.set([0, 0, 8, shape.length]);
  shape.forEach((n, i) => {
    header.writeUInt32BE(n, 4 + 4 * i);
  });
  return Buffer.concat([header, Buffer.from(data)]);
}

describe("IDX files", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("are read, gzipped or not", async () => {
    const bytes = idx([2, 3], [1, 2, 3, 4, 5, 6]);
    for (const [name, content] of Object.entries({ plain: bytes, packed: gzipSync(bytes) })) {
      await writeFile(join(folder, name), content);
      const { shape, data } = await readIdx(join(folder, name));
      assert.deepEqual(
        [shape, [...data]],
        [
          [2, 3],
          [1, 2, 3, 4, 5, 6],
        ],
      );
    }
  });

  it("that are truncated are refused with the bytes expected and found", () => {
    const bytes = idx([2, 3], [1, 2, 3, 4, 5, 6]);
    const refuses = (cut: Uint8Array, message: string): void =>
      assert.throws(() => parseIdx(cut, "a.idx"), {
        code: "LC_DATA",
        message: `LC_DATA: ${message}`,
      });
    refuses(
      bytes.subarray(0, 15),
      "a.idx is truncated: 2 × 3 needs 18 bytes, found 15. Fetch it again.",
    );
    refuses(
      bytes.subarray(0, 9),
      "a.idx is truncated: its header takes 12 bytes, found 9. Fetch it again.",
    );
    refuses(
      Buffer.concat([bytes, bytes]),
      "a.idx has bytes left over: 2 × 3 needs 18 bytes, found 36. Fetch it again.",
    );
    refuses(
      Buffer.from("PNG..."),
      "a.idx is not an IDX file of unsigned bytes: it must start with 00 00 08 and its number of dimensions, got 50 4e 47 2e.",
    );
    refuses(
      Buffer.of(),
      "a.idx is not an IDX file of unsigned bytes: it must start with 00 00 08 and its number of dimensions, got an empty file.",
    );
  });

  it("that are cut off inside the gzip stream, or missing, are refused", async () => {
    const path = join(folder, "cut.gz");
    await writeFile(path, gzipSync(idx([100], Array(100).fill(7))).subarray(0, 25));
    await assert.rejects(readIdx(path), {
      code: "LC_DATA",
      message: /cut.gz is a damaged gzip file \(.*; 25 bytes found\)/,
    });
    await assert.rejects(readIdx(join(folder, "none")), {
      code: "LC_DATA",
      message: /cannot read .*none: ENOENT/,
    });
  });

  it("make a data set: labels must match the images, all four files must be there", async () => {
    const image = Array(28 * 28).fill(255);
    await writeFile(
      join(folder, "train-images-idx3-ubyte"),
      idx([2, 28, 28], [...image, ...image.map(() => 0)]),
    );
    await writeFile(join(folder, "train-labels-idx1-ubyte"), idx([2], [3, 7]));
    await writeFile(join(folder, "t10k-images-idx3-ubyte"), idx([1, 28, 28], image));
    await assert.rejects(mnist({ folder }), {
      message: /has no t10k-labels-idx1-ubyte.gz or t10k-labels-idx1-ubyte/,
    });
    await writeFile(join(folder, "t10k-labels-idx1-ubyte"), idx([2], [1, 2]));
    await assert.rejects(mnist({ folder }), {
      message: "LC_DATA: t10k-labels-idx1-ubyte must hold 1 labels, one per image, got 2.",
    });
    await writeFile(join(folder, "t10k-labels-idx1-ubyte"), idx([1], [1]));
    const data = await mnist({ folder, trainCount: 1 });
    assert.equal(data.train.count, 1);
    assert.ok(
      data.mean.every((m) => m === 0.5),
      "the mean is that of the whole training set",
    );
    await assert.rejects(mnist({ folder, trainCount: 3 }), {
      message: "mnist: the number of examples must be from 1 to 2, got 3.",
    });
  });
});

describe("digits", () => {
  it("are the same pixels on every machine", () => {
    const { train, test } = digits({ trainCount: 200, testCount: 50, seed: 7 });
    const hash = createHash("sha256").update(train.images).update(train.labels).update(test.images);
    assert.equal(
      hash.digest("hex"),
      "a4e3e0aca7d0e4cec6aa3522d02f83d47572f9609c2c6d9501de62ff7109d64c",
    );
  });
  it("are of ten classes, about equally many, and differ between seeds and splits", () => {
    const { train, test, classes } = digits({ trainCount: 2000, testCount: 2000 });
    const counts = new Array<number>(classes).fill(0);
    for (const label of train.labels) counts[label] = (counts[label] as number) + 1;
    assert.ok(Math.min(...counts) > 150 && Math.max(...counts) < 250, counts.join());
    assert.notDeepEqual(train.images, test.images);
    assert.notDeepEqual(
      train.images,
      digits({ trainCount: 2000, testCount: 1, seed: 1 }).train.images,
    );
  });
  it("refuse a count of 0", () =>
    assert.throws(() => digits({ trainCount: 0 }), {
      message: "digits: trainCount must be a whole number from 1, got 0.",
    }));
});

describe("mnistOrDigits", () => {
  const { LCLAB_DATA: saved, LCLAB_CACHE: cache } = process.env;
  beforeEach(() => {
    process.env.LCLAB_CACHE = join(tmpdir(), "lclab-no-cache");
  });
  afterEach(() => {
    for (const [name, value] of Object.entries({ LCLAB_DATA: saved, LCLAB_CACHE: cache })) {
      if (value === undefined) delete process.env[name];
      else process.env[name] = value;
    }
  });
  it("draws digits when there is no data folder, and says so", async () => {
    delete process.env.LCLAB_DATA;
    const data = await mnistOrDigits({ trainCount: 10, testCount: 5 });
    assert.equal(data.name, "procedural digits");
    assert.match(data.source, /drawn by lclab \(seed 0\); no data set was read/);
    await assert.rejects(mnist(), {
      message: /no folder given, LCLAB_DATA is not set, and nothing/,
    });
  });
  it("reads MNIST when LCLAB_DATA has it", async function () {
    if (!saved) {
      console.log("      skipped: LCLAB_DATA is not set");
      return this.skip();
    }
    const data = await mnistOrDigits({ trainCount: 100 });
    assert.deepEqual([data.name, data.train.count, data.test.count], ["MNIST", 100, 10_000]);
    assert.deepEqual([...data.train.labels.subarray(0, 5)], [5, 0, 4, 1, 9]);
  });
});
