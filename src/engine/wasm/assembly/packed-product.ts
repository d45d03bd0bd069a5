import { activate } from "./activation";
import { lastExample } from "./image";
import { PACKED_PART_BYTES, PACKED_PARTS, PANEL_BYTES, ROW_BYTES, ROWS } from "./layout";
import { cursorBytes, KEPT_AT_ONCE, panelRows, plainPanel, rewind, takeKept, unpack } from "./packed";
import { multiply, multiplyRow, rowAt } from "./tile";
import { imageBytes, inputBytes, listSources, outputPixels, pack, WINDOW, windowSize } from "./window";

/** Products with packed weights. Scratch: a result tile, a list of kept weights, cursors, an unpacked tile; for images patches behind it. */

const LIST: usize = 128;
const CURSORS = LIST + KEPT_AT_ONCE * 8;

/** y = f([y +] x Wᵀ + b) for rows begin…end−1: every panel of W is unpacked once, for all of these rows. One row alone has loops of its own. */
export function packedDenseRows(op: usize, begin: usize, end: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op), xPanels: usize = load<u32>(op, 4);
  const w: usize = load<u32>(op, 8), bias: usize = load<u32>(op, 12);
  const y: usize = load<u32>(op, 16), yPanels: usize = load<u32>(op, 20);
  const kind = load<i32>(op, 24), add = load<i32>(op, 28) != 0;
  const oneByOne = load<i32>(w, 12);
  const cols: usize = load<u32>(w, 4);
  const cursors = scratch + CURSORS;
  const tile = cursors + cursorBytes(w);
  const isAlone = begin + 1 == load<u32>(control, ROWS);
  rewind(w, cursors);
  for (let j: usize = 0; j < yPanels; j++) {
    if (oneByOne) {
      keptRows(w, j, scratch, x, xPanels, y, yPanels, begin, end, isAlone, add);
      for (let row = begin; row < end; row += 4) {
        const out = rowAt(y, yPanels, row) + j * PANEL_BYTES;
        finish(out, out, bias + j * ROW_BYTES, false, kind);
      }
      continue;
    }
    const plain = plainPanel(w, j);
    if (!plain) unpack(w, j, tile, cursors, scratch + LIST);
    const panel = plain ? plain : tile;
    for (let row = begin; row < end; row += 4) {
      const out = rowAt(y, yPanels, row) + j * PANEL_BYTES;
      const product = add ? scratch : out;
      if (isAlone) multiplyRow(rowAt(x, xPanels, row), panel, cols, product);
      else multiply(rowAt(x, xPanels, row), panel, cols, product);
      finish(product, out, bias + j * ROW_BYTES, add, kind);
    }
  }
}

/** out = f([out +] product + b), four rows of one panel. */
// @ts-ignore: decorator
@inline
function finish(product: usize, out: usize, bias: usize, add: bool, kind: i32): void {
  const b0 = v128.load(bias), b1 = v128.load(bias, 16);
  for (let i: usize = 0; i < 4 * ROW_BYTES; i += ROW_BYTES) {
    let a = v128.load(product + i), b = v128.load(product + i, 16);
    if (add) {
      a = f32x4.add(v128.load(out + i), a);
      b = f32x4.add(v128.load(out + i, 16), b);
    }
    v128.store(out + i, activate(f32x4.add(a, b0), kind));
    v128.store(out + i, activate(f32x4.add(b, b1), kind), 16);
  }
}

/** Panel `j` of y (+)= x Wᵀ, weight by weight. */
function keptRows(
  w: usize, j: usize, scratch: usize, x: usize, xPanels: usize, y: usize, yPanels: usize, begin: usize, end: usize,
  isAlone: bool, add: bool,
): void {
  const cols: usize = load<u32>(w, 4), parts: usize = load<u32>(w, 8);
  const rows = panelRows(w, j);
  const list = scratch + LIST;
  const output = j * PANEL_BYTES;
  if (!add) {
    for (let row = begin; row < end; row += 4) memory.fill(rowAt(y, yPanels, row) + output, 0, 4 * ROW_BYTES);
  }
  for (let p: usize = 0; p < parts; p++) {
    const part = w + PACKED_PARTS + p * PACKED_PART_BYTES, cursor = scratch + CURSORS + p * 16;
    for (;;) {
      const past = list + takeKept(part, j, rows, cols, cursor, list) * 8;
      if (past == list) break;
      for (let row = begin; row < end; row += 4) {
        const from = rowAt(x, xPanels, row), to = rowAt(y, yPanels, row) + output;
        if (isAlone) addOne(list, past, from, to);
        else addFour(list, past, from, to);
      }
    }
  }
}

