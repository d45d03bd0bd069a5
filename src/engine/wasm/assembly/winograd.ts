import { activate } from "./activation";
import { add, PATCHES } from "./conv";
import { SQUARE } from "./dense";
import {
  PANEL_BYTES, ROW_BYTES, ROWS, WINOGRAD_FEW, WINOGRAD_ROOM, WINOGRAD_SKEW, WINOGRAD_TABLE,
} from "./layout";
import { accumulateRows, multiply, rowAt, sumRows } from "./tile";
import { imageBytes, inputBytes, outputPixels, WINDOW } from "./window";
import { gradient3, input3, output3, taps3, weights3 } from "./winograd-3";
import { gradient5, input5, output5, taps5, weights5 } from "./winograd-5";

/**
 * Convolution with stride 1 by Winograd's F(2 × 2, r × r), r = 3 or 5: a tile of 2 × 2 outputs costs (r + 1)² products per pair
 * of channels instead of 4 r² (Winograd, 1980; Lavin & Gray, CVPR 2016). With d the inputs of a tile and g a filter,
 *
 *     y = Aᵀ[(G g Gᵀ) ⊙ (Bᵀ d B)] A,   dg = A'ᵀ[Σ (Bᵀ d B) ⊙ (G' dy G'ᵀ)] A',   dd = y of dy and the turned filter.
 *
 * So each point of the transformed tiles is a matrix product over the channels, done here for 16 tiles at a time by the
 * register tiles of all products.
 */

/** Tiles of a block: rows of a blocked matrix. */
const TILES: usize = 16;

/** The thread's scratch: addresses of a tile's inputs, room of the transforms, then zeros. */
const TABLE: usize = PATCHES;
const ROOM: usize = TABLE + WINOGRAD_TABLE;
const ZEROS: usize = ROOM + WINOGRAD_ROOM;

/** Bytes from point to point of `blocks` blocks of tiles, such that the points of a tile are in different cache sets. */
// @ts-ignore: decorator
@inline
function pointBytes(blocks: usize, panels: usize): usize {
  return blocks * panels * PANEL_BYTES + WINOGRAD_SKEW;
}

/** Side of a tile of inputs. */
// @ts-ignore: decorator
@inline
function sideOf(op: usize): usize {
  return <usize>load<u32>(op, 20) + 1;
}

// @ts-ignore: decorator
@inline
function acrossOf(op: usize): usize {
  return (<usize>load<u32>(op, 16) + 1) / 2;
}

/** Tiles of 2 × 2 outputs. */
// @ts-ignore: decorator
@inline
function tilesOf(op: usize): usize {
  return (<usize>load<u32>(op, 12) + 1) / 2 * acrossOf(op);
}

/** u = G g Gᵀ of one panel of outputs per task: [point][panel][8 ⌈inputs / 8⌉][8], of which products read `inputs`. */
export function winogradWeightsTask(op: usize, j: usize, scratch: usize): void {
  const panels: usize = load<u32>(op, 8);
  const bytes = <usize>load<u32>(op, 12) * ROW_BYTES;
  const tap: usize = load<u32>(op, 20);
  const turned = load<i32>(op, 24);
  const side: usize = load<u32>(op, 28);
  const all = (bytes + SQUARE - 1) / SQUARE * SQUARE;
  const point = panels * all;
  let from = <usize>load<u32>(op) + j * load<u32>(op, 16);
  const to = <usize>load<u32>(op, 4) + j * all;
  // A turned filter is read from its last tap backwards.
  const next = turned ? 0 - tap : tap;
  if (turned) from += ((side - 1) * (side - 1) - 1) * tap;
  for (let i: usize = 0; i < bytes; i += 16) {
    if (side == 4) weights3(from + i, next, to + i, point);
    else weights5(from + i, next, to + i, point, scratch + ROOM);
  }
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
  const channels: usize = load<u32>(op, 8);
  const inputs = (channels + 7) / 8, outputs = (filters + 7) / 8;
  const tiles = tilesOf(op), side = sideOf(op), points = side * side;
  const last = min<usize>(end, load<u32>(control, ROWS));
  const v = scratch + ZEROS + inputs * PANEL_BYTES;
  const vPoint = pointBytes(1, inputs), mPoint = pointBytes(1, outputs);
  const m = v + points * vPoint;
  memory.fill(scratch + ZEROS, 0, inputs * PANEL_BYTES);
  for (let n = begin; n < last; n++) {
    const image = x + n * inputBytes(op);
    const to = y + n * imageBytes(outputPixels(op), outputs);
    for (let tile: usize = 0; tile < tiles; tile += TILES) {
      const count = min<usize>(tiles - tile, TILES);
      for (let t: usize = 0; t < count; t++) {
        transformInput(op, image, tile + t, scratch, v + t * ROW_BYTES, vPoint, inputs);
      }
      for (let f: usize = 0; f < points; f++) {
        const a = v + f * vPoint, w = u + f * outputs * inputs * SQUARE, out = m + f * mPoint;
        for (let j: usize = 0; j < outputs; j++) {
          for (let r: usize = 0; r < count * ROW_BYTES; r += 4 * ROW_BYTES) {
            multiply(a + r, w + j * inputs * SQUARE, channels, out + j * PANEL_BYTES + r);
          }
        }
      }
      for (let t: usize = 0; t < count; t++) {
        transformOutput(op, to, tile + t, scratch, m + t * ROW_BYTES, mPoint, outputs, bias, kind, more);
      }
    }
  }
}

