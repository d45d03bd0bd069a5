/**
 * Matrix products with the left operand a block of few rows, an even number of them. All matrices are row-major, strides
 * count elements and are multiples of 16, and the caller pads: rows of `a` to a multiple of 4, columns to the stride, with zeros.
 * The loops do one term per turn on purpose: V8 unrolls them itself and keeps the 8 sums in registers.
 */

/** Terms of a block of `times`: a strip of so many rows of `a`, 64 bytes each, stays in the first-level cache. */
const TERMS: usize = 256;

/** Bytes of a row in a block of `timesTransposed`, and rows: a block stays in the second-level cache. */
const ROW_BYTES: usize = 4096;
const ROWS: usize = 48;

/** z[rows × cols] = x[rows × inner] · a[inner × cols], summed over `inner` in order. */
// @ts-ignore: decorator
@inline
export function timesOf<T>(
  x: usize, xStride: usize, rows: usize, a: usize, aStride: usize, inner: usize,
  z: usize, zStride: usize, cols: usize,
): void {
  const size: usize = sizeof<T>();
  xStride *= size;
  aStride *= size;
  zStride *= size;
  const bytes = (cols * size + 63) & ~63;
  for (let row: usize = 0; row < rows; row++) memory.fill(z + row * zStride, 0, bytes);
  for (let k: usize = 0; k < inner; k += TERMS) {
    const terms = min(inner - k, TERMS);
    for (let j: usize = 0; j < bytes; j += 32) {
      for (let row: usize = 0; row + 4 <= rows; row += 4) {
        timesTile<T>(
          x + row * xStride + k * size, xStride, a + k * aStride + j, aStride, terms,
          z + row * zStride + j, zStride,
        );
      }
    }
    if (rows % 4 === 0) continue;
    const last = rows - 2;
    for (let j: usize = 0; j < bytes; j += 64) {
      timesPair<T>(
        x + last * xStride + k * size, xStride, a + k * aStride + j, aStride, terms,
        z + last * zStride + j, zStride,
      );
    }
  }
}

/** z[4][2 vectors] += Σₖ x[4][k] · a[k][2 vectors]. */
// @ts-ignore: decorator
@inline
function timesTile<T>(
  x: usize, xStride: usize, a: usize, aStride: usize, terms: usize, z: usize, zStride: usize,
): void {
  const x1 = xStride;
  const x2 = xStride * 2;
  const x3 = xStride * 3;
  const z1 = z + zStride;
  const z2 = z1 + zStride;
  const z3 = z2 + zStride;
  let c00 = v128.load(z), c01 = v128.load(z, 16);
  let c10 = v128.load(z1), c11 = v128.load(z1, 16);
  let c20 = v128.load(z2), c21 = v128.load(z2, 16);
  let c30 = v128.load(z3), c31 = v128.load(z3, 16);
  const end = x + terms * sizeof<T>();
  do {
    const a0 = v128.load(a);
    const a1 = v128.load(a, 16);
    let s = v128.load_splat<T>(x);
    c00 = v128.add<T>(c00, v128.mul<T>(s, a0));
    c01 = v128.add<T>(c01, v128.mul<T>(s, a1));
    s = v128.load_splat<T>(x + x1);
    c10 = v128.add<T>(c10, v128.mul<T>(s, a0));
    c11 = v128.add<T>(c11, v128.mul<T>(s, a1));
    s = v128.load_splat<T>(x + x2);
    c20 = v128.add<T>(c20, v128.mul<T>(s, a0));
    c21 = v128.add<T>(c21, v128.mul<T>(s, a1));
    s = v128.load_splat<T>(x + x3);
    c30 = v128.add<T>(c30, v128.mul<T>(s, a0));
    c31 = v128.add<T>(c31, v128.mul<T>(s, a1));
    a += aStride;
    x += sizeof<T>();
  } while (x < end);
  v128.store(z, c00);
  v128.store(z, c01, 16);
  v128.store(z1, c10);
  v128.store(z1, c11, 16);
  v128.store(z2, c20);
  v128.store(z2, c21, 16);
  v128.store(z3, c30);
  v128.store(z3, c31, 16);
}

