import {
  NUMBERS_FLOATS, NUMBERS_HALVES, NUMBERS_TABLE, PACKED_PART_BYTES, PACKED_PARTS, ROW_BYTES,
} from "./layout";

/**
 * Packed weight matrices (layout.ts), unpacked one output panel at a time into a tile [inputs][8], which is the right operand of
 * the register tile. A dense layer never exists: the next panel takes the place of this one.
 */

/** Kept weights that are decoded at a time. */
export const KEPT_AT_ONCE: usize = 256;

/** Cursor of a part with kept weights: bits of gaps read, the position after the last weight, weights done. */
const CURSOR: usize = 16;

/** Bytes of the cursors of a matrix. */
// @ts-ignore: decorator
@inline
export function cursorBytes(matrix: usize): usize {
  return (<usize>load<u32>(matrix, 8) * CURSOR + 63) & ~63;
}

/** To be called before panel 0. */
export function rewind(matrix: usize, cursors: usize): void {
  memory.fill(cursors, 0, cursorBytes(matrix));
}

/** Outputs of panel `j`, 8 but in the last one. */
// @ts-ignore: decorator
@inline
export function panelRows(matrix: usize, j: usize): usize {
  return min<usize>(load<u32>(matrix) - j * 8, 8);
}

/** Sum of all parts, panel `j`. Panels are asked for in order, from 0. Columns past the outputs are zero. */
export function unpack(matrix: usize, j: usize, tile: usize, cursors: usize, list: usize): void {
  const cols: usize = load<u32>(matrix, 4);
  const parts: usize = load<u32>(matrix, 8);
  const rows = panelRows(matrix, j);
  let part = matrix + PACKED_PARTS;
  let add = parts == 0 || load<i32>(part) != 0;
  if (add) memory.fill(tile, 0, cols * ROW_BYTES);
  for (let i: usize = 0; i < parts; i++, part += PACKED_PART_BYTES) {
    const kind = load<i32>(part, 4);
    const width: usize = load<u32>(part, 16);
    if (load<i32>(part)) addKept(part, j, rows, cols, tile, cursors + i * CURSOR, list);
    else if (kind == NUMBERS_FLOATS) unpackFloats(part, j, rows, cols, tile, add);
    else if (kind == NUMBERS_HALVES) unpackHalves(part, j, rows, cols, tile, add);
    else if (kind == NUMBERS_TABLE) unpackTable(part, j, rows, cols, tile, add);
    else if (width == 1) unpackBits(part, j, rows, cols, tile, add);
    else unpackCodes(part, j, rows, cols, tile, add);
    add = true;
  }
}

/** Address of the plain float32 panel `j`, if the matrix is nothing else and the panel is full; else 0. */
// @ts-ignore: decorator
@inline
export function plainPanel(matrix: usize, j: usize): usize {
  const part = matrix + PACKED_PARTS;
  const isPlain = load<i32>(matrix, 8) == 1 && !load<i32>(part) && load<i32>(part, 4) == NUMBERS_FLOATS;
  if (!isPlain || panelRows(matrix, j) < 8) return 0;
  return <usize>load<u32>(part, 8) + j * <usize>load<u32>(matrix, 4) * ROW_BYTES;
}

/** All ones in the lanes of outputs 0…rows−1, from `first` on. */
// @ts-ignore: decorator
@inline
function lanes(rows: usize, first: i32): v128 {
  return i32x4.gt_s(i32x4.splat(<i32>rows - first), i32x4(0, 1, 2, 3));
}

// @ts-ignore: decorator
@inline
function put(to: usize, low: v128, high: v128, add: bool): void {
  v128.store(to, add ? f32x4.add(v128.load(to), low) : low);
  v128.store(to, add ? f32x4.add(v128.load(to, 16), high) : high, 16);
}

function unpackFloats(part: usize, j: usize, rows: usize, cols: usize, tile: usize, add: bool): void {
  const low = lanes(rows, 0), high = lanes(rows, 4);
  let from = <usize>load<u32>(part, 8) + j * cols * ROW_BYTES;
  for (const end = tile + cols * ROW_BYTES; tile < end; tile += ROW_BYTES, from += rows * 4) {
    put(tile, v128.and(v128.load(from), low), v128.and(v128.load(from, 16), high), add);
  }
}

function unpackHalves(part: usize, j: usize, rows: usize, cols: usize, tile: usize, add: bool): void {
  const low = lanes(rows, 0), high = lanes(rows, 4);
  let from = <usize>load<u32>(part, 8) + j * cols * 16;
  for (const end = tile + cols * ROW_BYTES; tile < end; tile += ROW_BYTES, from += rows * 2) {
    const a = halves(v128.load16x4_u(from)), b = halves(v128.load16x4_u(from, 8));
    put(tile, v128.and(a, low), v128.and(b, high), add);
  }
}

