import { randomUUID } from "node:crypto";
import { plain } from "../display.ts";
import { asOwner, ownerId } from "./cells.ts";
import { describe } from "./failure.ts";
import type { CommFrame } from "./frames.ts";
import { send } from "./output.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { ArrayBuffer, JSON, Object, Uint8Array } = globalThis;

/** What a comm carries. */
export interface CommContent {
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  buffers: Uint8Array[];
}

/** What goes beside the data. */
export interface CommOptions {
  metadata?: Record<string, unknown>;
  buffers?: readonly (Uint8Array | ArrayBuffer | DataView)[];
}

type Handler = (content: CommContent) => void;

/** One end of a channel between the kernel and a client. */
export interface Comm {
  readonly id: string;
  readonly target: string;
  send(data: Record<string, unknown>, options?: CommOptions): void;
  /** Closes both ends; a closed comm can send no more. */
  close(data?: Record<string, unknown>, options?: CommOptions): void;
  /** Calls `handler` for every message of the client; a handler set later replaces it. */
  onMessage(handler: Handler): void;
  /** Calls `handler` when the client closes the comm. */
  onClose(handler: Handler): void;
}

/** The global `comms`. */
export interface Comms {
  /** Opens a comm to what the client registered as `target`. */
  open(
    target: string,
    data?: Record<string, unknown>,
    options?: CommOptions & { id?: string },
  ): Comm;
  /** Lets clients open comms to `target`; `accept` gets each with what came with it. Replaces an earlier one. */
  register(target: string, accept: (comm: Comm, content: CommContent) => void): void;
  /** Refuses further comms to `target`. */
  unregister(target: string): void;
}

interface Open {
  comm: Comm;
  message?: Handler;
  close?: Handler;
}

const open = new Map<string, Open>();
const targets = new Map<string, (comm: Comm, content: CommContent) => void>();

export const comms: Comms = Object.freeze({
  open(
    target: string,
    data: Record<string, unknown> = {},
    options: CommOptions & { id?: string } = {},
  ): Comm {
    if (typeof target !== "string" || target === "")
      throw new TypeError(`comms.open: target must be a non-empty string, got ${plain(target)}.`);
    const { id = randomUUID() } = options;
    if (open.has(id))
      throw new RangeError(`comms.open: there is a comm ${JSON.stringify(id)} already.`);
    post("comm_open", id, data, options, target);
    return add(id, target).comm;
  },
  register(target: string, accept: (comm: Comm, content: CommContent) => void): void {
    if (typeof accept !== "function")
      throw new TypeError(`comms.register: accept must be a function, got ${plain(accept)}.`);
    targets.set(target, accept);
  },
  unregister(target: string): void {
    targets.delete(target);
  },
});

/** Hands a comm message of a client to its handler; an error in it is shown as one of a background task. */
export function receiveComm(cell: number, message: CommFrame, buffers: Uint8Array[]): void {
  const content: CommContent = {
    data: message.data,
    metadata: message.metadata,
    // Copies: a typed array over them then needs no offset that is a multiple of its element.
    buffers: buffers.map((buffer) => Uint8Array.from(buffer)),
  };
  asOwner(cell, () => {
    try {
      handle(message, content);
    } catch (error) {
      send({ type: "background", cell, failure: describe(error) });
    }
  });
  send({ type: "handled", cell });
}

function handle({ type, id, target = "" }: CommFrame, content: CommContent): void {
  const known = open.get(id);
  if (type === "comm_open") {
    const accept = targets.get(target);
    if (!accept) {
      post("comm_close", id, {}); // as the protocol wants it for an unknown target
      return;
    }
    accept(add(id, target).comm, content);
  } else if (!known) post("comm_close", id, {});
  else if (type === "comm_msg") known.message?.(content);
  else {
    open.delete(id);
    known.close?.(content);
  }
}

function add(id: string, target: string): Open {
  const entry: Open = {
    comm: Object.freeze({
      id,
      target,
      send(data: Record<string, unknown>, options?: CommOptions) {
        if (open.get(id) !== entry)
          throw new Error(`comm to ${JSON.stringify(target)}: is closed. Open another one.`);
        post("comm_msg", id, data, options);
      },
      close(data: Record<string, unknown> = {}, options?: CommOptions) {
        if (open.get(id) !== entry) return;
        open.delete(id);
        post("comm_close", id, data, options);
      },
      onMessage(handler: Handler) {
        entry.message = handler;
      },
      onClose(handler: Handler) {
        entry.close = handler;
      },
    }),
  };
  open.set(id, entry);
  return entry;
}

function post(
  type: CommFrame["type"],
  id: string,
  data: Record<string, unknown>,
  { metadata = {}, buffers = [] }: CommOptions = {},
  target?: string,
): void {
  const message = { type, id, ...(target === undefined ? {} : { target }), data, metadata };
  send({ type: "comm", cell: ownerId(), message }, buffers.map(bytes));
}

function bytes(buffer: Uint8Array | ArrayBuffer | DataView): Uint8Array {
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer);
  if (ArrayBuffer.isView(buffer))
    return new Uint8Array(buffer.buffer, buffer.byteOffset, buffer.byteLength);
  throw new TypeError(
    `comm: a buffer must be an ArrayBuffer or a view of one, got ${plain(buffer)}.`,
  );
}
