import assert from "node:assert/strict";
import fc from "fast-check";
import { paretoFront } from "../../src/charts/pareto.ts";

describe("paretoFront", () => {
  it("is the points that no other beats, by brute force", () => {
    const values = fc.array(
      fc.tuple(fc.integer({ min: 0, max: 8 }), fc.integer({ min: 0, max: 8 })),
      { maxLength: 9 },
    );
    fc.assert(
      fc.property(values, (points) => {
        const [x, y] = [points.map((p) => p[0]), points.map((p) => p[1])];
        const beats = (a: readonly number[], b: readonly number[]): boolean =>
          (a[0] ?? 0) >= (b[0] ?? 0) &&
          (a[1] ?? 0) <= (b[1] ?? 0) &&
          (a[0] !== b[0] || a[1] !== b[1]);
        const expected = points.filter(
          (p, i) =>
            !points.some((q) => beats(q, p)) &&
            !points.slice(0, i).some((q) => q[0] === p[0] && q[1] === p[1]),
        );
        const front = paretoFront(x, y).map((i) => points[i]);
        assert.deepEqual(
          front,
          [...expected].sort((a, b) => a[0] - b[0]),
        );
      }),
    );
  });

  it("leaves NaN out", () => {
    assert.deepEqual(paretoFront([1, Number.NaN, 3], [1, 0, Number.NaN]), [0]);
  });
});
