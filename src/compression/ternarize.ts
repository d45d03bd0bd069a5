import { codeBits, decode, type Quantized } from "./codebook.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";
import { scaledGrid } from "./scaled.ts";

/**
 * Ternarization into {−a, 0, +a}: min ‖w − a t‖² over a ≥ 0 and t ∈ {−1, 0, 1}ᴺ. Exact: a is the mean of the j largest
 * sizes, j = argmax (Σ of the j largest |wᵢ|) / √j; zero where |wᵢ| < a/2. O(N log N), importance weights too.
 * 2N + 32 bits (N⌈log₂ 3⌉ and the scale).
 * @see Carreira-Perpiñán & Idelbayev, arXiv:1707.04319
 * @example
 * ternarize().cStep({ rows: 1, cols: 3, data: Float64Array.of(0.1, -2, 2) }).levels   //=> Float32Array [-2, 0, 2]
 */
export function ternarize(): Compression<Quantized> {
  return defineCompression<Quantized>({
    name: "ternarize(±a, 0)",
    spec: { kind: "ternarize" },
    exact: true,
    elementwise: true,
    weighted: true,
    cStep: scaledGrid(1),
    decompress: decode,
    bits: (theta) => codeBits(theta) + 32,
  });
}
