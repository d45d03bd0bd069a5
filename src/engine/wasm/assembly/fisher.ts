import { add, GRADIENT_PIXELS, PATCHES } from "./conv";
import { SQUARE } from "./dense";
import { flush } from "./elementary";
import { PANEL_BYTES, ROW_BYTES, ROWS } from "./layout";
import { accumulateRows, multiplyRows, rowAt, sumRows } from "./tile";
import { imageBytes, inputBytes, outputPixels, packRow, WINDOW, windowSize } from "./window";

/**
 * The diagonal of the empirical Fisher information: squared gradients, summed over the examples. The gradient of W
 * for one example is δ xᵀ, so its squares are δ² (x²)ᵀ: squared once per row, what is left is an ordinary product. That
 * of a convolution is a sum over pixels, which must be done before it can be squared.
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
    add(bias + j * ROW_BYTES, scratch, ROW_BYTES);
  }
  const end = (run + 1) * xPanels / runs * 2;
  for (let k = run * xPanels / runs * 2; k < end; k++) {
    const columns = x + (k >> 1) * PANEL_BYTES + (k & 1) * 16;
    multiplyRows(columns, xPanels * PANEL_BYTES, dy, dyBlock, rows, scratch);
    add(f + j * xPanels * SQUARE + k * 128, scratch, 4 * ROW_BYTES);
  }
}

/**
 * f += Σₙ (∂ℓₙ/∂W)² of a convolution (and its bias), one run of patch panels per task: the gradient of one example at a
 * time, in `sums`, which has a part of its own for every run.
 */
export function convFisherTask(op: usize, run: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, WINDOW);
  const dy: usize = load<u32>(op, WINDOW + 4);
  const outputs = (<usize>load<u32>(op, WINDOW + 8) + 7) / 8;
  const runs: usize = load<u32>(op, WINDOW + 12);
  const sums: usize = load<u32>(op, WINDOW + 16);
  const f: usize = load<u32>(op, WINDOW + 20);
  const bias: usize = load<u32>(op, WINDOW + 24);
  const pixels = outputPixels(op);
  const inputs = (windowSize(op) + 7) / 8;
  const rows: usize = load<u32>(control, ROWS);
  const from = run * inputs / runs, to = (run + 1) * inputs / runs;
  const patches = scratch + PATCHES;
  const block = (to - from) * PANEL_BYTES;
  for (let n: usize = 0; n < rows; n++) {
    const image = x + n * inputBytes(op);
    const gradient = dy + n * imageBytes(pixels, outputs);
    for (let j: usize = 0; j < outputs; j++) {
      memory.fill(sums + (j * inputs + from) * SQUARE, 0, (to - from) * SQUARE);
    }
    for (let pixel: usize = 0; pixel < pixels; pixel += GRADIENT_PIXELS) {
      const count = min<usize>(pixels - pixel, GRADIENT_PIXELS);
      for (let p: usize = 0; p < count; p++) {
        packRow(op, image, pixel + p, from * 8, to * 8, patches + p / 16 * block + p % 16 * ROW_BYTES);
      }
      for (let j: usize = 0; j < outputs; j++) {
        const g = gradient + (pixel / 16 * outputs + j) * PANEL_BYTES;
        for (let k: usize = 0; k < (to - from) * 2; k++) {
          const columns = patches + (k >> 1) * PANEL_BYTES + (k & 1) * 16;
          const out = sums + (j * inputs + from) * SQUARE + k * 128;
          accumulateRows(columns, block, g, outputs * PANEL_BYTES, count, out);
        }
      }
    }
    for (let j: usize = 0; j < outputs; j++) {
      const at = (j * inputs + from) * SQUARE;
      accumulateSquares(f + at, sums + at, (to - from) * SQUARE);
      if (run || !bias) continue;
      sumRows(gradient + j * PANEL_BYTES, outputs * PANEL_BYTES, pixels, scratch);
      accumulateSquares(bias + j * ROW_BYTES, scratch, ROW_BYTES);
    }
  }
}

/**
 * The same of γ and β of a batch norm with fixed statistics, one panel per task, from the sums over pixels s = Σ dy and
 * q = Σ dy z of each example: dβ = s, dγ = (q − m s) / σ.
 */
export function normFisherTask(op: usize, j: usize, control: usize): void {
  const sums: usize = load<u32>(op), panels: usize = load<u32>(op, 4);
  const coefficients = <usize>load<u32>(op, 8) + j * 256;
  const f = <usize>load<u32>(op, 12) + j * ROW_BYTES, bias = <usize>load<u32>(op, 16) + j * ROW_BYTES;
  const rows: usize = load<u32>(control, ROWS);
  for (let i: usize = 0; i < 8; i++) {
    const mean: f64 = load<f32>(coefficients + i * 4, 64), inverse: f64 = load<f32>(coefficients + i * 4, 96);
    let gamma: f64 = load<f32>(f + i * 4), beta: f64 = load<f32>(bias + i * 4);
    for (let n: usize = 0; n < rows; n++) {
      const at = sums + (n * panels + j) * 128 + i * 8;
      const s = load<f64>(at);
      const g = (load<f64>(at, 64) - mean * s) * inverse;
      gamma += g * g;
      beta += s * s;
    }
    store<f32>(f + i * 4, <f32>gamma);
    store<f32>(bias + i * 4, <f32>beta);
  }
}

/** sum += g², `bytes` of each. */
function accumulateSquares(sum: usize, g: usize, bytes: usize): void {
  for (let i: usize = 0; i < bytes; i += 16) {
    const value = v128.load(g + i);
    v128.store(sum + i, f32x4.add(v128.load(sum + i), flush(f32x4.mul(value, value))));
  }
}
