import type { Numbers, Part } from "../compression/parts.ts";
import { gapWidth } from "../compression/positions.ts";
import type { Arena } from "../engine/arena.ts";
import * as layout from "../engine/wasm/assembly/layout.ts";
import { BitWriter } from "../files/bits.ts";
import { widthOf } from "../files/models.ts";

/** A summand with a number, or nothing, for each weight. */
type Summand = Exclude<Part, { readonly kind: "lowRank" }>;

/** Largest share of kept weights with which each is multiplied by itself. */
const FEW = 0.1;

/** Numbers packed between two rests: up to some milliseconds. */
const AT_ONCE = 2 ** 15;

/** Bytes, and where they go. */
export interface Piece {
  readonly offset: number;
  readonly bytes: Uint8Array;
}

/** Packed weights of a predictor: their places in its arena, and what will be put there. */
export class WeightStore {
  readonly pieces: Piece[] = [];
  readonly #arena: Arena;
  /** Offsets of codebooks as they are and as tables: jointly compressed layers have the same one. */
  readonly #levels = new Map<Float32Array, number>();
  readonly #tables = new Map<Float32Array, number>();

  constructor(arena: Arena) {
    this.#arena = arena;
  }

  put(name: string, array: ArrayBufferView): number {
    const bytes = new Uint8Array(array.buffer, array.byteOffset, array.byteLength);
    const offset = this.#arena.take(name, bytes.length);
    this.pieces.push({ offset, bytes });
    return offset;
  }

  /**
   * Stores the sum of `parts`, a matrix of `rows` × `cols`, as assembly/layout.ts describes.
   * @param oneByOne Whether kept weights may be multiplied one by one; done if they are the only part, whose products then come in the
   *   order of the tile's, and few.
   * @returns Offset of its words.
   */
  *matrix(
    name: string,
    rows: number,
    cols: number,
    parts: readonly Summand[],
    oneByOne: boolean,
  ): Generator<void, number> {
    const words: number[] = [];
    for (const part of parts) words.push(...(yield* this.#part(name, rows, cols, part)));
    const [first] = parts;
    const few =
      parts.length === 1 && first?.kind === "sparse" && first.positions.length <= FEW * rows * cols;
    const head = [rows, cols, parts.length, oneByOne && few ? 1 : 0];
    return this.put(`${name} parts`, Uint32Array.of(...head, ...words));
  }

  *#part(
    name: string,
    rows: number,
    cols: number,
    part: Summand,
  ): Generator<void, readonly number[]> {
    const { numbers } = part;
    const data = numbers.data.slice();
    if (part.kind === "all") {
      const to = panelOrder(rows, cols);
      for (let i = 0; i < data.length; i++) {
        data[to(i)] = numbers.data[i] as number;
        if (i % AT_ONCE === 0) yield;
      }
      const words = yield* this.#numbers(name, { ...numbers, data } as Numbers, true);
      return [0, ...words, 0, 0, 0];
    }
    const { ranks, places } = yield* inPanels(part.positions, rows, cols);
    for (let k = 0; k < data.length; k++) data[k] = numbers.data[ranks[k] as number] as number;
    yield;
    const words = yield* this.#numbers(name, { ...numbers, data } as Numbers, false);
    const width = places.length > 0 ? gapWidth(places) : 1;
    yield;
    const gaps = this.put(`${name} gaps`, yield* gapsOf(places, width));
    return [1, ...words, places.length, gaps, width];
  }

  /** Kind, offset, offset of levels, bits per code, bytes from one output's levels to the next. */
  *#numbers(name: string, numbers: Numbers, all: boolean): Generator<void, readonly number[]> {
    if (numbers.kind === "floats") {
      return [layout.NUMBERS_FLOATS, this.put(name, numbers.data), 0, 0, 0];
    }
    if (numbers.kind === "halves") {
      return [layout.NUMBERS_HALVES, this.put(name, numbers.data), 0, 0, 0];
    }
    const { data, levels, books } = numbers;
    const size = levels.length / books;
    const width = widthOf(size);
    const bits = new BitWriter();
    for (let i = 0; i < data.length; i++) {
      bits.write(data[i] as number, width);
      if (i % AT_ONCE === 0) yield;
    }
    const codes = this.put(`${name} codes`, bits.finish());
    const isTable = all && books === 1 && width >= 2 && width <= 4;
    const kind = isTable ? layout.NUMBERS_TABLE : layout.NUMBERS_CODES;
    const shared = isTable ? this.#tables : this.#levels;
    const at = shared.get(levels) ?? this.put(`${name} levels`, isTable ? tableOf(levels) : levels);
    shared.set(levels, at);
    return [kind, codes, at, width, books > 1 ? 4 * size : 0];
  }
}

/** Where weight i, row-major, is among those of its output panel and the panels before. */
function panelOrder(rows: number, cols: number): (i: number) => number {
  return (i) => {
    const row = Math.floor(i / cols);
    const first = row - (row % layout.PANEL);
    const width = Math.min(layout.PANEL, rows - first);
    return first * cols + (i - row * cols) * width + row - first;
  };
}

/** Kept weights, at ascending `positions`, in the order of panels: which they are, and where. */
function* inPanels(
  positions: Uint32Array,
  rows: number,
  cols: number,
): Generator<void, { readonly ranks: Uint32Array; readonly places: Uint32Array }> {
  const place = panelOrder(rows, cols);
  const [ranks, places] = [positions.slice(), positions.slice()];
  for (let first = 0, past = 0, end = 0; first < positions.length; first = past) {
    // Those of a panel come before those of the next either way.
    for (end += layout.PANEL * cols; (positions[past] as number) < end; ) past++;
    const count = past - first;
    const keys = new Float64Array(count);
    for (let k = 0; k < count; k++) keys[k] = place(positions[first + k] as number) * count + k;
    keys.sort();
    for (let k = 0; k < count; k++) {
      const key = keys[k] as number;
      ranks[first + k] = first + (key % count);
      places[first + k] = Math.floor(key / count);
    }
    yield;
  }
  return { ranks, places };
}

function* gapsOf(positions: Uint32Array, width: number): Generator<void, Uint8Array> {
  const bits = new BitWriter();
  const full = 2 ** width - 1;
  let next = 0;
  for (let k = 0; k < positions.length; k++) {
    if (k % AT_ONCE === 0) yield;
    const position = positions[k] as number;
    let gap = position - next;
    for (; gap >= full; gap -= full) bits.write(full, width);
    bits.write(gap, width);
    next = position + 1;
  }
  return bits.finish();
}

/** Bytes 0 of 16 levels, bytes 1, … */
function tableOf(levels: Float32Array): Uint8Array {
  const table = new Uint8Array(64);
  const view = new DataView(table.buffer);
  for (const [k, level] of levels.entries()) {
    const bytes = new Uint8Array(Float32Array.of(level).buffer);
    for (const [i, byte] of bytes.entries()) view.setUint8(16 * i + k, byte);
  }
  return table;
}
