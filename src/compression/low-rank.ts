import { truncatedSvd } from "../math/svd.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";

/** θ of a low-rank matrix: W = U V. */
export interface LowRank {
  readonly rows: number;
  readonly cols: number;
  readonly rank: number;
  /** rows × rank, row-major, float32. */
  readonly u: Float32Array;
  /** rank × cols, row-major, float32. */
  readonly v: Float32Array;
}

/**
 * Low rank: min ‖W − U V‖² over rows × r and r × cols factors. Exact to float32 rounding of the factors (truncated SVD).
 * Bits: 32 r (rows + cols).
 * @throws RangeError if the rank is not a whole number from 1 to min(rows, cols).
 */
export function lowRank(options: { readonly rank: number }): Compression<LowRank> {
  const { rank } = options;
  if (!Number.isInteger(rank) || rank < 1) {
    throw new RangeError(`lowRank: rank must be a whole number from 1, got ${rank}.`);
  }
  return defineCompression<LowRank>({
    name: `lowRank(r = ${rank})`,
    exact: true,
    elementwise: false,
    spec: { kind: "lowRank", rank },
    check({ rows, cols }, where) {
      const largest = Math.min(rows, cols);
      if (rank > largest) {
        const useless = Math.ceil((rows * cols) / (rows + cols));
        throw new RangeError(
          `lowRank: rank must be from 1 to ${largest} for ${where}, got ${rank}. From ${useless} on it saves nothing.`,
        );
      }
    },
    cStep(w) {
      const { u, v } = truncatedSvd(w, rank);
      return { rows: w.rows, cols: w.cols, rank, u: Float32Array.from(u), v: Float32Array.from(v) };
    },
    decompress: (theta) => ({ rows: theta.rows, cols: theta.cols, data: product(theta) }),
    bits: ({ rows, cols }) => 32 * rank * (rows + cols),
  });
}

function product({ rows, cols, rank, u, v }: LowRank): Float64Array {
  const data = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let r = 0; r < rank; r++) {
      const weight = u[i * rank + r] as number;
      for (let j = 0, to = i * cols, from = r * cols; j < cols; j++, to++, from++) {
        data[to] = (data[to] as number) + weight * (v[from] as number);
      }
    }
  }
  return data;
}