/** Finite binary16 numbers as float32: their bits, moved, are numbers 2¹¹² times too small, subnormal ones included. */
// @ts-ignore: decorator
@inline
function halves(bits: v128): v128 {
  const size = i32x4.shl(v128.and(bits, i32x4.splat(0x7fff)), 13);
  const sign = i32x4.shl(v128.and(bits, i32x4.splat(0x8000)), 16);
  return v128.or(f32x4.mul(size, f32x4.splat(reinterpret<f32>(0x77800000))), sign);
}

/** Codes of one bit: for every output its own two levels. The first loop is the second one for the usual case. */
function unpackBits(part: usize, j: usize, rows: usize, cols: usize, tile: usize, add: bool): void {
  const low = lanes(rows, 0), high = lanes(rows, 4);
  const a0 = v128.and(level(part, j, rows, 0, 0), low), a1 = v128.and(level(part, j, rows, 0, 1), low);
  const b0 = v128.and(level(part, j, rows, 4, 0), high), b1 = v128.and(level(part, j, rows, 4, 1), high);
  const first = i32x4(1, 2, 4, 8), last = i32x4(16, 32, 64, 128);
  let from = <usize>load<u32>(part, 8) + j * cols;
  if (rows == 8 && !add) {
    for (const end = from + cols; from < end; from++, tile += ROW_BYTES) {
      const codes = v128.load8_splat(from);
      v128.store(tile, v128.bitselect(a1, a0, i32x4.eq(v128.and(codes, first), first)));
      v128.store(tile, v128.bitselect(b1, b0, i32x4.eq(v128.and(codes, last), last)), 16);
    }
    return;
  }
  for (let k: usize = 0, bit: usize = 0; k < cols; k++, bit += rows, tile += ROW_BYTES) {
    const codes = i32x4.splat(load<u16>(from + bit / 8) >> <i32>(bit % 8));
    const a = v128.bitselect(a1, a0, i32x4.eq(v128.and(codes, first), first));
    const b = v128.bitselect(b1, b0, i32x4.eq(v128.and(codes, last), last));
    put(tile, a, b, add);
  }
}

/** Level `code` of outputs first…first+3. */
function level(part: usize, j: usize, rows: usize, first: usize, code: usize): v128 {
  const perRow: usize = load<u32>(part, 20);
  const at = <usize>load<u32>(part, 12) + (j * 8 + first) * perRow + code * 4;
  if (!perRow) return v128.load32_splat(at);
  let all = i32x4.splat(0);
  if (first < rows) all = v128.load32_lane(at, all, 0);
  if (first + 1 < rows) all = v128.load32_lane(at + perRow, all, 1);
  if (first + 2 < rows) all = v128.load32_lane(at + 2 * perRow, all, 2);
  if (first + 3 < rows) all = v128.load32_lane(at + 3 * perRow, all, 3);
  return all;
}

/**
 * Codes of 2 to 4 bits: byte i of the level of each code, i = 0…3, is looked up in a register, then the bytes are put together.
 */
