import { BLOCK_ROWS, PANEL } from "./wasm/assembly/layout.ts";

/** Panels of 8 that hold `n` columns. */
export function panels(n: number): number {
  return Math.ceil(n / PANEL);
}

/** Bytes of a blocked matrix (see assembly/layout.ts). */
export function blockedBytes(rows: number, columns: number): number {
  return Math.ceil(rows / BLOCK_ROWS) * BLOCK_ROWS * panels(columns) * PANEL * 4;
}

/** Bytes of an image [height, width, channels]: a blocked matrix of its own. */
export function imageBytes([height = 0, width = 0, channels = 0]: readonly number[]): number {
  return blockedBytes(height * width, channels);
}

/** Bytes of a paneled weight matrix, and of its transpose. */
export function paneledBytes(outputs: number, inputs: number): number {
  return panels(outputs) * panels(inputs) * PANEL * PANEL * 4;
}

/**
 * Copies rows `from` to `end` − 1 of a row-major matrix (outputs × inputs) into panels [⌈out/8⌉][8⌈in/8⌉][8]. Padding is
 * left alone: it is zero from the start and every kernel keeps it zero.
 */
export function pack(
  matrix: Float32Array,
  inputs: number,
  to: Float32Array,
  from: number,
  end: number,
): void {
  const stride = panels(inputs) * PANEL * PANEL;
  for (let o = from, i = from * inputs; o < end; o++) {
    let at = (o >> 3) * stride + (o & 7);
    for (const rowEnd = i + inputs; i < rowEnd; i++, at += PANEL) to[at] = matrix[i] as number;
  }
}

/** Copies rows `from` to `end` − 1 of W, row-major (outputs × inputs), into panels of Wᵀ: the operand of input gradients. */
export function packTransposed(
  matrix: Float32Array,
  outputs: number,
  inputs: number,
  to: Float32Array,
  from: number,
  end: number,
): void {
  const stride = panels(outputs) * PANEL * PANEL;
  for (let o = from, i = from * inputs; o < end; o++) {
    for (let k = 0; k < inputs; k++, i++) {
      to[(k >> 3) * stride + o * PANEL + (k & 7)] = matrix[i] as number;
    }
  }
}

/** The inverse of `pack`. */
export function unpack(
  panelled: Float32Array,
  inputs: number,
  matrix: Float32Array,
  from: number,
  end: number,
): void {
  const stride = panels(inputs) * PANEL * PANEL;
  for (let o = from, i = from * inputs; o < end; o++) {
    let at = (o >> 3) * stride + (o & 7);
    for (const rowEnd = i + inputs; i < rowEnd; i++, at += PANEL)
      matrix[i] = panelled[at] as number;
  }
}
