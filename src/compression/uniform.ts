import { codeBits, decode, type Quantized } from "./codebook.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";
import { scaledGrid } from "./scaled.ts";

/**
 * Uniform b-bit quantization into a · {−q, …, 0, …, q}, q = 2^(b−1) − 1: whole numbers times one learned step a, as
 * integer hardware wants it. min ‖w − a k‖² over a ≥ 0 and whole |kᵢ| ≤ q. Exact: all steps a at which a code changes and
 * that can be optimal are visited (see math/scaled-grid.ts). Importance weights too. N b + 32 bits.
 * @throws RangeError if `bits` is not a whole number from 2 to 8.
 * @example
 * uniform({ bits: 3 }).cStep({ rows: 1, cols: 3, data: Float64Array.of(-1, 2, 3) }).levels.length   //=> 7
 */
export function uniform(options: { readonly bits: number }): Compression<Quantized> {
  const { bits } = options;
  if (!Number.isInteger(bits) || bits < 2 || bits > 8) {
    throw new RangeError(
      `uniform: bits must be a whole number from 2 to 8, got ${bits}. For 1 bit, write binarize(); for 16, float16().`,
    );
  }
  return defineCompression<Quantized>({
    name: `uniform(${bits} bits)`,
    spec: { kind: "uniform", bits },
    exact: true,
    elementwise: true,
    weighted: true,
    cStep: scaledGrid((1 << (bits - 1)) - 1),
    decompress: decode,
    bits: (theta) => codeBits(theta) + 32,
  });
}
