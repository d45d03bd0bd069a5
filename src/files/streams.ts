import { gapWidth } from "../compression/positions.ts";
import { LCError } from "../errors.ts";
import { BitReader, BitWriter } from "./bits.ts";
import { widthOf } from "./models.ts";
import { shown } from "./shown.ts";

/** A matrix, and if it is several layers joined end to end in one row, those. */
export interface Grid {
  readonly rows: number;
  readonly cols: number;
  readonly joined?: readonly Grid[];
}

/** Where θ of one part goes, in the order in which it will be read: packed (here) or coded arithmetically (coded.ts). */
export interface Sink {
  /** A whole number that belongs to the description of a part: it is kept in the header. */
  count(value: number): void;
  /** Whole numbers below `size` ≤ 2³², one for each place of a grid. */
  codes(values: ArrayLike<number>, size: number, grid: Grid): void;
  /** Ascending positions in a grid. */
  positions(indices: Uint32Array, grid: Grid): void;
  numbers(name: string, values: Float32Array, shape?: readonly number[]): void;
  halves(name: string, values: Uint16Array): void;
  /** What `write` writes has names that begin with `name`. */
  within(name: string, write: () => void): void;
}

/** Whole numbers of a grid. */
export type CodeArray = Uint8Array | Uint16Array | Uint32Array;

/** Gives back what a Sink was given, in the same order. All throw LCError LC_FILE if it cannot be that. */
export interface Source {
  /** A whole number from `least` to `most`; `what` it is, for messages. */
  count(what: string, least: number, most: number): number;
  /** Fills `values`. */
  codes<Values extends CodeArray>(values: Values, size: number, grid: Grid): Values;
  positions(count: number, grid: Grid): Uint32Array;
  /** `shape` as it was written. */
  numbers(name: string, count: number, shape?: readonly number[]): Float32Array;
  halves(name: string, count: number): Uint16Array;
  within<Result>(name: string, read: () => Result): Result;
}

/** One named array of a file. */
export interface Tensor {
  readonly dtype: "F32" | "F16" | "U8";
  readonly shape: readonly number[];
  readonly bytes: Uint8Array;
}

/** Bytes of one number. */
export const sizes = { F32: 4, F16: 2, U8: 1 } as const;

/** What is written for one part. */
export interface Written {
  readonly counts: readonly number[];
  /** By name within the part. */
  readonly tensors: ReadonlyMap<string, Tensor>;
}

/** Prefixes of names: of θ within θ, see `within`. */
export class Names {
  #prefix = "";

  full(name: string): string {
    return this.#prefix + name;
  }

  within<Result>(name: string, work: () => Result): Result {
    const before = this.#prefix;
    this.#prefix = `${before}${name}.`;
    const result = work();
    this.#prefix = before;
    return result;
  }
}

/** The name of the tensor with all numbers that are not whole bytes. */
export const PACKED = "packed";

/** Codes of ⌈log₂K⌉ bits and positions as gaps in one tensor of bits, numbers as F32 and F16. */
export class PackedSink implements Sink {
  readonly #names = new Names();
  readonly #counts: number[] = [];
  readonly #bits = new BitWriter();
  readonly #arrays = new Map<
    string,
    { arrays: (Float32Array | Uint16Array)[]; shape?: readonly number[] }
  >();

  count(value: number): void {
    this.#counts.push(value);
  }

  codes(values: ArrayLike<number>, size: number): void {
    const width = widthOf(size);
    for (let i = 0; i < values.length; i++) this.#bits.write(values[i] as number, width);
  }

  positions(indices: Uint32Array): void {
    if (indices.length === 0) return;
    const width = gapWidth(indices);
    this.count(width);
    const full = 2 ** width - 1;
    let next = 0;
    for (const index of indices) {
      let gap = index - next;
      for (; gap >= full; gap -= full) this.#bits.write(full, width);
      this.#bits.write(gap, width);
      next = index + 1;
    }
  }

