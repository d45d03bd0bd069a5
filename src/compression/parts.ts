import { fromHalf } from "../math/float16.ts";
import { BAND } from "../rest.ts";
import type { Quantized } from "./codebook.ts";
import { type LowRank, product } from "./factors.ts";
import type { Half } from "./float16.ts";
import { geometryOf, type Shape } from "./geometry.ts";
import type { PerChannel } from "./per-channel.ts";
import { keptPositions, type PrunedGroups } from "./prune-groups.ts";
import type { RankSelected } from "./rank-selection.ts";
import type { Pruned } from "./sparse.ts";

/** Numbers as θ stores them. */
export type Numbers =
  | { readonly kind: "floats"; readonly data: Float32Array }
  /** IEEE 754 binary16. */
  | { readonly kind: "halves"; readonly data: Uint16Array }
  /** Indices into codebooks of equal length, one after the other; each serves as many numbers as the next. */
  | {
      readonly kind: "codes";
      readonly data: Uint8Array | Uint16Array;
      readonly levels: Float32Array;
      readonly books: number;
    };

/** One summand of a weight matrix, positions row-major. */
export type Part =
  | { readonly kind: "all"; readonly numbers: Numbers }
  | { readonly kind: "sparse"; readonly positions: Uint32Array; readonly numbers: Numbers }
  | {
      readonly kind: "lowRank";
      readonly rows: number;
      readonly cols: number;
      /** See `Factored`. */
      readonly height: number;
      readonly rank: number;
      readonly u: Numbers;
      readonly v: Numbers;
    };

/** The summands of a θ of the built-in compressions; undefined for any other. */
export function partsOfTheta(theta: unknown): readonly Part[] | undefined {
  if (Array.isArray(theta)) return allOf(theta.map(partsOfTheta))?.flat();
  if (has<RankSelected>(theta, "dense", "rank")) return all(numbersOf(theta.dense));
  if (has<LowRank<unknown>>(theta, "u", "v", "rank", "height")) {
    const [u, v] = [numbersOf(theta.u), numbersOf(theta.v)];
    const { rows, cols, height, rank } = theta;
    return u && v && [{ kind: "lowRank", rows, cols, height, rank, u, v }];
  }
  if (has<Pruned<unknown>>(theta, "indices", "values")) {
    const { indices: positions, values } = theta;
    // Compressed values of no weight are those of a single 0.
    const numbers = positions.length > 0 ? numbersOf(values) : floats(new Float32Array());
    const known = positions instanceof Uint32Array && numbers;
    return known ? [{ kind: "sparse", positions, numbers }] : undefined;
  }
  if (has<PrunedGroups>(theta, "groups", "values", "across")) {
    const { groups, values } = theta;
    if (!(groups instanceof Uint32Array && values instanceof Float32Array)) return undefined;
    return [{ kind: "sparse", positions: keptPositions(theta), numbers: floats(values) }];
  }
  if (has<PerChannel<unknown>>(theta, "channels", "cols")) {
    return Array.isArray(theta.channels) ? byChannel(theta) : undefined;
  }
  return all(numbersOf(theta));
}

function all(numbers: Numbers | undefined): readonly Part[] | undefined {
  return numbers && [{ kind: "all", numbers }];
}

function numbersOf(theta: unknown): Numbers | undefined {
  if (theta instanceof Float32Array) return floats(theta);
  if (has<Half>(theta, "halves") && theta.halves instanceof Uint16Array) {
    return { kind: "halves", data: theta.halves };
  }
  if (!has<Quantized>(theta, "levels", "assignments")) return undefined;
  const { levels, assignments: data } = theta;
  const coded = data instanceof Uint8Array || data instanceof Uint16Array;
  return coded && levels instanceof Float32Array
    ? { kind: "codes", data, levels, books: 1 }
    : undefined;
}