/** Adds the weights of a list times one row of x to one of y. */
// @ts-ignore: decorator
@inline
function addOne(list: usize, past: usize, x: usize, y: usize): void {
  for (; list < past; list += 8) {
    const at: usize = load<u32>(list);
    const from = x + column(at), to = y + (at & 7) * 4;
    store<f32>(to, load<f32>(to) + load<f32>(list, 4) * load<f32>(from));
  }
}

/** Likewise for four rows. */
// @ts-ignore: decorator
@inline
function addFour(list: usize, past: usize, x: usize, y: usize): void {
  for (; list < past; list += 8) {
    const at: usize = load<u32>(list);
    const value = load<f32>(list, 4);
    const from = x + column(at), to = y + (at & 7) * 4;
    store<f32>(to, load<f32>(to) + value * load<f32>(from));
    store<f32>(to, load<f32>(to, 32) + value * load<f32>(from, 32), 32);
    store<f32>(to, load<f32>(to, 64) + value * load<f32>(from, 64), 64);
    store<f32>(to, load<f32>(to, 96) + value * load<f32>(from, 96), 96);
  }
}

/** Where the input of place `at` = 8 k + output of a panel is, from the first of its row. */
// @ts-ignore: decorator
@inline
function column(at: usize): usize {
  return (at >> 6) * PANEL_BYTES + ((at >> 3) & 7) * 4;
}

/**
 * y = f([y +] patches Wᵀ + b) for examples begin…end−1. `block` panels of W are unpacked at a time, as the patches are
 * packed again for each block.
 */
export function packedConvRows(op: usize, begin: usize, end: usize, control: usize, scratch: usize): void {
  const x: usize = load<u32>(op, WINDOW), w: usize = load<u32>(op, WINDOW + 4);
  const bias: usize = load<u32>(op, WINDOW + 8), y: usize = load<u32>(op, WINDOW + 12);
  const outputs = (<usize>load<u32>(op, WINDOW + 16) + 7) / 8;
  const kind = load<i32>(op, WINDOW + 20), add = load<i32>(op, WINDOW + 24) != 0;
  const most: usize = load<u32>(op, WINDOW + 28);
  const pixels = outputPixels(op);
  const terms = windowSize(op), inputs = (terms + 7) / 8;
  const last = lastExample(end, control);
  const cursors = scratch + CURSORS;
  const tile = cursors + cursorBytes(w);
  const sources = tile + min(most, outputs) * terms * ROW_BYTES;
  const patches = sources + inputs * ROW_BYTES;
  rewind(w, cursors);
  listSources(op, 0, inputs * 8, sources);
  for (let first: usize = 0; first < outputs; first += most) {
    const past = min(first + most, outputs);
    for (let j = first; j < past; j++) {
      unpack(w, j, tile + (j - first) * terms * ROW_BYTES, cursors, scratch + LIST);
    }
    for (let n = begin; n < last; n++) {
      const from = x + n * inputBytes(op);
      const to = y + n * imageBytes(pixels, outputs);
      for (let pixel: usize = 0; pixel < pixels; pixel += 16) {
        pack(op, from, pixel, 0, inputs * 8, patches, sources);
        const rows = min<usize>(pixels - pixel, 16) * ROW_BYTES;
        for (let j = first; j < past; j++) {
          const block = to + (pixel / 16 * outputs + j) * PANEL_BYTES;
          for (let r: usize = 0; r < rows; r += 4 * ROW_BYTES) {
            const product = add ? scratch : block + r;
            multiply(patches + r, tile + (j - first) * terms * ROW_BYTES, terms, product);
            finish(product, block + r, bias + j * ROW_BYTES, add, kind);
          }
        }
      }
    }
  }
}
