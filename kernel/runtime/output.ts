import { Console } from "node:console";
import { randomUUID } from "node:crypto";
import { writeSync } from "node:fs";
import { Writable } from "node:stream";
import { bundle, rawBundle, textBundle } from "../display.ts";
import type { MimeBundle } from "../interpreter.ts";
import { currentCell, Interrupted, ownerId } from "./cells.ts";
import { describe } from "./failure.ts";
import { descriptors, encodeFrame, type Frame } from "./frames.ts";

/** Sends a frame to the front process before it returns, so that order is kept and nothing is lost in a crash. */
export function send(frame: Frame, buffers: readonly Uint8Array[] = []): void {
  const bytes = encodeFrame(frame, buffers);
  let written = 0;
  while (written < bytes.length) {
    try {
      written += writeSync(descriptors.frames, bytes, written);
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== "EAGAIN") throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1);
    }
  }
}

/** Replaces stdout, stderr and console by ones that send frames. */
export function installStreams(): void {
  const stdout = stream("stdout", 1);
  const stderr = stream("stderr", 2);
  Object.defineProperty(process, "stdout", { get: () => stdout, configurable: true });
  Object.defineProperty(process, "stderr", { get: () => stderr, configurable: true });
  // Node's own console also feeds the inspector, which keeps the logged values alive and costs 10 µs a line.
  const console = new Console({ stdout, stderr, colorMode: false });
  Object.defineProperty(globalThis, "console", {
    value: console,
    configurable: true,
    writable: true,
  });
}

function stream(name: "stdout" | "stderr", fd: number): Writable {
  const decoder = new TextDecoder();
  const writable = new Writable({
    decodeStrings: false,
    write(chunk: string | Buffer, _encoding, done) {
      const text = typeof chunk === "string" ? chunk : decoder.decode(chunk, { stream: true });
      send({ type: "stream", cell: ownerId(), name, text });
      done();
    },
  });
  return Object.assign(writable, { fd, isTTY: false });
}

/** Options of `display`. */
export interface DisplayOptions {
  /** Identity of the display, for updates from elsewhere. A new one by default. */
  id?: string;
  /** Metadata by MIME type. */
  metadata?: MimeBundle;
  /** True if the value is itself a MIME bundle. */
  raw?: boolean;
}

/** What `display` returns. */
export interface DisplayHandle {
  readonly id: string;
  /** Shows another value in the same place. */
  update(value: unknown, options?: Omit<DisplayOptions, "id">): void;
}

/** The global `display`. */
export interface Display {
  /** Shows a value below the cell and returns a handle that can replace it. */
  (value: unknown, options?: DisplayOptions): DisplayHandle;
  /** Removes the outputs of the cell; with `wait`, only when the next one comes. */
  clear(options?: { wait?: boolean }): void;
}

export const display: Display = Object.assign(showNew, {
  clear({ wait = false }: { wait?: boolean } = {}): void {
    send({ type: "clear", cell: ownerId(), wait });
  },
});

function showNew(value: unknown, options: DisplayOptions = {}): DisplayHandle {
  const { id = randomUUID() } = options;
  show(value, options, id, false);
  const handle = Object.freeze({
    id,
    update: (next: unknown, again: Omit<DisplayOptions, "id"> = {}) =>
      show(next, { raw: options.raw ?? false, ...again }, id, true),
  });
  handles.add(handle);
  return handle;
}

function show(
  value: unknown,
  { metadata = {}, raw = false }: DisplayOptions,
  id: string,
  update: boolean,
): void {
  const cell = ownerId();
  const emit = sender(value, (data) => ({ type: "display", cell, data, metadata, id, update }));
  const data = raw ? rawBundle(value) : bundle(value, isInterrupt);
  if (!(data instanceof Promise)) {
    emit(data);
    return;
  }
  const shown = data.then(emit);
  const running = currentCell();
  if (running?.id === cell) {
    running.displays.add(shown);
    shown.catch(() => {}); // reported when the cell ends
  } else shown.catch((error) => send({ type: "background", cell, failure: describe(error) }));
}

/** Sends the bundle of a value; if JSON cannot carry it, the value's text and why. */
function sender(value: unknown, frame: (data: MimeBundle) => Frame): (data: MimeBundle) => void {
  return (data) => {
    try {
      send(frame(data));
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== undefined) throw error; // of the pipe
      send(frame(textBundle(value, "its bundle as JSON", error)));
    }
  };
}

/** An interrupt ends the cell, whatever was being shown. */
const isInterrupt = (error: unknown) => error instanceof Interrupted;

/** Handles of `display`: a cell that ends with a call of it has shown its result already. */
const handles = new WeakSet<object>();

/** Sends the result of a cell; undefined and the handle of a display show nothing. */
export function result(value: unknown, through: <T>(value: T) => T | Promise<Awaited<T>>): unknown {
  if (value === undefined || handles.has(value as object)) return undefined;
  const cell = ownerId();
  const emit = sender(value, (data) => ({ type: "result", cell, data, metadata: {} }));
  const data = bundle(value, isInterrupt);
  if (data instanceof Promise) return through(data.then(emit));
  emit(data);
  return undefined;
}
