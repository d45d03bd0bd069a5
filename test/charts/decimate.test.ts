import assert from "node:assert/strict";
import fc from "fast-check";
import { decimate } from "../../src/charts/decimate.ts";

const eighths = fc.array(
  fc.oneof(
    { weight: 9, arbitrary: fc.integer({ min: -80, max: 80 }).map((v) => v / 8) },
    { weight: 1, arbitrary: fc.constant(Number.NaN) },
  ),
  { maxLength: 300 },
);
const limit = fc.integer({ min: 4, max: 40 });

describe("decimate", () => {
  it("keeps all points if they are few", () => {
    assert.deepEqual(decimate([3, 1, 2], 4), [0, 1, 2]);
  });

  it("keeps at most the limit, in order, with the first and the last", () => {
    fc.assert(
      fc.property(eighths, limit, (y, most) => {
        const kept = decimate(y, most);
        assert.ok(kept.length <= Math.max(most, 0) || y.length <= most);
        assert.ok(kept.every((v, i) => i === 0 || v > (kept[i - 1] ?? -1)));
        if (y.length > 0) assert.deepEqual([kept[0], kept.at(-1)], [0, y.length - 1]);
      }),
    );
  });

  it("keeps the lowest and the highest value", () => {
    fc.assert(
      fc.property(eighths, limit, (y, most) => {
        const finite = (values: readonly number[]): number[] =>
          values.filter((v) => !Number.isNaN(v));
        const kept = finite(decimate(y, most).map((i) => y[i] ?? 0));
        assert.equal(Math.min(...kept), Math.min(...finite(y)));
        assert.equal(Math.max(...kept), Math.max(...finite(y)));
      }),
    );
  });

  it("refuses a limit below 4", () => {
    assert.throws(() => decimate([1], 3), {
      message: "decimate: limit must be at least 4, got 3.",
    });
  });
});
