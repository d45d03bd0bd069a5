import { l1Threshold } from "../math/l1-ball.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";
import { shrunk } from "./shrink.ts";
import { type Pruned, placed, sparseBits } from "./sparse.ts";

/**
 * Pruning by an l1 constraint: min Σ hᵢ (wᵢ − θᵢ)² s.t. ‖θ‖₁ ≤ radius, the projection on the l1 ball. Exact, O(N log N):
 * all sizes shrink by τ/hᵢ, those below it become 0. Weights inside the ball stay as they are.
 * Bits: 32 per value and the positions as gaps.
 * @throws RangeError if the radius is not a number from 0; 0 keeps nothing.
 * @see Carreira-Perpiñán & Idelbayev, CVPR 2018, doi:10.1109/CVPR.2018.00890; Duchi et al., ICML 2008
 * @example
 * l1Constraint({ radius: 2 }).cStep({ rows: 1, cols: 2, data: Float64Array.of(1, -3) }).values   //=> Float32Array [-2]
 */
export function l1Constraint(options: { readonly radius: number }): Compression<Pruned> {
  const { radius } = options;
  if (!(radius >= 0 && radius < Number.POSITIVE_INFINITY)) {
    throw new RangeError(
      `l1Constraint: radius must be a number from 0, got ${radius}. It bounds Σ |θᵢ|.`,
    );
  }
  return defineCompression<Pruned>({
    name: `l1Constraint(${radius})`,
    exact: true,
    elementwise: true,
    weighted: true,
    spec: { kind: "l1Constraint", radius },
    joint: { role: "correction" },
    cStep: (w, { importance }) => shrunk(w, l1Threshold(w.data, radius, importance), importance),
    decompress: placed,
    bits: sparseBits,
  });
}