function unpackTable(part: usize, j: usize, rows: usize, cols: usize, tile: usize, add: bool): void {
  const low = lanes(rows, 0), high = lanes(rows, 4);
  const table: usize = load<u32>(part, 12);
  const t0 = v128.load(table), t1 = v128.load(table, 16), t2 = v128.load(table, 32), t3 = v128.load(table, 48);
  const width: usize = load<u32>(part, 16);
  const up = i32x4(
    1 << <i32>(32 - width), 1 << <i32>(32 - 2 * width), 1 << <i32>(32 - 3 * width), 1 << <i32>(32 - 4 * width),
  );
  const from = <usize>load<u32>(part, 8) + j * cols * width;
  const step = rows * width;
  for (let k: usize = 0, bit: usize = 0; k < cols; k++, bit += step, tile += ROW_BYTES) {
    const codes = step == 32 ? nibbles(from + bit / 8) : eightCodes(from, bit, width, up);
    const b0 = v128.swizzle(t0, codes), b1 = v128.swizzle(t1, codes);
    const b2 = v128.swizzle(t2, codes), b3 = v128.swizzle(t3, codes);
    const lower = i8x16.shuffle(b0, b1, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const upper = i8x16.shuffle(b2, b3, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
    const first = i16x8.shuffle(lower, upper, 0, 8, 1, 9, 2, 10, 3, 11);
    const last = i16x8.shuffle(lower, upper, 4, 12, 5, 13, 6, 14, 7, 15);
    put(tile, v128.and(first, low), v128.and(last, high), add);
  }
}

/** Eight codes of 4 bits, a byte each. */
// @ts-ignore: decorator
@inline
function nibbles(from: usize): v128 {
  const bytes = v128.load32_zero(from);
  const low = v128.and(bytes, i8x16.splat(15)), high = i8x16.shr_u(bytes, 4);
  return i8x16.shuffle(low, high, 0, 16, 1, 17, 2, 18, 3, 19, 4, 20, 5, 21, 6, 22, 7, 23);
}

/** Eight codes of up to 4 bits, a byte each. Multiplied by `up`, each lane has its own code in the highest bits. */
// @ts-ignore: decorator
@inline
function eightCodes(from: usize, bit: usize, width: usize, up: v128): v128 {
  const bits = load<u64>(from + bit / 8) >> (bit % 8);
  const down = <i32>(32 - width);
  const a = i32x4.shr_u(i32x4.mul(i32x4.splat(<i32>bits), up), down);
  const b = i32x4.shr_u(i32x4.mul(i32x4.splat(<i32>(bits >> (4 * width))), up), down);
  const words = i16x8.narrow_i32x4_u(a, b);
  return i8x16.narrow_i16x8_u(words, words);
}

/** Codes of any width, one by one; the first loop is for whole bytes. */
function unpackCodes(part: usize, j: usize, rows: usize, cols: usize, tile: usize, add: bool): void {
  if (!add && rows < 8) memory.fill(tile, 0, cols * ROW_BYTES);
  const width: usize = load<u32>(part, 16), perRow: usize = load<u32>(part, 20);
  const from = <usize>load<u32>(part, 8) + j * cols * width;
  const levels = <usize>load<u32>(part, 12) + j * 8 * perRow;
  const mask = (1 << <u32>width) - 1;
  if (rows == 8 && width == 8 && !perRow && !add) {
    for (let i: usize = 0; i < cols * 8; i += 4, tile += 16) {
      store<f32>(tile, load<f32>(levels + <usize>load<u8>(from + i) * 4));
      store<f32>(tile, load<f32>(levels + <usize>load<u8>(from + i, 1) * 4), 4);
      store<f32>(tile, load<f32>(levels + <usize>load<u8>(from + i, 2) * 4), 8);
      store<f32>(tile, load<f32>(levels + <usize>load<u8>(from + i, 3) * 4), 12);
    }
    return;
  }
  for (let k: usize = 0, bit: usize = 0; k < cols; k++, tile += ROW_BYTES) {
    for (let i: usize = 0; i < rows; i++, bit += width) {
      const code: usize = (load<u32>(from + bit / 8) >> <u32>(bit % 8)) & mask;
      const value = load<f32>(levels + i * perRow + code * 4);
      const to = tile + i * 4;
      store<f32>(to, add ? load<f32>(to) + value : value);
    }
  }
}

/**
 * The next kept weights of panel `j`, at most KEPT_AT_ONCE, to `list`: u32 place in the tile, f32 number.
 * @returns How many; 0 if there are no more.
 */
export function takeKept(part: usize, j: usize, rows: usize, cols: usize, cursor: usize, list: usize): usize {
  const start = <u32>(j * 8 * cols), end = start + <u32>(rows * cols);
  const kind = load<i32>(part, 4);
  const data: usize = load<u32>(part, 8), levels: usize = load<u32>(part, 12), codeWidth: usize = load<u32>(part, 16);
  const gaps: usize = load<u32>(part, 28), width: usize = load<u32>(part, 32);
  const full: u32 = 0xffffffff >> (32 - <u32>width);
  const first: usize = load<u32>(cursor, 8);
  const most = min<usize>(<usize>load<u32>(part, 24) - first, KEPT_AT_ONCE);
  let bit: usize = load<u32>(cursor), before: u32 = load<u32>(cursor, 4);
  let count: usize = 0;
  while (count < most) {
    let position = before, next = bit, symbol = full;
    while (symbol == full) {
      symbol = <u32>(load<u64>(gaps + next / 8) >> (next % 8)) & full;
      next += width;
      position += symbol;
    }
    if (position >= end) break;
    const to = list + count * 8;
    const at = position - start;
    store<u32>(to, rows == 8 ? at : at / <u32>rows * 8 + at % <u32>rows);
    store<f32>(to, numberAt(kind, data, levels, codeWidth, first + count), 4);
    bit = next;
    before = position + 1;
    count++;
  }
  store<u32>(cursor, <u32>bit);
  store<u32>(cursor, before, 4);
  store<u32>(cursor, <u32>(first + count), 8);
  return count;
}

/** Number `index` of kept weights. */
// @ts-ignore: decorator
@inline
function numberAt(kind: i32, data: usize, levels: usize, width: usize, index: usize): f32 {
  if (kind == NUMBERS_FLOATS) return load<f32>(data + index * 4);
  if (kind == NUMBERS_HALVES) return f32x4.extract_lane(halves(i32x4.splat(load<u16>(data + index * 2))), 0);
  const bit = index * width;
  const code: usize = (load<u32>(data + bit / 8) >> <u32>(bit % 8)) & ((1 << <u32>width) - 1);
  return load<f32>(levels + code * 4);
}

/** Adds the kept weights of panel `j`. */
function addKept(
  part: usize, j: usize, rows: usize, cols: usize, tile: usize, cursor: usize, list: usize,
): void {
  for (;;) {
    const past = list + takeKept(part, j, rows, cols, cursor, list) * 8;
    if (past == list) return;
    for (let i = list; i < past; i += 8) {
      const to = tile + <usize>load<u32>(i) * 4;
      store<f32>(to, load<f32>(to) + load<f32>(i, 4));
    }
  }
}
