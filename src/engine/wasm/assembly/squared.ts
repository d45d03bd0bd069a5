import { clearPanels } from "./image";
import { FIRST, LABELS, ORDER, PANEL_BYTES, ROWS } from "./layout";
import { rowAt } from "./tile";

/**
 * Squared error per example: loss ½ ‖z − onehot‖² (float64), 1 if the largest output (ties: smaller index) is not
 * the label, and, if `dy` is given, its gradient z − onehot, with `mean` divided by the examples; zero in rows past
 * the last example.
 */
export function squaredRows(op: usize, begin: usize, end: usize, control: usize): void {
  const z: usize = load<u32>(op);
  const classes: usize = load<u32>(op, 4);
  const dy: usize = load<u32>(op, 8);
  const losses: usize = load<u32>(op, 12), wrong: usize = load<u32>(op, 16);
  const panels = (classes + 7) / 8;
  const rows: usize = load<u32>(control, ROWS);
  const first: usize = load<u32>(control, FIRST);
  const labels: usize = load<u32>(control, LABELS);
  const order: usize = load<u32>(control, ORDER);
  const share: f32 = load<i32>(op, 20) ? 1 / <f32>rows : 1;
  for (let n = begin; n < end; n++) {
    const row = rowAt(0, panels, n);
    if (dy) clearPanels(dy + row, panels);
    if (n >= rows) continue;
    const example: usize = order ? <usize>load<u32>(order + (first + n) * 4) : first + n;
    const label: usize = load<u8>(labels + example);
    let best: usize = 0;
    let most: f32 = -Infinity;
    let loss: f64 = 0;
    for (let c: usize = 0; c < classes; c++) {
      const at = row + c / 8 * PANEL_BYTES + c % 8 * 4;
      const value = load<f32>(z + at);
      if (value > most) {
        most = value;
        best = c;
      }
      const away: f32 = value - (c == label ? 1 : 0);
      loss += <f64>away * away;
      if (dy) store<f32>(dy + at, away * share);
    }
    store<f64>(losses + n * 8, loss / 2);
    store<i32>(wrong + n * 4, best != label ? 1 : 0);
  }
}