/** z[2][4 vectors] += Σₖ x[2][k] · a[k][4 vectors]. */
// @ts-ignore: decorator
@inline
function timesPair<T>(
  x: usize, xStride: usize, a: usize, aStride: usize, terms: usize, z: usize, zStride: usize,
): void {
  const z1 = z + zStride;
  let c00 = v128.load(z), c01 = v128.load(z, 16), c02 = v128.load(z, 32), c03 = v128.load(z, 48);
  let c10 = v128.load(z1), c11 = v128.load(z1, 16), c12 = v128.load(z1, 32), c13 = v128.load(z1, 48);
  const end = x + terms * sizeof<T>();
  do {
    const s0 = v128.load_splat<T>(x);
    const s1 = v128.load_splat<T>(x + xStride);
    let v = v128.load(a);
    c00 = v128.add<T>(c00, v128.mul<T>(s0, v));
    c10 = v128.add<T>(c10, v128.mul<T>(s1, v));
    v = v128.load(a, 16);
    c01 = v128.add<T>(c01, v128.mul<T>(s0, v));
    c11 = v128.add<T>(c11, v128.mul<T>(s1, v));
    v = v128.load(a, 32);
    c02 = v128.add<T>(c02, v128.mul<T>(s0, v));
    c12 = v128.add<T>(c12, v128.mul<T>(s1, v));
    v = v128.load(a, 48);
    c03 = v128.add<T>(c03, v128.mul<T>(s0, v));
    c13 = v128.add<T>(c13, v128.mul<T>(s1, v));
    a += aStride;
    x += sizeof<T>();
  } while (x < end);
  v128.store(z, c00);
  v128.store(z, c01, 16);
  v128.store(z, c02, 32);
  v128.store(z, c03, 48);
  v128.store(z1, c10);
  v128.store(z1, c11, 16);
  v128.store(z1, c12, 32);
  v128.store(z1, c13, 48);
}

/** y[rows × outputs] = z[rows × inner] · a[outputs × inner]ᵀ, summed lane by lane in order, then over the lanes. */
// @ts-ignore: decorator
@inline
export function timesTransposedOf<T>(
  z: usize, zStride: usize, rows: usize, a: usize, aStride: usize, outputs: usize,
  y: usize, yStride: usize, inner: usize,
): void {
  const size: usize = sizeof<T>();
  zStride *= size;
  aStride *= size;
  yStride *= size;
  const bytes = (inner * size + 15) & ~15;
  outputs = (outputs + 3) & ~3;
  for (let row: usize = 0; row < rows; row++) memory.fill(y + row * yStride, 0, outputs * size);
  for (let j: usize = 0; j < bytes; j += ROW_BYTES) {
    const part = min(bytes - j, ROW_BYTES);
    for (let from: usize = 0; from < outputs; from += ROWS) {
      const to = min(outputs, from + ROWS);
      for (let row: usize = 0; row + 4 <= rows; row += 4) {
        const z0 = z + row * zStride + j;
        const y0 = y + row * yStride;
        for (let i = from; i < to; i += 2) {
          dotTile<T>(z0, zStride, a + i * aStride + j, aStride, part, y0 + i * size, yStride);
        }
      }
      if (rows % 4 === 0) continue;
      const z0 = z + (rows - 2) * zStride + j;
      const y0 = y + (rows - 2) * yStride;
      for (let i = from; i < to; i += 4) {
        dotPair<T>(z0, zStride, a + i * aStride + j, aStride, part, y0 + i * size, yStride);
      }
    }
  }
}

