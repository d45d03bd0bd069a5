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
    if (!add) memory.fill(dx + image, 0, bytes);
    const output = n * imageBytes(pixels, panels);
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
