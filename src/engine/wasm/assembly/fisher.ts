import { SQUARE } from "./dense";
import { flush } from "./elementary";
import { PANEL_BYTES, ROW_BYTES, ROWS } from "./layout";
import { multiplyRows, rowAt, sumRows } from "./tile";

/**
 * The diagonal of the empirical Fisher information: squared gradients, summed over the examples. The gradient of W
 * for one example is δ xᵀ, so its squares are δ² (x²)ᵀ: squared once per row, what is left is an ordinary product.
 */

/** x = x², in place. */
export function squareRows(op: usize, begin: usize, end: usize): void {
  const x: usize = load<u32>(op, 0);
  const panels: usize = load<u32>(op, 4);
  for (let row = begin; row < end; row += 4) {
    const from = rowAt(x, panels, row);
    for (let p: usize = 0; p < panels; p++) {
      const to = from + p * PANEL_BYTES;
      for (let i = to; i < to + 4 * ROW_BYTES; i += 16) {
        const value = v128.load(i);
        v128.store(i, flush(f32x4.mul(value, value)));
      }
    }
  }
}

/** f += Σᵣ δ² (x²)ᵀ of W (and b), divided into tasks and summed as `denseUpdateTask` does it. */
export function denseFisherTask(op: usize, task: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, 0);
  const xPanels: usize = load<u32>(op, 4);
  const dyBlock = <usize>load<u32>(op, 12) * PANEL_BYTES;
  const runs: usize = load<u32>(op, 16);
  const f: usize = load<u32>(op, 20);
  const bias: usize = load<u32>(op, 24);
  const rows: usize = load<u32>(control, ROWS);
  const j = task / runs;
  const run = task % runs;
  const dy = <usize>load<u32>(op, 8) + j * PANEL_BYTES;
  if (run == 0 && bias) {
    sumRows(dy, dyBlock, rows, scratch);
    accumulate(bias + j * ROW_BYTES, scratch, ROW_BYTES);
  }
  const end = (run + 1) * xPanels / runs * 2;
  for (let k = run * xPanels / runs * 2; k < end; k++) {
    const columns = x + (k >> 1) * PANEL_BYTES + (k & 1) * 16;
    multiplyRows(columns, xPanels * PANEL_BYTES, dy, dyBlock, rows, scratch);
    accumulate(f + j * xPanels * SQUARE + k * 128, scratch, 4 * ROW_BYTES);
  }
}

/** sum += more, `bytes` of each. */
function accumulate(sum: usize, more: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    v128.store(sum + i, f32x4.add(v128.load(sum + i), v128.load(more + i)));
  }
}