/** Parts of all rows as parts of the matrix. */
function byChannel({ cols, channels }: PerChannel<unknown>): readonly Part[] | undefined {
  const rows = allOf(channels.map(partsOfTheta));
  return allOf((rows?.[0] ?? []).map((_, k) => joinedRows(rows?.map((row) => row[k]) ?? [], cols)));
}

function joinedRows(parts: readonly (Part | undefined)[], cols: number): Part | undefined {
  if (parts.every((part) => part?.kind === "all")) {
    const numbers = parts.map((part) => part.numbers);
    return { kind: "all", numbers: withCodebooks(numbers) ?? joinedNumbers(numbers) };
  }
  if (!parts.every((part) => part?.kind === "sparse")) return undefined;
  const positions = parts.map((part, i) => part.positions.map((at) => at + i * cols));
  const numbers = joinedNumbers(parts.map((part) => part.numbers));
  return { kind: "sparse", positions: concatenated(Uint32Array, positions), numbers };
}

/** Codes with a codebook per row; the shorter codebooks are filled up. */
function withCodebooks(rows: readonly Numbers[]): Numbers | undefined {
  if (!rows.every((row) => row.kind === "codes")) return undefined;
  const size = Math.max(...rows.map(({ levels }) => levels.length));
  const levels = new Float32Array(rows.length * size);
  for (const [i, row] of rows.entries()) levels.set(row.levels, i * size);
  const codes = rows.map((row) => row.data);
  const data = size > 256 ? concatenated(Uint16Array, codes) : concatenated(Uint8Array, codes);
  return { kind: "codes", data, levels, books: rows.length };
}

/** Numbers without codebooks, one after the other. */
function joinedNumbers(rows: readonly Numbers[]): Numbers {
  if (!rows.every(({ kind }) => kind === "halves")) {
    return floats(concatenated(Float32Array, rows.map(values)));
  }
  const halves = rows.map(({ data }) => data);
  return { kind: "halves", data: concatenated(Uint16Array, halves) };
}

/** Weights `from` to `from + count` of a joint task's θ, as parts of their own. */
export function sliced(parts: readonly Part[], from: number, count: number): readonly Part[] {
  return parts.map((part) => {
    if (part.kind === "lowRank") return part;
    if (part.kind === "all") return { ...part, numbers: cut(part.numbers, from, from + count) };
    const first = lowerBound(part.positions, from);
    const end = lowerBound(part.positions, from + count);
    const positions = part.positions.subarray(first, end).map((at) => at - from);
    return { kind: "sparse", positions, numbers: cut(part.numbers, first, end) };
  });
}

function cut(numbers: Numbers, from: number, end: number): Numbers {
  return { ...numbers, data: numbers.data.subarray(from, end) } as Numbers;
}

/** Where positions from `at` on begin. */
function lowerBound(positions: Uint32Array, at: number): number {
  const found = positions.findIndex((position) => position >= at);
  return found < 0 ? positions.length : found;
}

/** Adds a part's numbers of rows `first` to `past` to `sum`; rows are asked for in order. */
type Adder = (sum: Float64Array, first: number, past: number) => void;

/** True if `parts` are parts of a matrix of `shape`, and their sum is `weights`, number by number, in float32. */
export function* makeUp(
  parts: readonly Part[],
  shape: Shape,
  weights: Float32Array,
): Generator<void, boolean> {
  if (!parts.every((part) => isOf(part, shape))) return false;
  const { rows, cols } = shape;
  const adders = parts.map((part) => adder(part, cols));
  // A factor of rank r costs r products a weight.
  const cost = Math.max(1, ...parts.map((part) => (part.kind === "lowRank" ? part.rank : 1)));
  const each = Math.max(1, Math.floor(BAND / (cols * cost)));
  for (let first = 0; first < rows; first += each) {
    const past = Math.min(rows, first + each);
    const sum = new Float64Array((past - first) * cols);
    for (const add of adders) add(sum, first, past);
    for (let i = 0, at = first * cols; i < sum.length; i++, at++) {
      if (weights[at] !== Math.fround(sum[i] as number)) return false;
    }
    yield;
  }
  return true;
}