/** The transformed inputs of one tile to row `to` of the blocks of all points. */
function transformInput(
  op: usize, image: usize, tile: usize, scratch: usize, to: usize, point: usize, panels: usize,
): void {
  const height = load<i32>(op), width = load<i32>(op, 4);
  const across = acrossOf(op);
  const side = <i32>sideOf(op);
  const top = <i32>(tile / across) * 2 - load<i32>(op, 36);
  const left = <i32>(tile % across) * 2 - load<i32>(op, 40);
  const table = scratch + TABLE;
  for (let i = 0, at = table; i < side; i++) {
    const inside = <u32>(top + i) < <u32>height;
    const first = (top + i) * width + left;
    for (let j = 0; j < side; j++, at += 4) {
      const there = inside && <u32>(left + j) < <u32>width;
      store<u32>(at, <u32>(there ? rowAt(image, panels, first + j) : scratch + ZEROS));
    }
  }
  for (let p: usize = 0; p < panels * PANEL_BYTES; p += PANEL_BYTES) {
    if (side == 4) {
      input3(table, p, to + p, point);
      input3(table, p + 16, to + p + 16, point);
    } else {
      input5(table, p, to + p, point, scratch + ROOM);
      input5(table, p + 16, to + p + 16, point, scratch + ROOM);
    }
  }
}

