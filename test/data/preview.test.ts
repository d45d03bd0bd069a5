import assert from "node:assert/strict";
import { inflateSync } from "node:zlib";
import type { Dataset } from "../../src/data/dataset.ts";
import { preview } from "../../src/data/preview.ts";
import { displaySymbol } from "../../src/notebook.ts";

/** Three training images of 1 × 2 pixels: image i has the bytes 10 i, 10 i + 1, … */
function three(channels: number): Dataset {
  const size = 2 * channels;
  const images = Uint8Array.from(
    { length: 3 * size },
    (_, i) => 10 * Math.floor(i / size) + (i % size),
  );
  const split = { images, labels: Uint8Array.of(4, 5, 6), count: 3 };
  return {
    name: "three",
    source: "made here",
    shape: [1, 2, channels],
    classes: 10,
    train: split,
    test: split,
    mean: new Float32Array(size),
  };
}

describe("preview", () => {
  const rows = (data: Dataset): number[] => {
    const shown = preview(data, { rows: 2, columns: 2 })[displaySymbol]();
    assert.equal(shown["text/plain"], "three, the first 3 training images: 4 5 6");
    const png = Buffer.from(shown["image/png"] as string, "base64");
    assert.deepEqual([png.readUInt32BE(16), png.readUInt32BE(20)], [4, 2]);
    assert.equal(png[25], data.shape[2] === 1 ? 0 : 2, "the colour type");
    return [...inflateSync(png.subarray(41, 41 + png.readUInt32BE(33)))];
  };

  it("lays grey images out row by row, black where there are none", () =>
    assert.deepEqual(rows(three(1)), [0, 0, 1, 10, 11, 0, 20, 21, 0, 0]));

  it("lays RGB images out likewise", () =>
    assert.deepEqual(rows(three(3)), [
      ...[0, 0, 1, 2, 3, 4, 5, 10, 11, 12, 13, 14, 15],
      ...[0, 20, 21, 22, 23, 24, 25, 0, 0, 0, 0, 0, 0],
    ]));

  it("refuses other channels, and rows or columns that are none", () => {
    assert.throws(() => preview(three(2)), {
      name: "RangeError",
      message: "preview: images must be grey (1 channel) or RGB (3), three has 2.",
    });
    assert.throws(() => preview(three(1), { rows: 0 }), {
      message: "preview: rows and columns must be whole numbers from 1, got 0 and 20.",
    });
  });
});
