import { activate } from "./activation";
import { addPenalty, descend } from "./descent";
import { flush } from "./elementary";
import { lastExample } from "./image";
import { MOMENTUM, PANEL_BYTES, RATE, ROWS } from "./layout";
import { rowAt } from "./tile";
import { imageBytes } from "./window";

/**
 * Batch norm of images. Sums are float64 per example, then over the examples in order. The coefficients of a panel
 * of channels are 8 rows of 8 floats: γ/σ, β − m γ/σ, m, 1/σ, variance for the running statistics; then for the
 * gradient B, C of dz = γ/σ dy + B (z − m) + C.
 */
const COEFFICIENTS: usize = 256;

/** Σ a and Σ a·b over the pixels of each example, per channel: f64 [panel][2][8]. */
export function channelSumsRows(op: usize, begin: usize, end: usize, control: usize): void {
  const a: usize = load<u32>(op), b: usize = load<u32>(op, 4);
  const pixels: usize = load<u32>(op, 8), panels: usize = load<u32>(op, 12);
  const sums: usize = load<u32>(op, 16);
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    const image = n * imageBytes(pixels, panels);
    for (let p: usize = 0; p < panels; p++) {
      for (let half: usize = 0; half < 2; half++) {
        let s0 = f64x2.splat(0);
        let s1 = s0, q0 = s0, q1 = s0;
        for (let pixel: usize = 0; pixel < pixels; pixel++) {
          const at = rowAt(image, panels, pixel) + p * PANEL_BYTES + half * 16;
          const x = v128.load(a + at), y = v128.load(b + at);
          const x0 = f64x2.promote_low_f32x4(x), y0 = f64x2.promote_low_f32x4(y);
          const x1 = f64x2.promote_low_f32x4(i64x2.shuffle(x, x, 1, 1));
          const y1 = f64x2.promote_low_f32x4(i64x2.shuffle(y, y, 1, 1));
          s0 = f64x2.add(s0, x0);
          s1 = f64x2.add(s1, x1);
          q0 = f64x2.add(q0, f64x2.mul(x0, y0));
          q1 = f64x2.add(q1, f64x2.mul(x1, y1));
        }
        const to = sums + (n * panels + p) * 128 + half * 32;
        v128.store(to, s0);
        v128.store(to, s1, 16);
        v128.store(to, q0, 64);
        v128.store(to, q1, 80);
      }
    }
  }
}

/** Sum over the examples of entry `i` (0…15) of panel `j`, in order. */
// @ts-ignore: decorator
@inline
function total(sums: usize, panels: usize, rows: usize, j: usize, i: usize): f64 {
  let sum: f64 = 0;
  for (let n: usize = 0; n < rows; n++) sum += load<f64>(sums + (n * panels + j) * 128 + i * 8);
  return sum;
}

/** Coefficients of one panel from the minibatch. */
export function batchStatisticsTask(op: usize, j: usize, control: usize): void {
  const sums: usize = load<u32>(op), panels: usize = load<u32>(op, 4);
  const gamma: usize = load<u32>(op, 16), beta: usize = load<u32>(op, 20);
  const epsilon: f64 = load<f32>(op, 24);
  const rows: usize = load<u32>(control, ROWS);
  const count = <f64>(rows * load<u32>(op, 8));
  const to = <usize>load<u32>(op, 12) + j * COEFFICIENTS;
  for (let i: usize = 0; i < 8; i++) {
    const mean = total(sums, panels, rows, j, i) / count;
    const variance = max<f64>(total(sums, panels, rows, j, i + 8) / count - mean * mean, 0);
    const at = (j * 8 + i) * 4;
    coefficients(to + i * 4, load<f32>(gamma + at), load<f32>(beta + at), mean, variance, epsilon);
    store<f32>(to + i * 4, <f32>(variance * count / max<f64>(count - 1, 1)), 128);
  }
}

/** Coefficients of one panel from the running statistics, which depend on no z: B and C are 0. */
export function fixedStatisticsTask(op: usize, j: usize): void {
  const mean: usize = load<u32>(op), variance: usize = load<u32>(op, 4);
  const gamma: usize = load<u32>(op, 12), beta: usize = load<u32>(op, 16);
  const epsilon: f64 = load<f32>(op, 20);
  const to = <usize>load<u32>(op, 8) + j * COEFFICIENTS;
  for (let i: usize = 0; i < 8; i++) {
    const at = (j * 8 + i) * 4;
    const m: f64 = load<f32>(mean + at), v: f64 = load<f32>(variance + at);
    coefficients(to + i * 4, load<f32>(gamma + at), load<f32>(beta + at), m, v, epsilon);
    store<f32>(to + i * 4, 0, 160);
    store<f32>(to + i * 4, 0, 192);
  }
}

/** Without any variance (ε = 0, in columns past the channels for one) 1/σ is 0 and y = β: ∞ would spread from there. */
// @ts-ignore: decorator
@inline
function coefficients(to: usize, gamma: f64, beta: f64, mean: f64, variance: f64, epsilon: f64): void {
  const inverse = variance + epsilon > 0 ? 1 / sqrt(variance + epsilon) : 0;
  store<f32>(to, <f32>(gamma * inverse));
  store<f32>(to, <f32>(beta - mean * (gamma * inverse)), 32);
  store<f32>(to, <f32>mean, 64);
  store<f32>(to, <f32>inverse, 96);
}

