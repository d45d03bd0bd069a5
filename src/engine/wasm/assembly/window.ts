import { PANEL_BYTES, ROW_BYTES } from "./layout";
import { rowAt } from "./tile";

/**
 * A window sliding over an image, as the first words of an op: image height, width, channels; output height, width;
 * window height, width; stride down, across; zeros above, left. An image is a blocked matrix of its own, one row per
 * pixel and one column per channel, so an example begins on a block. Rows past the last pixel hold anything.
 */
export const WINDOW: usize = 44;

/** Bytes of an image of `pixels` × 8·`panels`. */
// @ts-ignore: decorator
@inline
export function imageBytes(pixels: usize, panels: usize): usize {
  return (pixels + 15) / 16 * panels * PANEL_BYTES;
}

/** Bytes of the window's input image. */
export function inputBytes(op: usize): usize {
  return imageBytes(<usize>load<u32>(op) * load<u32>(op, 4), (<usize>load<u32>(op, 8) + 7) / 8);
}

/** Output pixels. */
// @ts-ignore: decorator
@inline
export function outputPixels(op: usize): usize {
  return <usize>load<u32>(op, 12) * load<u32>(op, 16);
}

/** Values under the window. */
// @ts-ignore: decorator
@inline
export function windowSize(op: usize): usize {
  return <usize>load<u32>(op, 20) * load<u32>(op, 24) * load<u32>(op, 8);
}

/**
 * For images of one panel: where columns from…to−1 of a patch inside the image come from, in bytes from its first pixel.
 * Such an image is one run of pixels, so the same list serves every patch.
 */
export function listSources(op: usize, from: usize, to: usize, sources: usize): void {
  const channels: usize = load<u32>(op, 8);
  if (channels > 8) return;
  const width: usize = load<u32>(op, 4), kw: usize = load<u32>(op, 24);
  const end = min(to, windowSize(op));
  for (let k = from; k < end; k++, sources += 4) {
    const tap = k / channels;
    store<u32>(sources, <u32>((tap / kw * width + tap % kw) * ROW_BYTES + k % channels * 4));
  }
}

/**
 * The patches of 16 output pixels from `pixel` on, columns from…to−1 (whole panels), as one block at `out`.
 * `sources` is what `listSources` made of these columns.
 */
export function pack(
  op: usize, image: usize, pixel: usize, from: usize, to: usize, out: usize, sources: usize,
): void {
  const rest = outputPixels(op) - pixel;
  const onePanel = load<u32>(op, 8) <= 8;
  const across: usize = load<u32>(op, 16);
  const lowest = load<i32>(op) - load<i32>(op, 20), rightmost = load<i32>(op, 4) - load<i32>(op, 24);
  const down = load<i32>(op, 28), right = load<i32>(op, 32);
  const before = load<i32>(op, 40);
  let top = <i32>(pixel / across) * down - load<i32>(op, 36);
  let left = <i32>(pixel % across) * right - before;
  const wrap = <i32>across * right - before;
  for (let r: usize = 0; r < 16; r++, out += ROW_BYTES) {
    if (r >= rest) {
      clearRow(from, from, to, out);
      continue;
    }
    const inside = top >= 0 && left >= 0 && top <= lowest && left <= rightmost;
    if (onePanel && inside) {
      const first = image + <usize>(top * load<i32>(op, 4) + left) * ROW_BYTES;
      packInside(op, first, from, to, out, sources);
    } else {
      packRow(op, image, pixel + r, from, to, out);
    }
    left += right;
    if (left == wrap) {
      left = -before;
      top += down;
    }
  }
}

/** Columns from…to−1 of the patch whose first pixel is at `first`, all of it inside the image. */
// @ts-ignore: decorator
@inline
function packInside(op: usize, first: usize, from: usize, to: usize, out: usize, sources: usize): void {
  const end = min(to, windowSize(op));
  let k = from;
  for (; k + 8 <= end; k += 8, sources += 32, out += PANEL_BYTES) {
    store<f32>(out, load<f32>(first + load<u32>(sources)));
    store<f32>(out, load<f32>(first + load<u32>(sources, 4)), 4);
    store<f32>(out, load<f32>(first + load<u32>(sources, 8)), 8);
    store<f32>(out, load<f32>(first + load<u32>(sources, 12)), 12);
    store<f32>(out, load<f32>(first + load<u32>(sources, 16)), 16);
    store<f32>(out, load<f32>(first + load<u32>(sources, 20)), 20);
    store<f32>(out, load<f32>(first + load<u32>(sources, 24)), 24);
    store<f32>(out, load<f32>(first + load<u32>(sources, 28)), 28);
  }
  for (; k < end; k++, sources += 4, out += 4) store<f32>(out, load<f32>(first + load<u32>(sources)));
  for (; k < to; k++, out += 4) store<f32>(out, 0);
}

