import { augment } from "./augment";
import { FIRST, IMAGES, ORDER, PANEL_BYTES, ROWS } from "./layout";

/** x = pixel / 255 − mean of the minibatch's examples, augmented, blocked. Rows past the last example are zero. */
export function gatherRows(op: usize, begin: usize, end: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, 0);
  const mean: usize = load<u32>(op, 4);
  const inputs: usize = load<u32>(op, 8);
  const panels = (inputs + 7) / 8;
  const whole = inputs / 8;
  const rows: usize = load<u32>(control, ROWS);
  const first: usize = load<u32>(control, FIRST);
  const images: usize = load<u32>(control, IMAGES);
  const order: usize = load<u32>(control, ORDER);
  const scale = f32x4.splat(255);
  for (let row = begin; row < end; row++) {
    let to = x + row / 16 * panels * PANEL_BYTES + row % 16 * 32;
    if (row >= rows) {
      for (let p: usize = 0; p < panels; p++, to += PANEL_BYTES) {
        v128.store(to, f32x4.splat(0));
        v128.store(to, f32x4.splat(0), 16);
      }
      continue;
    }
    const at = first + row;
    const example: usize = order ? <usize>load<u32>(order + at * 4) : at;
    const from = augment(op + 12, images + example * inputs, <u32>example, control, scratch);
    for (let p: usize = 0; p < whole; p++, to += PANEL_BYTES) {
      const bytes = v128.load8x8_u(from + p * 8);
      const low = f32x4.convert_i32x4_u(i32x4.extend_low_i16x8_u(bytes));
      const high = f32x4.convert_i32x4_u(i32x4.extend_high_i16x8_u(bytes));
      const m = mean + p * 32;
      v128.store(to, f32x4.sub(f32x4.div(low, scale), v128.load(m)));
      v128.store(to, f32x4.sub(f32x4.div(high, scale), v128.load(m, 16)), 16);
    }
    if (whole < panels) {
      for (let i: usize = 0; i < 8; i++) {
        const pixel = whole * 8 + i;
        const value: f32 = pixel < inputs
          ? <f32>load<u8>(from + pixel) / 255 - load<f32>(mean + pixel * 4)
          : 0;
        store<f32>(to + i * 4, value);
      }
    }
  }
}
