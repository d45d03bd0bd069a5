import type { CommMessage, MimeBundle } from "../interpreter.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Buffer, Error, JSON, Number } = globalThis;

/** A comm message without its buffers, which follow the frame. */
export type CommFrame = Omit<CommMessage, "buffers">;

/** An error as plain data; the front process turns it into a traceback. */
export interface Failure {
  name: string;
  message: string;
  /** V8's stack, unmapped; empty if what was thrown is no Error. */
  stack: string;
  cause?: Failure;
  /** Of an AggregateError. */
  errors?: Failure[];
  /** Source maps of the local modules in the stack, by URL. */
  maps?: Record<string, string>;
}

/** What the user process tells the front process. `cell` numbers executions, from 1, and comm messages, from −1 down. */
export type Frame =
  | { type: "ready" }
  | { type: "stream"; cell: number; name: "stdout" | "stderr"; text: string }
  | { type: "result"; cell: number; data: MimeBundle; metadata: MimeBundle }
  | {
      type: "display";
      cell: number;
      data: MimeBundle;
      metadata: MimeBundle;
      id: string;
      update: boolean;
    }
  | { type: "clear"; cell: number; wait: boolean }
  | { type: "comm"; cell: number; message: CommFrame }
  | { type: "handled"; cell: number }
  | { type: "input"; cell: number; id: number; prompt: string; password: boolean }
  | { type: "background"; cell: number; failure: Failure }
  | { type: "done"; cell: number; failure?: Failure };

/** What the front process asks of the user process. Interrupts go past it, to the relay worker. */
export type Command =
  | { type: "execute"; cell: number; code: string }
  | { type: "comm"; cell: number; message: CommFrame }
  | { type: "close" };

/** The answer to question `id` of a cell. */
export type InputAnswer = { type: "input"; id: number } & ({ value: string } | { error: string });

/** What the front process asks of the relay worker, which hears it while the main thread is blocked. */
export type RelayCommand = { type: "interrupt"; cell: number } | InputAnswer;

/** File descriptors of the user process. */
export const descriptors = { frames: 3, relay: 4, commands: 5 } as const;

/**
 * One frame as bytes: length of the JSON, number of buffers, length of each buffer (32-bit little-endian), then the
 * buffers and the JSON. It comes last: what is missing of a broken frame is missing of the JSON.
 */
export function encodeFrame(frame: object, buffers: readonly Uint8Array[] = []): Buffer {
  const json = JSON.stringify(frame);
  const length = Buffer.byteLength(json);
  const head = 8 + 4 * buffers.length;
  let size = head + length;
  for (let i = 0; i < buffers.length; i++) size += buffers[i].byteLength;
  // Memory of its own: an interrupt's question that finds Node's pool in the middle of an allocation would send from there too.
  const bytes = Buffer.allocUnsafeSlow(size);
  bytes.writeUInt32LE(length, 0);
  bytes.writeUInt32LE(buffers.length, 4);
  let at = head;
  for (let i = 0; i < buffers.length; i++) {
    bytes.writeUInt32LE(buffers[i].byteLength, 8 + 4 * i);
    bytes.set(buffers[i], at);
    at += buffers[i].byteLength;
  }
  bytes.write(json, at);
  return bytes;
}

/** Bytes after a frame that was not written to its end. No JSON in UTF-8 has a byte 255. */
export const broken: Buffer = Buffer.from("ff00ff6c636c6162ff62726f6b656eff", "hex");

/**
 * Calls `take` for every complete frame among the chunks it is given, in order; broken ones are dropped. After bytes that
 * are no frame it calls `garbled`, and reads nothing more.
 */
export function frameReader<T>(
  take: (frame: T, buffers: Buffer[]) => void,
  garbled: () => void = () => {
    throw new Error("What came is no frame.");
  },
): (chunk: Buffer) => void {
  let ended = false;
  let chunks: Buffer[] = [];
  let available = 0;
  let needed = 8;
  let tail = Buffer.alloc(0);

  return (chunk) => {
    if (ended) return;
    chunks.push(chunk);
    available += chunk.length;
    const end = Buffer.concat([tail, chunk]);
    tail = end.subarray(-(broken.length - 1));
    if (available < needed && !end.includes(broken)) return;
    let data = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      const size = frameSize(data);
      // The mark may begin within the size that a broken frame gives, and end beyond.
      const at = data.subarray(0, size && size + broken.length - 1).indexOf(broken);
      if (at >= 0 && at < (size ?? Number.POSITIVE_INFINITY)) {
        data = data.subarray(at + broken.length);
        continue;
      }
      if (isNoHead(data)) {
        ended = true;
        garbled();
        return;
      }
      if (size === undefined || data.length < size) {
        needed = size ?? 8;
        break;
      }
      const { buffers, json } = split(data);
      const mark = json.indexOf(broken[0] as number);
      const begun = json.subarray(mark);
      if (mark >= 0 && begun.equals(broken.subarray(0, begun.length))) {
        needed = size + 1; // the mark goes on in the next chunk
        break;
      }
      data = data.subarray(size);
      let frame: T;
      try {
        frame = JSON.parse(json.toString("utf8")) as T;
      } catch {
        ended = true;
        garbled();
        return;
      }
      take(frame, buffers);
    }
    chunks = data.length > 0 ? [data] : [];
    available = data.length;
  };
}

/** A head with so many buffers or such a length, and no mark in sight that would say where a broken one ended. */
function isNoHead(data: Buffer): boolean {
  if (data.length < 8 + broken.length) return false;
  return data.readUInt32LE(4) > 1e6 || data.readUInt32LE(0) > 2 ** 31;
}

function frameSize(data: Buffer): number | undefined {
  if (data.length < 8) return undefined;
  const count = data.readUInt32LE(4);
  const head = 8 + 4 * count;
  if (data.length < head) return undefined;
  let size = head + data.readUInt32LE(0);
  for (let i = 0; i < count; i++) size += data.readUInt32LE(8 + 4 * i);
  return size;
}

// No methods of arrays: a cell may have broken them.
function split(data: Buffer): { buffers: Buffer[]; json: Buffer } {
  const count = data.readUInt32LE(4);
  const buffers: Buffer[] = [];
  let at = 8 + 4 * count;
  const next = (length: number) => {
    at += length;
    return data.subarray(at - length, at);
  };
  for (let i = 0; i < count; i++) buffers.push(next(data.readUInt32LE(8 + 4 * i)));
  return { buffers, json: next(data.readUInt32LE(0)) };
}