  numbers(name: string, values: Float32Array, shape?: readonly number[]): void {
    this.#add(name, values, shape);
  }

  halves(name: string, values: Uint16Array): void {
    this.#add(name, values);
  }

  within(name: string, write: () => void): void {
    this.#names.within(name, write);
  }

  finish(): Written {
    const tensors = new Map<string, Tensor>();
    for (const [name, { arrays, shape }] of this.#arrays) {
      const length = arrays.reduce((n, array) => n + array.length, 0);
      if (length > 0) tensors.set(name, tensorOf(arrays, shape ?? [length]));
    }
    const bytes = this.#bits.finish();
    if (bytes.length > 0) tensors.set(PACKED, { dtype: "U8", shape: [bytes.length], bytes });
    return { counts: this.#counts, tensors };
  }

  #add(name: string, values: Float32Array | Uint16Array, shape?: readonly number[]): void {
    const full = this.#names.full(name);
    const known = this.#arrays.get(full);
    // Several arrays of one name, one of each channel, are one after the other.
    if (known) {
      known.arrays.push(values);
      delete known.shape;
    } else this.#arrays.set(full, shape ? { arrays: [values], shape } : { arrays: [values] });
  }
}

function tensorOf(
  arrays: readonly (Float32Array | Uint16Array)[],
  shape: readonly number[],
): Tensor {
  const size = arrays[0]?.BYTES_PER_ELEMENT as 2 | 4;
  const length = arrays.reduce((n, array) => n + array.length, 0);
  const bytes = new Uint8Array(length * size);
  let at = 0;
  for (const array of arrays) {
    bytes.set(new Uint8Array(array.buffer, array.byteOffset, array.byteLength), at);
    at += array.byteLength;
  }
  return { dtype: size === 4 ? "F32" : "F16", shape, bytes };
}

/** Counts of a header, one after the other. */
export class Counts {
  readonly #counts: readonly number[];
  #at = 0;

  constructor(counts: readonly number[]) {
    this.#counts = counts;
  }

  next(what: string, least: number, most: number): number {
    const value = this.#counts[this.#at++];
    if (value !== undefined && Number.isInteger(value) && value >= least && value <= most)
      return value;
    throw new LCError(
      "LC_FILE",
      `${what} must be a whole number from ${least} to ${most}, got ${value}.`,
    );
  }

  finished(): boolean {
    return this.#at === this.#counts.length;
  }
}

/** Reads what a PackedSink wrote. */
export class PackedSource implements Source {
  readonly #names = new Names();
  readonly #counts: Counts;
  readonly #tensors: ReadonlyMap<string, Tensor>;
  readonly #bits: BitReader;
  /** Bytes read of each tensor, and the shape it must have if it is not one axis. */
  readonly #read = new Map<string, number>();
  readonly #shapes = new Map<string, readonly number[]>();

  constructor({ counts, tensors }: Written) {
    this.#counts = new Counts(counts);
    this.#tensors = tensors;
    const packed = tensors.get(PACKED);
    if (packed && packed.dtype !== "U8") throw wrongType(PACKED, "U8", packed);
    this.#bits = new BitReader(packed?.bytes ?? new Uint8Array());
    if (packed && packed.bytes.length > 0) this.#read.set(PACKED, packed.bytes.length);
  }

  count(what: string, least: number, most: number): number {
    return this.#counts.next(what, least, most);
  }

  codes<Values extends CodeArray>(values: Values, size: number): Values {
    const width = widthOf(size);
    for (let i = 0; i < values.length; i++) {
      const code = this.#bits.read(width);
      if (code >= size)
        throw new LCError("LC_FILE", `code ${i} is ${code}, and there are only ${size}.`);
      values[i] = code;
    }
    return values;
  }

