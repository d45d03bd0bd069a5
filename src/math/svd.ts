import { symmetricEigen } from "./eigen.ts";
import type { Matrix } from "./matrix.ts";

/**
 * Truncated singular value decomposition A ≈ U V of rank r: the best approximation in the Frobenius norm (Eckart &
 * Young, 1936). U is rows × r with orthonormal columns and V = Uᵀ A is r × cols (or the other way round when cols is the
 * smaller side). Exact to rounding through the eigenvectors of the smaller Gram matrix: O(min² · max + min³).
 */
export function truncatedSvd(matrix: Matrix, rank: number): { u: Float64Array; v: Float64Array } {
  const { rows, cols } = matrix;
  if (rows > cols) {
    const { u, v } = truncatedSvd(transpose(matrix), rank);
    return { u: transposed(v, rank, rows), v: transposed(u, cols, rank) };
  }
  const { vectors } = symmetricEigen(gram(matrix), rows);
  const v = new Float64Array(rank * cols);
  for (let r = 0; r < rank; r++) {
    for (let i = 0; i < rows; i++) {
      const weight = vectors[r * rows + i] as number;
      const row = i * cols;
      for (let j = 0; j < cols; j++) {
        v[r * cols + j] = (v[r * cols + j] as number) + weight * (matrix.data[row + j] as number);
      }
    }
  }
  return { u: transposed(vectors.subarray(0, rank * rows), rank, rows), v };
}

/** A Aᵀ, rows × rows. */
function gram({ rows, cols, data }: Matrix): Float64Array {
  const g = new Float64Array(rows * rows);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j <= i; j++) {
      let sum = 0;
      for (let k = 0, a = i * cols, b = j * cols; k < cols; k++, a++, b++) {
        sum += (data[a] as number) * (data[b] as number);
      }
      g[i * rows + j] = sum;
      g[j * rows + i] = sum;
    }
  }
  return g;
}

function transpose({ rows, cols, data }: Matrix): Matrix {
  return { rows: cols, cols: rows, data: transposed(data, rows, cols) };
}

function transposed(data: ArrayLike<number>, rows: number, cols: number): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++) out[j * rows + i] = data[i * cols + j] as number;
  }
  return out;
}