/** y[4][2] += Σⱼ z[4][j] · a[2][j]. */
// @ts-ignore: decorator
@inline
function dotTile<T>(
  z: usize, zStride: usize, a: usize, aStride: usize, bytes: usize, y: usize, yStride: usize,
): void {
  const z1 = zStride;
  const z2 = zStride * 2;
  const z3 = zStride * 3;
  let c00 = v128.splat<T>(0);
  let c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  const end = z + bytes;
  do {
    const a0 = v128.load(a);
    const a1 = v128.load(a + aStride);
    let s = v128.load(z);
    c00 = v128.add<T>(c00, v128.mul<T>(s, a0));
    c01 = v128.add<T>(c01, v128.mul<T>(s, a1));
    s = v128.load(z + z1);
    c10 = v128.add<T>(c10, v128.mul<T>(s, a0));
    c11 = v128.add<T>(c11, v128.mul<T>(s, a1));
    s = v128.load(z + z2);
    c20 = v128.add<T>(c20, v128.mul<T>(s, a0));
    c21 = v128.add<T>(c21, v128.mul<T>(s, a1));
    s = v128.load(z + z3);
    c30 = v128.add<T>(c30, v128.mul<T>(s, a0));
    c31 = v128.add<T>(c31, v128.mul<T>(s, a1));
    a += 16;
    z += 16;
  } while (z < end);
  addSums<T>(y, c00, c01);
  y += yStride;
  addSums<T>(y, c10, c11);
  y += yStride;
  addSums<T>(y, c20, c21);
  y += yStride;
  addSums<T>(y, c30, c31);
}

/** y[2][4] += Σⱼ z[2][j] · a[4][j]. */
// @ts-ignore: decorator
@inline
function dotPair<T>(
  z: usize, zStride: usize, a: usize, aStride: usize, bytes: usize, y: usize, yStride: usize,
): void {
  const a1 = aStride;
  const a2 = aStride * 2;
  const a3 = aStride * 3;
  let c00 = v128.splat<T>(0);
  let c01 = c00, c02 = c00, c03 = c00, c10 = c00, c11 = c00, c12 = c00, c13 = c00;
  const end = z + bytes;
  do {
    const s0 = v128.load(z);
    const s1 = v128.load(z + zStride);
    let v = v128.load(a);
    c00 = v128.add<T>(c00, v128.mul<T>(s0, v));
    c10 = v128.add<T>(c10, v128.mul<T>(s1, v));
    v = v128.load(a + a1);
    c01 = v128.add<T>(c01, v128.mul<T>(s0, v));
    c11 = v128.add<T>(c11, v128.mul<T>(s1, v));
    v = v128.load(a + a2);
    c02 = v128.add<T>(c02, v128.mul<T>(s0, v));
    c12 = v128.add<T>(c12, v128.mul<T>(s1, v));
    v = v128.load(a + a3);
    c03 = v128.add<T>(c03, v128.mul<T>(s0, v));
    c13 = v128.add<T>(c13, v128.mul<T>(s1, v));
    a += 16;
    z += 16;
  } while (z < end);
  addSums<T>(y, c00, c01);
  addSums<T>(y + 2 * sizeof<T>(), c02, c03);
  y += yStride;
  addSums<T>(y, c10, c11);
  addSums<T>(y + 2 * sizeof<T>(), c12, c13);
}

/** Adds the sums over the lanes of `a` and of `b` to the two numbers at `y`. */
// @ts-ignore: decorator
@inline
function addSums<T>(y: usize, a: v128, b: v128): void {
  if (sizeof<T>() == 8) {
    const both = f64x2.add(v128.shuffle<f64>(a, b, 0, 2), v128.shuffle<f64>(a, b, 1, 3));
    v128.store(y, f64x2.add(v128.load(y), both));
  } else {
    const pairs = f32x4.add(
      v128.shuffle<f32>(a, b, 0, 4, 2, 6), v128.shuffle<f32>(a, b, 1, 5, 3, 7),
    );
    const both = f32x4.add(pairs, v128.shuffle<f64>(pairs, pairs, 1, 0));
    v128.store64_lane(y, f32x4.add(v128.load64_zero(y), both), 0);
  }
}
