import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";
import { alphaOf } from "./penalty.ts";
import { type Pruned, placed, sparseBits } from "./sparse.ts";

/**
 * Pruning by an l0 penalty: min α‖θ‖₀ + μ/2 Σ hᵢ (wᵢ − θᵢ)². Keeps wᵢ if hᵢ wᵢ² > 2α/μ. Exact, O(N). How many stay follows
 * from α and grows with μ; it needs μ > 0.
 * Bits: 32 per value and the positions as gaps.
 * @throws RangeError if α is not above 0, and in a C step at μ = 0.
 * @see Carreira-Perpiñán & Idelbayev, CVPR 2018, doi:10.1109/CVPR.2018.00890
 * @example
 * l0Penalty({ alpha: 1 }).cStep({ rows: 1, cols: 2, data: Float64Array.of(1, 3) }, { mu: 1 }).indices   //=> Uint32Array [1]
 */
export function l0Penalty(options: { readonly alpha: number }): Compression<Pruned> {
  const alpha = alphaOf("l0Penalty", options);
  return defineCompression<Pruned>({
    name: `l0Penalty(α = ${alpha})`,
    exact: true,
    elementwise: true,
    weighted: true,
    spec: { kind: "l0Penalty", alpha },
    joint: { role: "correction", price: (mu) => (2 * alpha) / mu },
    cStep({ rows, cols, data }, { mu, importance }) {
      const price = (2 * alpha) / mu;
      const kept: number[] = [];
      for (let i = 0; i < data.length; i++) {
        const x = data[i] as number;
        if ((importance ? (importance[i] as number) : 1) * x * x > price) kept.push(i);
      }
      const indices = Uint32Array.from(kept);
      return { rows, cols, indices, values: Float32Array.from(indices, (i) => data[i] as number) };
    },
    decompress: placed,
    bits: sparseBits,
    cost: ({ indices }) => alpha * indices.length,
  });
}
