import { activate } from "./activation";
import { PATCHES } from "./conv";
import { SQUARE } from "./dense";
import { PANEL_BYTES, ROW_BYTES, ROWS } from "./layout";
import { accumulateRows, multiply, rowAt, sumRows } from "./tile";
import { imageBytes, inputBytes, outputPixels, WINDOW } from "./window";

/**
 * Convolution with a 3 × 3 window and stride 1 by Winograd's F(2 × 2, 3 × 3): a tile of 2 × 2 outputs costs 16 products per
 * pair of channels instead of 36 (Winograd 1980; Lavin & Gray, CVPR 2016). With d the 4 × 4 inputs of a tile and g a filter,
 *
 *     y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)] A,   dg = A'ᵀ[Σ (Bᵀ d B) ⊙ (G' dy G'ᵀ)] A',   dd = y for dy and the turned filter.
 *
 * So each of the 16 points (i, j) of the transformed tiles is a matrix product over the channels, done here for 16 tiles
 * at a time by the register tiles of all products. Channels and filters are multiples of 8. All constants are 0, ±1 and ½.
 */

/** Points of a transformed tile. */
const POINTS: usize = 16;

/** Tiles of a block: rows of a blocked matrix. */
const TILES: usize = 16;

/** Bytes that keep the points of a tile in different cache sets. */
const SKEW: usize = 64;

/** Most values, panels of channels × panels of filters, of which a gradient transforms 64 tiles at once; else 32. */
const FEW: usize = 32;

/** Bytes from point to point of `blocks` blocks of tiles. */
// @ts-ignore: decorator
@inline
function pointBytes(blocks: usize, panels: usize): usize {
  return blocks * panels * PANEL_BYTES + SKEW;
}

/** u = G g Gᵀ of one panel of outputs per task: [point][panel][input][8]. */
export function winogradWeightsTask(op: usize, j: usize): void {
  const panels: usize = load<u32>(op, 8);
  const inputs: usize = load<u32>(op, 12);
  const tap: usize = load<u32>(op, 20);
  const flip = load<i32>(op, 24);
  const point = panels * inputs * ROW_BYTES;
  let from = <usize>load<u32>(op) + j * load<u32>(op, 16);
  let to = <usize>load<u32>(op, 4) + j * inputs * ROW_BYTES;
  // A turned filter is read from its last tap backwards.
  const next = flip ? 0 - tap : tap;
  if (flip) from += 8 * tap;
  for (let i: usize = 0; i < inputs * ROW_BYTES; i += 16) {
    const g0 = from + i, g1 = g0 + 3 * next, g2 = g1 + 3 * next;
    filterRow(v128.load(g0), v128.load(g0 + next), v128.load(g0 + 2 * next), to + i, point);
    filterRow(v128.load(g2), v128.load(g2 + next), v128.load(g2 + 2 * next), to + i + 12 * point, point);
    const a = f32x4.add(v128.load(g0), v128.load(g2)), b = v128.load(g1);
    const c = f32x4.add(v128.load(g0 + next), v128.load(g2 + next)), d = v128.load(g1 + next);
    const e = f32x4.add(v128.load(g0 + 2 * next), v128.load(g2 + 2 * next)), f = v128.load(g1 + 2 * next);
    const half = f32x4.splat(0.5);
    filterRow(
      f32x4.mul(half, f32x4.add(a, b)), f32x4.mul(half, f32x4.add(c, d)), f32x4.mul(half, f32x4.add(e, f)),
      to + i + 4 * point, point,
    );
    filterRow(
      f32x4.mul(half, f32x4.sub(a, b)), f32x4.mul(half, f32x4.sub(c, d)), f32x4.mul(half, f32x4.sub(e, f)),
      to + i + 8 * point, point,
    );
  }
}

/** (a, b, c) Gᵀ to four points. */
// @ts-ignore: decorator
@inline
function filterRow(a: v128, b: v128, c: v128, to: usize, point: usize): void {
  const half = f32x4.splat(0.5);
  const ends = f32x4.mul(half, f32x4.add(a, c)), middle = f32x4.mul(half, b);
  v128.store(to, a);
  v128.store(to + point, f32x4.add(ends, middle));
  v128.store(to + 2 * point, f32x4.sub(ends, middle));
  v128.store(to + 3 * point, c);
}

