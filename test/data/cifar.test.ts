import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdir, mkdtemp, rm, unlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gzipSync } from "node:zlib";
import fc from "fast-check";
import { cifar10, parseCifar } from "../../src/data/cifar.ts";

/** A batch file whose record i has the label and the three channel values that `record(i)` gives. */
function batchFile(count: number, record: (i: number) => [number, number, number, number]): Buffer {
  const bytes = Buffer.alloc(count * 3073);
  for (let i = 0; i < count; i++) {
    const [label, ...rgb] = record(i);
    bytes[i * 3073] = label;
    rgb.forEach((value, c) => {
      const from = i * 3073 + 1 + c * 1024;
      bytes.fill(value, from, from + 1024);
    });
  }
  return bytes;
}

describe("CIFAR-10 files", () => {
  it("have planes that become channels: image[y, x, c] = plane c at y · 32 + x", () =>
    fc.assert(
      fc.asyncProperty(
        fc.uint8Array({ minLength: 3072, maxLength: 3072 }),
        fc.nat(9),
        async (planes, label) => {
          const { images, labels, count } = await parseCifar(
            Uint8Array.of(label, ...planes),
            "a.bin",
          );
          assert.deepEqual([...labels, count], [label, 1]);
          images.forEach((value, i) => {
            assert.equal(value, planes[(i % 3) * 1024 + Math.floor(i / 3)]);
          });
        },
      ),
      { numRuns: 5 },
    ));

  it("of another length are refused with the bytes expected and found", async () => {
    const refuses = (bytes: Uint8Array, records: number | undefined, message: string) =>
      assert.rejects(() => parseCifar(bytes, "a.bin", records), {
        code: "LC_DATA",
        message: `LC_DATA: a.bin ${message} Fetch it again.`,
      });
    const two = batchFile(2, () => [1, 2, 3, 4]);
    await refuses(
      two.subarray(0, 6145),
      2,
      "is truncated: 2 records of 3073 bytes need 6146 bytes, found 6145.",
    );
    await refuses(
      two.subarray(0, 3073),
      2,
      "is truncated: 2 records of 3073 bytes need 6146 bytes, found 3073.",
    );
    await refuses(
      two,
      1,
      "has bytes left over: 1 records of 3073 bytes need 3073 bytes, found 6146.",
    );
    await refuses(
      two.subarray(0, 4000),
      undefined,
      "is truncated: 2 records of 3073 bytes need 6146 bytes, found 4000.",
    );
    await refuses(
      Buffer.of(),
      undefined,
      "is truncated: 1 records of 3073 bytes need 3073 bytes, found 0.",
    );
  });

  it("with a label above 9 are refused with the record", async () => {
    await assert.rejects(
      () =>
        parseCifar(
          batchFile(3, (i) => [5 * i, 0, 0, 0]),
          "a.bin",
        ),
      {
        code: "LC_DATA",
        message: /^LC_DATA: a.bin: labels must be from 0 to 9, got 10 in record 2 \(byte 6146\)/,
      },
    );
  });
});

