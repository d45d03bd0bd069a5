import assert from "node:assert/strict";
import fc from "fast-check";
import type { Picture } from "../../src/data/decode.ts";
import { resizeAndCrop } from "../../src/data/resize.ts";

const pictures = fc
  .tuple(fc.integer({ min: 1, max: 12 }), fc.integer({ min: 1, max: 12 }))
  .chain(([width, height]) => {
    const length = 4 * width * height;
    return fc
      .uint8Array({ minLength: length, maxLength: length })
      .map((data): Picture => ({ width, height, data }));
  });

/** A picture whose pixels `at` gives. */
function picture(width: number, height: number, at: (x: number, y: number) => number[]): Picture {
  const data = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    for (let x = 0; x < width; x++) data.set(at(x, y), 4 * (y * width + x));
  }
  return { width, height, data };
}

describe("resizeAndCrop", () => {
  it("is the weighted mean over both axes at once, with weights max(0, 1 − distance / reach)", () =>
    fc.assert(
      fc.property(pictures, fc.integer({ min: 1, max: 9 }), fc.nat(8), (input, size, less) => {
        const crop = Math.max(1, size - less);
        const { width, height, data } = input;
        const shorter = Math.min(width, height);
        const [w, h] = [width, height].map((side) => Math.floor((side * size) / shorter)) as [
          number,
          number,
        ];
        const [left, top] = [w, h].map((side) => Math.floor((side - crop) / 2)) as [number, number];
        const weight = (i: number, o: number, from: number, to: number): number => {
          const scale = from / to;
          return Math.max(0, 1 - Math.abs(i + 0.5 - (o + 0.5) * scale) / Math.max(1, scale));
        };
        const out = resizeAndCrop(input, size, crop);
        assert.equal(out.length, crop * crop * 3);
        out.forEach((value, i) => {
          const [c, x, y] = [i % 3, Math.floor(i / 3) % crop, Math.floor(i / 3 / crop)];
          let [sum, all] = [0, 0];
          for (let v = 0; v < height; v++) {
            for (let u = 0; u < width; u++) {
              const both = weight(u, left + x, width, w) * weight(v, top + y, height, h);
              sum += both * (data[4 * (v * width + u) + c] as number);
              all += both;
            }
          }
          assert.ok(Math.abs(value - sum / all) <= 0.5 + 1e-9, `${value} ≠ ${sum / all} at ${i}`);
        });
      }),
    ));

  it("at its own size is the central square itself, alpha or not", () => {
    const input = picture(6, 4, (x, y) => [x, y, 10 * x + y, x * y]);
    assert.deepEqual(
      [...resizeAndCrop(input, 4, 2)],
      [...[2, 1, 21], ...[3, 1, 31], ...[2, 2, 22], ...[3, 2, 32]],
    );
  });

  it("keeps a constant picture constant", () =>
    fc.assert(
      fc.property(fc.nat(255), fc.integer({ min: 1, max: 40 }), (value, size) => {
        const out = resizeAndCrop(
          picture(17, 23, () => [value, value, value, 0]),
          size,
          size,
        );
        assert.ok(out.every((x) => x === value));
      }),
    ));

  it("averages when shrinking: a one-pixel chessboard becomes grey", () => {
    const board = picture(64, 64, (x, y) => [255 * ((x + y) % 2), 0, 0, 255]);
    assert.ok(resizeAndCrop(board, 16, 8).every((x, i) => x === (i % 3 === 0 ? 128 : 0)));
  });
});
