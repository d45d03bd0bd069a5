import { type FileHandle, open } from "node:fs/promises";
import type { PublishedFile } from "./releases.ts";

/** A mirror that did not deliver. `hopeless`: asking it again for this file is no use. */
export class MirrorFailure extends Error {
  readonly hopeless: boolean;
  constructor(message: string, options: ErrorOptions & { readonly hopeless: boolean }) {
    super(message, options);
    this.name = "MirrorFailure";
    this.hopeless = options.hopeless;
  }
}

export interface TransferOptions {
  /** Told the bytes that are there so far, after each piece. */
  readonly received: (bytes: number) => void;
  /** A connection silent for so long is given up. */
  readonly timeoutMs: number;
  readonly signal?: AbortSignal;
}

/**
 * Fetches what is missing of `file` from one address into `part`: asks for the rest if the server can send it
 * (HTTP Range), else for all. After a failure `part` holds a correct prefix of what the server sent.
 * @returns whether bytes of an earlier transfer were kept.
 * @throws MirrorFailure if the server cannot be reached, refuses, breaks off, or sends another length.
 */
export async function transfer(
  url: string,
  file: PublishedFile,
  part: string,
  options: TransferOptions,
): Promise<boolean> {
  await using handle = await open(part, "a+");
  let have = (await handle.stat()).size;
  if (have === file.bytes) return true;
  const watch = watchdog(options.timeoutMs, options.signal);
  try {
    let response = await request(url, have, watch.signal);
    if (response.status === 416) {
      await response.body?.cancel();
      have = await restart(handle);
      response = await request(url, have, watch.signal);
    }
    checkResponse(response);
    if (response.status !== 206) have = await restart(handle);
    const range = response.headers.get("content-range");
    if (have > 0 && range !== `bytes ${have}-${file.bytes - 1}/${file.bytes}`) {
      await restart(handle);
      throw new MirrorFailure(`sends another part than asked for (${range})`, { hopeless: true });
    }
    const kept = have > 0;
    options.received(have);
    for await (const piece of pieces(response)) {
      watch.alive();
      if (have + piece.length > file.bytes) {
        await restart(handle);
        throw new MirrorFailure(`sends more than the ${file.bytes} bytes of the file`, {
          hopeless: true,
        });
      }
      await handle.appendFile(piece);
      have += piece.length;
      options.received(have);
    }
    if (have < file.bytes) {
      throw new MirrorFailure(`ended after ${have} of ${file.bytes} bytes`, { hopeless: false });
    }
    await handle.sync();
    return kept;
  } finally {
    watch.stop();
  }
}

async function restart(handle: FileHandle): Promise<0> {
  await handle.truncate(0);
  return 0;
}

async function request(url: string, from: number, signal: AbortSignal): Promise<Response> {
  // "identity": a server that calls a .gz file "gzip-encoded" would make fetch unpack it.
  const headers: Record<string, string> = { "accept-encoding": "identity" };
  if (from > 0) headers.range = `bytes=${from}-`;
  try {
    return await fetch(url, { headers, signal });
  } catch (cause) {
    throw new MirrorFailure(reason(cause), { cause, hopeless: false });
  }
}

function checkResponse({ status, headers }: Response): void {
  if (status !== 200 && status !== 206) {
    // Overload and server faults pass; "not found" and "forbidden" stay.
    const hopeless = status < 500 && status !== 408 && status !== 429;
    throw new MirrorFailure(`answers HTTP ${status}`, { hopeless });
  }
  const encoding = headers.get("content-encoding");
  if (encoding && encoding !== "identity") {
    throw new MirrorFailure(`sends the file re-encoded (${encoding})`, { hopeless: true });
  }
}

/** The body, piece by piece; its failures as MirrorFailure. */
async function* pieces(response: Response): AsyncGenerator<Uint8Array> {
  const reader = response.body?.getReader();
  if (!reader) return;
  try {
    for (;;) {
      const next = await reader.read().catch((cause: unknown) => {
        throw new MirrorFailure(`broke off: ${reason(cause)}`, { cause, hopeless: false });
      });
      if (next.done) return;
      yield next.value;
    }
  } finally {
    // Frees the connection when the caller stops early; after the end it does nothing.
    await reader.cancel().catch(() => {});
  }
}

/** A signal that aborts when `signal` does, or when `alive` has not been called for so long. */
function watchdog(
  timeoutMs: number,
  signal?: AbortSignal,
): { readonly signal: AbortSignal; alive(): void; stop(): void } {
  const silent = new AbortController();
  const giveUp = (): void => silent.abort(new Error(`no answer for ${timeoutMs / 1000} s`));
  let timer = setTimeout(giveUp, timeoutMs);
  return {
    signal: signal ? AbortSignal.any([signal, silent.signal]) : silent.signal,
    alive() {
      clearTimeout(timer);
      timer = setTimeout(giveUp, timeoutMs);
    },
    stop: () => clearTimeout(timer),
  };
}

/** fetch says "fetch failed" and hides why in `cause`. */
function reason(error: unknown): string {
  const cause = (error as { cause?: { code?: string; message?: string } }).cause;
  const known: Record<string, string> = {
    ECONNREFUSED: "connection refused",
    ECONNRESET: "connection reset",
    ENOTFOUND: "address not found",
    EAI_AGAIN: "address not found (no network?)",
  };
  if (cause?.code) return known[cause.code] ?? cause.code;
  return cause?.message || (error as Error).message;
}