/** y = f(γ/σ z + (β − m γ/σ)). */
export function normalizeRows(op: usize, begin: usize, end: usize, control: usize): void {
  const z: usize = load<u32>(op), y: usize = load<u32>(op, 4);
  const pixels: usize = load<u32>(op, 8), panels: usize = load<u32>(op, 12);
  const from: usize = load<u32>(op, 16);
  const kind = load<i32>(op, 20);
  const bytes = imageBytes(pixels, panels);
  const last = lastExample(end, control) * bytes;
  for (let block = begin * bytes; block < last; block += panels * PANEL_BYTES) {
    for (let p: usize = 0; p < panels; p++) {
      const c = from + p * COEFFICIENTS;
      const a0 = v128.load(c), a1 = v128.load(c, 16), b0 = v128.load(c, 32), b1 = v128.load(c, 48);
      const start = block + p * PANEL_BYTES;
      for (let i = start; i < start + PANEL_BYTES; i += 32) {
        v128.store(y + i, activate(f32x4.add(f32x4.mul(v128.load(z + i), a0), b0), kind));
        v128.store(y + i, activate(f32x4.add(f32x4.mul(v128.load(z + i, 16), a1), b1), kind), 16);
      }
    }
  }
}

/**
 * Gradient of one panel: from s = Σ dy and q = Σ dy z, dβ = s, dγ = (q − m s) / σ; the coefficients of dz; then the
 * updates of γ and β, and of the running statistics.
 */
export function normGradientTask(op: usize, j: usize, control: usize, scratch: usize): void {
  const sums: usize = load<u32>(op), panels: usize = load<u32>(op, 4);
  const rows: usize = load<u32>(control, ROWS);
  const count = <f64>(rows * load<u32>(op, 8));
  const at = <usize>load<u32>(op, 12) + j * COEFFICIENTS;
  const keep = load<f32>(op, 64);
  for (let i: usize = 0; i < 8; i++) {
    const to = at + i * 4;
    const scale: f64 = load<f32>(to), mean: f64 = load<f32>(to, 64), inverse: f64 = load<f32>(to, 96);
    const s = total(sums, panels, rows, j, i);
    const gamma = (total(sums, panels, rows, j, i + 8) - mean * s) * inverse;
    store<f32>(to, <f32>(-scale * inverse * gamma / count), 160);
    store<f32>(to, <f32>(-scale * s / count), 192);
    store<f32>(scratch + i * 4, <f32>gamma);
    store<f32>(scratch + i * 4, <f32>s, 32);
    const running = (j * 8 + i) * 4;
    blend(<usize>load<u32>(op, 56) + running, load<f32>(to, 64), keep);
    blend(<usize>load<u32>(op, 60) + running, load<f32>(to, 128), keep);
  }
  update(op + 16, j, scratch, control);
  update(op + 36, j, scratch + 32, control);
}

/** old += share (value − old). */
// @ts-ignore: decorator
@inline
function blend(old: usize, value: f32, share: f32): void {
  store<f32>(old, load<f32>(old) + share * (value - load<f32>(old)));
}

/** One panel of γ or β; `op` points to weight, momentum, target, penalty, importance. */
function update(op: usize, j: usize, gradient: usize, control: usize): void {
  const at = j * 32;
  const w = <usize>load<u32>(op) + at, v = <usize>load<u32>(op, 4) + at, t = <usize>load<u32>(op, 8) + at;
  const mu = load<f32>(load<u32>(op, 12));
  const h: usize = load<u32>(op, 16);
  if (mu != 0) addPenalty(gradient, w, t, h ? h + at : 0, 32, mu);
  descend(gradient, w, v, v128.load32_splat(control + MOMENTUM), v128.load32_splat(control + RATE));
}

/** dz (+)= γ/σ dy + (B (z − m) + C). */
export function normInputRows(op: usize, begin: usize, end: usize, control: usize): void {
  const dy: usize = load<u32>(op), z: usize = load<u32>(op, 4), dz: usize = load<u32>(op, 8);
  const pixels: usize = load<u32>(op, 12), panels: usize = load<u32>(op, 16);
  const from: usize = load<u32>(op, 20);
  const add = load<i32>(op, 24);
  const bytes = imageBytes(pixels, panels);
  const last = lastExample(end, control) * bytes;
  for (let block = begin * bytes; block < last; block += panels * PANEL_BYTES) {
    for (let p: usize = 0; p < panels; p++) {
      for (let half: usize = 0; half < 32; half += 16) {
        const c = from + p * COEFFICIENTS + half;
        const a = v128.load(c), m = v128.load(c, 64), b = v128.load(c, 160), constant = v128.load(c, 192);
        const start = block + p * PANEL_BYTES + half;
        for (let i = start; i < start + PANEL_BYTES; i += 32) {
          const rest = f32x4.add(f32x4.mul(b, f32x4.sub(v128.load(z + i), m)), constant);
          const value = flush(f32x4.add(f32x4.mul(a, v128.load(dy + i)), rest));
          v128.store(dz + i, add ? f32x4.add(v128.load(dz + i), value) : value);
        }
      }
    }
  }
}
