import { fromHalf, toHalf } from "../math/float16.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";

/** θ of half precision. */
export interface Half {
  readonly rows: number;
  readonly cols: number;
  /** IEEE 754 binary16, row-major. Length rows · cols. */
  readonly halves: Uint16Array;
}

/**
 * Half precision: each weight as the nearest IEEE 754 binary16 number, halfway the even one, beyond ±65,504 that. Exact,
 * O(N). 16 N bits. By itself, or for the numbers inside others: `prune({ count: 100, values: float16() })`,
 * `lowRank({ rank: 4, factors: float16() })`.
 * @example
 * float16().decompress(float16().cStep({ rows: 1, cols: 1, data: Float64Array.of(1.0001) })).data   //=> Float64Array [1]
 */
export function float16(): Compression<Half> {
  return defineCompression<Half>({
    name: "float16",
    exact: true,
    elementwise: true,
    weighted: true,
    spec: { kind: "float16" },
    joint: { role: "fixed" },
    cStep: ({ rows, cols, data }) => ({ rows, cols, halves: Uint16Array.from(data, toHalf) }),
    decompress: ({ rows, cols, halves }) => ({
      rows,
      cols,
      data: Float64Array.from(halves, fromHalf),
    }),
    bits: ({ halves }) => 16 * halves.length,
  });
}
