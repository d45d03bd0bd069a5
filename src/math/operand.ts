import { LCError } from "../errors.ts";
import { type Eigenproblem, eigenproblem, solve } from "./eigen.ts";
import { strideOf, type Workspace } from "./kernels.ts";
import type { Matrix } from "./matrix.ts";

/** A matrix in the memory of the kernels, the smaller side as its rows; padded with zeros. */
export interface Operand {
  /** Rows, at most as many as columns. */
  readonly rows: number;
  readonly cols: number;
  /** Elements from row to row; a whole number of four rows is there. */
  readonly stride: number;
  /** It is the transpose of the caller's matrix. */
  readonly flipped: boolean;
  /** The caller's numbers times this power of two, so that squares neither overflow nor vanish. */
  readonly scale: number;
  /** ‖A‖², of the scaled numbers. */
  readonly squares: number;
  /** Offset of its numbers with 4 or 8 bytes each, copied at the first use. */
  numbers(bytes: 4 | 8): number;
}

/**
 * @param bytes Of the numbers that are wanted first.
 * @throws LCError LC_NONFINITE if the matrix has a NaN or an infinity.
 */
export function operand(space: Workspace, matrix: Matrix, bytes: 4 | 8): Operand {
  const flipped = matrix.rows > matrix.cols;
  const [rows, cols] = flipped ? [matrix.cols, matrix.rows] : [matrix.rows, matrix.cols];
  const stride = strideOf(cols);
  const reserve = (size: 4 | 8): number => space.reserve(fours(rows) * stride, size);
  const first = reserve(bytes);
  let scale = 1;
  let squares = copyInto(space, first, bytes, matrix, scale);
  if (!(squares > 2 ** -80 && squares < 2 ** 80)) {
    scale = scaleOf(matrix.data);
    squares = copyInto(space, first, bytes, matrix, scale);
  }
  if (!(squares < Number.POSITIVE_INFINITY)) {
    throw new LCError("LC_NONFINITE", "svd: the matrix must be finite, got a NaN or an infinity.");
  }
  let other = 0;
  const numbers = (wanted: 4 | 8): number => {
    if (wanted === bytes) return first;
    if (other === 0) {
      other = reserve(wanted);
      copyInto(space, other, wanted, matrix, scale);
    }
    return other;
  };
  return { rows, cols, stride, flipped, scale, squares, numbers };
}

/**
 * The matrix, or its transpose if it has more rows than columns, times `scale`. Float32 by way of a band of float64 rows
 * that stays in the cache.
 * @returns ‖scale · A‖²
 */
function copyInto(
  space: Workspace,
  offset: number,
  bytes: 4 | 8,
  { rows, cols, data }: Matrix,
  scale: number,
): number {
  const { kernels } = space;
  const flipped = rows > cols;
  const [height, width] = flipped ? [cols, rows] : [rows, cols];
  const stride = strideOf(width);
  const band = flipped ? SIDE : fours(8192 / stride);
  const staging = bytes === 4 ? space.reserve(band * stride, 8) : 0;
  let squares = 0;
  for (let i = 0; i < height; i += band) {
    const count = Math.min(band, height - i);
    const size = fours(count) * stride;
    const at = staging || offset + i * stride * 8;
    const to = space.doubles(at, size);
    const packed = stride === width && !flipped;
    to.fill(0, packed ? count * stride : 0);
    if (flipped) transposeInto(to, stride, data, rows, cols, i, i + count);
    else if (packed) to.set(data.subarray(i * width, (i + count) * width));
    else {
      for (let k = 0; k < count; k++) {
        to.set(data.subarray((i + k) * width, (i + k + 1) * width), k * stride);
      }
    }
    if (scale !== 1) kernels.combine64(at, at, scale, at, 0, at, 0, size);
    squares += staging
      ? kernels.demote(at, offset + i * stride * 4, size)
      : kernels.squares(at, size);
  }
  return squares;
}

/** The eigenvectors of A Aᵀ, still in the workspace: row `order[i]` of `problem.vectors` has eigenvalue `values[i]`. */
export function gramEigen(
  space: Workspace,
  a: Operand,
  withVectors: boolean,
): { problem: Eigenproblem; values: Float64Array; order: Uint32Array } {
  const problem = eigenproblem(space, a.rows, withVectors);
  gramInto(space, a.numbers(8), a, problem.matrix, 8);
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

/** Side of the squares of a transposition; they stay in the cache. */
const SIDE = 32;

/** `to`, with a stride, = columns `from`…`end` − 1 of `data` (rows × cols) as rows. */
export function transposeInto(
  to: Float64Array,
  stride: number,
  data: ArrayLike<number>,
  rows: number,
  cols: number,
  from = 0,
  end: number = cols,
): void {
  for (let i0 = 0; i0 < rows; i0 += SIDE) {
    const i1 = Math.min(rows, i0 + SIDE);
    for (let j0 = from; j0 < end; j0 += SIDE) {
      const j1 = Math.min(end, j0 + SIDE);
      for (let j = j0; j < j1; j++) {
        for (let i = i0; i < i1; i++) to[(j - from) * stride + i] = data[i * cols + j] as number;
      }
    }
  }
}

/** The power of two that brings the largest number near 1. */
function scaleOf(data: ArrayLike<number>): number {
  let largest = 0;
  for (let i = 0; i < data.length; i++) largest = Math.max(largest, Math.abs(data[i] as number));
  let scale = 1;
  while (largest * scale >= 1 && scale > 2 ** -1000) scale /= 2;
  while (largest * scale < 0.5 && scale < 2 ** 1000) scale *= 2;
  return scale;
}
