import { exp, flush, log } from "./elementary";
import { FIRST, LABELS, ORDER, PANEL_BYTES, ROWS } from "./layout";

/**
 * Softmax cross-entropy per example: loss −log p[label] (float64), 1 if the largest logit (ties: smaller index) is
 * not the label, and, if `dy` is given, dy = p − onehot, the gradient of the example's own loss, or with `mean` that
 * of the minibatch's mean loss, dy = (p − onehot) / examples; zero in rows past the last example. Without `dy` the
 * logits are overwritten.
 */
export function softmaxRows(op: usize, begin: usize, end: usize, control: usize): void {
  const z: usize = load<u32>(op, 0);
  const classes: usize = load<u32>(op, 4);
  const dy: usize = load<u32>(op, 8);
  const losses: usize = load<u32>(op, 12);
  const wrong: usize = load<u32>(op, 16);
  const mean = load<i32>(op, 20);
  const panels = (classes + 7) / 8;
  const rows: usize = load<u32>(control, ROWS);
  const first: usize = load<u32>(control, FIRST);
  const labels: usize = load<u32>(control, LABELS);
  const order: usize = load<u32>(control, ORDER);
  const share: f32 = mean ? 1 / <f32>rows : 1;
  for (let row = begin; row < end; row++) {
    const at = row / 16 * panels * PANEL_BYTES + row % 16 * 32;
    const to = (dy ? dy : z) + at;
    if (row >= rows) {
      for (let p: usize = 0; p < panels; p++) {
        v128.store(to + p * PANEL_BYTES, f32x4.splat(0));
        v128.store(to + p * PANEL_BYTES, f32x4.splat(0), 16);
      }
      continue;
    }
    const example: usize = order ? <usize>load<u32>(order + (first + row) * 4) : first + row;
    const label: usize = load<u8>(labels + example);
    let best: usize = 0;
    let most = load<f32>(z + at);
    for (let c: usize = 1; c < classes; c++) {
      const value = load<f32>(z + at + c / 8 * PANEL_BYTES + c % 8 * 4);
      if (value > most) {
        most = value;
        best = c;
      }
    }
    const labelAt = label / 8 * PANEL_BYTES + label % 8 * 4;
    const margin = <f64>most - <f64>load<f32>(z + at + labelAt);
    const sum = exponentials(z + at, to, panels, classes, most);
    // The polynomial of log() makes something finite of NaN and ∞; the guard must see them.
    const finite = sum - sum == 0;
    store<f64>(losses + row * 8, finite ? log(<f64>sum) + margin : NaN);
    store<i32>(wrong + row * 4, best != label ? 1 : 0);
    if (!dy) continue;
    const total = f32x4.splat(sum);
    const shares = f32x4.splat(share);
    for (let p: usize = 0; p < panels; p++) {
      const i = to + p * PANEL_BYTES;
      v128.store(i, flush(f32x4.mul(f32x4.div(v128.load(i), total), shares)));
      v128.store(i, flush(f32x4.mul(f32x4.div(v128.load(i, 16), total), shares)), 16);
    }
    store<f32>(to + labelAt, load<f32>(to + labelAt) - share);
  }
}

/** to = exp(z − most) with zeros past the last class; returns the sum, by lanes and then left to right. */
// @ts-ignore: decorator
@inline
function exponentials(z: usize, to: usize, panels: usize, classes: usize, most: f32): f32 {
  const shift = f32x4.splat(most);
  let s0 = f32x4.splat(0);
  let s1 = s0;
  for (let p: usize = 0; p < panels; p++) {
    const from = z + p * PANEL_BYTES;
    const out = to + p * PANEL_BYTES;
    v128.store(out, exp(f32x4.sub(v128.load(from), shift)));
    v128.store(out, exp(f32x4.sub(v128.load(from, 16), shift)), 16);
    for (let c = classes; c < (p + 1) * 8; c++) store<f32>(out + c % 8 * 4, 0);
    s0 = f32x4.add(s0, v128.load(out));
    s1 = f32x4.add(s1, v128.load(out, 16));
  }
  const s = f32x4.add(s0, s1);
  return f32x4.extract_lane(s, 0) + f32x4.extract_lane(s, 1)
    + (f32x4.extract_lane(s, 2) + f32x4.extract_lane(s, 3));
}