/** Columns from…to−1 (`from` a whole panel) of the patch of one output pixel, as one row at `out`; zero outside image and window. */
export function packRow(op: usize, image: usize, pixel: usize, from: usize, to: usize, out: usize): void {
  const height = load<i32>(op), width = load<i32>(op, 4);
  const channels: usize = load<u32>(op, 8);
  const across: usize = load<u32>(op, 16);
  const kw = load<i32>(op, 24);
  const panels = (channels + 7) / 8;
  const end = min(to, windowSize(op));
  const top = <i32>(pixel / across) * load<i32>(op, 28) - load<i32>(op, 36);
  const left = <i32>(pixel % across) * load<i32>(op, 32) - load<i32>(op, 40);
  let tap = from / channels;
  let dy = <i32>tap / kw, dx = <i32>tap % kw;
  let k = from;
  for (; k < end; tap++) {
    const next = min((tap + 1) * channels, end);
    const y = top + dy, x = left + dx;
    if (<u32>y < <u32>height && <u32>x < <u32>width) {
      copyRun(rowAt(image, panels, y * width + x), k - tap * channels, out, k - from, next - k, channels);
    } else {
      clearRun(out, k - from, next - from, channels);
    }
    k = next;
    if (++dx == kw) {
      dx = 0;
      dy++;
    }
  }
  if (end < to) clearRow(from, end, to, out);
}

/** Adds a row of columns 0…size−1, as `packRow` makes it, to the pixels they come from. */
export function addRow(op: usize, image: usize, pixel: usize, row: usize): void {
  const height = load<i32>(op), width = load<i32>(op, 4);
  const channels: usize = load<u32>(op, 8);
  const across: usize = load<u32>(op, 16);
  const kh = load<i32>(op, 20), kw = load<i32>(op, 24);
  const panels = (channels + 7) / 8;
  const top = <i32>(pixel / across) * load<i32>(op, 28) - load<i32>(op, 36);
  const left = <i32>(pixel % across) * load<i32>(op, 32) - load<i32>(op, 40);
  let k: usize = 0;
  for (let y = top; y < top + kh; y++) {
    for (let x = left; x < left + kw; x++, k += channels) {
      if (<u32>y >= <u32>height || <u32>x >= <u32>width) continue;
      addRun(row, k, rowAt(image, panels, y * width + x), channels);
    }
  }
}

/** Address of column `k` of a row. */
// @ts-ignore: decorator
@inline
function column(row: usize, k: usize): usize {
  return row + k / 8 * PANEL_BYTES + k % 8 * 4;
}

/** Whole vectors where the channels allow it: then both columns are multiples of the vector. */
// @ts-ignore: decorator
@inline
function copyRun(from: usize, c: usize, to: usize, k: usize, count: usize, channels: usize): void {
  if (channels % 8 == 0) {
    let a = column(from, c), b = column(to, k);
    for (; count > 0; count -= 8, a += PANEL_BYTES, b += PANEL_BYTES) {
      v128.store(b, v128.load(a));
      v128.store(b, v128.load(a, 16), 16);
    }
  } else if (channels % 4 == 0) {
    let a = column(from, c), b = column(to, k);
    for (; count > 0; count -= 4, c += 4, k += 4) {
      v128.store(b, v128.load(a));
      a += c & 4 ? PANEL_BYTES - 16 : 16;
      b += k & 4 ? PANEL_BYTES - 16 : 16;
    }
  } else {
    let a = column(from, c), b = column(to, k);
    for (; count > 0; count--, c++, k++) {
      store<f32>(b, load<f32>(a));
      a += (c & 7) == 7 ? PANEL_BYTES - 28 : 4;
      b += (k & 7) == 7 ? PANEL_BYTES - 28 : 4;
    }
  }
}

// @ts-ignore: decorator
@inline
function clearRun(to: usize, k: usize, end: usize, channels: usize): void {
  if (channels % 4 == 0) for (; k < end; k += 4) v128.store(column(to, k), f32x4.splat(0));
  else for (; k < end; k++) store<f32>(column(to, k), 0);
}

/** Zeros in columns k…to−1 of a row that begins with column `from`. */
function clearRow(from: usize, k: usize, to: usize, row: usize): void {
  for (; k < to; k++) store<f32>(column(row, k - from), 0);
}

// @ts-ignore: decorator
@inline
function addRun(from: usize, k: usize, to: usize, channels: usize): void {
  if (channels % 8 == 0) {
    let a = column(from, k);
    for (let end = to + channels / 8 * PANEL_BYTES; to < end; to += PANEL_BYTES, a += PANEL_BYTES) {
      v128.store(to, f32x4.add(v128.load(to), v128.load(a)));
      v128.store(to, f32x4.add(v128.load(to, 16), v128.load(a, 16)), 16);
    }
  } else if (channels % 4 == 0) {
    for (let c: usize = 0; c < channels; c += 4) {
      const at = column(to, c);
      v128.store(at, f32x4.add(v128.load(at), v128.load(column(from, k + c))));
    }
  } else {
    for (let c: usize = 0; c < channels; c++) {
      const at = column(to, c);
      store<f32>(at, load<f32>(at) + load<f32>(column(from, k + c)));
    }
  }
}
