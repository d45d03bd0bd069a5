import { timesOf, timesTransposedOf } from "./product";
import { combineOf } from "./vector";

export { tridiagonalEigen, tridiagonalise } from "./eigen";
export { demote, orthonormalise, promote, scaleColumns, squares } from "./vector";

/** The products and combinations, in double and in single precision. */
export function times64(
  x: usize, xStride: usize, rows: usize, a: usize, aStride: usize, inner: usize,
  z: usize, zStride: usize, cols: usize,
): void {
  timesOf<f64>(x, xStride, rows, a, aStride, inner, z, zStride, cols);
}

export function times32(
  x: usize, xStride: usize, rows: usize, a: usize, aStride: usize, inner: usize,
  z: usize, zStride: usize, cols: usize,
): void {
  timesOf<f32>(x, xStride, rows, a, aStride, inner, z, zStride, cols);
}

export function timesTransposed64(
  z: usize, zStride: usize, rows: usize, a: usize, aStride: usize, outputs: usize,
  y: usize, yStride: usize, inner: usize,
): void {
  timesTransposedOf<f64>(z, zStride, rows, a, aStride, outputs, y, yStride, inner);
}

export function timesTransposed32(
  z: usize, zStride: usize, rows: usize, a: usize, aStride: usize, outputs: usize,
  y: usize, yStride: usize, inner: usize,
): void {
  timesTransposedOf<f32>(z, zStride, rows, a, aStride, outputs, y, yStride, inner);
}

export function combine64(
  out: usize, x: usize, alpha: f64, y: usize, beta: f64, w: usize, gamma: f64, count: usize,
): void {
  combineOf<f64>(out, x, alpha, y, beta, w, gamma, count);
}

export function combine32(
  out: usize, x: usize, alpha: f32, y: usize, beta: f32, w: usize, gamma: f32, count: usize,
): void {
  combineOf<f32>(out, x, alpha, y, beta, w, gamma, count);
}
