import { codebookOf, type Quantized } from "./codebook.ts";
import type { Compression } from "./contract.ts";
import { fixed } from "./fixed-codebook.ts";

/**
 * Quantization to powers of two: 0 and ±2ᵉ for e = `smallest` … `largest`, so that products are shifts. Exact, O(N log K).
 * N⌈log₂K⌉ bits, K = 2 (largest − smallest + 1) + 1.
 * @throws RangeError unless −126 ≤ smallest ≤ largest ≤ 127, whole numbers.
 * @see Carreira-Perpiñán & Idelbayev, arXiv:1707.04319
 * @example
 * powersOfTwo({ smallest: -2 }).cStep({ rows: 1, cols: 1, data: Float64Array.of(0.4) }).levels.length   //=> 7
 */
export function powersOfTwo(options: {
  /** Exponent of the smallest power. */
  readonly smallest: number;
  /** Exponent of the largest power; default 0. */
  readonly largest?: number;
}): Compression<Quantized> {
  const { smallest, largest = 0 } = options;
  const whole = Number.isInteger(smallest) && Number.isInteger(largest);
  if (!whole || smallest < -126 || smallest > largest || largest > 127) {
    throw new RangeError(
      `powersOfTwo: exponents must be whole numbers with −126 ≤ smallest ≤ largest ≤ 127, got smallest ${smallest} and largest ${largest}. Write powersOfTwo({ smallest: -6 }).`,
    );
  }
  const sizes: number[] = [];
  for (let e = smallest, size = power(smallest); e <= largest; e++, size *= 2) sizes.push(size);
  const levels = codebookOf([...sizes, ...sizes.map((x) => -x), 0]);
  const name = `powersOfTwo(2^${smallest} … 2^${largest})`;
  return fixed(name, levels, { kind: "powersOfTwo", smallest, largest });
}

/** 2ᵉ by repeated doubling or halving: exact. */
function power(e: number): number {
  let x = 1;
  for (let i = 0; i < e; i++) x *= 2;
  for (let i = 0; i > e; i--) x /= 2;
  return x;
}
