import type { CommMessage, MimeBundle } from "../interpreter.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Buffer, JSON } = globalThis;

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
 * JSON and the buffers.
 */
export function encodeFrame(frame: object, buffers: readonly Uint8Array[] = []): Buffer {
  const json = Buffer.from(JSON.stringify(frame));
  const head = Buffer.alloc(8 + 4 * buffers.length);
  head.writeUInt32LE(json.length, 0);
  head.writeUInt32LE(buffers.length, 4);
  for (let i = 0; i < buffers.length; i++) head.writeUInt32LE(buffers[i].byteLength, 8 + 4 * i);
  return Buffer.concat([head, json, ...buffers]);
}

/** Bytes after a frame that was not written to its end. No JSON in UTF-8 has a byte 255. */
export const broken: Buffer = Buffer.from("ff00ff6c636c6162ff62726f6b656eff", "hex");

/** Calls `take` for every complete frame among the chunks it is given, in order; broken ones are dropped. */
export function frameReader<T>(
  take: (frame: T, buffers: Buffer[]) => void,
): (chunk: Buffer) => void {
  let chunks: Buffer[] = [];
  let available = 0;
  let needed = 8;
  let tail = Buffer.alloc(0);

  return (chunk) => {
    chunks.push(chunk);
    available += chunk.length;
    const end = Buffer.concat([tail, chunk]);
    tail = end.subarray(-(broken.length - 1));
    if (available < needed && !end.includes(broken)) return;
    let data = chunks.length === 1 ? chunk : Buffer.concat(chunks);
    for (;;) {
      const size = frameSize(data);
      const at = data.subarray(0, size).indexOf(broken);
      if (at >= 0) {
        data = data.subarray(at + broken.length);
        continue;
      }
      if (size === undefined || data.length < size) {
        needed = size ?? 8;
        break;
      }
      const [json, ...buffers] = split(data);
      data = data.subarray(size);
      take(JSON.parse(json.toString("utf8")) as T, buffers);
    }
    chunks = data.length > 0 ? [data] : [];
    available = data.length;
  };
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
function split(data: Buffer): Buffer[] {
  const count = data.readUInt32LE(4);
  const parts: Buffer[] = [];
  let at = 8 + 4 * count;
  for (let i = -1; i < count; i++) {
    const length = data.readUInt32LE(i < 0 ? 0 : 8 + 4 * i);
    parts.push(data.subarray(at, at + length));
    at += length;
  }
  return parts;
}