/** y (+)= f(x ∗ g + b) for examples begin…end−1. */
export function winogradRows(op: usize, begin: usize, end: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, WINDOW);
  const u: usize = load<u32>(op, WINDOW + 4);
  const bias: usize = load<u32>(op, WINDOW + 8);
  const y: usize = load<u32>(op, WINDOW + 12);
  const filters: usize = load<u32>(op, WINDOW + 16);
  const kind = load<i32>(op, WINDOW + 20);
  const more = load<i32>(op, WINDOW + 24);
  const inputs = <usize>load<u32>(op, 8) / 8, outputs = filters / 8;
  const tiles = tilesOf(op);
  const last = min<usize>(end, load<u32>(control, ROWS));
  const zeros = scratch + PATCHES;
  const v = zeros + inputs * PANEL_BYTES;
  const vPoint = pointBytes(1, inputs), mPoint = pointBytes(1, outputs);
  const m = v + POINTS * vPoint;
  memory.fill(zeros, 0, inputs * PANEL_BYTES);
  for (let n = begin; n < last; n++) {
    const image = x + n * inputBytes(op);
    const to = y + n * imageBytes(outputPixels(op), outputs);
    for (let tile: usize = 0; tile < tiles; tile += TILES) {
      const count = min<usize>(tiles - tile, TILES);
      for (let t: usize = 0; t < count; t++) {
        transformInput(op, image, tile + t, zeros, scratch, v + t * ROW_BYTES, vPoint, inputs);
      }
      for (let f: usize = 0; f < POINTS; f++) {
        const a = v + f * vPoint, w = u + f * outputs * inputs * SQUARE, out = m + f * mPoint;
        for (let j: usize = 0; j < outputs; j++) {
          for (let r: usize = 0; r < count * ROW_BYTES; r += 4 * ROW_BYTES) {
            multiply(a + r, w + j * inputs * SQUARE, inputs, out + j * PANEL_BYTES + r);
          }
        }
      }
      for (let t: usize = 0; t < count; t++) {
        transformOutput(op, to, tile + t, m + t * ROW_BYTES, mPoint, outputs, bias, kind, more);
      }
    }
  }
}

/** Tiles of 2 × 2 outputs. */
// @ts-ignore: decorator
@inline
function tilesOf(op: usize): usize {
  return (<usize>load<u32>(op, 12) + 1) / 2 * acrossOf(op);
}

// @ts-ignore: decorator
@inline
function acrossOf(op: usize): usize {
  return (<usize>load<u32>(op, 16) + 1) / 2;
}

/** Bᵀ d B of one tile to row `to` of the blocks of all points. `table` is room for 16 addresses. */
function transformInput(
  op: usize, image: usize, tile: usize, zeros: usize, table: usize, to: usize, point: usize, panels: usize,
): void {
  const height = load<i32>(op), width = load<i32>(op, 4);
  const across = acrossOf(op);
  const top = <i32>(tile / across) * 2 - load<i32>(op, 36);
  const left = <i32>(tile % across) * 2 - load<i32>(op, 40);
  for (let i = 0, at = table; i < 4; i++) {
    const inside = <u32>(top + i) < <u32>height;
    const first = (top + i) * width + left;
    for (let j = 0; j < 4; j++, at += 4) {
      const there = inside && <u32>(left + j) < <u32>width;
      store<u32>(at, <u32>(there ? rowAt(image, panels, first + j) : zeros));
    }
  }
  for (let p: usize = 0; p < panels * PANEL_BYTES; p += PANEL_BYTES) {
    inputHalf(table, p, to + p, point);
    inputHalf(table, p + 16, to + p + 16, point);
  }
}

