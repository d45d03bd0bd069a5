import type { Matrix } from "../math/matrix.ts";
import { type Geometry, geometryOf, type Shape } from "./geometry.ts";

/**
 * How a convolution is written as a matrix before it is factored. 1 (default): filters × (kernel · channels), a thin
 * convolution and then 1 × 1. 2: (filters · kernel height) × (kernel width · channels), a row kernel and then a column
 * kernel. For dense layers both are the weight matrix.
 */
export type Scheme = 1 | 2;

/** Sides of the factored matrix: rows · height × cols / height. */
export interface Factored {
  readonly rows: number;
  readonly cols: number;
  /** Rows of the factored matrix that one row of the weight matrix makes: the kernel's height in scheme 2, else 1. */
  readonly height: number;
  readonly rank: number;
}

/** θ of a low-rank matrix: the factored matrix (see `Scheme`) is U V. */
export interface LowRank<Factor = Float32Array> extends Factored {
  /** (rows · height) × rank, row-major, float32 – or, if factors are compressed, θ of that compression. */
  readonly u: Factor;
  /** rank × (cols / height), likewise. */
  readonly v: Factor;
}

/** @throws RangeError, as `who`, if the scheme is neither 1 nor 2. */
export function schemeOf(who: string, scheme: Scheme | undefined): Scheme {
  if (scheme === undefined || scheme === 1 || scheme === 2) return scheme ?? 1;
  throw new RangeError(
    `${who}: scheme must be 1 or 2, got ${JSON.stringify(scheme)}. 1 is a thin convolution and 1 × 1, 2 a row kernel and a column kernel.`,
  );
}

/** Rows of the factored matrix per row of the weight matrix. */
export function heightOf(shape: Shape, scheme: Scheme): number {
  return scheme === 2 ? geometryOf(shape).kernel[0] : 1;
}

/** The matrix that is factored: the same numbers in the same order. */
export function factoredMatrix<M extends Shape>(matrix: M, height: number): M {
  return { ...matrix, rows: matrix.rows * height, cols: matrix.cols / height };
}

/** U V as a matrix of the weights' shape. */
export function product(
  { rows, cols, height, rank }: Factored,
  u: ArrayLike<number>,
  v: ArrayLike<number>,
): Matrix<Float64Array> {
  const data = new Float64Array(rows * cols);
  const [tall, wide] = [rows * height, cols / height];
  for (let i = 0; i < tall; i++) {
    for (let r = 0; r < rank; r++) {
      const weight = u[i * rank + r] as number;
      for (let j = 0, to = i * wide, from = r * wide; j < wide; j++, to++, from++) {
        data[to] = (data[to] as number) + weight * (v[from] as number);
      }
    }
  }
  return { rows, cols, data };
}

/** Numbers in both factors for each rank. */
export function numbersPerRank({ rows, cols, height }: Omit<Factored, "rank">): number {
  return rows * height + cols / height;
}

/** Multiplications and additions of both factors for each rank, each at its own output size. */
export function flopsPerRank(
  { rows, cols, height }: Omit<Factored, "rank">,
  { input, output }: Geometry,
): number {
  // With a column kernel behind it, the row kernel runs over all rows of the input.
  const first = height > 1 ? input[0] * output[1] : output[0] * output[1];
  return 2 * (cols / height) * first + 2 * rows * height * output[0] * output[1];
}
