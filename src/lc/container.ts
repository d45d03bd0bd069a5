import { createHash } from "node:crypto";
import { LCError } from "../errors.ts";
import { rest } from "../rest.ts";

/** The bytes are not what was written: cut off, or changed since. Another try would find the same. */
export class DamagedError extends LCError {
  constructor(message: string) {
    super("LC_STATE", message);
    this.name = "DamagedError";
  }
}

const arrayTypes = {
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint8ClampedArray,
  Uint16Array,
  Uint32Array,
};
type ArrayName = keyof typeof arrayTypes;

/** Bytes copied or hashed between two rests: a millisecond or so. */
const SLICE = 2 ** 20;

/**
 * Plain data with typed arrays as bytes: a first line `magic`, the length of a JSON header, the header, the arrays
 * (little-endian, each at a multiple of 8), and the SHA-256 of all before. The same value gives the same bytes.
 * @throws TypeError for a DataView, or an array of a kind that is not kept; a Buffer comes back as a Uint8Array.
 */
export function encode(magic: string, value: unknown): Uint8Array {
  return finish(encoding(magic, value));
}

/** As `encode`, letting other events in; `value` must not change meanwhile. */
export function encodeSlowly(magic: string, value: unknown): Promise<Uint8Array> {
  return finishSlowly(encoding(magic, value));
}

/**
 * The value that `encode` was given.
 * @param what What the bytes should be, e.g. "saved state", for messages.
 * @throws DamagedError if the bytes are something else, damaged or cut off; LCError LC_STATE for another format of the same.
 */
export function decode(magic: string, what: string, bytes: Uint8Array): unknown {
  return finish(decoding(magic, what, bytes));
}

/** As `decode`, letting other events in; `bytes` must not change meanwhile. */
export function decodeSlowly(magic: string, what: string, bytes: Uint8Array): Promise<unknown> {
  return finishSlowly(decoding(magic, what, bytes));
}

/** Work in pieces of a millisecond or so. */
type Work<Result> = Generator<void, Result, void>;

function finish<Result>(work: Work<Result>): Result {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
  }
}

async function finishSlowly<Result>(work: Work<Result>): Promise<Result> {
  for (;;) {
    const { done, value } = work.next();
    if (done) return value;
    await rest();
  }
}

function* encoding(magic: string, value: unknown): Work<Uint8Array> {
  const arrays: { readonly at: number; readonly bytes: Uint8Array }[] = [];
  let size = 0;
  // The holder has the value as it is: `part` is what its toJSON, e.g. a Buffer's, made of it.
  const json = JSON.stringify(value, function (this: Record<string, unknown>, key, part) {
    const view = this[key];
    if (!ArrayBuffer.isView(view)) return part;
    const entry = { $array: typeOf(view), offset: size, length: lengthOf(view) };
    const bytes = new Uint8Array(view.buffer, view.byteOffset, view.byteLength);
    arrays.push({ at: size, bytes });
    size += Math.ceil(bytes.length / 8) * 8;
    return entry;
  });
  const header = Buffer.from(json);
  const dataAt = magic.length + 4 + header.length;
  const whole = Buffer.alloc(dataAt + size + 32);
  whole.write(magic, "latin1");
  whole.writeUInt32LE(header.length, magic.length);
  whole.set(header, magic.length + 4);
  for (const { at, bytes } of arrays) yield* copy(bytes, whole, dataAt + at);
  whole.set(yield* hash(whole.subarray(0, dataAt + size)), dataAt + size);
  return whole;
}

function* decoding(magic: string, what: string, bytes: Uint8Array): Work<unknown> {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const first = buffer.toString("latin1", 0, magic.length);
  if (first !== magic) {
    if (/^lclab [a-z ]+\d+\n$/.test(first) && kindOf(first) === kindOf(magic)) {
      throw new LCError(
        "LC_STATE",
        `the ${what} has the format "${first.trim()}"; this lclab reads "${magic.trim()}". Use the version that made it.`,
      );
    }
    throw new DamagedError(
      `these ${bytes.length} bytes are not a ${what}: they do not start with "${magic.trim()}".`,
    );
  }
  const body = buffer.subarray(0, Math.max(0, buffer.length - 32));
  if (!Buffer.from(yield* hash(body)).equals(buffer.subarray(body.length))) {
    throw new DamagedError(
      `the ${what} is damaged or cut off (${bytes.length} bytes; its checksum does not match). Use the one before.`,
    );
  }
  const from = magic.length + 4;
  const dataAt = from + body.readUInt32LE(magic.length);
  // Copied, so that the arrays are aligned and do not keep the whole file in memory.
  const copies: { readonly from: Uint8Array; readonly to: Uint8Array }[] = [];
  const value = JSON.parse(body.toString("utf8", from, dataAt), (_key, part) => {
    if (part === null || typeof part !== "object" || !("$array" in part)) return part;
    const ArrayType = arrayTypes[part.$array as ArrayName];
    const array = new ArrayType(part.length);
    const start = dataAt + part.offset;
    copies.push({
      from: body.subarray(start, start + array.byteLength),
      to: new Uint8Array(array.buffer),
    });
    return array;
  });
  for (const { from: source, to } of copies) yield* copy(source, to, 0);
  return value;
}

function* copy(from: Uint8Array, to: Uint8Array, at: number): Work<void> {
  for (let i = 0; i < from.length; i += SLICE) {
    to.set(from.subarray(i, i + SLICE), at + i);
    yield;
  }
}

function* hash(bytes: Uint8Array): Work<Uint8Array> {
  const sha = createHash("sha256");
  for (let i = 0; i < bytes.length; i += SLICE) {
    sha.update(bytes.subarray(i, i + SLICE));
    yield;
  }
  return sha.digest();
}

/** Its kind by what it is: a subclass, or a minified build, has another name. @throws TypeError */
function typeOf(view: ArrayBufferView): ArrayName {
  const found = (Object.keys(arrayTypes) as ArrayName[]).find(
    (name) => view instanceof arrayTypes[name],
  );
  if (found) return found;
  throw new TypeError(
    `${view.constructor.name} cannot be kept in a file; the kinds that can are ${Object.keys(arrayTypes).join(", ")}.`,
  );
}

function lengthOf(view: ArrayBufferView): number {
  return (view as unknown as ArrayLike<number>).length;
}

/** A magic line without its number. */
function kindOf(magic: string): string {
  return magic.replace(/\d+\n$/, "");
}
