import { activate, derivative } from "./activation";
import { addPenalty, descend } from "./descent";
import { flush } from "./elementary";
import { MOMENTUM, PANEL_BYTES, RATE, ROW_BYTES, ROWS } from "./layout";
import { multiply, multiplyRows, rowAt, sumRows } from "./tile";

/** Bytes of 8 × 8 weights. */
export const SQUARE: usize = 256;

/**
 * Weight bytes that stay in the second-level cache while the rows of a task pass: with the rows outside and
 * these panels inside, four rows of x are fetched once per block and the weights stream in sequence.
 */
const BLOCK_BYTES: usize = 256 * 1024;

/** Panels of `bytes` each in a block of about `budget` bytes. */
// @ts-ignore: decorator
@inline
function blockOf(budget: usize, bytes: usize): usize {
  return max<usize>(budget / bytes, 1);
}

/** y = f(x Wᵀ + b) for rows begin…end−1. */
export function denseRows(op: usize, begin: usize, end: usize): void {
  const x: usize = load<u32>(op, 0);
  const xPanels: usize = load<u32>(op, 4);
  const w: usize = load<u32>(op, 8);
  const bias: usize = load<u32>(op, 12);
  const y: usize = load<u32>(op, 16);
  const yPanels: usize = load<u32>(op, 20);
  const kind = load<i32>(op, 24);
  const block = blockOf(BLOCK_BYTES, xPanels * SQUARE);
  for (let from: usize = 0; from < yPanels; from += block) {
    const to = min(from + block, yPanels);
    for (let row = begin; row < end; row += 4) {
      const a = rowAt(x, xPanels, row);
      const y0 = rowAt(y, yPanels, row);
      for (let j = from; j < to; j++) {
        const out = y0 + j * PANEL_BYTES;
        multiply(a, w + j * xPanels * SQUARE, xPanels * 8, out);
        const b0 = v128.load(bias + j * ROW_BYTES);
        const b1 = v128.load(bias + j * ROW_BYTES, 16);
        for (let i = out; i < out + 4 * ROW_BYTES; i += ROW_BYTES) {
          v128.store(i, activate(f32x4.add(v128.load(i), b0), kind));
          v128.store(i, activate(f32x4.add(v128.load(i, 16), b1), kind), 16);
        }
      }
    }
  }
}

/** dx = (dy W) f′, f being the activation whose output `y` is this layer's input. */
export function denseInputRows(op: usize, begin: usize, end: usize): void {
  const dy: usize = load<u32>(op, 0);
  const dyPanels: usize = load<u32>(op, 4);
  const wt: usize = load<u32>(op, 8);
  const y: usize = load<u32>(op, 12);
  const dx: usize = load<u32>(op, 16);
  const xPanels: usize = load<u32>(op, 20);
  const kind = load<i32>(op, 24);
  const block = blockOf(BLOCK_BYTES, dyPanels * SQUARE);
  for (let from: usize = 0; from < xPanels; from += block) {
    const to = min(from + block, xPanels);
    for (let row = begin; row < end; row += 4) {
      const a = rowAt(dy, dyPanels, row);
      const x0 = rowAt(0, xPanels, row);
      for (let k = from; k < to; k++) {
        const at = x0 + k * PANEL_BYTES;
        multiply(a, wt + k * dyPanels * SQUARE, dyPanels * 8, dx + at);
        for (let i = at; i < at + 4 * ROW_BYTES; i += 16) {
          v128.store(dx + i, flush(derivative(v128.load(dx + i), v128.load(y + i), kind)));
        }
      }
    }
  }
}

/**
 * Gradient, penalty and update of W (and b), one output panel × one run of input panels per task. The 4 × 8
 * gradient tile is 32 contiguous floats of W, of its momentum and of its target, so it is used up at once and the
 * gradient never gets a buffer. Each weight is summed over the rows in order, whoever does it.
 */
