import { sigmoid, tanh } from "./elementary";
import { ACTIVATION_RELU, ACTIVATION_SIGMOID, ACTIVATION_TANH, PANEL_BYTES, ROW_BYTES } from "./layout";
import { rowAt } from "./tile";

/** f(x) for one vector. Zero stays zero, so padding stays zero; but for sigmoid, after which it is cleared. */
// @ts-ignore: decorator
@inline
export function activate(x: v128, kind: i32): v128 {
  if (kind == ACTIVATION_TANH) return tanh(x);
  if (kind == ACTIVATION_RELU) {
    // Not max(x, 0): that would turn −0 or 0 into either, and a NaN must survive to be noticed.
    return v128.andnot(x, f32x4.lt(x, f32x4.splat(0)));
  }
  if (kind == ACTIVATION_SIGMOID) return sigmoid(x);
  return x;
}

/** f′ times `gradient`, from y = f(x). */
// @ts-ignore: decorator
@inline
export function derivative(gradient: v128, y: v128, kind: i32): v128 {
  if (kind == ACTIVATION_TANH) {
    return f32x4.mul(gradient, f32x4.sub(f32x4.splat(1), f32x4.mul(y, y)));
  }
  if (kind == ACTIVATION_RELU) return v128.and(gradient, f32x4.gt(y, f32x4.splat(0)));
  if (kind == ACTIVATION_SIGMOID) {
    return f32x4.mul(gradient, f32x4.mul(y, f32x4.sub(f32x4.splat(1), y)));
  }
  return gradient;
}

/** y = f(x), an activation that could not be fused into a product. */
export function activateRows(op: usize, begin: usize, end: usize): void {
  const x: usize = load<u32>(op, 0);
  const y: usize = load<u32>(op, 4);
  const panels: usize = load<u32>(op, 8);
  const kind = load<i32>(op, 12);
  for (let row = begin; row < end; row += 4) {
    const at = rowAt(0, panels, row);
    for (let p: usize = 0; p < panels; p++) {
      const to = at + p * PANEL_BYTES;
      for (let i = to; i < to + 4 * ROW_BYTES; i += 16) {
        v128.store(y + i, activate(v128.load(x + i), kind));
      }
    }
  }
}

/** dx = dy f′, the gradient of an activation that could not be fused into a product. */
export function activateInputRows(op: usize, begin: usize, end: usize): void {
  const dy: usize = load<u32>(op, 0);
  const y: usize = load<u32>(op, 4);
  const dx: usize = load<u32>(op, 8);
  const panels: usize = load<u32>(op, 12);
  const kind = load<i32>(op, 16);
  for (let row = begin; row < end; row += 4) {
    const at = rowAt(0, panels, row);
    for (let p: usize = 0; p < panels; p++) {
      const to = at + p * PANEL_BYTES;
      for (let i = to; i < to + 4 * ROW_BYTES; i += 16) {
        v128.store(dx + i, derivative(v128.load(dy + i), v128.load(y + i), kind));
      }
    }
  }
}