/** Whether lengths and positions are those of a matrix of `shape`: a user's own θ may look like one of ours. */
function isOf(part: Part, shape: Shape): boolean {
  const { rows, cols } = shape;
  if (part.kind === "lowRank") {
    const { height, rank, u, v } = part;
    return (
      part.rows === rows &&
      part.cols === cols &&
      (height === 1 || height === geometryOf(shape).kernel[0]) &&
      Number.isInteger(rank) &&
      u.data.length === rows * height * rank &&
      v.data.length === (rank * cols) / height
    );
  }
  const { numbers } = part;
  const books = numbers.kind === "codes" ? numbers.books : 1;
  if (part.kind === "all") {
    return numbers.data.length === rows * cols && (books === 1 || books === rows);
  }
  const { positions } = part;
  for (let k = 1; k < positions.length; k++) {
    if ((positions[k] as number) <= (positions[k - 1] as number)) return false;
  }
  return (
    books === 1 && numbers.data.length === positions.length && (positions.at(-1) ?? 0) < rows * cols
  );
}

function adder(part: Part, cols: number): Adder {
  if (part.kind === "lowRank") {
    const [u, v, each] = [values(part.u), values(part.v), part.height * part.rank];
    return (sum, first, past) => {
      const band = { ...part, rows: past - first };
      const { data } = product(band, u.subarray(first * each, past * each), v);
      for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (data[i] as number);
    };
  }
  const number = reader(part.numbers);
  if (part.kind === "all") {
    return (sum, first) => {
      for (let i = 0, at = first * cols; i < sum.length; i++, at++) {
        sum[i] = (sum[i] as number) + number(at);
      }
    };
  }
  const { positions } = part;
  let k = 0;
  return (sum, first, past) => {
    for (; k < positions.length && (positions[k] as number) < past * cols; k++) {
      const at = (positions[k] as number) - first * cols;
      sum[at] = (sum[at] as number) + number(k);
    }
  };
}

/** The numbers themselves. */
export function values(numbers: Numbers): Float32Array {
  if (numbers.kind === "floats") return numbers.data;
  const number = reader(numbers);
  const all = new Float32Array(numbers.data.length);
  for (let i = 0; i < all.length; i++) all[i] = number(i);
  return all;
}

/** Number i. */
function reader(numbers: Numbers): (i: number) => number {
  const { kind, data } = numbers;
  if (kind === "floats") return (i) => data[i] as number;
  if (kind === "halves") return (i) => fromHalf(data[i] as number);
  const { levels, books } = numbers;
  if (books === 1) return (i) => levels[data[i] as number] as number;
  const [size, each] = [levels.length / books, data.length / books];
  return (i) => levels[Math.floor(i / each) * size + (data[i] as number)] as number;
}

const floats = (data: Float32Array): Numbers => ({ kind: "floats", data });

function concatenated<T extends Float32Array | Uint8Array | Uint16Array | Uint32Array>(
  type: new (length: number) => T,
  arrays: readonly ArrayLike<number>[],
): T {
  const whole = new type(arrays.reduce((total, { length }) => total + length, 0));
  let at = 0;
  for (const array of arrays) {
    whole.set(array, at);
    at += array.length;
  }
  return whole;
}

function allOf<T>(list: readonly (T | undefined)[]): readonly T[] | undefined {
  return list.every((one) => one !== undefined) ? list : undefined;
}

/** True if all of `keys` are there. A user's own θ may have them too: `makeUp` is the test of what was read. */
function has<Theta>(
  theta: unknown,
  ...keys: (keyof Theta & string)[]
): theta is { [K in keyof Theta]-?: NonNullable<Theta[K]> } {
  if (typeof theta !== "object" || theta === null) return false;
  return keys.every((key) => (theta as Record<string, unknown>)[key] !== undefined);
}
