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
   * @param oneByOne Whether kept weights may be multiplied one by one; done if there are only those, and few.
   * @returns Offset of its words.
   */
  matrix(
    name: string,
    rows: number,
    cols: number,
    parts: readonly Summand[],
    oneByOne: boolean,
  ): number {
    const words = parts.flatMap((part) => this.#part(name, rows, cols, part));
    const kept = parts.reduce((n, part) => n + part.numbers.data.length, 0);
    const few = kept <= FEW * rows * cols && parts.every(({ kind }) => kind === "sparse");
    const head = [rows, cols, parts.length, oneByOne && few ? 1 : 0];
    return this.put(`${name} parts`, Uint32Array.of(...head, ...words));
  }

  #part(name: string, rows: number, cols: number, part: Summand): readonly number[] {
    if (part.kind === "all") {
      const to = panelOrder(rows, cols);
      const data = part.numbers.data.slice();
      for (let i = 0; i < data.length; i++) data[to(i)] = part.numbers.data[i] as number;
      const words = this.#numbers(name, { ...part.numbers, data } as Numbers, true);
      return [0, ...words, 0, 0, 0];
    }
    const { positions, numbers } = part;
    const places = positions.map(panelOrder(rows, cols));
    const ranks = places.map((_, k) => k).sort((a, b) => places[a] - places[b]);
    const data = numbers.data.slice();
    for (const [k, rank] of ranks.entries()) data[k] = numbers.data[rank] as number;
    const words = this.#numbers(name, { ...numbers, data } as Numbers, false);
    const sorted = ranks.map((k) => places[k] as number);
    const width = sorted.length > 0 ? gapWidth(sorted) : 1;
    const gaps = this.put(`${name} gaps`, gapsOf(sorted, width));
    return [1, ...words, sorted.length, gaps, width];
  }

  /** Kind, offset, offset of levels, bits per code, bytes from one output's levels to the next. */
  #numbers(name: string, numbers: Numbers, all: boolean): readonly number[] {
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
    for (const code of data) bits.write(code, width);
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

function gapsOf(positions: Uint32Array, width: number): Uint8Array {
  const bits = new BitWriter();
  const full = 2 ** width - 1;
  let next = 0;
  for (const position of positions) {
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
