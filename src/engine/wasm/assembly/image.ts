import { activate, derivative } from "./activation";
import { augment } from "./augment";
import { flush } from "./elementary";
import { FIRST, IMAGES, ORDER, PANEL_BYTES, ROWS } from "./layout";
import { rowAt } from "./tile";
import { addRow, imageBytes, inputBytes, packRow, WINDOW, windowSize } from "./window";

/** Examples begin…end−1 that exist. */
// @ts-ignore: decorator
@inline
export function lastExample(end: usize, control: usize): usize {
  return min<usize>(end, load<u32>(control, ROWS));
}

/**
 * x = pixel / 255 − mean of the minibatch's examples, augmented, as images; the mean is row-major. Columns past the channels are
 * cleared, as layout.ts promises: the place was another program's before.
 */
export function gatherImageRows(op: usize, begin: usize, end: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op);
  const mean: usize = load<u32>(op, 4);
  const pixels = <usize>load<u32>(op, 8) * load<u32>(op, 12);
  const channels: usize = load<u32>(op, 16);
  const panels = (channels + 7) / 8;
  const first: usize = load<u32>(control, FIRST);
  const images: usize = load<u32>(control, IMAGES);
  const order: usize = load<u32>(control, ORDER);
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    const example: usize = order ? <usize>load<u32>(order + (first + n) * 4) : first + n;
    const from = augment(op + 8, images + example * pixels * channels, <u32>example, control, scratch);
    const to = x + n * imageBytes(pixels, panels);
    let i: usize = 0;
    for (let pixel: usize = 0; pixel < pixels; pixel++) {
      const row = rowAt(to, panels, pixel);
      for (let c: usize = 0; c < channels; c++, i++) {
        const value = <f32>load<u8>(from + i) / 255 - load<f32>(mean + i * 4);
        store<f32>(row + c / 8 * PANEL_BYTES + c % 8 * 4, value);
      }
      for (let c = channels; c < panels * 8; c++) store<f32>(row + c / 8 * PANEL_BYTES + c % 8 * 4, 0);
    }
  }
}

/** y = f(x), all bytes of the images. */
export function activateImageRows(op: usize, begin: usize, end: usize, control: usize): void {
  const bytes: usize = load<u32>(op, 8);
  const kind = load<i32>(op, 12);
  const x: usize = load<u32>(op), y: usize = load<u32>(op, 4);
  const last = lastExample(end, control) * bytes;
  for (let i = begin * bytes; i < last; i += 16) v128.store(y + i, activate(v128.load(x + i), kind));
}

/** dy = dy f′ in place, from y = f(x). */
export function activateImageInputRows(op: usize, begin: usize, end: usize, control: usize): void {
  const dy: usize = load<u32>(op), y: usize = load<u32>(op, 4);
  const bytes: usize = load<u32>(op, 8);
  const kind = load<i32>(op, 12);
  const last = lastExample(end, control) * bytes;
  for (let i = begin * bytes; i < last; i += 16) {
    v128.store(dy + i, flush(derivative(v128.load(dy + i), v128.load(y + i), kind)));
  }
}

/** to (+)= from, all bytes of the images. */
export function copyImageRows(op: usize, begin: usize, end: usize, control: usize): void {
  const from: usize = load<u32>(op), to: usize = load<u32>(op, 4);
  const bytes: usize = load<u32>(op, 8);
  const add = load<i32>(op, 12);
  const last = lastExample(end, control) * bytes;
  for (let i = begin * bytes; i < last; i += 16) {
    const value = v128.load(from + i);
    v128.store(to + i, add ? f32x4.add(v128.load(to + i), value) : value);
  }
}

