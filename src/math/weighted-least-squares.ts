import { inWorkspace, strideOf } from "./kernels.ts";
import { fours } from "./operand.ts";

/**
 * For each row a of A and h of H, x = argmin Σⱼ hⱼ (aⱼ − Σₖ xₖ fₖⱼ)², by the normal equations and Cholesky; directions that F
 * does not span get 0. O(rows · cols · rank²).
 * @param data A, and `weights` H > 0: rows × cols.
 * @param fixed F: rank × cols.
 * @returns The x as columns: rank × rows.
 * @throws LCError LC_MEMORY or LC_ENGINE.
 */
export function weightedLeastSquares(
  data: ArrayLike<number>,
  weights: Float64Array,
  fixed: Float64Array,
  rank: number,
): Float64Array {
  const cols = fixed.length / rank;
  const rows = data.length / cols;
  return inWorkspace((space) => {
    const stride = strideOf(cols);
    // F and below it the row of A: one product then gives Σ h f fᵀ and, in its last column, Σ h f a.
    const height = fours(rank + 1);
    const width = strideOf(rank + 1);
    const [f, weighted] = [space.reserve(height * stride, 8), space.reserve(height * stride, 8)];
    const h = space.reserve(stride, 8);
    const equations = space.reserve(height * width, 8);
    const block = space.doubles(f, height * stride).fill(0);
    for (let k = 0; k < rank; k++) {
      block.set(fixed.subarray(k * cols, (k + 1) * cols), k * stride);
    }
    const target = space.doubles(f + rank * stride * 8, cols);
    const weight = space.doubles(h, stride).fill(0);
    const system = space.doubles(equations, height * width);
    const { scaleColumns, timesTransposed64 } = space.kernels;
    const x = new Float64Array(rank);
    const out = new Float64Array(rank * rows);
    for (let i = 0; i < rows; i++) {
      weight.set(weights.subarray(i * cols, (i + 1) * cols));
      for (let j = 0, at = i * cols; j < cols; j++, at++) target[j] = data[at] as number;
      scaleColumns(weighted, f, stride, fours(rank), h);
      timesTransposed64(weighted, stride, fours(rank), f, stride, rank + 1, equations, width, cols);
      for (let k = 0; k < rank; k++) x[k] = system[k * width + rank] as number;
      solve(system, width, x);
      for (let k = 0; k < rank; k++) out[k * rows + i] = x[k] as number;
    }
    return out;
  });
}

/**
 * Solves G x = b by G = L Lᵀ, x being b before; of G the lower half is read, and overwritten by L. A pivot that is only rounding
 * gives a 0.
 */
function solve(g: Float64Array, width: number, x: Float64Array): void {
  const n = x.length;
  for (let k = 0; k < n; k++) {
    const row = k * width;
    const before = g[row + k] as number;
    for (let l = 0; l <= k; l++) {
      let entry = g[row + l] as number;
      for (let t = 0; t < l; t++) entry -= (g[row + t] as number) * (g[l * width + t] as number);
      if (l < k) {
        const pivot = g[l * width + l] as number;
        g[row + l] = pivot === 0 ? 0 : entry / pivot;
      } else g[row + k] = entry > 1e-13 * before ? Math.sqrt(entry) : 0;
    }
    let value = x[k] as number;
    for (let t = 0; t < k; t++) value -= (g[row + t] as number) * (x[t] as number);
    x[k] = g[row + k] === 0 ? 0 : value / (g[row + k] as number);
  }
  for (let k = n - 1; k >= 0; k--) {
    let value = x[k] as number;
    for (let t = k + 1; t < n; t++) value -= (g[t * width + k] as number) * (x[t] as number);
    const pivot = g[k * width + k] as number;
    x[k] = pivot === 0 ? 0 : value / pivot;
  }
}
