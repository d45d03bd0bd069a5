import type { Matrix } from "./matrix.ts";

/**
 * V = argmin ‖A − U V‖² for a given U (A.rows × rank, row-major), by the normal equations and Cholesky; directions of U that
 * are missing or all but dependent (a pivot below 1e-12 of the largest) get 0. @returns rank × A.cols, row-major.
 */
export function leastSquares(a: Matrix, u: ArrayLike<number>, rank: number): Float64Array {
  const { rows, cols, data } = a;
  const gram = new Float64Array(rank * rank);
  const v = new Float64Array(rank * cols);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < rank; k++) {
      const x = u[i * rank + k] as number;
      if (x === 0) continue;
      for (let l = 0; l <= k; l++) {
        gram[k * rank + l] = (gram[k * rank + l] as number) + x * (u[i * rank + l] as number);
      }
      for (let j = 0, from = i * cols, to = k * cols; j < cols; j++, from++, to++) {
        v[to] = (v[to] as number) + x * (data[from] as number);
      }
    }
  }
  const usable = cholesky(gram, rank);
  // L Lᵀ V = Uᵀ A, row by row of V.
  for (let k = 0; k < rank; k++) eliminate(k, 0, k, (l) => gram[k * rank + l] as number);
  for (let k = rank - 1; k >= 0; k--)
    eliminate(k, k + 1, rank, (l) => gram[l * rank + k] as number);
  return v;

  function eliminate(k: number, from: number, to: number, factor: (l: number) => number): void {
    const row = v.subarray(k * cols, (k + 1) * cols);
    if (!usable[k]) {
      row.fill(0);
      return;
    }
    for (let l = from; l < to; l++) {
      const f = factor(l);
      for (let j = 0; j < cols; j++) row[j] = (row[j] as number) - f * (v[l * cols + j] as number);
    }
    const pivot = gram[k * rank + k] as number;
    for (let j = 0; j < cols; j++) row[j] = (row[j] as number) / pivot;
  }
}

/** The Cholesky factor in the lower half of `a`; which pivots are usable. */
function cholesky(a: Float64Array, n: number): boolean[] {
  let largest = 0;
  for (let k = 0; k < n; k++) largest = Math.max(largest, a[k * n + k] as number);
  const usable: boolean[] = [];
  for (let k = 0; k < n; k++) {
    let pivot = a[k * n + k] as number;
    for (let l = 0; l < k; l++) pivot -= (a[k * n + l] as number) * (a[k * n + l] as number);
    usable[k] = pivot > 1e-12 * largest;
    const root = usable[k] ? Math.sqrt(pivot) : 1;
    a[k * n + k] = root;
    for (let i = k + 1; i < n; i++) {
      let x = a[i * n + k] as number;
      for (let l = 0; l < k; l++) x -= (a[i * n + l] as number) * (a[k * n + l] as number);
      a[i * n + k] = usable[k] ? x / root : 0;
    }
  }
  return usable;
}
