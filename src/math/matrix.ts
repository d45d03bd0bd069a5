/** A dense row-major matrix: element (i, j) is `data[i * cols + j]`; `data.length === rows * cols`. */
export interface Matrix<T extends Float32Array | Float64Array = Float32Array | Float64Array> {
  readonly rows: number;
  readonly cols: number;
  readonly data: T;
}

/** Shape as people write it: `300 × 784`. */
export function shapeOf({ rows, cols }: { rows: number; cols: number }): string {
  return `${rows} × ${cols}`;
}

/** Σ hᵢ xᵢ², hᵢ = 1 if not given. */
export function squaredNorm(data: ArrayLike<number>, importance?: Float64Array): number {
  let total = 0;
  for (let i = 0; i < data.length; i++) {
    const square = (data[i] as number) * (data[i] as number);
    total += importance ? (importance[i] as number) * square : square;
  }
  return total;
}
