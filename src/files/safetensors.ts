import { isLCError, LCError } from "../errors.ts";
import { shown } from "./shown.ts";
import { sizes, type Tensor } from "./streams.ts";

/** What a header may be: safetensors' own limit, and ours, far above what is needed, as JSON can take 30 times its size in memory. */
const FORMAT_LIMIT = 100_000_000;
const HEADER_LIMIT = 2 ** 21;
const MOST_CONTAINERS = 2 ** 17;
const MOST_DEPTH = 64;

const utf8 = new TextDecoder("utf-8", { fatal: true, ignoreBOM: true });

/** A file in memory. */
export interface Safetensors {
  readonly metadata: ReadonlyMap<string, string>;
  /** Views on the file's bytes. */
  readonly tensors: ReadonlyMap<string, Tensor>;
  /** Bytes before the first tensor. */
  readonly header: number;
}

/**
 * Bytes of a file in the format of Python's safetensors: the length of a header (8 bytes, little-endian), the header (JSON,
 * filled up with spaces so that the data begin at a multiple of 8), the data. Wide numbers come first, so that all are aligned.
 * @throws LCError LC_FILE if the header is longer than a reader takes.
 */
export function writeSafetensors(
  metadata: Readonly<Record<string, string>>,
  tensors: ReadonlyMap<string, Tensor>,
): Uint8Array {
  const sorted = [...tensors].sort(([, a], [, b]) => sizes[b.dtype] - sizes[a.dtype]);
  const entries: [string, object][] = [["__metadata__", metadata]];
  let size = 0;
  for (const [name, { dtype, shape, bytes }] of sorted) {
    entries.push([name, { dtype, shape, data_offsets: [size, size + bytes.length] }]);
    size += bytes.length;
  }
  // Written entry by entry: in an object, names like "1" would come first.
  const json = entries.map(([name, entry]) => `${JSON.stringify(name)}:${JSON.stringify(entry)}`);
  const text = new TextEncoder().encode(`{${json.join(",")}}`);
  const header = Math.ceil((8 + text.length) / 8) * 8;
  if (header - 8 > HEADER_LIMIT) {
    throw bad(
      `the description of the network takes ${header - 8} bytes, and a header may have ${HEADER_LIMIT}. Use smaller fixed codebooks or fewer channels with θ of their own`,
    );
  }
  const file = new Uint8Array(header + size).fill(0x20, 8, header);
  new DataView(file.buffer).setUint32(0, header - 8, true);
  file.set(text, 8);
  let at = header;
  for (const [, { bytes }] of sorted) {
    file.set(bytes, at);
    at += bytes.length;
  }
  return file;
}

/**
 * Reads such a file; strict: tensors fill the data without holes or overlaps.
 * @throws LCError LC_FILE if it is anything else.
 */
export function readSafetensors(file: Uint8Array): Safetensors {
  const header = headerLength(file);
  const entries = object(parse(file.subarray(8, header)), "the header");
  const metadata = new Map<string, string>();
  const tensors = new Map<string, Tensor>();
  // Not file.subarray: parts of a Buffer are Buffers, whose slice() copies nothing.
  const data = new Uint8Array(file.buffer, file.byteOffset + header, file.length - header);
  for (const [name, value] of Object.entries(entries)) {
    if (name !== "__metadata__") tensors.set(name, tensor(name, value, data));
    else {
      for (const [key, text] of Object.entries(object(value, "__metadata__"))) {
        if (typeof text !== "string")
          throw bad(`metadata ${shown(key)} must be text, got ${typeof text}`);
        metadata.set(key, text);
      }
    }
  }
  checkFilled(tensors, data);
  return { metadata, tensors, header };
}

/** JSON of a header or of metadata, refused before it can take much memory. @throws LCError LC_FILE */
export function parseJson(text: string): unknown {
  let [depth, containers, quoted] = [0, 0, false];
  for (let i = 0; i < text.length; i++) {
    const c = text.charCodeAt(i);
    if (quoted) {
      if (c === 0x5c) i++;
      else if (c === 0x22) quoted = false;
    } else if (c === 0x22) quoted = true;
    else if (c === 0x7b || c === 0x5b) {
      if (++depth > MOST_DEPTH || ++containers > MOST_CONTAINERS) {
        throw bad(
          `its JSON has more than ${MOST_CONTAINERS} lists and objects, or more than ${MOST_DEPTH} inside each other`,
        );
      }
    } else if (c === 0x7d || c === 0x5d) depth--;
  }
  try {
    // Looking at every key takes several times as long as the rest, and most texts cannot have it, escaped or not.
    if (!/__proto__|\\u/.test(text)) return JSON.parse(text);
    return JSON.parse(text, (key, value) => {
      if (key === "__proto__") throw bad('its JSON has a key "__proto__"');
      return value;
    });
  } catch (cause) {
    if (isLCError(cause)) throw cause;
    throw bad(`its JSON cannot be read: ${(cause as Error).message}`);
  }
}

