import { squaredNorm } from "../math/matrix.ts";
import { truncatedSvd } from "../math/svd.ts";
import { separated, weightedLowRank } from "../math/weighted-low-rank.ts";
import { defineCompression } from "./compression.ts";
import { type Compression, type CStepResult, distortion, type Target } from "./contract.ts";
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
import { geometryOf, type Shape, uses } from "./geometry.ts";
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
  /** α C(rank), what this choice costs. */
  readonly cost: number;
}

/**
 * Rank selection: min over rank and factors of α C(r) + μ/2 ‖W − U V‖². C counts the factors' numbers ("storage") or their
 * multiplications and additions, each at its own output size ("flops"); keeping W dense, at the cost of a dense layer,
 * is a candidate unless `dense: false`. Exact: C is linear in r, so r* is the number of singular values with
 * σ² > 2α C(1)/μ. Rank 0 (no connection at all) is a candidate too. Needs μ > 0. With importance weights exact if they are
 * separable (hᵢⱼ = aᵢ bⱼ), otherwise not.
 * @throws RangeError if α is not above 0 or an option is unknown, and in a C step at μ = 0.
 * @see Idelbayev & Carreira-Perpiñán, CVPR 2020, pp. 8049–8059
 */
export function rankSelection(options: {
  readonly alpha: number;
  /** What C counts; default "storage". */
  readonly criterion?: "storage" | "flops";
  readonly scheme?: Scheme;
  /** Measures the error relative to ‖W‖², so that one α serves layers of any scale; default false. Not in sums. */
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
  const label = [`α = ${alpha}`, criterion as string];
  if (scheme === 2) label.push("scheme 2");
  if (normalized) label.push("normalized");
  if (!dense) label.push("never dense");
  return defineCompression<RankSelected>({
    name: `rankSelection(${label.join(", ")})`,
    exact: true,
    elementwise: false,
    weighted: true,
    ...(normalized
      ? {
          alone:
            "Its cost is relative to ‖W‖², and a part of a sum sees what the others leave. Write normalized: false.",
        }
      : {}),
    spec: { kind: "rankSelection", alpha, criterion, scheme, normalized, dense },
    solve(w, { mu, importance }) {
      const height = heightOf(w, scheme);
      const shape = { rows: w.rows, cols: w.cols, height };
      const { perRank, whole } = chargesOf(criterion, w, height);
      const price = ((normalized ? alpha * squaredNorm(w.data) : alpha) * 2) / mu;
      const matrix = factoredMatrix(w, height);
      const { u, v, rank, left, ...certificate } = above(matrix, price * perRank, importance);
      // Compared in units of the distortion.
      if (dense && price * whole < price * perRank * rank + left) {
        const none = new Float32Array();
        const full = { rank: Math.min(matrix.rows, matrix.cols), u: none, v: none };
        const theta = { ...shape, ...full, dense: new Float32Array(w.data), cost: alpha * whole };
        return { theta, ...certificate };
      }
      return { theta: { ...shape, rank, u, v, cost: alpha * perRank * rank }, ...certificate };
    },
    decompress: (theta) =>
      theta.dense
        ? { rows: theta.rows, cols: theta.cols, data: Float64Array.from(theta.dense) }
        : product(theta, theta.u, theta.v),
    bits: (theta) => 32 * (theta.dense ? theta.dense.length : theta.u.length + theta.v.length),
    cost: ({ cost }, { data }) => (normalized ? cost * squaredNorm(data) : cost),
    flops: (theta, geometry) =>
      theta.dense
        ? 2 * theta.dense.length * uses(geometry)
        : theta.rank * flopsPerRank(theta, geometry),
  });
}

/** C(1), with which C(r) grows, and C of the dense matrix. */
export function chargesOf(
  criterion: "storage" | "flops",
  w: Shape,
  height: number,
): { readonly perRank: number; readonly whole: number } {
  const shape = { rows: w.rows, cols: w.cols, height };
  const geometry = geometryOf(w);
  return criterion === "storage"
    ? { perRank: numbersPerRank(shape), whole: w.rows * w.cols }
    : {
        perRank: flopsPerRank(shape, geometry),
        whole: 2 * w.rows * w.cols * uses(geometry),
      };
}

/**
 * The part of W with σ² > limit: its factors, and the error without the rest. More and more of the spectrum is looked at
 * until it is seen. With importance weights that of the matrix scaled by their separable part; exact if that is all of them,
 * otherwise the rank is an estimate and the factors are refined by weighted least squares.
 */
function above(matrix: Target, limit: number, importance: Float64Array | undefined): Above {
  if (importance) return weightedAbove(matrix, limit, importance);
  const { rows, cols } = matrix;
  const most = Math.min(rows, cols);
  for (let tried = Math.min(32, most); ; tried = Math.min(2 * tried, most)) {
    const { u, v, exact, gap } = truncatedSvd(matrix, tried);
    const values = spectrum(u, v, tried, matrix);
    let rank = 0;
    while (rank < tried && (values[rank] as number) > limit) rank++;
    if (rank === tried && tried < most) continue;
    const kept = values.subarray(0, rank).reduce((total, x) => total + x, 0);
    const certificate: Certificate = exact ? { exact, gap: 0 } : { exact, gap };
    return {
      u: Float32Array.from({ length: rows * rank }, (_, k) => {
        const i = Math.floor(k / rank);
        return u[i * tried + (k - i * rank)] as number;
      }),
      v: new Float32Array(v.subarray(0, rank * cols)),
      rank,
      left: Math.max(0, squaredNorm(matrix.data) - kept),
      ...certificate,
    };
  }
}

type Certificate = Omit<CStepResult<never>, "theta">;

interface Above extends Certificate {
  readonly u: Float32Array;
  readonly v: Float32Array;
  readonly rank: number;
  /** Σ h (w − U V)². */
  readonly left: number;
}

function weightedAbove(matrix: Target, limit: number, importance: Float64Array): Above {
  const { rows, cols, data } = matrix;
  const { p, q, separable } = separated(matrix, importance);
  const scaled = Float64Array.from(data, (x, at) => {
    const i = Math.floor(at / cols);
    return x * (p[i] as number) * (q[at - i * cols] as number);
  });
  const { rank, exact } = above({ rows, cols, data: scaled }, limit, undefined);
  const { u, v } = weightedLowRank(matrix, importance, rank);
  const factors = { u: new Float32Array(u), v: new Float32Array(v) };
  const delta = product({ rows, cols, height: 1, rank }, factors.u, factors.v);
  const left = distortion(matrix, delta, importance);
  const certificate: Certificate = separable && exact ? { exact: true, gap: 0 } : { exact: false };
  return { ...factors, rank, left, ...certificate };
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
