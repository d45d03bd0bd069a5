import { BLOCK_ROWS, PANEL_BYTES, ROW_BYTES } from "./layout";

/**
 * The two register tiles, 4 × 8 results in eight vectors. Their loops do one term per turn on purpose: V8 unrolls
 * them itself and keeps everything in registers, while a body written out for several terms is reordered by the
 * optimisers until the accumulators spill (measured: 44 against 29 GF/s).
 */

/** Address of `row` (a multiple of 4) in panel 0 of a blocked matrix with `panels` panels. */
// @ts-ignore: decorator
@inline
export function rowAt(base: usize, panels: usize, row: usize): usize {
  return base + row / BLOCK_ROWS * panels * PANEL_BYTES + row % BLOCK_ROWS * ROW_BYTES;
}

/**
 * out[4][8] = Σₖ a[4][k] · b[k][8], k over `terms` in order. `a` is four rows of a blocked matrix, `b` one weight panel;
 * `out` 128 bytes.
 */
export function multiply(a: usize, b: usize, terms: usize, out: usize): void {
  let c00 = f32x4.splat(0);
  let c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  const last = b + terms * ROW_BYTES;
  do {
    const end = min<usize>(b + PANEL_BYTES / 2, last);
    do {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      let s = v128.load32_splat(a);
      c00 = f32x4.add(c00, f32x4.mul(s, b0));
      c01 = f32x4.add(c01, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 32);
      c10 = f32x4.add(c10, f32x4.mul(s, b0));
      c11 = f32x4.add(c11, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 64);
      c20 = f32x4.add(c20, f32x4.mul(s, b0));
      c21 = f32x4.add(c21, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 96);
      c30 = f32x4.add(c30, f32x4.mul(s, b0));
      c31 = f32x4.add(c31, f32x4.mul(s, b1));
      a += 4;
      b += ROW_BYTES;
    } while (b < end);
    a += PANEL_BYTES - ROW_BYTES;
  } while (b < last);
  v128.store(out, c00);
  v128.store(out, c01, 16);
  v128.store(out, c10, 32);
  v128.store(out, c11, 48);
  v128.store(out, c20, 64);
  v128.store(out, c21, 80);
  v128.store(out, c30, 96);
  v128.store(out, c31, 112);
}

/** out[8] = Σₖ a[k] · b[k][8] of the first row alone, in the same order. */
export function multiplyRow(a: usize, b: usize, terms: usize, out: usize): void {
  let c0 = f32x4.splat(0);
  let c1 = c0;
  const last = b + terms * ROW_BYTES;
  do {
    const end = min<usize>(b + PANEL_BYTES / 2, last);
    do {
      const s = v128.load32_splat(a);
      c0 = f32x4.add(c0, f32x4.mul(s, v128.load(b)));
      c1 = f32x4.add(c1, f32x4.mul(s, v128.load(b, 16)));
      a += 4;
      b += ROW_BYTES;
    } while (b < end);
    a += PANEL_BYTES - ROW_BYTES;
  } while (b < last);
  v128.store(out, c0);
  v128.store(out, c1, 16);
}

/**
 * out[4][8] = Σᵣ x[r][4]ᵀ · y[r][8], r over `rows` in order. `x` is four columns and `y` one panel of blocked
 * matrices, `xBlock` and `yBlock` the bytes from block to block. Inlined: a call costs 3 % of a training step.
 */
// @ts-ignore: decorator
@inline
export function multiplyRows(
  x: usize, xBlock: usize, y: usize, yBlock: usize, rows: usize, out: usize,
): void {
  let c00 = f32x4.splat(0);
  let c01 = c00, c10 = c00, c11 = c00, c20 = c00, c21 = c00, c30 = c00, c31 = c00;
  for (let done: usize = 0; done < rows; done += BLOCK_ROWS) {
    let a = x;
    let b = y;
    const end = b + min<usize>(rows - done, BLOCK_ROWS) * ROW_BYTES;
    do {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      let s = v128.load32_splat(a);
      c00 = f32x4.add(c00, f32x4.mul(s, b0));
      c01 = f32x4.add(c01, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 4);
      c10 = f32x4.add(c10, f32x4.mul(s, b0));
      c11 = f32x4.add(c11, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 8);
      c20 = f32x4.add(c20, f32x4.mul(s, b0));
      c21 = f32x4.add(c21, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 12);
      c30 = f32x4.add(c30, f32x4.mul(s, b0));
      c31 = f32x4.add(c31, f32x4.mul(s, b1));
      a += ROW_BYTES;
      b += ROW_BYTES;
    } while (b < end);
    x += xBlock;
    y += yBlock;
  }
  v128.store(out, c00);
  v128.store(out, c01, 16);
  v128.store(out, c10, 32);
  v128.store(out, c11, 48);
  v128.store(out, c20, 64);
  v128.store(out, c21, 80);
  v128.store(out, c30, 96);
  v128.store(out, c31, 112);
}

/** out += the same; written out again so that the dense loop stays as it is. */
// @ts-ignore: decorator
@inline
export function accumulateRows(
  x: usize, xBlock: usize, y: usize, yBlock: usize, rows: usize, out: usize,
): void {
  let c00 = v128.load(out), c01 = v128.load(out, 16), c10 = v128.load(out, 32), c11 = v128.load(out, 48);
  let c20 = v128.load(out, 64), c21 = v128.load(out, 80), c30 = v128.load(out, 96), c31 = v128.load(out, 112);
  for (let done: usize = 0; done < rows; done += BLOCK_ROWS) {
    let a = x;
    let b = y;
    const end = b + min<usize>(rows - done, BLOCK_ROWS) * ROW_BYTES;
    do {
      const b0 = v128.load(b);
      const b1 = v128.load(b, 16);
      let s = v128.load32_splat(a);
      c00 = f32x4.add(c00, f32x4.mul(s, b0));
      c01 = f32x4.add(c01, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 4);
      c10 = f32x4.add(c10, f32x4.mul(s, b0));
      c11 = f32x4.add(c11, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 8);
      c20 = f32x4.add(c20, f32x4.mul(s, b0));
      c21 = f32x4.add(c21, f32x4.mul(s, b1));
      s = v128.load32_splat(a, 12);
      c30 = f32x4.add(c30, f32x4.mul(s, b0));
      c31 = f32x4.add(c31, f32x4.mul(s, b1));
      a += ROW_BYTES;
      b += ROW_BYTES;
    } while (b < end);
    x += xBlock;
    y += yBlock;
  }
  v128.store(out, c00);
  v128.store(out, c01, 16);
  v128.store(out, c10, 32);
  v128.store(out, c11, 48);
  v128.store(out, c20, 64);
  v128.store(out, c21, 80);
  v128.store(out, c30, 96);
  v128.store(out, c31, 112);
}

/** out[8] = Σᵣ y[r][8], likewise. */
export function sumRows(y: usize, yBlock: usize, rows: usize, out: usize): void {
  let g0 = f32x4.splat(0);
  let g1 = g0;
  for (let row: usize = 0; row < rows; row++) {
    const at = y + row / BLOCK_ROWS * yBlock + row % BLOCK_ROWS * ROW_BYTES;
    g0 = f32x4.add(g0, v128.load(at));
    g1 = f32x4.add(g1, v128.load(at, 16));
  }
  v128.store(out, g0);
  v128.store(out, g1, 16);
}
