import { promisify } from "node:util";
import { crc32, deflateRaw, inflateRaw } from "node:zlib";
import { LCError } from "../errors.ts";
import { grouped } from "../text.ts";
import { bad } from "./safetensors.ts";
import { shown } from "./shown.ts";

const inflate = promisify(inflateRaw);
const deflate = promisify(deflateRaw);

const LOCAL = 0x04034b50;
const CENTRAL = 0x02014b50;
const END = 0x06054b50;
const [LOCAL_BYTES, CENTRAL_BYTES, END_BYTES] = [30, 46, 22];
const [STORED, DEFLATED] = [0, 8];
/** What the fields of 32 and 16 bits can say. */
const MOST_BYTES = 2 ** 32 - 2;
const MOST_FILES = 2 ** 16 - 2;
/** Files that need a reader of version 2.0, names in UTF-8, of 1 January 1980: the same files give the same bytes. */
const [VERSION, UTF8, DATE] = [20, 0x0800, 0x0021];

/**
 * The files as a zip archive.
 * @throws LCError LC_FILE for more than the format holds.
 */
export async function writeZip(
  files: ReadonlyMap<string, Uint8Array>,
  compressed: boolean,
): Promise<Uint8Array> {
  const [chunks, directory]: [Uint8Array[], Uint8Array[]] = [[], []];
  let at = 0;
  for (const [name, bytes] of files) {
    const text = new TextEncoder().encode(name);
    const content = compressed ? await deflate(bytes) : bytes;
    if (at + LOCAL_BYTES + text.length + content.length > MOST_BYTES || files.size > MOST_FILES) {
      throw bad(
        `an archive holds ${grouped(MOST_BYTES)} bytes and ${grouped(MOST_FILES)} arrays, and these are more. Save the layers in several files`,
      );
    }
    const fields = Buffer.alloc(26);
    fields.writeUInt16LE(VERSION, 0);
    fields.writeUInt16LE(UTF8, 2);
    fields.writeUInt16LE(compressed ? DEFLATED : STORED, 4);
    fields.writeUInt16LE(DATE, 8);
    fields.writeUInt32LE(crc32(bytes), 10);
    fields.writeUInt32LE(content.length, 14);
    fields.writeUInt32LE(bytes.length, 18);
    fields.writeUInt16LE(text.length, 22);
    const local = Buffer.alloc(4);
    local.writeUInt32LE(LOCAL);
    const entry = Buffer.alloc(CENTRAL_BYTES);
    entry.writeUInt32LE(CENTRAL, 0);
    entry.writeUInt16LE(VERSION, 4);
    fields.copy(entry, 6);
    entry.writeUInt32LE(at, 42);
    chunks.push(local, fields, text, content);
    directory.push(entry, text);
    at += LOCAL_BYTES + text.length + content.length;
  }
  const end = Buffer.alloc(END_BYTES);
  end.writeUInt32LE(END, 0);
  end.writeUInt16LE(files.size, 8);
  end.writeUInt16LE(files.size, 10);
  end.writeUInt32LE(
    directory.reduce((sum, { length }) => sum + length, 0),
    12,
  );
  end.writeUInt32LE(at, 16);
  return Buffer.concat([...chunks, ...directory, end]);
}

/**
 * What `read` makes of the files of a zip archive, checked against their checksums, one after the other: the bytes of one are
 * there before those of the next.
 * @param maxBytes that they may have together.
 * @throws LCError LC_FILE if it is damaged, of a kind that is not read, or too large; nothing is decoded before its size is known.
 */
export async function readZip<Content>(
  archive: Uint8Array,
  maxBytes: number,
  read: (name: string, bytes: Uint8Array) => Content,
): Promise<ReadonlyMap<string, Content>> {
  const file = Buffer.from(archive.buffer, archive.byteOffset, archive.length);
  const entries = entriesOf(file);
  const size = entries.reduce((sum, entry) => sum + entry.size, 0);
  if (size > maxBytes) {
    throw bad(
      `its arrays have ${grouped(size)} bytes, more than maxBytes = ${grouped(maxBytes)}. If the file is to be trusted, write { maxBytes: ${size} }`,
    );
  }
  let reached = 0;
  for (const entry of [...entries].sort((a, b) => a.at - b.at)) {
    if (entry.at < reached) throw bad(`${shown(entry.name)} begins within the file before it`);
    reached = startOf(file, entry) + entry.stored;
  }
  const files = new Map<string, Content>();
  for (const entry of entries) {
    const { name } = entry;
    if (files.has(name)) throw bad(`it has two files ${shown(name)}`);
    files.set(name, read(name, await contentOf(file, entry)));
  }
  return files;
}

