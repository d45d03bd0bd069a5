import { activate, derivative } from "./activation";
import { flush } from "./elementary";
import { MOMENTUM, PANEL_BYTES, RATE, ROW_BYTES, ROWS } from "./layout";
import { multiply, multiplyRows, rowAt } from "./tile";

/** Bytes of one weight panel row group: 8 rows of 8. */
const SQUARE: usize = 256;

/** y = f(x Wᵀ + b) for rows begin…end−1. */
export function denseRows(op: usize, begin: usize, end: usize): void {
  const x: usize = load<u32>(op, 0);
  const xPanels: usize = load<u32>(op, 4);
  const w: usize = load<u32>(op, 8);
  const bias: usize = load<u32>(op, 12);
  const y: usize = load<u32>(op, 16);
  const yPanels: usize = load<u32>(op, 20);
  const kind = load<i32>(op, 24);
  for (let j: usize = 0; j < yPanels; j++) {
    const panel = w + j * xPanels * SQUARE;
    const b0 = v128.load(bias + j * ROW_BYTES);
    const b1 = v128.load(bias + j * ROW_BYTES, 16);
    for (let row = begin; row < end; row += 4) {
      const out = rowAt(y + j * PANEL_BYTES, yPanels, row);
      multiply(rowAt(x, xPanels, row), panel, xPanels, out);
      for (let i = out; i < out + 4 * ROW_BYTES; i += ROW_BYTES) {
        v128.store(i, activate(f32x4.add(v128.load(i), b0), kind));
        v128.store(i, activate(f32x4.add(v128.load(i, 16), b1), kind), 16);
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
  for (let k: usize = 0; k < xPanels; k++) {
    const panel = wt + k * dyPanels * SQUARE;
    for (let row = begin; row < end; row += 4) {
      const at = rowAt(k * PANEL_BYTES, xPanels, row);
      multiply(rowAt(dy, dyPanels, row), panel, dyPanels, dx + at);
      for (let i = at; i < at + 4 * ROW_BYTES; i += 16) {
        v128.store(dx + i, flush(derivative(v128.load(dx + i), v128.load(y + i), kind)));
      }
    }
  }
}

/** One Nesterov step on 4 values at w, v, t: g += μ(w − t); v = m v + g; w −= rate (g + m v). Returns w. */
// @ts-ignore: decorator
@inline
function update(
  g: v128, w: usize, v: usize, t: usize, mu: v128, penalized: bool, momentum: v128, rate: v128,
): v128 {
  const old = v128.load(w);
  if (penalized) g = f32x4.add(g, f32x4.mul(mu, f32x4.sub(old, v128.load(t))));
  const speed = flush(f32x4.add(f32x4.mul(momentum, v128.load(v)), g));
  const w1 = f32x4.sub(old, f32x4.mul(rate, f32x4.add(g, f32x4.mul(momentum, speed))));
  v128.store(v, speed);
  v128.store(w, w1);
  return w1;
}

/** Stores the transpose of a 4 × 4 block, its columns `ROW_BYTES` apart. */
// @ts-ignore: decorator
@inline
function storeTransposed(to: usize, a: v128, b: v128, c: v128, d: v128): void {
  const ab0 = i32x4.shuffle(a, b, 0, 4, 1, 5);
  const ab1 = i32x4.shuffle(a, b, 2, 6, 3, 7);
  const cd0 = i32x4.shuffle(c, d, 0, 4, 1, 5);
  const cd1 = i32x4.shuffle(c, d, 2, 6, 3, 7);
  v128.store(to, i64x2.shuffle(ab0, cd0, 0, 2));
  v128.store(to, i64x2.shuffle(ab0, cd0, 1, 3), 32);
  v128.store(to, i64x2.shuffle(ab1, cd1, 0, 2), 64);
  v128.store(to, i64x2.shuffle(ab1, cd1, 1, 3), 96);
}

/**
 * Gradient, penalty and update of W (and b), one output panel × one run of input panels per task. The 4 × 8
 * gradient tile is 32 contiguous floats of W, of its momentum and of its target, so it is used up at once and the
 * gradient never gets a buffer. Each weight is summed over the rows in order, whoever does it.
 */
export function denseUpdateTask(op: usize, task: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, 0);
  const xPanels: usize = load<u32>(op, 4);
  const dy: usize = load<u32>(op, 8);
  const dyPanels: usize = load<u32>(op, 12);
  const runs: usize = load<u32>(op, 16);
  const w: usize = load<u32>(op, 20);
  const v: usize = load<u32>(op, 24);
  const t: usize = load<u32>(op, 28);
  const wt: usize = load<u32>(op, 32);
  const mu = load<f32>(load<u32>(op, 36));
  const rows: usize = load<u32>(control, ROWS);
  const momentum = v128.load32_splat(control + MOMENTUM);
  const rate = v128.load32_splat(control + RATE);
  const j = task / runs;
  const run = task % runs;
  const dyPanel = dy + j * PANEL_BYTES;
  const xBlock = xPanels * PANEL_BYTES;
  const dyBlock = dyPanels * PANEL_BYTES;
  if (run == 0) biasUpdate(op, j, dyPanel, dyBlock, control);
  const penalty = f32x4.splat(mu);
  const penalized = mu != 0;
  const last = (run + 1) * xPanels / runs;
  for (let k = run * xPanels / runs; k < last; k++) {
    for (let quad: usize = 0; quad < 2; quad++) {
      multiplyRows(x + k * PANEL_BYTES + quad * 16, xBlock, dyPanel, dyBlock, rows, scratch);
      const at = (j * xPanels + k) * SQUARE + quad * 128;
      const w0 = w + at;
      const v0 = v + at;
      const t0 = t + at;
      const a0 = update(v128.load(scratch), w0, v0, t0, penalty, penalized, momentum, rate);
      const a1 = update(v128.load(scratch, 16), w0 + 16, v0 + 16, t0 + 16, penalty, penalized, momentum, rate);
      const b0 = update(v128.load(scratch, 32), w0 + 32, v0 + 32, t0 + 32, penalty, penalized, momentum, rate);
      const b1 = update(v128.load(scratch, 48), w0 + 48, v0 + 48, t0 + 48, penalty, penalized, momentum, rate);
      const c0 = update(v128.load(scratch, 64), w0 + 64, v0 + 64, t0 + 64, penalty, penalized, momentum, rate);
      const c1 = update(v128.load(scratch, 80), w0 + 80, v0 + 80, t0 + 80, penalty, penalized, momentum, rate);
      const d0 = update(v128.load(scratch, 96), w0 + 96, v0 + 96, t0 + 96, penalty, penalized, momentum, rate);
      const d1 = update(v128.load(scratch, 112), w0 + 112, v0 + 112, t0 + 112, penalty, penalized, momentum, rate);
      if (wt) {
        const to = wt + (k * dyPanels + j) * SQUARE + quad * 16;
        storeTransposed(to, a0, b0, c0, d0);
        storeTransposed(to + 128, a1, b1, c1, d1);
      }
    }
  }
}

/** The bias of one output panel: its gradient is the sum of dy over the rows, in order. */
function biasUpdate(op: usize, j: usize, dyPanel: usize, dyBlock: usize, control: usize): void {
  const b: usize = load<u32>(op, 40);
  if (!b) return;
  const bv: usize = load<u32>(op, 44);
  const bt: usize = load<u32>(op, 48);
  const mu = load<f32>(load<u32>(op, 52));
  const rows: usize = load<u32>(control, ROWS);
  let g0 = f32x4.splat(0);
  let g1 = g0;
  for (let row: usize = 0; row < rows; row++) {
    const at = dyPanel + row / 16 * dyBlock + row % 16 * ROW_BYTES;
    g0 = f32x4.add(g0, v128.load(at));
    g1 = f32x4.add(g1, v128.load(at, 16));
  }
  const momentum = v128.load32_splat(control + MOMENTUM);
  const rate = v128.load32_splat(control + RATE);
  const penalty = f32x4.splat(mu);
  const at = j * ROW_BYTES;
  update(g0, b + at, bv + at, bt + at, penalty, mu != 0, momentum, rate);
  update(g1, b + at + 16, bv + at + 16, bt + at + 16, penalty, mu != 0, momentum, rate);
}
