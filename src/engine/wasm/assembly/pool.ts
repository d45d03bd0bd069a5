import { PANEL_BYTES, POOL_MAX, ROWS } from "./layout";
import { rowAt } from "./tile";
import { clearPanels, lastExample } from "./image";
import { imageBytes, inputBytes, outputPixels, WINDOW } from "./window";

/** Largest or mean value under each window; pixels outside the image do not count. */
export function poolRows(op: usize, begin: usize, end: usize, control: usize): void {
  const x: usize = load<u32>(op, WINDOW), y: usize = load<u32>(op, WINDOW + 4);
  const isMax = load<i32>(op, WINDOW + 8) == POOL_MAX;
  const width = load<i32>(op, 4);
  const panels = (<usize>load<u32>(op, 8) + 7) / 8;
  const across: usize = load<u32>(op, 16);
  const pixels = outputPixels(op);
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    const image = x + n * inputBytes(op);
    const to = y + n * imageBytes(pixels, panels);
    if (isMax && isHalving(op)) {
      halve(op, image, to, panels);
      continue;
    }
    for (let pixel: usize = 0; pixel < pixels; pixel++) {
      const top = firstOf(op, 0, pixel / across), bottom = lastOf(op, 0, pixel / across);
      const left = firstOf(op, 4, pixel % across), right = lastOf(op, 4, pixel % across);
      const count = f32x4.splat(<f32>((bottom - top) * (right - left)));
      const out = rowAt(to, panels, pixel);
      for (let i: usize = 0; i < panels * PANEL_BYTES; i += i % 32 == 0 ? 16 : PANEL_BYTES - 16) {
        let value = f32x4.splat(isMax ? -Infinity : 0);
        for (let r = top; r < bottom; r++) {
          for (let c = left; c < right; c++) {
            const here = v128.load(rowAt(image, panels, r * width + c) + i);
            value = isMax ? f32x4.max(value, here) : f32x4.add(value, here);
          }
        }
        v128.store(out + i, isMax ? value : f32x4.div(value, count));
      }
    }
  }
}

/** dx (+)= the gradient of a pool: to the first largest value (row by row), or to all in equal parts. */
export function poolInputRows(op: usize, begin: usize, end: usize, control: usize): void {
  const x: usize = load<u32>(op, WINDOW), y: usize = load<u32>(op, WINDOW + 4);
  const dy: usize = load<u32>(op, WINDOW + 8), dx: usize = load<u32>(op, WINDOW + 12);
  const isMax = load<i32>(op, WINDOW + 16) == POOL_MAX;
  const add = load<i32>(op, WINDOW + 20);
  const width = load<i32>(op, 4);
  const panels = (<usize>load<u32>(op, 8) + 7) / 8;
  const across: usize = load<u32>(op, 16);
  const pixels = outputPixels(op);
  const bytes = inputBytes(op);
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    const image = n * bytes;
    const output = n * imageBytes(pixels, panels);
    if (isMax && !add && isHalving(op)) {
      if ((load<i32>(op) | width) & 1) memory.fill(dx + image, 0, bytes);
      spread(op, x + image, y + output, dy + output, dx + image, panels);
      continue;
    }
    if (!add) memory.fill(dx + image, 0, bytes);
    for (let pixel: usize = 0; pixel < pixels; pixel++) {
      const top = firstOf(op, 0, pixel / across), bottom = lastOf(op, 0, pixel / across);
      const left = firstOf(op, 4, pixel % across), right = lastOf(op, 4, pixel % across);
      const count = f32x4.splat(<f32>((bottom - top) * (right - left)));
      const from = rowAt(output, panels, pixel);
      for (let i: usize = 0; i < panels * PANEL_BYTES; i += i % 32 == 0 ? 16 : PANEL_BYTES - 16) {
        const largest = v128.load(y + from + i);
        const gradient = v128.load(dy + from + i);
        const part = f32x4.div(gradient, count);
        let free = i32x4.splat(-1);
        for (let r = top; r < bottom; r++) {
          for (let c = left; c < right; c++) {
            const at = rowAt(image, panels, r * width + c) + i;
            let more = part;
            if (isMax) {
              const here = v128.and(free, f32x4.eq(v128.load(x + at), largest));
              free = v128.andnot(free, here);
              more = v128.and(gradient, here);
            }
            v128.store(dx + at, f32x4.add(v128.load(dx + at), more));
          }
        }
      }
    }
  }
}

/** Whether the windows are 2 × 2 side by side: the common pool, worth loops of its own. */
function isHalving(op: usize): bool {
  const padded = load<i32>(op, 36) | load<i32>(op, 40);
  const two = load<i32>(op, 20) == 2 && load<i32>(op, 24) == 2 && load<i32>(op, 28) == 2 && load<i32>(op, 32) == 2;
  return two && !padded && load<i32>(op) / 2 == load<i32>(op, 12) && load<i32>(op, 4) / 2 == load<i32>(op, 16);
}