/** What the directory of an archive says about a file. */
interface Entry {
  readonly name: string;
  readonly method: number;
  readonly crc: number;
  /** Bytes in the archive, and of the file itself. */
  readonly stored: number;
  readonly size: number;
  /** Where its own header is. */
  readonly at: number;
}

function entriesOf(file: Buffer): readonly Entry[] {
  const end = endOf(file);
  const count = file.readUInt16LE(end + 10);
  let at = file.readUInt32LE(end + 16);
  const entries: Entry[] = [];
  for (let i = 0; i < count; i++) {
    if (at + CENTRAL_BYTES > end || file.readUInt32LE(at) !== CENTRAL) {
      throw bad(`entry ${i} of its directory is damaged, or the archive is larger than 4 GiB`);
    }
    const [flags, method] = [file.readUInt16LE(at + 8), file.readUInt16LE(at + 10)];
    const [crc, stored, size] = [16, 20, 24].map((field) => file.readUInt32LE(at + field));
    const lengths = [28, 30, 32].map((field) => file.readUInt16LE(at + field));
    const [named = 0] = lengths;
    const name = file.toString("utf8", at + CENTRAL_BYTES, at + CENTRAL_BYTES + named);
    if (flags & 1) throw bad(`${shown(name)} is encrypted; save it without a password`);
    if (method !== STORED && method !== DEFLATED) {
      throw bad(
        `${shown(name)} is compressed by method ${method}; read are stored and deflated files, as np.savez and np.savez_compressed write them`,
      );
    }
    const place = file.readUInt32LE(at + 42);
    entries.push({ ...{ name, method, at: place }, ...{ crc, stored, size } } as Entry);
    at += lengths.reduce((sum, length) => sum + length, CENTRAL_BYTES);
  }
  if (at !== end) throw bad("its directory has other bytes than its entries");
  return entries;
}

/** Where the last record of an archive is: at its end, but for a comment. */
function endOf(file: Buffer): number {
  const least = Math.max(0, file.length - END_BYTES - 0xffff);
  for (let at = file.length - END_BYTES; at >= least; at--) {
    if (file.readUInt32LE(at) !== END) continue;
    if (at + END_BYTES + file.readUInt16LE(at + 20) === file.length) return at;
  }
  const begins = file.length >= 4 && file.readUInt32LE(0) === LOCAL;
  throw bad(
    begins
      ? "it is cut off: the directory at its end is missing"
      : "it is no .npz file: those are zip archives, and this is none",
  );
}

/** Where the bytes of an entry are, behind its own header. */
function startOf(file: Buffer, { name, stored, at }: Entry): number {
  if (at + LOCAL_BYTES > file.length || file.readUInt32LE(at) !== LOCAL) {
    throw bad(`${shown(name)} is not where the directory says`);
  }
  const from = at + LOCAL_BYTES + file.readUInt16LE(at + 26) + file.readUInt16LE(at + 28);
  if (from + stored > file.length) throw bad(`${shown(name)} reaches beyond the end of the file`);
  return from;
}

/** In memory that nothing else is in. */
async function contentOf(file: Buffer, entry: Entry): Promise<Uint8Array> {
  const { name, method, crc, stored, size } = entry;
  const from = startOf(file, entry);
  const content = file.subarray(from, from + stored);
  let bytes: Uint8Array = content;
  if (method === DEFLATED) {
    try {
      // One byte more than it may have, as 0 is no limit; in one chunk, as several are joined in another copy.
      const most = size + 1;
      bytes = await inflate(content, { maxOutputLength: most, chunkSize: Math.max(64, most) });
    } catch (cause) {
      throw bad(`${shown(name)} cannot be decompressed: ${(cause as Error).message}`, { cause });
    }
  }
  if (bytes.length !== size) {
    throw bad(`${shown(name)} has ${bytes.length} bytes, the directory says ${size}`);
  }
  if (crc32(bytes) !== crc) {
    throw new LCError("LC_FILE", `${shown(name)} is damaged: its checksum does not match.`);
  }
  // Stored bytes would keep the archive in memory, and Node puts several small chunks into one.
  return method === STORED || size < Buffer.poolSize ? new Uint8Array(bytes) : bytes;
}