/** Four channels of a tile. */
// @ts-ignore: decorator
@inline
function inputHalf(table: usize, at: usize, to: usize, point: usize): void {
  let a = v128.load(<usize>load<u32>(table) + at), b = v128.load(<usize>load<u32>(table, 16) + at);
  let c = v128.load(<usize>load<u32>(table, 32) + at), d = v128.load(<usize>load<u32>(table, 48) + at);
  const t00 = f32x4.sub(a, c), t10 = f32x4.add(b, c), t20 = f32x4.sub(c, b), t30 = f32x4.sub(b, d);
  a = v128.load(<usize>load<u32>(table, 8) + at);
  b = v128.load(<usize>load<u32>(table, 24) + at);
  c = v128.load(<usize>load<u32>(table, 40) + at);
  d = v128.load(<usize>load<u32>(table, 56) + at);
  const t02 = f32x4.sub(a, c), t12 = f32x4.add(b, c), t22 = f32x4.sub(c, b), t32 = f32x4.sub(b, d);
  v128.store(to, f32x4.sub(t00, t02));
  v128.store(to + 4 * point, f32x4.sub(t10, t12));
  v128.store(to + 8 * point, f32x4.sub(t20, t22));
  v128.store(to + 12 * point, f32x4.sub(t30, t32));
  a = v128.load(<usize>load<u32>(table, 4) + at);
  b = v128.load(<usize>load<u32>(table, 20) + at);
  c = v128.load(<usize>load<u32>(table, 36) + at);
  d = v128.load(<usize>load<u32>(table, 52) + at);
  const t01 = f32x4.sub(a, c), t11 = f32x4.add(b, c), t21 = f32x4.sub(c, b), t31 = f32x4.sub(b, d);
  to += point;
  v128.store(to, f32x4.add(t01, t02));
  v128.store(to + 4 * point, f32x4.add(t11, t12));
  v128.store(to + 8 * point, f32x4.add(t21, t22));
  v128.store(to + 12 * point, f32x4.add(t31, t32));
  to += point;
  v128.store(to, f32x4.sub(t02, t01));
  v128.store(to + 4 * point, f32x4.sub(t12, t11));
  v128.store(to + 8 * point, f32x4.sub(t22, t21));
  v128.store(to + 12 * point, f32x4.sub(t32, t31));
  a = v128.load(<usize>load<u32>(table, 12) + at);
  b = v128.load(<usize>load<u32>(table, 28) + at);
  c = v128.load(<usize>load<u32>(table, 44) + at);
  d = v128.load(<usize>load<u32>(table, 60) + at);
  to += point;
  v128.store(to, f32x4.sub(t01, f32x4.sub(a, c)));
  v128.store(to + 4 * point, f32x4.sub(t11, f32x4.add(b, c)));
  v128.store(to + 8 * point, f32x4.sub(t21, f32x4.sub(c, b)));
  v128.store(to + 12 * point, f32x4.sub(t31, f32x4.sub(b, d)));
}

/** Aᵀ m A of one tile, with bias and activation, to its pixels in the image `y`. */
function transformOutput(
  op: usize, y: usize, tile: usize, m: usize, point: usize, panels: usize, bias: usize, kind: i32, more: i32,
): void {
  const height: usize = load<u32>(op, 12), width: usize = load<u32>(op, 16);
  const across = acrossOf(op);
  const top = tile / across * 2, left = tile % across * 2;
  const pixel = top * width + left;
  const right = left + 1 < width, below = top + 1 < height;
  const y00 = rowAt(y, panels, pixel), y01 = rowAt(y, panels, pixel + 1);
  const y10 = rowAt(y, panels, pixel + width), y11 = rowAt(y, panels, pixel + width + 1);
  for (let p: usize = 0; p < panels * PANEL_BYTES; p += p % 32 == 0 ? 16 : PANEL_BYTES - 16) {
    const b = bias ? v128.load(bias + p / PANEL_BYTES * ROW_BYTES + p % 32) : f32x4.splat(0);
    let at = m + p;
    let c1 = v128.load(at + 4 * point), c2 = v128.load(at + 8 * point);
    let top0 = f32x4.add(f32x4.add(v128.load(at), c1), c2);
    let low0 = f32x4.sub(f32x4.sub(c1, c2), v128.load(at + 12 * point));
    at += point;
    c1 = v128.load(at + 4 * point), c2 = v128.load(at + 8 * point);
    const top1 = f32x4.add(f32x4.add(v128.load(at), c1), c2);
    const low1 = f32x4.sub(f32x4.sub(c1, c2), v128.load(at + 12 * point));
    at += point;
    c1 = v128.load(at + 4 * point), c2 = v128.load(at + 8 * point);
    const top2 = f32x4.add(f32x4.add(v128.load(at), c1), c2);
    const low2 = f32x4.sub(f32x4.sub(c1, c2), v128.load(at + 12 * point));
    at += point;
    c1 = v128.load(at + 4 * point), c2 = v128.load(at + 8 * point);
    const top3 = f32x4.add(f32x4.add(v128.load(at), c1), c2);
    const low3 = f32x4.sub(f32x4.sub(c1, c2), v128.load(at + 12 * point));
    put(y00 + p, f32x4.add(f32x4.add(top0, top1), top2), b, kind, more);
    if (right) put(y01 + p, f32x4.sub(f32x4.sub(top1, top2), top3), b, kind, more);
    if (!below) continue;
    put(y10 + p, f32x4.add(f32x4.add(low0, low1), low2), b, kind, more);
    if (right) put(y11 + p, f32x4.sub(f32x4.sub(low1, low2), low3), b, kind, more);
  }
}

