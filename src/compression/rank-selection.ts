import { truncatedSvd } from "../math/svd.ts";
import { defineCompression } from "./compression.ts";
import type { Compression, CStepResult, Target } from "./contract.ts";
import {
  type Factored,
  factoredMatrix,
  flopsPerRank,
  heightOf,
  numbersPerRank,
  product,
  type Scheme,
  schemeOf,
} from "./factors.ts";
import { geometryOf, uses } from "./geometry.ts";
import { alphaOf } from "./penalty.ts";

/** θ of a rank selection: U V of the rank found, or the matrix itself where that is cheaper. */
export interface RankSelected extends Factored {
  /** 0 … min side; of a dense matrix, the smaller side. */
  readonly rank: number;
  /** (rows · height) × rank and rank × (cols / height), float32; empty if dense. */
  readonly u: Float32Array;
  readonly v: Float32Array;
  /** All weights, float32, row-major; undefined unless the matrix is kept dense. */
  readonly dense?: Float32Array;
  /** α C(rank), what this choice costs (with `normalized`, times ‖W‖²). */
  readonly cost: number;
}

/**
 * Rank selection: min over rank and factors of α C(r) + μ/2 ‖W − U V‖². C counts the factors' numbers ("storage") or their
 * multiplications and additions, each at its own output size ("flops"); keeping W dense, at the cost of a dense layer,
 * is a candidate unless `dense: false`. Exact: C is linear in r, so r* is the number of singular values with
 * σ² > 2α C(1)/μ. Rank 0 (no connection at all) is a candidate too. Needs μ > 0.
 * @throws RangeError if α is not above 0 or an option is unknown, and in a C step at μ = 0.
 * @see Idelbayev & Carreira-Perpiñán, CVPR 2020, pp. 8049–8059
 */
export function rankSelection(options: {
  readonly alpha: number;
  /** What C counts; default "storage". */
  readonly criterion?: "storage" | "flops";
  readonly scheme?: Scheme;
  /** Measures the error relative to ‖W‖², so that one α serves layers of any scale; default false. */
  readonly normalized?: boolean;
  /** Whether a layer may stay dense; default true. */
  readonly dense?: boolean;
}): Compression<RankSelected> {
  const { criterion = "storage", normalized = false, dense = true } = options;
  const alpha = alphaOf("rankSelection", options);
  const scheme = schemeOf("rankSelection", options.scheme);
  if (criterion !== "storage" && criterion !== "flops") {
    throw new RangeError(
      `rankSelection: criterion must be "storage" or "flops", got ${JSON.stringify(criterion)}.`,
    );
  }
  return defineCompression<RankSelected>({
    name: `rankSelection(α = ${alpha}, ${criterion}${scheme === 2 ? ", scheme 2" : ""})`,
    exact: true,
    elementwise: false,
    spec: { kind: "rankSelection", alpha, criterion, scheme, normalized, dense },
    solve(w, { mu }) {
      const height = heightOf(w, scheme);
      const shape = { rows: w.rows, cols: w.cols, height };
      const geometry = geometryOf(w);
      const [perRank, whole] =
        criterion === "storage"
          ? [numbersPerRank(shape), w.rows * w.cols]
          : [flopsPerRank(shape, geometry), 2 * w.rows * w.cols * uses(geometry)];
      const norm = squares(w.data);
      const price = normalized ? alpha * norm : alpha;
      const { u, v, rank, left, ...certificate } = above(
        w,
        height,
        (2 * price * perRank) / mu,
        norm,
      );
      // Compared in units of the distortion.
      if (dense && (2 * price * whole) / mu < (2 * price * perRank * rank) / mu + left) {
        const none = new Float32Array();
        const full = { rank: Math.min(w.rows * height, w.cols / height), u: none, v: none };
        const theta = { ...shape, ...full, dense: Float32Array.from(w.data), cost: price * whole };
        return { theta, ...certificate };
      }
      return { theta: { ...shape, rank, u, v, cost: price * perRank * rank }, ...certificate };
    },
    decompress: (theta) =>
      theta.dense
        ? { rows: theta.rows, cols: theta.cols, data: Float64Array.from(theta.dense) }
        : product(theta, theta.u, theta.v),
    bits: (theta) => 32 * (theta.dense ? theta.dense.length : theta.u.length + theta.v.length),
    cost: ({ cost }) => cost,
    flops: (theta, geometry) =>
      theta.dense
        ? 2 * theta.dense.length * uses(geometry)
        : theta.rank * flopsPerRank(theta, geometry),
  });
}

/** The part of W with σ² > limit: its factors, and ‖W − U V‖². More and more of the spectrum is looked at until it is seen. */
function above(w: Target, height: number, limit: number, norm: number) {
  const matrix = factoredMatrix(w, height);
  const most = Math.min(matrix.rows, matrix.cols);
  for (let tried = Math.min(32, most); ; tried = Math.min(2 * tried, most)) {
    const { u, v, exact, gap } = truncatedSvd(matrix, tried);
    const values = spectrum(u, v, tried, matrix);
    let rank = 0;
    while (rank < tried && (values[rank] as number) > limit) rank++;
    if (rank === tried && tried < most) continue;
    const kept = values.subarray(0, rank).reduce((total, x) => total + x, 0);
    const certificate: Omit<CStepResult<never>, "theta"> = exact
      ? { exact, gap: 0 }
      : { exact, gap };
    return {
      u: Float32Array.from({ length: matrix.rows * rank }, (_, k) => {
        const i = Math.floor(k / rank);
        return u[i * tried + (k - i * rank)] as number;
      }),
      v: Float32Array.from(v.subarray(0, rank * matrix.cols)),
      rank,
      left: Math.max(0, norm - kept),
      ...certificate,
    };
  }
}

/** σ² of each component: ‖its column of U‖² ‖its row of V‖². */
function spectrum(
  u: Float64Array,
  v: Float64Array,
  rank: number,
  { rows, cols }: { readonly rows: number; readonly cols: number },
): Float64Array {
  return Float64Array.from({ length: rank }, (_, k) => {
    let [a, b] = [0, 0];
    for (let i = 0; i < rows; i++) a += (u[i * rank + k] as number) * (u[i * rank + k] as number);
    for (let j = 0; j < cols; j++) b += (v[k * cols + j] as number) * (v[k * cols + j] as number);
    return a * b;
  });
}

function squares(data: Float64Array): number {
  let total = 0;
  for (let i = 0; i < data.length; i++) total += (data[i] as number) * (data[i] as number);
  return total;
}
