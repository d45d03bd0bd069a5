import { codeBits, decode, encode, type Quantized } from "./codebook.ts";
import { defineCompression } from "./compression.ts";
import type { Compression, Target } from "./contract.ts";

/**
 * Binarization, one bit per weight.
 * - `scale: true` (default): {−a, +a}, min ‖w − a s‖² over a ≥ 0 and signs s. Exact: a = mean |wᵢ| (with importance, the
 *   weighted mean). N + 32 bits.
 * - `scale: false`: {−1, +1}, the sign of each weight. Exact. N bits.
 *
 * The sign of 0 is −1, as in the reference toolkit. O(N). All-zero weights give a = 0.
 * @throws RangeError if `scale` is not true or false.
 * @see Carreira-Perpiñán & Idelbayev, arXiv:1707.04319
 * @example
 * binarize().cStep({ rows: 1, cols: 3, data: Float64Array.of(1, -2, 3) }).levels   //=> Float32Array [-2, 2]
 */
export function binarize(options: { readonly scale?: boolean } = {}): Compression<Quantized> {
  const { scale = true } = options;
  if (typeof scale !== "boolean") {
    throw new RangeError(
      `binarize: scale must be true for {−a, +a} or false for {−1, +1}, got ${JSON.stringify(scale)}.`,
    );
  }
  const plusMinus = (w: Target, a: number): Quantized =>
    encode(w, a > 0 ? Float32Array.of(-a, a) : Float32Array.of(0));
  return defineCompression<Quantized>({
    name: scale ? "binarize(±a)" : "binarize(±1)",
    exact: true,
    elementwise: true,
    weighted: true,
    spec: { kind: "binarize", scale },
    joint: scale
      ? {
          role: "adaptive",
          levels: 1,
          folded: true,
          encode: (w, values) => plusMinus(w, values[0] as number),
          values: ({ levels }) => levels.slice(-1),
        }
      : { role: "fixed" },
    cStep: (w, { importance }) => plusMinus(w, scale ? meanSize(w.data, importance) : 1),
    decompress: decode,
    bits: (theta) => codeBits(theta) + (scale ? 32 : 0),
  });
}

function meanSize(data: Float64Array, importance?: Float64Array): number {
  let [sum, mass] = [0, 0];
  for (let i = 0; i < data.length; i++) {
    const h = importance ? (importance[i] as number) : 1;
    sum += h * Math.abs(data[i] as number);
    mass += h;
  }
  return sum / mass;
}