describe("cifar10", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("joins five batches in order, and its mean is that of all of them", async () => {
    for (let b = 1; b <= 5; b++) {
      const bytes = batchFile(10_000, (i) => [i % 10, b, 51 * b, i % 2]);
      const packed = b > 1;
      await writeFile(
        join(folder, `data_batch_${b}.bin${packed ? ".gz" : ""}`),
        packed ? gzipSync(bytes, { level: 1 }) : bytes,
      );
    }
    await assert.rejects(cifar10({ folder }), {
      code: "LC_DATA",
      message: /has no test_batch.bin.gz or test_batch.bin. It must hold 10000 records, 30730000 /,
    });
    await writeFile(
      join(folder, "test_batch.bin.gz"),
      gzipSync(batchFile(10_000, () => [9, 255, 0, 0])),
    );
    for (const mean of ["pixel", "channel"] as const) {
      const data = await cifar10({ folder, mean, trainCount: 40_001 });
      assert.deepEqual(
        [data.name, data.train.count, data.test.count, data.mean.length],
        ["CIFAR-10", 40_001, 10_000, 3072],
      );
      const firsts = [0, 10_000, 20_000, 30_000, 40_000].map((i) => data.train.images[i * 3072]);
      assert.deepEqual(firsts, [1, 2, 3, 4, 5]);
      assert.deepEqual(
        [...data.test.images.subarray(-3), ...data.test.labels.subarray(-1)],
        [255, 0, 0, 9],
      );
      const expected = [3 / 255, 153 / 255, 0.5 / 255].map(Math.fround);
      assert.ok(data.mean.every((m, i) => m === expected[i % 3]));
      assert.equal("augment" in data, false);
    }
    const { augment } = await cifar10({ folder, augment: true });
    assert.deepEqual(augment, { flip: true, crop: 4 });
    const shifted = await cifar10({ folder, augment: { flip: false } });
    assert.deepEqual(shifted.augment, { flip: false, crop: 4 });
  });

  it("refuses a set with a batch missing, a short batch, or an unknown copy or mean", async () => {
    await unlink(join(folder, "data_batch_3.bin.gz"));
    await assert.rejects(cifar10({ folder }), { message: /has no data_batch_3.bin.gz or data_b/ });
    await writeFile(
      join(folder, "data_batch_3.bin"),
      batchFile(9_999, () => [0, 0, 0, 0]),
    );
    await assert.rejects(cifar10({ folder }), {
      message:
        "LC_DATA: data_batch_3.bin is truncated: 10000 records of 3073 bytes need 30730000 bytes, found 30726927. Fetch it again.",
    });
    await assert.rejects(cifar10({ folder, copy: "jpeg" as "jpeg75" }), {
      name: "RangeError",
      message: 'cifar10: copy must be "published", "jpeg75" or "lossless4000", got "jpeg".',
    });
    await assert.rejects(cifar10({ folder, copy: "lossless4000" }), {
      message: /has no lossless_first4000_train.bin.gz or lossless_first4000_train.bin/,
    });
  });

  it("says that a JPEG copy is one, and which part of it", async () => {
    const other = join(folder, "jpeg");
    await mkdir(other);
    await assert.rejects(cifar10({ folder: other }), { message: /has no file of CIFAR-10/ });
    const bytes = batchFile(10_000, (i) => [i % 10, 1, 2, 3]);
    await writeFile(join(other, "jpeg75_data_batch_1.bin"), bytes);
    await writeFile(join(other, "jpeg75_test_batch.bin"), bytes);
    const data = await cifar10({ folder: other });
    assert.equal(data.name, "CIFAR-10 (JPEG-75 copy, 10,000 of 50,000 training images)");
    assert.match(data.source, /JPEG copy of quality 75, 10,000 of 50,000 training images, not in/);
    await assert.rejects(cifar10({ folder: other, mean: "median" as "pixel" }), {
      message: 'mean must be "pixel" or "channel", got "median".',
    });
  });

  it("agrees with the files under LCLAB_DATA: label counts, and lossless pixels near the JPEG ones", async function () {
    const base = process.env.LCLAB_DATA;
    if (!base || !existsSync(join(base, "cifar-10", "lossless_first4000_train.bin.gz"))) {
      console.log("      skipped: LCLAB_DATA is not set or has no cifar-10/");
      return this.skip();
    }
    const jpeg = await cifar10({ copy: "jpeg75" });
    const counts = new Array<number>(10).fill(0);
    for (const label of jpeg.test.labels) counts[label] = (counts[label] as number) + 1;
    assert.deepEqual(counts, Array(10).fill(1000));
    const lossless = await cifar10({ copy: "lossless4000" });
    assert.deepEqual([lossless.train.count, lossless.test.count], [3000, 1000]);
    assert.deepEqual([...lossless.train.labels.subarray(0, 10)], [6, 9, 9, 4, 1, 1, 2, 7, 8, 3]);
    // The two copies hold the same pictures: the k-th frog of one is the k-th frog of the other, at about 30 dB.
    const frog = (split: typeof jpeg.train): Uint8Array => {
      const i = split.labels.indexOf(6);
      return split.images.subarray(i * 3072, (i + 1) * 3072);
    };
    const [a, b] = [frog(jpeg.train), frog(lossless.train)];
    const error = a.reduce((sum, x, i) => sum + (x - (b[i] as number)) ** 2, 0) / a.length;
    assert.ok(error > 0 && error < 321, `mean squared error ${error}`);
  });
});
