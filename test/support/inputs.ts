import { mixed } from "../engine/image-formulas.ts";

/** `count` inputs of `shape`, one after the other: numbers in ±0.5, without patterns. */
export function inputs(count: number, shape: readonly number[]): Float32Array {
  const size = shape.reduce((product, n) => product * n, count);
  return Float32Array.from({ length: size }, (_, i) => mixed(i, 5) / 2 ** 32 - 0.5);
}

/** The inputs one by one, in float64. */
export function rowsOf(x: Float32Array, count: number): Float64Array[] {
  const size = x.length / count;
  return Array.from({ length: count }, (_, n) =>
    Float64Array.from(x.subarray(n * size, (n + 1) * size)),
  );
}
