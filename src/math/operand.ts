import { LCError } from "../errors.ts";
import { type Eigenproblem, eigenproblem, solve } from "./eigen.ts";
import { strideOf, type Workspace } from "./kernels.ts";
import type { Matrix } from "./matrix.ts";

/** A matrix in the memory of the kernels, the smaller side as its rows; float64, padded with zeros. */
export interface Operand {
  /** Rows, at most as many as columns. */
  readonly rows: number;
  readonly cols: number;
  /** Elements from row to row; a whole number of four rows is there. */
  readonly stride: number;
  readonly data: number;
  /** It is the transpose of the caller's matrix. */
  readonly flipped: boolean;
  /** The caller's numbers times this power of two, so that squares neither overflow nor vanish. */
  readonly scale: number;
  /** ‖A‖², of the scaled numbers. */
  readonly squares: number;
}

/** @throws LCError LC_NONFINITE if the matrix has a NaN or an infinity. */
export function operand(space: Workspace, matrix: Matrix): Operand {
  const { kernels } = space;
  const flipped = matrix.rows > matrix.cols;
  const [rows, cols] = flipped ? [matrix.cols, matrix.rows] : [matrix.rows, matrix.cols];
  const stride = strideOf(cols);
  const count = fours(rows) * stride;
  const data = space.reserve(count, 8);
  const to = space.doubles(data, count);
  to.fill(0, stride === cols && !flipped ? rows * cols : 0);
  if (flipped) transposeInto(to, stride, matrix.data, cols, rows);
  else if (stride === cols) to.set(matrix.data);
  else {
    for (let i = 0; i < rows; i++) {
      to.set(matrix.data.subarray(i * cols, i * cols + cols), i * stride);
    }
  }
  let scale = 1;
  let squares = kernels.squares(data, count);
  if (!(squares > 2 ** -80 && squares < 2 ** 80)) {
    scale = scaleOf(kernels.largest(data, count));
    kernels.combine64(data, data, scale, data, 0, data, 0, count);
    squares = kernels.squares(data, count);
  }
  if (!(squares < Number.POSITIVE_INFINITY)) {
    throw new LCError("LC_NONFINITE", "svd: the matrix must be finite, got a NaN or an infinity.");
  }
  return { rows, cols, stride, data, flipped, scale, squares };
}

/** The eigenvectors of A Aᵀ, still in the workspace: row `order[i]` of `problem.vectors` has eigenvalue `values[i]`. */
export function gramEigen(
  space: Workspace,
  a: Operand,
  withVectors: boolean,
): { problem: Eigenproblem; values: Float64Array; order: Uint32Array } {
  const problem = eigenproblem(space, a.rows, withVectors);
  gramInto(space, a.data, a, problem.matrix, 8);
  return { problem, ...solve(space, problem) };
}

/** A Aᵀ to `to`, rows × rows and `strideOf(rows)`, with the numbers of A at `data` having 4 or 8 bytes. */
export function gramInto(
  space: Workspace,
  data: number,
  { rows, cols, stride }: Operand,
  to: number,
  bytes: 4 | 8,
): void {
  const { kernels } = space;
  const times = bytes === 4 ? kernels.timesTransposed32 : kernels.timesTransposed64;
  const out = strideOf(rows);
  const gram = (bytes === 4 ? space.singles : space.doubles)(to, fours(rows) * out);
  gram.fill(0);
  // Only what is left of the diagonal, in bands.
  const band = 32;
  for (let i = 0; i < rows; i += band) {
    const count = Math.min(band, fours(rows) - i);
    const from = data + i * stride * bytes;
    times(from, stride, count, data, stride, i + count, to + i * out * bytes, out, cols);
  }
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < i; j++) gram[j * out + i] = gram[i * out + j] as number;
  }
}

/** The least multiple of 4 from n: the products work on four rows at a time. */
export function fours(n: number): number {
  return Math.ceil(n / 4) * 4;
}

/** `to` (cols × rows, with a stride) = `from`ᵀ (rows × cols), in squares that stay in the cache. */
export function transposeInto(
  to: Float64Array,
  stride: number,
  from: ArrayLike<number>,
  rows: number,
  cols: number,
): void {
  const side = 32;
  for (let i0 = 0; i0 < rows; i0 += side) {
    const i1 = Math.min(rows, i0 + side);
    for (let j0 = 0; j0 < cols; j0 += side) {
      const j1 = Math.min(cols, j0 + side);
      for (let j = j0; j < j1; j++) {
        for (let i = i0; i < i1; i++) to[j * stride + i] = from[i * cols + j] as number;
      }
    }
  }
}

/** The power of two that brings `largest` near 1. */
function scaleOf(largest: number): number {
  let scale = 1;
  while (largest * scale >= 1 && scale > 2 ** -1000) scale /= 2;
  while (largest * scale < 0.5 && scale < 2 ** 1000) scale *= 2;
  return scale;
}
