import { truncatedSvd } from "../math/svd.ts";
import { weightedLowRank } from "../math/weighted-low-rank.ts";
import { defineCompression } from "./compression.ts";
import type { Compression, CStepContext, CStepResult, Target } from "./contract.ts";
import {
  factoredMatrix,
  flopsPerRank,
  heightOf,
  type LowRank,
  numbersPerRank,
  product,
  type Scheme,
  schemeOf,
} from "./factors.ts";
import { compressFactors } from "./low-bit-factors.ts";
import { checkValues, valuesSpec } from "./sparse.ts";

/**
 * Low rank: min ‖W − U V‖² over factors of rank r. Exact to float32 rounding of the factors: truncated SVD, for large
 * matrices by subspace iteration from the factors before, until its residuals show an excess below 1e-9 ‖W‖²; `full: true`
 * computes the whole decomposition each time. With importance weights exact if they are separable (hᵢⱼ = aᵢ bⱼ), otherwise
 * weighted least squares in alternation, not exact. `factors` compresses U and V too (not exact).
 * Bits: 32 r (m + n), or those of `factors`. FLOPs: both factors, each at its own output size.
 * @throws RangeError if the rank is not a whole number from 1 to the smaller side.
 * @see Eckart & Young, 1936; Idelbayev & Carreira-Perpiñán, CVPR 2020 (schemes)
 */
export function lowRank<Factor = Float32Array>(options: {
  readonly rank: number;
  /** How a convolution is factored; default 1. */
  readonly scheme?: Scheme;
  /** Compresses the numbers in U and V, e.g. `float16()`. */
  readonly factors?: Compression<Factor>;
  /** Full accuracy in every step; default false. */
  readonly full?: boolean;
}): Compression<LowRank<Factor>> {
  const { rank, factors, full = false } = options;
  if (!Number.isInteger(rank) || rank < 1) {
    throw new RangeError(`lowRank: rank must be a whole number from 1, got ${rank}.`);
  }
  const scheme = schemeOf("lowRank", options.scheme);
  checkValues("lowRank", "factors", factors as Compression<unknown> | undefined);
  const inner = valuesSpec(factors as Compression<unknown> | undefined);
  const label = [`r = ${rank}`, ...(scheme === 2 ? ["scheme 2"] : [])];
  if (factors) label.push(factors.name);
  const numbers = (theta: LowRank<Factor>): { u: Float32Array; v: Float32Array } =>
    factors
      ? { u: floats(factors, theta.u), v: floats(factors, theta.v) }
      : (theta as unknown as LowRank);
  return defineCompression<LowRank<Factor>>({
    name: `lowRank(${label.join(", ")})`,
    exact: factors === undefined,
    elementwise: false,
    weighted: true,
    ...(inner
      ? {
          spec: {
            kind: "lowRank",
            rank,
            ...(scheme === 2 ? { scheme } : {}),
            ...(full ? { full } : {}),
            ...(inner.values ? { factors: inner.values } : {}),
          },
        }
      : {}),
    check(shape, where) {
      const height = heightOf(shape, scheme);
      const { rows, cols } = factoredMatrix(shape, height);
      const largest = Math.min(rows, cols);
      if (rank <= largest) {
        factors?.check({ rows, cols: rank }, `U of ${where}`);
        factors?.check({ rows: rank, cols }, `V of ${where}`);
        return;
      }
      const useless = Math.ceil((rows * cols) / (rows + cols));
      throw new RangeError(
        `lowRank: rank must be from 1 to ${largest} for ${where}, got ${rank}. From ${useless} on it saves nothing.`,
      );
    },
    solve(w, context) {
      const height = heightOf(w, scheme);
      const shape = { rows: w.rows, cols: w.cols, height, rank };
      const matrix = factoredMatrix(w, height);
      const warm = context.warm && numbers(context.warm);
      const found = factorize(matrix, rank, full, context, warm);
      if (factors) return compressFactors(matrix, shape, found, factors, context);
      const { u, v, ...certificate } = found;
      const theta = { ...shape, u: new Float32Array(u), v: new Float32Array(v) };
      return { theta: theta as unknown as LowRank<Factor>, ...certificate };
    },
    decompress: (theta) => {
      const { u, v } = numbers(theta);
      return product(theta, u, v);
    },
    bits: (theta, accounting) =>
      factors
        ? factors.bits(theta.u, accounting) + factors.bits(theta.v, accounting)
        : 32 * rank * numbersPerRank(theta),
    flops: (theta, geometry) => rank * flopsPerRank(theta, geometry),
  });
}

function factorize(
  matrix: Target,
  rank: number,
  full: boolean,
  { importance }: CStepContext<unknown>,
  warm: { u: Float32Array; v: Float32Array } | undefined,
): { u: Float64Array; v: Float64Array } & Omit<CStepResult<never>, "theta"> {
  const start = warm ? { warm } : {};
  if (!importance) return truncatedSvd(matrix, rank, { full, ...start });
  const { u, v, exact } = weightedLowRank(matrix, importance, rank, start);
  return exact ? { u, v, exact, gap: 0 } : { u, v, exact };
}

function floats<Factor>(factors: Compression<Factor>, theta: Factor): Float32Array {
  return new Float32Array(factors.decompress(theta).data);
}
