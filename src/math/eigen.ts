import { inWorkspace, strideOf, type Workspace } from "./kernels.ts";

/**
 * Eigenvalues and eigenvectors of a symmetric matrix, in descending order of eigenvalue: Householder tridiagonalisation,
 * then implicit QL with Wilkinson shifts (Golub & Van Loan, "Matrix Computations", §8.3). O(n³), exact to rounding,
 * deterministic. `a` is n × n, row-major.
 * @returns `values[i]`, and eigenvector i as row i of `vectors` (n × n, row-major, orthonormal).
 */
export function symmetricEigen(
  a: Float64Array,
  n: number,
): { values: Float64Array; vectors: Float64Array } {
  return inWorkspace((space) => {
    const problem = eigenproblem(space, n, true);
    const { stride } = problem;
    const matrix = space.doubles(problem.matrix, n * stride);
    matrix.fill(0);
    for (let i = 0; i < n; i++) matrix.set(a.subarray(i * n, i * n + n), i * stride);
    const { values, order } = solve(space, problem);
    const rows = space.doubles(problem.vectors, n * stride);
    const vectors = new Float64Array(n * n);
    for (let to = 0; to < n; to++) {
      const from = (order[to] as number) * stride;
      vectors.set(rows.subarray(from, from + n), to * n);
    }
    return { values, vectors };
  });
}

/** Room in a workspace for a symmetric n × n problem. */
export interface Eigenproblem {
  readonly n: number;
  /** Elements from row to row of both matrices. */
  readonly stride: number;
  /** Offset of the matrix, n rows padded with zeros; `solve` overwrites it. */
  readonly matrix: number;
  /** Offset of the eigenvectors, one a row, in the order `solve` returns; 0 if they are not wanted. */
  readonly vectors: number;
  readonly scratch: number;
}

export function eigenproblem(space: Workspace, n: number, withVectors: boolean): Eigenproblem {
  const stride = strideOf(n);
  const matrix = space.reserve(n * stride, 8);
  const vectors = withVectors ? space.reserve(n * stride, 8) : 0;
  return { n, stride, matrix, vectors, scratch: space.reserve(5 * stride, 8) };
}

/** Solves the problem in its place. `values` descend; eigenvector i is row `order[i]`. */
export function solve(
  { kernels, doubles }: Workspace,
  { n, stride, matrix, vectors, scratch }: Eigenproblem,
): { values: Float64Array; order: Uint32Array } {
  const [beside, work] = [scratch + 8 * stride, scratch + 16 * stride];
  kernels.tridiagonalise(matrix, n, stride, vectors, scratch, beside, work);
  if (kernels.tridiagonalEigen(scratch, beside, n, vectors, stride, work) !== 0) {
    throw new Error("symmetricEigen: no convergence after 60 sweeps");
  }
  const found = doubles(scratch, n);
  const order = Uint32Array.from({ length: n }, (_, i) => i);
  order.sort((i, j) => (found[j] as number) - (found[i] as number) || i - j);
  return { values: Float64Array.from(order, (i) => found[i] as number), order };
}
