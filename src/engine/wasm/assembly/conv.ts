import { activate } from "./activation";
import { SQUARE, transposeTile } from "./dense";
import { addPenalty, descend } from "./descent";
import { MOMENTUM, PANEL_BYTES, RATE, ROW_BYTES, ROWS } from "./layout";
import { accumulateRows, multiply, rowAt, sumRows } from "./tile";
import {
  addRow, imageBytes, inputBytes, listSources, outputPixels, pack, WINDOW, windowSize,
} from "./window";

/**
 * Convolution as a product of patches and weights, without a matrix of all patches: 16 of them at a time are packed
 * into the thread's scratch, in the layout the register tiles read.
 */

/** Bytes of a thread's scratch before its patches. */
export const PATCHES: usize = 256;

/** Pixels of one example whose patches a weight gradient packs at a time. */
export const GRADIENT_PIXELS: usize = 128;

/** y = f(patches Wᵀ + b) for examples begin…end−1. */
export function convRows(op: usize, begin: usize, end: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, WINDOW);
  const w: usize = load<u32>(op, WINDOW + 4);
  const bias: usize = load<u32>(op, WINDOW + 8);
  const y: usize = load<u32>(op, WINDOW + 12);
  const filters: usize = load<u32>(op, WINDOW + 16);
  const kind = load<i32>(op, WINDOW + 20);
  const pixels = outputPixels(op);
  const terms = windowSize(op), inputs = (terms + 7) / 8;
  const outputs = (filters + 7) / 8;
  const last = min<usize>(end, load<u32>(control, ROWS));
  const sources = scratch + PATCHES;
  const patches = sources + inputs * ROW_BYTES;
  listSources(op, 0, inputs * 8, sources);
  for (let n = begin; n < last; n++) {
    const from = x + n * inputBytes(op);
    const to = y + n * imageBytes(pixels, outputs);
    for (let pixel: usize = 0; pixel < pixels; pixel += 16) {
      pack(op, from, pixel, 0, inputs * 8, patches, sources);
      const rows = min<usize>(pixels - pixel, 16) * ROW_BYTES;
      for (let j: usize = 0; j < outputs; j++) {
        const b0 = v128.load(bias + j * ROW_BYTES);
        const b1 = v128.load(bias + j * ROW_BYTES, 16);
        const block = to + (pixel / 16 * outputs + j) * PANEL_BYTES;
        for (let r: usize = 0; r < rows; r += 4 * ROW_BYTES) {
          const out = block + r;
          multiply(patches + r, w + j * inputs * SQUARE, terms, out);
          for (let i = out; i < out + 4 * ROW_BYTES; i += ROW_BYTES) {
            v128.store(i, activate(f32x4.add(v128.load(i), b0), kind));
            v128.store(i, activate(f32x4.add(v128.load(i, 16), b1), kind), 16);
          }
        }
      }
    }
  }
}

/** dx (+)= dy W, patch by patch added to the pixels under it. */
export function convInputRows(op: usize, begin: usize, end: usize, control: usize, scratch: usize): void {
  const dy: usize = load<u32>(op, WINDOW);
  const wt: usize = load<u32>(op, WINDOW + 4);
  const dx: usize = load<u32>(op, WINDOW + 8);
  const filters: usize = load<u32>(op, WINDOW + 12);
  const add = load<i32>(op, WINDOW + 16);
  const pixels = outputPixels(op);
  const inputs = (windowSize(op) + 7) / 8;
  const outputs = (filters + 7) / 8;
  const last = min<usize>(end, load<u32>(control, ROWS));
  const patches = scratch + PATCHES;
  const bytes = inputBytes(op);
  for (let n = begin; n < last; n++) {
    const from = dy + n * imageBytes(pixels, outputs);
    const to = dx + n * bytes;
    if (!add) memory.fill(to, 0, bytes);
    for (let pixel: usize = 0; pixel < pixels; pixel += 16) {
      const rows = min<usize>(pixels - pixel, 16);
      const a = rowAt(from, outputs, pixel);
      for (let k: usize = 0; k < inputs; k++) {
        for (let r: usize = 0; r < rows * ROW_BYTES; r += 4 * ROW_BYTES) {
          multiply(a + r, wt + k * outputs * SQUARE, filters, patches + k * PANEL_BYTES + r);
        }
      }
      for (let r: usize = 0; r < rows; r++) addRow(op, to, pixel + r, patches + r * ROW_BYTES);
    }
  }
}

/**
 * Weight (and bias) gradient, one chunk of the examples × one run of patch panels per task, into the chunk's own
 * sums. Chunks and runs come from the shapes, so the order of every sum does too.
 */
