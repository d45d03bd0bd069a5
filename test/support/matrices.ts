import fc from "fast-check";
import type { Matrix } from "../../src/math/matrix.ts";

/** Small matrices whose entries are multiples of 1/8, so that ties and sums are exact; constants and zeros included. */
export const matrices: fc.Arbitrary<Matrix<Float64Array>> = fc
  .record({ rows: fc.integer({ min: 1, max: 4 }), cols: fc.integer({ min: 1, max: 5 }) })
  .chain(({ rows, cols }) =>
    fc
      .oneof(
        { weight: 5, arbitrary: eighths(rows * cols) },
        {
          weight: 1,
          arbitrary: fc.constantFrom(0, 1, -0.5).map((x) => Array(rows * cols).fill(x)),
        },
      )
      .map((data) => ({ rows, cols, data: Float64Array.from(data) })),
  );

/** Row vectors of `max` entries at most, for brute force. */
export function vectors(max: number): fc.Arbitrary<Matrix<Float64Array>> {
  return fc
    .integer({ min: 1, max })
    .chain((n) => eighths(n).map((data) => ({ rows: 1, cols: n, data: Float64Array.from(data) })));
}

function eighths(length: number): fc.Arbitrary<number[]> {
  const eighth = fc.integer({ min: -16, max: 16 }).map((k) => k / 8);
  return fc.array(eighth, { minLength: length, maxLength: length });
}

export function squares(data: ArrayLike<number>): number {
  return Array.from(data).reduce((total, x) => total + x * x, 0);
}
