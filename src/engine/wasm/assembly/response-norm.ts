import { lastExample } from "./image";
import { PANEL_BYTES } from "./layout";
import { rowAt } from "./tile";
import { imageBytes } from "./window";

/** s = k + α / size · Σ x² over the channels around `c`. */
// @ts-ignore: decorator
@inline
function scaleAt(row: usize, c: i32, channels: i32, reach: i32, k: f32, alpha: f32): f32 {
  let sum: f32 = 0;
  for (let i = max(c - reach, 0); i <= min(c + reach, channels - 1); i++) {
    const value = load<f32>(at(row, i));
    sum += value * value;
  }
  return k + alpha * sum;
}

// @ts-ignore: decorator
@inline
function at(row: usize, c: i32): usize {
  return row + <usize>(c >> 3) * PANEL_BYTES + <usize>(c & 7) * 4;
}

/** s^(−quarters/4), by square roots and products. */
// @ts-ignore: decorator
@inline
function power(s: f32, quarters: i32): f32 {
  const root = sqrt(sqrt(s));
  let product: f32 = 1;
  for (let i = 0; i < quarters; i++) product *= root;
  return 1 / product;
}

/** Local response norm over channels: y = x s^−β, β = quarters / 4. */
export function responseNormRows(op: usize, begin: usize, end: usize, control: usize): void {
  const x: usize = load<u32>(op), y: usize = load<u32>(op, 4);
  const pixels: usize = load<u32>(op, 8);
  const channels = load<i32>(op, 12), reach = load<i32>(op, 16), quarters = load<i32>(op, 20);
  const k = load<f32>(op, 24), alpha = load<f32>(op, 28);
  const panels: usize = (channels + 7) / 8;
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    const image = n * imageBytes(pixels, panels);
    for (let pixel: usize = 0; pixel < pixels; pixel++) {
      const row = rowAt(image, panels, pixel);
      for (let c = 0; c < channels; c++) {
        const s = scaleAt(x + row, c, channels, reach, k, alpha);
        store<f32>(y + at(row, c), load<f32>(x + at(row, c)) * power(s, quarters));
      }
      for (let c = channels; c < <i32>panels * 8; c++) store<f32>(y + at(row, c), 0);
    }
  }
}

/** dx (+)= dy s^−β − 2 β α / size · x Σ dy y / s over the channels around. */
export function responseNormInputRows(op: usize, begin: usize, end: usize, control: usize): void {
  const x: usize = load<u32>(op), y: usize = load<u32>(op, 4);
  const pixels: usize = load<u32>(op, 8);
  const channels = load<i32>(op, 12), reach = load<i32>(op, 16), quarters = load<i32>(op, 20);
  const k = load<f32>(op, 24), alpha = load<f32>(op, 28);
  const dy: usize = load<u32>(op, 32), dx: usize = load<u32>(op, 36);
  const add = load<i32>(op, 40);
  const panels: usize = (channels + 7) / 8;
  const factor = alpha * 0.5 * <f32>quarters;
  const last = lastExample(end, control);
  for (let n = begin; n < last; n++) {
    const image = n * imageBytes(pixels, panels);
    for (let pixel: usize = 0; pixel < pixels; pixel++) {
      const row = rowAt(image, panels, pixel);
      for (let c = 0; c < channels; c++) {
        let sum: f32 = 0;
        for (let i = max(c - reach, 0); i <= min(c + reach, channels - 1); i++) {
          const s = scaleAt(x + row, i, channels, reach, k, alpha);
          sum += load<f32>(dy + at(row, i)) * load<f32>(y + at(row, i)) / s;
        }
        const s = scaleAt(x + row, c, channels, reach, k, alpha);
        const to = dx + at(row, c);
        const value = load<f32>(dy + at(row, c)) * power(s, quarters) - factor * load<f32>(x + at(row, c)) * sum;
        store<f32>(to, add ? load<f32>(to) + value : value);
      }
      if (!add) for (let c = channels; c < <i32>panels * 8; c++) store<f32>(dx + at(row, c), 0);
    }
  }
}