/** @throws LCError LC_FILE unless `value` is an object. */
export function object(value: unknown, what: string): Readonly<Record<string, unknown>> {
  if (typeof value === "object" && value !== null && !Array.isArray(value)) {
    return value as Record<string, unknown>;
  }
  throw bad(`${what} must be an object`);
}

/** The house error of a file that is not what it should be. */
export function bad(problem: string, options?: ErrorOptions): LCError {
  return new LCError("LC_FILE", `${problem}.`, options);
}

/** An error as it is, or one of a file with where it is: its path, or an array of it. */
export function located(where: string, cause: unknown): unknown {
  if (!isLCError(cause, "LC_FILE")) return cause;
  return bad(`${where}: ${cause.message.replace(/^LC_FILE: |\.$/g, "")}`, { cause });
}

/** @throws RangeError, as `who`, unless it is a limit. */
export function checkMaxBytes(who: string, maxBytes: number): void {
  if (maxBytes > 0) return;
  throw new RangeError(`${who}: maxBytes must be a number above 0, got ${maxBytes}.`);
}

function headerLength(file: Uint8Array): number {
  if (file.length < 8) throw bad(`a file has 8 bytes at least, got ${file.length}`);
  const view = new DataView(file.buffer, file.byteOffset);
  const length = view.getUint32(0, true) + view.getUint32(4, true) * 2 ** 32;
  if (length > FORMAT_LIMIT) {
    throw bad(`the header claims ${length} bytes, and safetensors allows ${FORMAT_LIMIT}`);
  }
  if (8 + length > file.length) {
    throw bad(
      `the header claims ${length} bytes, and the file has ${file.length - 8} behind its first 8: it is cut off, or no safetensors file`,
    );
  }
  if (length > HEADER_LIMIT) {
    throw bad(`the header has ${length} bytes; this reader takes ${HEADER_LIMIT}`);
  }
  return 8 + length;
}

function parse(header: Uint8Array): unknown {
  if (header[0] !== 0x7b) throw bad("the header does not begin with {");
  let text: string;
  try {
    text = utf8.decode(header);
  } catch (cause) {
    throw bad("the header is not UTF-8", { cause });
  }
  return parseJson(text);
}

function tensor(name: string, value: unknown, data: Uint8Array): Tensor {
  const entry = object(value, `tensor ${shown(name)}`);
  const { dtype, shape, data_offsets: offsets } = entry;
  if (Object.keys(entry).length !== 3 || !Array.isArray(shape) || !Array.isArray(offsets)) {
    throw bad(`tensor ${shown(name)} must have dtype, shape and data_offsets, and nothing else`);
  }
  if (typeof dtype !== "string" || !Object.hasOwn(sizes, dtype)) {
    throw bad(
      `tensor ${shown(name)} must be ${Object.keys(sizes).join(", ")}, got ${shown(String(dtype))}`,
    );
  }
  const [from, to] = offsets;
  const whole = [...shape, from, to].every((n) => Number.isSafeInteger(n) && n >= 0);
  if (!whole || offsets.length !== 2) {
    throw bad(`shape and data_offsets of tensor ${shown(name)} must be whole numbers from 0`);
  }
  if (from > to || to > data.length) {
    throw bad(
      `tensor ${shown(name)} lies at ${from} … ${to}, and the data have ${data.length} bytes`,
    );
  }
  const size = shape.reduce(
    (product: number, n: number) => product * n,
    sizes[dtype as Tensor["dtype"]],
  );
  if (size !== to - from) {
    throw bad(
      `tensor ${shown(name)} has ${to - from} bytes, and its shape [${shape.slice(0, 8).join(", ")}] in ${dtype} needs ${size}`,
    );
  }
  return { dtype: dtype as Tensor["dtype"], shape, bytes: data.subarray(from, to) };
}

function checkFilled(tensors: ReadonlyMap<string, Tensor>, data: Uint8Array): void {
  const places = [...tensors].map(([name, { bytes }]) => {
    const from = bytes.byteOffset - data.byteOffset;
    return { name, from, to: from + bytes.length };
  });
  places.sort((a, b) => a.from - b.from || a.to - b.to);
  let end = 0;
  for (const { name, from, to } of places) {
    if (from < end)
      throw bad(
        `tensor ${shown(name)} begins at ${from}, inside the one before, which ends at ${end}`,
      );
    if (from > end) throw bad(`bytes ${end} … ${from} of the data belong to no tensor`);
    end = to;
  }
  if (end < data.length) throw bad(`bytes ${end} … ${data.length} of the data belong to no tensor`);
}