// @ts-ignore: decorator
@inline
function put(to: usize, value: v128, bias: v128, kind: i32, more: i32): void {
  const sum = f32x4.add(value, bias);
  v128.store(to, more ? f32x4.add(v128.load(to), sum) : activate(sum, kind));
}

/**
 * Weight (and bias) gradient, one chunk of the examples per task, into the chunk's own sums. The tiles of all its examples
 * are summed in order.
 */
export function winogradGradientTask(op: usize, chunk: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, WINDOW);
  const dy: usize = load<u32>(op, WINDOW + 4);
  const filters: usize = load<u32>(op, WINDOW + 8);
  const chunks: usize = load<u32>(op, WINDOW + 12);
  const bias: usize = load<u32>(op, WINDOW + 20);
  const channels: usize = load<u32>(op, 8);
  const inputs = channels / 8, outputs = filters / 8;
  const pixels = outputPixels(op), tiles = tilesOf(op);
  const rows: usize = load<u32>(control, ROWS);
  const first = chunk * rows / chunks, end = (chunk + 1) * rows / chunks;
  const blocks: usize = inputs * outputs > FEW ? 2 : 4;
  const vPoint = pointBytes(blocks, inputs), gPoint = pointBytes(blocks, outputs);
  const zeros = scratch + PATCHES;
  const v = zeros + max(inputs, outputs) * PANEL_BYTES;
  const g = v + POINTS * vPoint;
  const s = g + POINTS * gPoint;
  const point = outputs * channels * ROW_BYTES;
  memory.fill(zeros, 0, max(inputs, outputs) * PANEL_BYTES);
  memory.fill(s, 0, POINTS * point);
  const all = (end - first) * tiles;
  for (let tile: usize = 0; tile < all; tile += blocks * TILES) {
    const count = min(all - tile, blocks * TILES);
    for (let t: usize = 0; t < count; t++) {
      const n = first + (tile + t) / tiles, here = (tile + t) % tiles;
      const row = t % TILES * ROW_BYTES, block = t / TILES * PANEL_BYTES;
      const image = x + n * inputBytes(op), gradient = dy + n * imageBytes(pixels, outputs);
      transformInput(op, image, here, zeros, scratch, v + block * inputs + row, vPoint, inputs);
      transformGradient(op, gradient, here, zeros, g + block * outputs + row, gPoint, outputs);
    }
    for (let f: usize = 0; f < POINTS; f++) {
      for (let j: usize = 0; j < outputs; j++) {
        const columns = g + f * gPoint + j * PANEL_BYTES;
        const sums = s + f * point + j * channels * ROW_BYTES;
        for (let k: usize = 0; k < inputs * 2; k++) {
          accumulateRows(
            v + f * vPoint + (k >> 1) * PANEL_BYTES + (k & 1) * 16, inputs * PANEL_BYTES,
            columns, outputs * PANEL_BYTES, count, sums + k * 128,
          );
        }
      }
    }
  }
  const to = <usize>load<u32>(op, WINDOW + 16) + chunk * 9 * point;
  for (let j: usize = 0; j < outputs; j++) {
    for (let i: usize = 0; i < channels * ROW_BYTES; i += 16) {
      const from = s + j * channels * ROW_BYTES + i;
      transformSums(from, point, to + j * 9 * channels * ROW_BYTES + i, channels * ROW_BYTES);
    }
    if (!bias) continue;
    const total = bias + (chunk * outputs + j) * ROW_BYTES;
    memory.fill(total, 0, ROW_BYTES);
    for (let n = first; n < end; n++) {
      sumRows(dy + n * imageBytes(pixels, outputs) + j * PANEL_BYTES, outputs * PANEL_BYTES, pixels, scratch);
      v128.store(total, f32x4.add(v128.load(total), v128.load(scratch)));
      v128.store(total, f32x4.add(v128.load(total, 16), v128.load(scratch, 16)), 16);
    }
  }
}