/** Sum with a shortcut: y = f(x + s), s strided and with zeros for the channels it has not. */
export function addRows(op: usize, begin: usize, end: usize, control: usize): void {
  const s: usize = load<u32>(op, WINDOW);
  const x: usize = load<u32>(op, WINDOW + 4);
  const y: usize = load<u32>(op, WINDOW + 8);
  const panels: usize = load<u32>(op, WINDOW + 12);
  const kind = load<i32>(op, WINDOW + 16);
  const width: usize = load<u32>(op, 4), across: usize = load<u32>(op, 16);
  const stride: usize = load<u32>(op, 28);
  const fewer = (<usize>load<u32>(op, 8) + 7) / 8;
  // Columns past the shortcut's channels may hold anything after a sigmoid, and can be channels of x.
  const rest = i32x4.splat(load<i32>(op, 8) - <i32>(fewer - 1) * 8);
  const low = i32x4.gt_s(rest, i32x4(0, 1, 2, 3)), high = i32x4.gt_s(rest, i32x4(4, 5, 6, 7));
  const pixels = across * load<u32>(op, 12);
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    const at = n * imageBytes(pixels, panels);
    const shortcut = s + n * inputBytes(op);
    for (let pixel: usize = 0; pixel < pixels; pixel++) {
      let i = rowAt(at, panels, pixel);
      let from = rowAt(shortcut, fewer, pixel / across * stride * width + pixel % across * stride);
      for (let p: usize = 0; p < panels; p++, i += PANEL_BYTES, from += PANEL_BYTES) {
        let a = v128.load(x + i), b = v128.load(x + i, 16);
        if (p + 1 < fewer) {
          a = f32x4.add(a, v128.load(from));
          b = f32x4.add(b, v128.load(from, 16));
        } else if (p < fewer) {
          a = f32x4.add(a, v128.and(v128.load(from), low));
          b = f32x4.add(b, v128.and(v128.load(from, 16), high));
        }
        v128.store(y + i, activate(a, kind));
        v128.store(y + i, activate(b, kind), 16);
      }
    }
  }
}

/** ds (+)= dy at the pixels and channels the shortcut brought. */
export function addShortcutRows(op: usize, begin: usize, end: usize, control: usize): void {
  const dy: usize = load<u32>(op, WINDOW);
  const ds: usize = load<u32>(op, WINDOW + 4);
  const panels: usize = load<u32>(op, WINDOW + 8);
  const add = load<i32>(op, WINDOW + 12);
  const width: usize = load<u32>(op, 4), across: usize = load<u32>(op, 16);
  const stride: usize = load<u32>(op, 28);
  const channels: usize = load<u32>(op, 8);
  const fewer = (channels + 7) / 8;
  const pixels = across * load<u32>(op, 12);
  const bytes = inputBytes(op);
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    const shortcut = ds + n * bytes;
    if (!add) memory.fill(shortcut, 0, bytes);
    for (let pixel: usize = 0; pixel < pixels; pixel++) {
      let i = rowAt(dy + n * imageBytes(pixels, panels), panels, pixel);
      let to = rowAt(shortcut, fewer, pixel / across * stride * width + pixel % across * stride);
      for (let c: usize = 0; c < channels; c += 8, i += PANEL_BYTES, to += PANEL_BYTES) {
        if (channels - c < 8) {
          for (let l: usize = 0; l < (channels - c) * 4; l += 4) {
            store<f32>(to + l, load<f32>(to + l) + load<f32>(i + l));
          }
          continue;
        }
        v128.store(to, f32x4.add(v128.load(to), v128.load(i)));
        v128.store(to, f32x4.add(v128.load(to, 16), v128.load(i, 16)), 16);
      }
    }
  }
}

/** Images as rows: a window as large as the image. */
export function flattenRows(op: usize, begin: usize, end: usize, control: usize): void {
  const x: usize = load<u32>(op, WINDOW), y: usize = load<u32>(op, WINDOW + 4);
  const panels = (windowSize(op) + 7) / 8;
  const rows: usize = load<u32>(control, ROWS);
  for (let n = begin; n < end; n++) {
    const row = rowAt(y, panels, n);
    if (n < rows) packRow(op, x + n * inputBytes(op), 0, 0, panels * 8, row);
    else clearPanels(row, panels);
  }
}

/** dx (+)= rows, as images. */
export function flattenInputRows(op: usize, begin: usize, end: usize, control: usize): void {
  const dy: usize = load<u32>(op, WINDOW), dx: usize = load<u32>(op, WINDOW + 4);
  const add = load<i32>(op, WINDOW + 8);
  const panels = (windowSize(op) + 7) / 8;
  const bytes = inputBytes(op);
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    if (!add) memory.fill(dx + n * bytes, 0, bytes);
    addRow(op, dx + n * bytes, 0, rowAt(dy, panels, n));
  }
}

/** Zeros in one row of a blocked matrix. */
export function clearPanels(row: usize, panels: usize): void {
  for (let p: usize = 0; p < panels; p++, row += PANEL_BYTES) {
    v128.store(row, f32x4.splat(0));
    v128.store(row, f32x4.splat(0), 16);
  }
}

/** Zeros in the columns past the last one, where an activation has put something else. */
export function clearPaddingRows(op: usize, begin: usize, end: usize): void {
  const x: usize = load<u32>(op);
  const columns: usize = load<u32>(op, 4);
  const panels = (columns + 7) / 8;
  for (let row = begin; row < end; row++) {
    const at = rowAt(x, panels, row) + columns / 8 * PANEL_BYTES;
    for (let c = columns; c < panels * 8; c++) store<f32>(at + c % 8 * 4, 0);
  }
}
