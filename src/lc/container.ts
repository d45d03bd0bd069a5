import { createHash } from "node:crypto";
import { LCError } from "../errors.ts";

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
  Uint16Array,
  Uint32Array,
};
type ArrayName = keyof typeof arrayTypes;

/**
 * Plain data with typed arrays as bytes: a first line `magic`, the length of a JSON header, the header, the arrays
 * (little-endian, each at a multiple of 8), and the SHA-256 of all before. The same value gives the same bytes.
 */
export function encode(magic: string, value: unknown): Uint8Array {
  const arrays: Uint8Array[] = [];
  let offset = 0;
  const json = JSON.stringify(value, (_key, part) => {
    if (!ArrayBuffer.isView(part)) return part;
    const type = part.constructor.name as ArrayName;
    const bytes = new Uint8Array(part.buffer, part.byteOffset, part.byteLength);
    const length = (part as unknown as ArrayLike<number>).length;
    const entry = { $array: type, offset, length };
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
    padded.set(bytes);
    arrays.push(padded);
    offset += padded.length;
    return entry;
  });
  const header = Buffer.from(json);
  const start = Buffer.alloc(magic.length + 4);
  start.write(magic, "latin1");
  start.writeUInt32LE(header.length, magic.length);
  const body = Buffer.concat([start, header, ...arrays]);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

/**
 * The value that `encode` was given.
 * @param what What the bytes should be, e.g. "saved state", for messages.
 * @throws DamagedError if the bytes are something else, damaged or cut off; LCError LC_STATE for another format of the same.
 */
export function decode(magic: string, what: string, bytes: Uint8Array): unknown {
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
  if (!createHash("sha256").update(body).digest().equals(buffer.subarray(body.length))) {
    throw new DamagedError(
      `the ${what} is damaged or cut off (${bytes.length} bytes; its checksum does not match). Use the one before.`,
    );
  }
  const from = magic.length + 4;
  const dataAt = from + body.readUInt32LE(magic.length);
  return JSON.parse(body.toString("utf8", from, dataAt), (_key, value) => {
    if (value === null || typeof value !== "object" || !("$array" in value)) return value;
    const ArrayType = arrayTypes[value.$array as ArrayName];
    const start = body.byteOffset + dataAt + value.offset;
    // Copied, so that the arrays are aligned and do not keep the whole file in memory.
    const copy = body.buffer.slice(start, start + value.length * ArrayType.BYTES_PER_ELEMENT);
    return new ArrayType(copy as ArrayBuffer);
  });
}

/** A magic line without its number. */
function kindOf(magic: string): string {
  return magic.replace(/\d+\n$/, "");
}
