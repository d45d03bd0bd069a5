import { lastExample } from "./image";
import { FIRST, ORDER, PANEL_BYTES, SEED } from "./layout";
import { rowAt } from "./tile";
import { imageBytes } from "./window";

/**
 * y (+)= x · mask / (1 − rate). The mask is a hash of seed, layer, example and place, so threads, the minibatch and
 * a resumed epoch make no difference; the gradient is the same op on dy. Rows past the last example stay as they are.
 */
export function dropoutRows(op: usize, begin: usize, end: usize, control: usize): void {
  const x: usize = load<u32>(op), y: usize = load<u32>(op, 4);
  /** 0 for rows of a blocked matrix, else the pixels of an image. */
  const pixels: usize = load<u32>(op, 8);
  const panels: usize = load<u32>(op, 12);
  const least = i32x4.splat(load<i32>(op, 16));
  const scale = f32x4.splat(load<f32>(op, 20));
  const layer = load<u32>(op, 24);
  const add = load<i32>(op, 28);
  const first: usize = load<u32>(control, FIRST);
  const order: usize = load<u32>(control, ORDER);
  const last = lastExample(end, control);
  const bytes = pixels ? imageBytes(pixels, panels) : panels * 32;
  for (let n = begin; n < last; n++) {
    const example: u32 = order ? load<u32>(order + (first + n) * 4) : <u32>(first + n);
    const key = mix(mix(mix(load<u32>(control, SEED)) + layer) + example);
    const base = pixels ? n * bytes : rowAt(0, panels, n);
    for (let i: usize = 0; i < bytes; i += 16) {
      const at = base + (pixels ? i : i / 32 * PANEL_BYTES + i % 32);
      const unit = i32x4.add(i32x4.splat(<i32>(i / 4)), i32x4(0, 1, 2, 3));
      const bits = i32x4.shr_u(mixLanes(i32x4.add(i32x4.mul(unit, i32x4.splat(0x9e3779b9)), i32x4.splat(key))), 8);
      const kept = i32x4.ge_s(bits, least);
      const value = v128.and(f32x4.mul(v128.load(x + at), scale), kept);
      v128.store(y + at, add ? f32x4.add(v128.load(y + at), value) : value);
    }
  }
}

/** The finalizer of MurmurHash3 (Austin Appleby, public domain). */
export function mix(h: u32): u32 {
  h = (h ^ (h >>> 16)) * 0x85ebca6b;
  h = (h ^ (h >>> 13)) * 0xc2b2ae35;
  return h ^ (h >>> 16);
}

// @ts-ignore: decorator
@inline
function mixLanes(h: v128): v128 {
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 16)), i32x4.splat(0x85ebca6b));
  h = i32x4.mul(v128.xor(h, i32x4.shr_u(h, 13)), i32x4.splat(0xc2b2ae35));
  return v128.xor(h, i32x4.shr_u(h, 16));
}