  positions(count: number, { rows, cols }: Grid): Uint32Array {
    if (count === 0) return new Uint32Array();
    const width = this.count("bits of a gap", 1, 32);
    const full = 2 ** width - 1;
    const most = rows * cols;
    if (count * width > this.#bits.left) {
      throw new LCError("LC_FILE", `${count} positions cannot be in ${this.#bits.left} bits.`);
    }
    const indices = new Uint32Array(count);
    let next = 0;
    for (let i = 0; i < count; i++) {
      for (;;) {
        const symbol = this.#bits.read(width);
        next += symbol;
        if (next >= most)
          throw new LCError("LC_FILE", `position ${i} is ${next}, beyond the ${most} weights.`);
        if (symbol < full) break;
      }
      indices[i] = next++;
    }
    const best = gapWidth(indices);
    if (width === best) return indices;
    throw new LCError("LC_FILE", `gaps must be of ${best} bits, the fewest in all, got ${width}.`);
  }

  numbers(name: string, count: number, shape?: readonly number[]): Float32Array {
    if (shape) this.#shapes.set(this.#names.full(name), shape);
    const bytes = this.#take(name, "F32", 4 * count);
    return finite(name, new Float32Array(bytes.buffer));
  }

  halves(name: string, count: number): Uint16Array {
    const bytes = this.#take(name, "F16", 2 * count);
    return finiteHalves(name, new Uint16Array(bytes.buffer));
  }

  within<Result>(name: string, read: () => Result): Result {
    return this.#names.within(name, read);
  }

  /** @throws LCError LC_FILE unless all was read. */
  finish(): void {
    if (!(this.#counts.finished() && this.#bits.finished())) {
      throw new LCError("LC_FILE", "there is more in it than its compression needs.");
    }
    for (const [name, { dtype, shape, bytes }] of this.#tensors) {
      const read = this.#read.get(name);
      if (read !== bytes.length) {
        const needs = read === undefined ? "no such tensor" : read;
        throw new LCError(
          "LC_FILE",
          `tensor ${shown(name)} has ${bytes.length} bytes, its compression needs ${needs}.`,
        );
      }
      const must = this.#shapes.get(name) ?? [read / sizes[dtype]];
      if (shape.join() === must.join()) continue;
      throw new LCError(
        "LC_FILE",
        `tensor ${shown(name)} must have the shape [${must.join(", ")}], got [${shape.slice(0, 8).join(", ")}].`,
      );
    }
  }

  /** A copy, so that it is aligned and does not keep the file in memory. */
  #take(name: string, dtype: Tensor["dtype"], length: number): Uint8Array {
    const full = this.#names.full(name);
    const tensor = this.#tensors.get(full);
    const at = this.#read.get(full) ?? 0;
    if (tensor && tensor.dtype !== dtype) throw wrongType(full, dtype, tensor);
    if (at + length > (tensor?.bytes.length ?? 0)) {
      throw new LCError(
        "LC_FILE",
        `tensor ${JSON.stringify(full)} must have ${at + length} bytes or more, got ${tensor?.bytes.length ?? "none"}.`,
      );
    }
    if (tensor && length > 0) this.#read.set(full, at + length);
    return tensor ? tensor.bytes.slice(at, at + length) : new Uint8Array();
  }
}

/** @throws LCError LC_FILE if a number is NaN or infinite. */
export function finite(name: string, values: Float32Array): Float32Array {
  const bad = values.find((x) => !Number.isFinite(x));
  if (bad === undefined) return values;
  throw new LCError("LC_FILE", `${JSON.stringify(name)} has ${bad}; all numbers must be finite.`);
}

/** @throws LCError LC_FILE as `finite`. */
export function finiteHalves(name: string, values: Uint16Array): Uint16Array {
  if (!values.some((bits) => (bits & 0x7c00) === 0x7c00)) return values;
  throw new LCError(
    "LC_FILE",
    `${JSON.stringify(name)} has NaN or infinity; all numbers must be finite.`,
  );
}

function wrongType(name: string, dtype: string, tensor: Tensor): LCError {
  return new LCError("LC_FILE", `tensor ${shown(name)} must be ${dtype}, got ${tensor.dtype}.`);
}
