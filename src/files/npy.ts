import { fromHalf } from "../math/float16.ts";
import { grouped } from "../text.ts";
import { bad } from "./safetensors.ts";
import { shown } from "./shown.ts";

/** NumPy's types of numbers that are read. */
export type NpyType = "bool" | `${"int" | "uint"}${8 | 16 | 32 | 64}` | `float${16 | 32 | 64}`;

/** An array of numbers, as NumPy has it. */
export interface NpyArray {
  readonly dtype: NpyType;
  /** Empty for a single number. */
  readonly shape: readonly number[];
  /** Row-major, whatever the order in the file. Halves are float32 here, booleans 0 and 1. Its buffer may have other bytes before it. */
  readonly data: Numbers;
}

type Numbers =
  | Float32Array
  | Float64Array
  | Int8Array
  | Int16Array
  | Int32Array
  | BigInt64Array
  | Uint8Array
  | Uint16Array
  | Uint32Array
  | BigUint64Array;

interface NumbersType {
  readonly BYTES_PER_ELEMENT: number;
  new (buffer: ArrayBufferLike, byteOffset: number, length: number): Numbers;
}

/** Letter and bytes of a type in a file, and its array here. */
const types: Readonly<Record<NpyType, readonly [string, NumbersType]>> = {
  float16: ["f2", Uint16Array],
  float32: ["f4", Float32Array],
  float64: ["f8", Float64Array],
  int8: ["i1", Int8Array],
  int16: ["i2", Int16Array],
  int32: ["i4", Int32Array],
  int64: ["i8", BigInt64Array],
  uint8: ["u1", Uint8Array],
  uint16: ["u2", Uint16Array],
  uint32: ["u4", Uint32Array],
  uint64: ["u8", BigUint64Array],
  bool: ["b1", Uint8Array],
};

const MAGIC = [0x93, 0x4e, 0x55, 0x4d, 0x50, 0x59];
/** The header fills up to a multiple of it, as NumPy's. */
const ALIGNED = 64;
/** What NumPy reads, too. */
const MOST_HEADER = 10_000;
const MOST_AXES = 32;

/** The bytes of an array as NumPy's save writes them, version 1.0. float16: its bits. */
export function writeNpy(dtype: NpyType, shape: readonly number[], data: Numbers): Uint8Array {
  const [type] = types[dtype];
  const order = type.endsWith("1") ? "|" : "<";
  const axes = shape.length === 1 ? `${shape[0]},` : shape.join(", ");
  const header = `{'descr': '${order}${type}', 'fortran_order': False, 'shape': (${axes}), }`;
  const before = MAGIC.length + 4;
  const length = Math.ceil((before + header.length + 1) / ALIGNED) * ALIGNED - before;
  const bytes = new Uint8Array(before + length + data.byteLength);
  bytes.set([...MAGIC, 1, 0, length & 255, length >> 8]);
  bytes.set(new TextEncoder().encode(`${header.padEnd(length - 1)}\n`), before);
  bytes.set(new Uint8Array(data.buffer, data.byteOffset, data.byteLength), before + length);
  return bytes;
}

/**
 * Reads such bytes, of versions 1 to 3, of either byte order, row- or column-major. They are the array's from then on.
 * @param most Bytes that the array may take: halves take twice those in the file.
 * @throws LCError LC_FILE if they are damaged, or arrays of anything but numbers. Nothing of a pickle is read.
 */
