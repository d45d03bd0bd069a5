import type { Target } from "./contract.ts";
import type { Pruned } from "./sparse.ts";

/** sign(wᵢ) max(0, |wᵢ| − tau / hᵢ), without the zeros. */
export function shrunk(
  { rows, cols, data }: Target,
  tau: number,
  importance?: Float64Array,
): Pruned {
  const indices: number[] = [];
  const values: number[] = [];
  for (let i = 0; i < data.length; i++) {
    const x = data[i] as number;
    const size = Math.abs(x) - (importance ? tau / (importance[i] as number) : tau);
    if (size > 0) {
      indices.push(i);
      values.push(x > 0 ? size : -size);
    }
  }
  return { rows, cols, indices: Uint32Array.from(indices), values: Float32Array.from(values) };
}