export function convGradientTask(op: usize, task: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, WINDOW);
  const dy: usize = load<u32>(op, WINDOW + 4);
  const filters: usize = load<u32>(op, WINDOW + 8);
  const runs: usize = load<u32>(op, WINDOW + 12);
  const chunks: usize = load<u32>(op, WINDOW + 16);
  const bias: usize = load<u32>(op, WINDOW + 24);
  const pixels = outputPixels(op);
  const inputs = (windowSize(op) + 7) / 8;
  const outputs = (filters + 7) / 8;
  const rows: usize = load<u32>(control, ROWS);
  const chunk = task / runs;
  const run = task % runs;
  const sums = <usize>load<u32>(op, WINDOW + 20) + chunk * inputs * outputs * SQUARE;
  const from = run * inputs / runs, to = (run + 1) * inputs / runs;
  // Fours of patch columns; those that only fill the last panel keep their zeros.
  const fours = (min<usize>(windowSize(op), to * 8) - from * 8 + 3) / 4;
  const sources = scratch + PATCHES;
  const patches = sources + (to - from) * ROW_BYTES;
  const block = (to - from) * PANEL_BYTES;
  listSources(op, from * 8, to * 8, sources);
  for (let j: usize = 0; j < outputs; j++) {
    memory.fill(sums + (j * inputs + from) * SQUARE, 0, (to - from) * SQUARE);
    if (run == 0 && bias) memory.fill(bias + (chunk * outputs + j) * ROW_BYTES, 0, ROW_BYTES);
  }
  const end = (chunk + 1) * rows / chunks;
  for (let n = chunk * rows / chunks; n < end; n++) {
    const image = x + n * inputBytes(op);
    const gradient = dy + n * imageBytes(pixels, outputs);
    for (let pixel: usize = 0; pixel < pixels; pixel += GRADIENT_PIXELS) {
      const count = min<usize>(pixels - pixel, GRADIENT_PIXELS);
      for (let p: usize = 0; p < count; p += 16) {
        pack(op, image, pixel + p, from * 8, to * 8, patches + p / 16 * block, sources);
      }
      for (let j: usize = 0; j < outputs; j++) {
        const g = gradient + (pixel / 16 * outputs + j) * PANEL_BYTES;
        for (let k: usize = 0; k < fours; k++) {
          const columns = patches + (k >> 1) * PANEL_BYTES + (k & 1) * 16;
          const out = sums + (j * inputs + from) * SQUARE + k * 128;
          accumulateRows(columns, block, g, outputs * PANEL_BYTES, count, out);
        }
        if (run == 0 && bias) {
          sumRows(g, outputs * PANEL_BYTES, count, scratch);
          add(bias + (chunk * outputs + j) * ROW_BYTES, scratch, ROW_BYTES);
        }
      }
    }
  }
}

/** Sums the chunks in order; then penalty and update of W (and b), one output panel × one run of panels per task. */
export function convUpdateTask(op: usize, task: usize, control: usize, scratch: usize): void {
  const inputs: usize = load<u32>(op);
  const outputs: usize = load<u32>(op, 4);
  const runs: usize = load<u32>(op, 8);
  const chunks: usize = load<u32>(op, 12);
  const sums: usize = load<u32>(op, 16);
  const w: usize = load<u32>(op, 24);
  const v: usize = load<u32>(op, 28);
  const t: usize = load<u32>(op, 32);
  const wt: usize = load<u32>(op, 36);
  const mu = load<f32>(load<u32>(op, 40));
  const h: usize = load<u32>(op, 60);
  const momentum = v128.load32_splat(control + MOMENTUM);
  const rate = v128.load32_splat(control + RATE);
  const j = task / runs;
  const run = task % runs;
  if (run == 0) biasUpdate(op, j, control, scratch);
  const end = (run + 1) * inputs / runs * 2;
  for (let k = run * inputs / runs * 2; k < end; k++) {
    const at = j * inputs * SQUARE + k * 128;
    sumChunks(sums + at, inputs * outputs * SQUARE, chunks, 128, scratch);
    if (mu != 0) addPenalty(scratch, w + at, t + at, h ? h + at : 0, 128, mu);
    for (let i: usize = 0; i < 128; i += ROW_BYTES) {
      descend(scratch + i, w + at + i, v + at + i, momentum, rate);
    }
    if (wt) transposeTile(w + at, wt + ((k >> 1) * outputs + j) * SQUARE + (k & 1) * 16);
  }
}

function biasUpdate(op: usize, j: usize, control: usize, scratch: usize): void {
  const b: usize = load<u32>(op, 44);
  if (!b) return;
  const outputs: usize = load<u32>(op, 4);
  const mu = load<f32>(load<u32>(op, 56));
  const h: usize = load<u32>(op, 64);
  const at = j * ROW_BYTES;
  sumChunks(<usize>load<u32>(op, 20) + at, outputs * ROW_BYTES, load<u32>(op, 12), ROW_BYTES, scratch);
  const t = <usize>load<u32>(op, 52) + at;
  if (mu != 0) addPenalty(scratch, b + at, t, h ? h + at : 0, ROW_BYTES, mu);
  const momentum = v128.load32_splat(control + MOMENTUM);
  const rate = v128.load32_splat(control + RATE);
  descend(scratch, b + at, <usize>load<u32>(op, 48) + at, momentum, rate);
}

/** to = Σ of `chunks` pieces of `bytes`, `stride` apart, first to last. */
function sumChunks(from: usize, stride: usize, chunks: usize, bytes: usize, to: usize): void {
  memory.copy(to, from, bytes);
  for (let c: usize = 1; c < chunks; c++) add(to, from + c * stride, bytes);
}

/** sum += more. */
export function add(sum: usize, more: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(sum + i, f32x4.add(v128.load(sum + i), v128.load(more + i)));
  }
}