export function readNpy(file: Uint8Array, most: number): NpyArray {
  if (!MAGIC.every((byte, i) => file[i] === byte)) throw bad("it is no .npy file");
  const view = new DataView(file.buffer, file.byteOffset, file.length);
  const version = file[6] as number;
  if (!(version >= 1 && version <= 3)) throw bad(`it has version ${version} of the .npy format`);
  const before = version === 1 ? 10 : 12;
  if (file.length < before) throw bad("it is cut off");
  const length = version === 1 ? view.getUint16(8, true) : view.getUint32(8, true);
  if (length > MOST_HEADER) {
    throw bad(
      `its header has ${grouped(length)} bytes, and at most ${grouped(MOST_HEADER)} are read, as by NumPy`,
    );
  }
  if (before + length > file.length) {
    throw bad(`its header claims ${length} bytes, and ${file.length - before} are there`);
  }
  const start = before + length;
  const header = new TextDecoder().decode(file.subarray(before, start));
  const { descr, fortran, shape } = parsed(header);
  const [dtype, bigEndian] = typeOf(descr);
  const [, type] = types[dtype];
  const count = shape.reduce((product, n) => product * n, 1);
  const there = file.length - start;
  if (count * type.BYTES_PER_ELEMENT !== there) {
    throw bad(
      `${dtype} of shape (${shape.join(", ")}) has ${grouped(count * type.BYTES_PER_ELEMENT)} bytes, and ${grouped(there)} are there`,
    );
  }
  const takes = dtype === "float16" ? 2 * there : there;
  if (takes > most) {
    throw bad(
      `${dtype} of shape (${shape.join(", ")}) takes ${grouped(takes)} bytes, and maxBytes leaves ${grouped(most)} for it`,
    );
  }
  const here = file.subarray(start);
  const bytes = here.byteOffset % type.BYTES_PER_ELEMENT === 0 ? here : new Uint8Array(here);
  if (bigEndian) swapBytes(bytes, type.BYTES_PER_ELEMENT);
  const raw = new type(bytes.buffer, bytes.byteOffset, count);
  const data = dtype === "float16" ? floats(raw as Uint16Array) : raw;
  return { dtype, shape, data: fortran ? rowMajor(data, shape) : data };
}

/** The header is a literal of a Python dictionary with these three keys, whose order is free. */
function parsed(header: string) {
  const field = (key: string, value: string) =>
    new RegExp(`['"]${key}['"]\\s*:\\s*(${value})\\s*[,}]`).exec(header)?.[1];
  const descr = field("descr", `'[^']*'|"[^"]*"|\\[.*\\]|\\(.*\\)`);
  const order = field("fortran_order", "True|False");
  const tuple = field("shape", "\\([\\d\\s,L]*\\)");
  if (!/^\s*\{.*\}\s*$/s.test(header) || !descr || !order || !tuple) {
    throw bad(`its header is no description of an array: ${shown(header.trim())}`);
  }
  const shape = (tuple.match(/\d+/g) ?? []).map(Number);
  if (shape.length > MOST_AXES || !shape.every(Number.isSafeInteger)) {
    throw bad(`an array cannot have the shape ${shown(tuple)}`);
  }
  return { descr, fortran: order === "True", shape };
}

function typeOf(descr: string): readonly [NpyType, boolean] {
  const [, order, code] = /^['"]([<>|=])(\w+)['"]$/.exec(descr) ?? [];
  if (code?.startsWith("O")) {
    throw bad(
      `it is an array of Python objects, which is a pickle: that can run code, and is not read. In Python write np.savez(path, name=np.asarray(a, dtype=np.float32)) for each array`,
    );
  }
  const entries = Object.entries(types) as [NpyType, readonly [string, NumbersType]][];
  const found = entries.find(([, [type]]) => type === code);
  if (!found) {
    throw bad(
      `its type ${shown(descr)} is not read; those that are: ${Object.keys(types).join(", ")}. In Python write a.astype(np.float32)`,
    );
  }
  return [found[0], order === ">"];
}

function swapBytes(bytes: Uint8Array, size: number): void {
  for (let at = 0; at < bytes.length; at += size) bytes.subarray(at, at + size).reverse();
}

function floats(halves: Uint16Array): Float32Array {
  // Float32Array.from makes a list of them first.
  const data = new Float32Array(halves.length);
  for (let i = 0; i < data.length; i++) data[i] = half(halves[i] as number);
  return data;
}

/** Halves may be infinite, or NaN, in a file of others. */
function half(bits: number): number {
  if ((bits & 0x7c00) !== 0x7c00) return fromHalf(bits);
  if (bits & 1023) return Number.NaN;
  return bits & 0x8000 ? Number.NEGATIVE_INFINITY : Number.POSITIVE_INFINITY;
}

/** Column-major numbers, row by row. */
function rowMajor(from: Numbers, shape: readonly number[]): Numbers {
  const to = from.slice() as Float32Array;
  const at = new Array<number>(shape.length).fill(0);
  // Steps of each axis in column-major order.
  const steps = shape.map((_, axis) => shape.slice(0, axis).reduce((product, n) => product * n, 1));
  for (let i = 0, source = 0; i < to.length; i++) {
    to[i] = (from as Float32Array)[source] as number;
    for (let axis = shape.length - 1; axis >= 0; axis--) {
      const [n, step] = [shape[axis] as number, steps[axis] as number];
      at[axis] = (at[axis] as number) + 1;
      source += step;
      if ((at[axis] as number) < n) break;
      source -= step * n;
      at[axis] = 0;
    }
  }
  return to;
}