export function denseUpdateTask(op: usize, task: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, 0);
  const xPanels: usize = load<u32>(op, 4);
  const dyPanels: usize = load<u32>(op, 12);
  const runs: usize = load<u32>(op, 16);
  const w: usize = load<u32>(op, 20);
  const v: usize = load<u32>(op, 24);
  const t: usize = load<u32>(op, 28);
  const wt: usize = load<u32>(op, 32);
  const mu = load<f32>(load<u32>(op, 36));
  const h: usize = load<u32>(op, 56);
  const rows: usize = load<u32>(control, ROWS);
  const momentum = v128.load32_splat(control + MOMENTUM);
  const rate = v128.load32_splat(control + RATE);
  const j = task / runs;
  const run = task % runs;
  if (run == 0) biasUpdate(op, j, control, scratch);
  const dy = <usize>load<u32>(op, 8) + j * PANEL_BYTES;
  const end = (run + 1) * xPanels / runs * 2;
  for (let k = run * xPanels / runs * 2; k < end; k++) {
    const columns = x + (k >> 1) * PANEL_BYTES + (k & 1) * 16;
    multiplyRows(columns, xPanels * PANEL_BYTES, dy, dyPanels * PANEL_BYTES, rows, scratch);
    const at = j * xPanels * SQUARE + k * 128;
    if (mu != 0) addPenalty(scratch, w + at, t + at, h ? h + at : 0, 4 * ROW_BYTES, mu);
    descend(scratch, w + at, v + at, momentum, rate);
    descend(scratch + 32, w + at + 32, v + at + 32, momentum, rate);
    descend(scratch + 64, w + at + 64, v + at + 64, momentum, rate);
    descend(scratch + 96, w + at + 96, v + at + 96, momentum, rate);
    if (wt) transposeTile(w + at, wt + ((k >> 1) * dyPanels + j) * SQUARE + (k & 1) * 16);
  }
}

/** Stores a 4 × 8 tile as 8 columns of 4, `ROW_BYTES` apart. */
export function transposeTile(tile: usize, to: usize): void {
  for (let half: usize = 0; half < 2; half++, tile += 16, to += 128) {
    const a = v128.load(tile);
    const b = v128.load(tile, 32);
    const c = v128.load(tile, 64);
    const d = v128.load(tile, 96);
    const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5);
    const ab1 = i32x4.shuffle(a, b, 2, 6, 3, 7);
    const cd0 = i32x4.shuffle(c, d, 0, 4, 1, 5);
    const cd1 = i32x4.shuffle(c, d, 2, 6, 3, 7);
    v128.store(to, i64x2.shuffle(ab0, cd0, 0, 2));
    v128.store(to, i64x2.shuffle(ab0, cd0, 1, 3), 32);
    v128.store(to, i64x2.shuffle(ab1, cd1, 0, 2), 64);
    v128.store(to, i64x2.shuffle(ab1, cd1, 1, 3), 96);
  }
}

/** The bias of one output panel: its gradient is the sum of dy over the rows, in order. */
function biasUpdate(op: usize, j: usize, control: usize, scratch: usize): void {
  const b: usize = load<u32>(op, 40);
  if (!b) return;
  const mu = load<f32>(load<u32>(op, 52));
  const h: usize = load<u32>(op, 60);
  const dy = <usize>load<u32>(op, 8) + j * PANEL_BYTES;
  sumRows(dy, load<u32>(op, 12) * PANEL_BYTES, load<u32>(control, ROWS), scratch);
  const at = j * ROW_BYTES;
  const t = <usize>load<u32>(op, 48) + at;
  if (mu != 0) addPenalty(scratch, b + at, t, h ? h + at : 0, ROW_BYTES, mu);
  const momentum = v128.load32_splat(control + MOMENTUM);
  const rate = v128.load32_splat(control + RATE);
  descend(scratch, b + at, <usize>load<u32>(op, 44) + at, momentum, rate);
}