/** Outputs of one tile from row `m` of all points, with bias and activation, to their pixels in the image `y`. */
function transformOutput(
  op: usize, y: usize, tile: usize, scratch: usize, m: usize, point: usize, panels: usize, bias: usize,
  kind: i32, more: i32,
): void {
  const height: usize = load<u32>(op, 12), width: usize = load<u32>(op, 16);
  const across = acrossOf(op);
  const top = tile / across * 2, left = tile % across * 2;
  const pixel = top * width + left;
  const right = left + 1 < width, below = top + 1 < height;
  const y00 = rowAt(y, panels, pixel), y01 = rowAt(y, panels, pixel + 1);
  const y10 = rowAt(y, panels, pixel + width), y11 = rowAt(y, panels, pixel + width + 1);
  const three = sideOf(op) == 4;
  const out = scratch + TABLE;
  for (let p: usize = 0; p < panels * PANEL_BYTES; p += p % 32 == 0 ? 16 : PANEL_BYTES - 16) {
    const b = bias ? v128.load(bias + p / PANEL_BYTES * ROW_BYTES + p % 32) : f32x4.splat(0);
    if (three) output3(m + p, point, out);
    else output5(m + p, point, out, scratch + ROOM);
    put(y00 + p, v128.load(out), b, kind, more);
    if (right) put(y01 + p, v128.load(out, 16), b, kind, more);
    if (!below) continue;
    put(y10 + p, v128.load(out, 32), b, kind, more);
    if (right) put(y11 + p, v128.load(out, 48), b, kind, more);
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
  const inputs = (channels + 7) / 8, outputs = (filters + 7) / 8;
  const pixels = outputPixels(op), tiles = tilesOf(op), side = sideOf(op), points = side * side;
  const rows: usize = load<u32>(control, ROWS);
  const first = chunk * rows / chunks, end = (chunk + 1) * rows / chunks;
  const blocks: usize = inputs * outputs > <usize>WINOGRAD_FEW ? 2 : 4;
  const vPoint = pointBytes(blocks, inputs), gPoint = pointBytes(blocks, outputs);
  const zeroBytes = max(inputs, outputs) * PANEL_BYTES;
  const v = scratch + ZEROS + zeroBytes;
  const g = v + points * vPoint;
  const s = g + points * gPoint;
  const panel = inputs * SQUARE, point = outputs * panel;
  memory.fill(scratch + ZEROS, 0, zeroBytes);
  memory.fill(s, 0, points * point);
  const all = (end - first) * tiles;
  for (let tile: usize = 0; tile < all; tile += blocks * TILES) {
    const count = min(all - tile, blocks * TILES);
    for (let t: usize = 0; t < count; t++) {
      const n = first + (tile + t) / tiles, here = (tile + t) % tiles;
      const row = t % TILES * ROW_BYTES, block = t / TILES * PANEL_BYTES;
      const image = x + n * inputBytes(op), gradient = dy + n * imageBytes(pixels, outputs);
      transformInput(op, image, here, scratch, v + block * inputs + row, vPoint, inputs);
      transformGradient(op, gradient, here, scratch, g + block * outputs + row, gPoint, outputs);
    }
    for (let f: usize = 0; f < points; f++) {
      for (let j: usize = 0; j < outputs; j++) {
        const columns = g + f * gPoint + j * PANEL_BYTES;
        const sums = s + f * point + j * panel;
        for (let k: usize = 0; k < (channels + 3) / 4; k++) {
          accumulateRows(
            v + f * vPoint + (k >> 1) * PANEL_BYTES + (k & 1) * 16, inputs * PANEL_BYTES,
            columns, outputs * PANEL_BYTES, count, sums + k * 128,
          );
        }
      }
    }
  }
  const tap = channels * ROW_BYTES, filled = (side - 1) * (side - 1) * tap;
  const square = (filled + SQUARE - 1) / SQUARE * SQUARE;
  for (let j: usize = 0; j < outputs; j++) {
    const to = <usize>load<u32>(op, WINDOW + 16) + (chunk * outputs + j) * square;
    for (let i: usize = 0; i < tap; i += 16) {
      if (side == 4) taps3(s + j * panel + i, point, to + i, tap);
      else taps5(s + j * panel + i, point, to + i, tap, scratch + ROOM);
    }
    memory.fill(to + filled, 0, square - filled);
    if (!bias) continue;
    const total = bias + (chunk * outputs + j) * ROW_BYTES;
    memory.fill(total, 0, ROW_BYTES);
    for (let n = first; n < end; n++) {
      sumRows(dy + n * imageBytes(pixels, outputs) + j * PANEL_BYTES, outputs * PANEL_BYTES, pixels, scratch);
      add(total, scratch, ROW_BYTES);
    }
  }
}

/** The transformed gradients of one tile of outputs to row `to` of the blocks of all points. */
function transformGradient(
  op: usize, image: usize, tile: usize, scratch: usize, to: usize, point: usize, panels: usize,
): void {
  const height: usize = load<u32>(op, 12), width: usize = load<u32>(op, 16);
  const across = acrossOf(op);
  const top = tile / across * 2, left = tile % across * 2;
  const pixel = top * width + left;
  const right = left + 1 < width, below = top + 1 < height;
  const zeros = scratch + ZEROS;
  const d00 = rowAt(image, panels, pixel);
  const d01 = right ? rowAt(image, panels, pixel + 1) : zeros;
  const d10 = below ? rowAt(image, panels, pixel + width) : zeros;
  const d11 = right && below ? rowAt(image, panels, pixel + width + 1) : zeros;
  const three = sideOf(op) == 4;
  for (let p: usize = 0; p < panels * PANEL_BYTES; p += p % 32 == 0 ? 16 : PANEL_BYTES - 16) {
    const a = v128.load(d00 + p), b = v128.load(d01 + p), c = v128.load(d10 + p), d = v128.load(d11 + p);
    if (three) gradient3(a, b, c, d, to + p, point);
    else gradient5(a, b, c, d, to + p, point, scratch + ROOM);
  }
}