/** G' dy G'ᵀ of one tile to row `to` of the blocks of all points. */
function transformGradient(
  op: usize, image: usize, tile: usize, zeros: usize, to: usize, point: usize, panels: usize,
): void {
  const height: usize = load<u32>(op, 12), width: usize = load<u32>(op, 16);
  const across = acrossOf(op);
  const top = tile / across * 2, left = tile % across * 2;
  const pixel = top * width + left;
  const right = left + 1 < width, below = top + 1 < height;
  const d00 = rowAt(image, panels, pixel);
  const d01 = right ? rowAt(image, panels, pixel + 1) : zeros;
  const d10 = below ? rowAt(image, panels, pixel + width) : zeros;
  const d11 = right && below ? rowAt(image, panels, pixel + width + 1) : zeros;
  const half = f32x4.splat(0.5);
  for (let p: usize = 0; p < panels * PANEL_BYTES; p += p % 32 == 0 ? 16 : PANEL_BYTES - 16) {
    const a = v128.load(d00 + p), b = v128.load(d01 + p), c = v128.load(d10 + p), d = v128.load(d11 + p);
    gradientRow(a, b, to + p, point);
    gradientRow(f32x4.mul(half, f32x4.add(a, c)), f32x4.mul(half, f32x4.add(b, d)), to + p + 4 * point, point);
    gradientRow(f32x4.mul(half, f32x4.sub(a, c)), f32x4.mul(half, f32x4.sub(b, d)), to + p + 8 * point, point);
    gradientRow(c, d, to + p + 12 * point, point);
  }
}

/** (a, b) G'ᵀ to four points. */
// @ts-ignore: decorator
@inline
function gradientRow(a: v128, b: v128, to: usize, point: usize): void {
  const half = f32x4.splat(0.5);
  v128.store(to, a);
  v128.store(to + point, f32x4.mul(half, f32x4.add(a, b)));
  v128.store(to + 2 * point, f32x4.mul(half, f32x4.sub(a, b)));
  v128.store(to + 3 * point, b);
}

/** A'ᵀ s A' of four sums to nine taps. */
// @ts-ignore: decorator
@inline
function transformSums(s: usize, point: usize, to: usize, tap: usize): void {
  for (let j: usize = 0; j < 4; j++) {
    // Column j in place of its first three points.
    const at = s + j * point;
    const c1 = v128.load(at + 4 * point), c2 = v128.load(at + 8 * point);
    const sum = f32x4.add(c1, c2);
    v128.store(at, f32x4.add(v128.load(at), sum));
    v128.store(at + 4 * point, f32x4.sub(c1, c2));
    v128.store(at + 8 * point, f32x4.sub(sum, v128.load(at + 12 * point)));
  }
  for (let i: usize = 0; i < 3; i++, s += 4 * point, to += 3 * tap) {
    const c1 = v128.load(s + point), c2 = v128.load(s + 2 * point);
    const sum = f32x4.add(c1, c2);
    v128.store(to, f32x4.add(v128.load(s), sum));
    v128.store(to + tap, f32x4.sub(c1, c2));
    v128.store(to + 2 * tap, f32x4.sub(sum, v128.load(s + 3 * point)));
  }
}
