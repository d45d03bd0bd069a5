import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";
import { alphaOf } from "./penalty.ts";
import { shrunk } from "./shrink.ts";
import { type Pruned, placed, sparseBits } from "./sparse.ts";

/**
 * Pruning by an l1 penalty: min α‖θ‖₁ + μ/2 Σ hᵢ (wᵢ − θᵢ)². Soft thresholding: sizes shrink by α/(μ hᵢ), those below it
 * become 0. Exact, O(N). It needs μ > 0.
 * Bits: 32 per value and the positions as gaps.
 * @throws RangeError if α is not above 0, and in a C step at μ = 0.
 * @see Carreira-Perpiñán & Idelbayev, CVPR 2018, doi:10.1109/CVPR.2018.00890
 * @example
 * l1Penalty({ alpha: 1 }).cStep({ rows: 1, cols: 2, data: Float64Array.of(1, -3) }, { mu: 1 }).values   //=> Float32Array [-2]
 */
export function l1Penalty(options: { readonly alpha: number }): Compression<Pruned> {
  const alpha = alphaOf("l1Penalty", options);
  return defineCompression<Pruned>({
    name: `l1Penalty(α = ${alpha})`,
    exact: true,
    elementwise: true,
    weighted: true,
    spec: { kind: "l1Penalty", alpha },
    joint: { role: "correction" },
    cStep: (w, { mu, importance }) => shrunk(w, alpha / mu, importance),
    decompress: placed,
    bits: sparseBits,
    cost: ({ values }) => alpha * values.reduce((sum, x) => sum + Math.abs(x), 0),
  });
}
