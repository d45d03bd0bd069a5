import { basename } from "node:path";
import { LCError } from "../errors.ts";
import { readUnpacked } from "./unpack.ts";

/** An IDX array of unsigned bytes (the MNIST file format): row-major, `data.length` = product of `shape`. */
export interface IdxArray {
  readonly shape: readonly number[];
  readonly data: Uint8Array;
}

/**
 * Reads an IDX file of unsigned bytes, gzipped or not.
 * @throws LCError LC_DATA if the file is missing, not IDX, or shorter or longer than its header says.
 * @see http://yann.lecun.com/exdb/mnist (file format)
 */
export async function readIdx(path: string): Promise<IdxArray> {
  return parseIdx(await readUnpacked(path), basename(path));
}

/** Parses the bytes of an IDX file; `name` is for messages. Same errors as `readIdx`. */
export function parseIdx(bytes: Uint8Array, name: string): IdxArray {
  const dimensions = bytes[3] ?? 0;
  const header = 4 + 4 * dimensions;
  if (bytes.length < 4 || bytes[0] !== 0 || bytes[1] !== 0 || bytes[2] !== 0x08 || !dimensions) {
    const start = [...bytes.subarray(0, 4)].map((b) => b.toString(16).padStart(2, "0")).join(" ");
    throw new LCError(
      "LC_DATA",
      `${name} is not an IDX file of unsigned bytes: it must start with 00 00 08 and its number of dimensions, got ${start || "an empty file"}.`,
    );
  }
  if (bytes.length < header) {
    throw new LCError(
      "LC_DATA",
      `${name} is truncated: its header takes ${header} bytes, found ${bytes.length}. Fetch it again.`,
    );
  }
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const shape = Array.from({ length: dimensions }, (_, i) => view.getUint32(4 + 4 * i));
  const expected = header + shape.reduce((product, n) => product * n, 1);
  if (bytes.length !== expected) {
    const state = bytes.length < expected ? "is truncated" : "has bytes left over";
    throw new LCError(
      "LC_DATA",
      `${name} ${state}: ${shape.join(" × ")} needs ${expected} bytes, found ${bytes.length}. Fetch it again.`,
    );
  }
  return { shape, data: bytes.subarray(header) };
}
