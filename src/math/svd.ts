import { inWorkspace, strideOf, type Workspace } from "./kernels.ts";
import type { Matrix } from "./matrix.ts";
import { fours, gramEigen, type Operand, operand, transposeInto } from "./operand.ts";
import { leadingSubspace } from "./subspace.ts";

/** Factors U (rows × rank) and V (rank × cols), row-major. */
export interface Factors<T extends Float32Array | Float64Array = Float32Array | Float64Array> {
  readonly u: T;
  readonly v: T;
}

export interface TruncatedSvd extends Factors<Float64Array> {
  /** ‖A − U V‖² is the minimum, to 1e-6 of itself or 1e-12 of ‖A‖²; of iterations an estimate says so (subspace.ts). */
  readonly exact: boolean;
  /** Estimate of what ‖A − U V‖² has in excess of the minimum; 0 if exact. */
  readonly gap: number;
}

/** Up to this smaller side everything is done in full, and up to the other one if the iteration does not converge. */
const SMALL = 48;
const AFFORDABLE = 1500;

/**
 * Truncated singular value decomposition A ≈ U V of rank r: the best approximation in the Frobenius norm (Eckart &
 * Young, 1936). U is rows × r with orthonormal columns and V = Uᵀ A (iteratively to float32 accuracy) is r × cols; when cols is the smaller side, V has the
 * orthonormal rows and U = A Vᵀ. Ties between singular values are broken arbitrarily but always the same.
 *
 * Small matrices, large ranks and `full: true`: exact to rounding through the eigenvectors of the smaller Gram matrix,
 * O(min² · max + min³). Otherwise iteratively with a residual test, O(min · max · r) a turn (subspace.ts).
 *
 * @param options.warm Factors of a similar matrix, for instance the result before: the iteration starts from U, or from V when
 * cols is the smaller side; their rank may be another one. The result is not worse than A's best approximation in their
 * span, up to rounding.
 * @throws RangeError if the rank is not a whole number from 0 to min(rows, cols), or `warm` does not fit.
 * @throws LCError LC_NONFINITE, LC_MEMORY or LC_ENGINE.
 */
export function truncatedSvd(
  matrix: Matrix,
  rank: number,
  options: { readonly warm?: Factors | undefined; readonly full?: boolean | undefined } = {},
): TruncatedSvd {
  const { rows, cols } = matrix;
  const smaller = Math.min(rows, cols);
  if (!Number.isInteger(rank) || rank < 0 || rank > smaller) {
    throw new RangeError(
      `truncatedSvd: rank must be a whole number from 0 to ${smaller} for ${rows} × ${cols}, got ${rank}.`,
    );
  }
  const start = options.warm ? startOf(matrix, options.warm) : new Float64Array(0);
  if (rank === 0) return { u: new Float64Array(0), v: new Float64Array(0), exact: true, gap: 0 };
  return inWorkspace((space) => {
    const full = options.full || smaller <= SMALL || 3 * rank > smaller;
    const a = operand(space, matrix, full ? 8 : 4);
    if (a.squares === 0) return nothing(matrix, rank);
    if (full) return inFull(space, a, rank);
    const { x, z, converged, excess } = leadingSubspace(space, a, rank, start);
    if (!converged && smaller <= AFFORDABLE) return inFull(space, a, rank);
    const gap = converged ? 0 : excess / a.scale / a.scale;
    return { ...factors(space, a, rank, x, z), exact: converged, gap };
  });
}

/**
 * All min(rows, cols) singular values, descending: the roots of the eigenvalues of the smaller Gram matrix. An eigenvalue is off
 * by rounding, 1e-15 σ₁² or so, so that σ is off by 1e-15 σ₁² / σ: full accuracy near σ₁, none below 3e-8 σ₁.
 * @throws LCError LC_NONFINITE, LC_MEMORY or LC_ENGINE.
 */
export function singularValues(matrix: Matrix): Float64Array {
  return inWorkspace((space) => {
    const a = operand(space, matrix, 8);
    const { values } = gramEigen(space, a, false);
    return values.map((value) => Math.sqrt(Math.max(0, value)) / a.scale);
  });
}

function inFull(space: Workspace, a: Operand, rank: number): TruncatedSvd {
  const { problem, order } = gramEigen(space, a, true);
  const x = space.reserve(fours(rank) * problem.stride, 8);
  const z = space.reserve(fours(rank) * a.stride, 8);
  const to = space.doubles(x, fours(rank) * problem.stride);
  const from = space.doubles(problem.vectors, a.rows * problem.stride);
  to.fill(0);
  for (let r = 0; r < rank; r++) {
    const row = (order[r] as number) * problem.stride;
    to.set(from.subarray(row, row + problem.stride), r * problem.stride);
  }
  const { times64 } = space.kernels;
  times64(x, problem.stride, fours(rank), a.numbers(8), a.stride, a.rows, z, a.stride, a.cols);
  return { ...factors(space, a, rank, x, z), exact: true, gap: 0 };
}

/** U and V from the rows of x, orthonormal, and z = x A. */
function factors(space: Workspace, a: Operand, rank: number, x: number, z: number) {
  const stride = strideOf(a.rows);
  const xs = space.doubles(x, rank * stride);
  const zs = space.doubles(z, rank * a.stride);
  for (let i = 0; i < zs.length; i++) zs[i] = (zs[i] as number) / a.scale;
  return a.flipped
    ? { u: columns(zs, a.stride, rank, a.cols), v: packed(xs, stride, rank, a.rows) }
    : { u: columns(xs, stride, rank, a.rows), v: packed(zs, a.stride, rank, a.cols) };
}

/** Rows without their padding. */
function packed(from: Float64Array, stride: number, rows: number, cols: number): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) out.set(from.subarray(i * stride, i * stride + cols), i * cols);
  return out;
}

/** Rows as columns, cols × rows. */
function columns(from: Float64Array, stride: number, rows: number, cols: number): Float64Array {
  const out = new Float64Array(rows * cols);
  transposeInto(out, rows, packed(from, stride, rows, cols), rows, cols);
  return out;
}

/** A = 0: any orthonormal vectors will do. */
function nothing({ rows, cols }: Matrix, rank: number): TruncatedSvd {
  const u = new Float64Array(rows * rank);
  const v = new Float64Array(rank * cols);
  for (let r = 0; r < rank; r++) {
    if (rows > cols) v[r * cols + r] = 1;
    else u[r * rank + r] = 1;
  }
  return { u, v, exact: true, gap: 0 };
}

/** The rows to start from, along the smaller side. */
function startOf({ rows, cols }: Matrix, { u, v }: Factors): Float64Array {
  const rank = u.length / rows;
  if (!Number.isInteger(rank) || v.length !== rank * cols) {
    throw new RangeError(
      `truncatedSvd: warm must have U ${rows} × rank and V rank × ${cols}, got ${u.length} and ${v.length} numbers.`,
    );
  }
  if (rows > cols) return Float64Array.from(v);
  const start = new Float64Array(rank * rows);
  transposeInto(start, rows, u, rows, rank);
  return start;
}