/** Largest values of 2 × 2 windows. */
function halve(op: usize, x: usize, y: usize, panels: usize): void {
  const width: usize = load<u32>(op, 4), down: usize = load<u32>(op, 12), across: usize = load<u32>(op, 16);
  for (let i: usize = 0, pixel: usize = 0; i < down; i++) {
    for (let j: usize = 0; j < across; j++, pixel++) {
      const from = 2 * (i * width + j);
      let a = rowAt(x, panels, from), b = rowAt(x, panels, from + 1);
      let c = rowAt(x, panels, from + width), d = rowAt(x, panels, from + width + 1);
      let to = rowAt(y, panels, pixel);
      for (let p: usize = 0; p < panels; p++) {
        const v0 = f32x4.max(f32x4.max(f32x4.max(v128.load(a), v128.load(b)), v128.load(c)), v128.load(d));
        const v1 = f32x4.max(
          f32x4.max(f32x4.max(v128.load(a, 16), v128.load(b, 16)), v128.load(c, 16)), v128.load(d, 16),
        );
        v128.store(to, v0);
        v128.store(to, v1, 16);
        a += PANEL_BYTES;
        b += PANEL_BYTES;
        c += PANEL_BYTES;
        d += PANEL_BYTES;
        to += PANEL_BYTES;
      }
    }
  }
}

/** Their gradients, to the first largest value of each window. */
function spread(op: usize, x: usize, y: usize, dy: usize, dx: usize, panels: usize): void {
  const width: usize = load<u32>(op, 4), down: usize = load<u32>(op, 12), across: usize = load<u32>(op, 16);
  for (let i: usize = 0, pixel: usize = 0; i < down; i++) {
    for (let j: usize = 0; j < across; j++, pixel++) {
      const from = 2 * (i * width + j);
      const a = rowAt(0, panels, from), b = rowAt(0, panels, from + 1);
      const c = rowAt(0, panels, from + width), d = rowAt(0, panels, from + width + 1);
      const out = rowAt(0, panels, pixel);
      for (let p: usize = 0; p < panels * PANEL_BYTES; p += PANEL_BYTES) {
        spreadHalf(x, a + p, b + p, c + p, d + p, v128.load(y + out + p), v128.load(dy + out + p), dx);
        spreadHalf(
          x + 16, a + p, b + p, c + p, d + p, v128.load(y + out + p, 16), v128.load(dy + out + p, 16), dx + 16,
        );
      }
    }
  }
}

// @ts-ignore: decorator
@inline
function spreadHalf(
  x: usize, a: usize, b: usize, c: usize, d: usize, largest: v128, gradient: v128, dx: usize,
): void {
  const isA = f32x4.eq(v128.load(x + a), largest), isB = f32x4.eq(v128.load(x + b), largest);
  const isC = f32x4.eq(v128.load(x + c), largest), isD = f32x4.eq(v128.load(x + d), largest);
  v128.store(dx + a, v128.and(gradient, isA));
  let free = v128.andnot(gradient, isA);
  v128.store(dx + b, v128.and(free, isB));
  free = v128.andnot(free, isB);
  v128.store(dx + c, v128.and(free, isC));
  v128.store(dx + d, v128.and(v128.andnot(free, isC), isD));
}

/** First row (axis 0) or column (axis 4, the bytes of a word) under the window of output `i`, inside the image. */
// @ts-ignore: decorator
@inline
function firstOf(op: usize, axis: usize, i: usize): i32 {
  return max(<i32>i * load<i32>(op + axis, 28) - load<i32>(op + axis, 36), 0);
}

/** One past the last. */
// @ts-ignore: decorator
@inline
function lastOf(op: usize, axis: usize, i: usize): i32 {
  const start = <i32>i * load<i32>(op + axis, 28) - load<i32>(op + axis, 36);
  return min(start + load<i32>(op + axis, 20), load<i32>(op + axis));
}

/** Mean over all pixels, as a row per example. */
export function globalAverageRows(op: usize, begin: usize, end: usize, control: usize): void {
  const x: usize = load<u32>(op), y: usize = load<u32>(op, 4);
  const pixels: usize = load<u32>(op, 8), panels: usize = load<u32>(op, 12);
  const rows: usize = load<u32>(control, ROWS);
  const count = f32x4.splat(<f32>pixels);
  for (let n = begin; n < end; n++) {
    const to = rowAt(y, panels, n);
    if (n >= rows) {
      clearPanels(to, panels);
      continue;
    }
    const image = x + n * imageBytes(pixels, panels);
    for (let p: usize = 0; p < panels * PANEL_BYTES; p += PANEL_BYTES) {
      let a = f32x4.splat(0), b = a;
      for (let pixel: usize = 0; pixel < pixels; pixel++) {
        const from = rowAt(image, panels, pixel) + p;
        a = f32x4.add(a, v128.load(from));
        b = f32x4.add(b, v128.load(from, 16));
      }
      v128.store(to + p, f32x4.div(a, count));
      v128.store(to + p, f32x4.div(b, count), 16);
    }
  }
}

/** dx (+)= dy / pixels at every pixel. */
export function globalAverageInputRows(op: usize, begin: usize, end: usize, control: usize): void {
  const dy: usize = load<u32>(op), dx: usize = load<u32>(op, 4);
  const pixels: usize = load<u32>(op, 8), panels: usize = load<u32>(op, 12);
  const add = load<i32>(op, 16);
  const last = lastExample(end, control);
  const count = f32x4.splat(<f32>pixels);
  for (let n = begin; n < last; n++) {
    const from = rowAt(dy, panels, n);
    const image = dx + n * imageBytes(pixels, panels);
    for (let p: usize = 0; p < panels * PANEL_BYTES; p += PANEL_BYTES) {
      const a = f32x4.div(v128.load(from + p), count);
      const b = f32x4.div(v128.load(from + p, 16), count);
      for (let pixel: usize = 0; pixel < pixels; pixel++) {
        const to = rowAt(image, panels, pixel) + p;
        v128.store(to, add ? f32x4.add(v128.load(to), a) : a);
        v128.store(to, add ? f32x4.add(v128.load(to, 16), b) : b, 16);
      }
    }
  }
}
