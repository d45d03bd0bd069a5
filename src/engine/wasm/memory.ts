import { setImmediate } from "node:timers/promises";
import type { Dataset } from "../../data/dataset.ts";
import { LCError } from "../../errors.ts";
import { checkMachine } from "../machine.ts";
import { type Plan, partsInWords, type SplitName } from "./plan.ts";
import { type WasmMemory, webAssembly } from "./webassembly.ts";

/** The most memory a WASM module can address: 2³² bytes. */
const MAX_BYTES = 2 ** 32;
const PAGE = 65536;

/** Images copied in one go, about a millisecond for each MiB where pages are fresh: other events of the caller come between. */
const COPY_BYTES = 2 ** 23;

/** A session's shared memory through the host's views. */
export interface Memory {
  readonly wasm: WasmMemory;
  readonly bytes: Uint8Array;
  readonly words: Int32Array;
  readonly floats: Float32Array;
}

/**
 * Allocates the memory of `plan`, once and for good, and puts programs and data into it, without blocking the event loop.
 * @throws LCError LC_MEMORY if it does not fit.
 */
export async function allocate(plan: Plan, data: Dataset, what: string): Promise<Memory> {
  const wasm = reserve(plan.bytes, what, partsInWords(plan.bytes, plan.parts));
  const memory: Memory = {
    wasm,
    bytes: new Uint8Array(wasm.buffer),
    words: new Int32Array(wasm.buffer),
    floats: new Float32Array(wasm.buffer),
  };
  for (const { offset, words } of plan.programs.values()) memory.words.set(words, offset / 4);
  memory.floats.set(data.mean, plan.compiled.mean / 4);
  for (const name of ["train", "test"] satisfies SplitName[]) {
    const { images, labels } = data[name];
    for (let at = 0; at < images.length; at += COPY_BYTES) {
      memory.bytes.set(images.subarray(at, at + COPY_BYTES), plan.splits[name].images + at);
      await setImmediate();
    }
    memory.bytes.set(labels, plan.splits[name].labels);
  }
  return memory;
}

/** What to do about a memory that is too large for WASM, for this machine, or for the room there is. */
interface Remedies {
  readonly smaller: string;
  readonly machine?: string;
  readonly close: string;
}

/**
 * A memory of `bytes`, which is `needed` in words.
 * @throws LCError LC_MEMORY if there is none.
 */
export function reserve(
  bytes: number,
  what: string,
  needed: string,
  remedies: Remedies = {
    smaller: "Use fewer examples or a smaller batch.",
    close: "Close other sessions, or use fewer examples or a smaller batch.",
  },
): WasmMemory {
  if (bytes > MAX_BYTES) {
    throw new LCError(
      "LC_MEMORY",
      `wasm engine: ${what} needs ${needed}, more than the 4096 MiB a WASM memory can have. ${remedies.smaller}`,
    );
  }
  checkMachine("wasm engine", what, bytes, needed, remedies.machine);
  const pages = Math.ceil(bytes / PAGE);
  try {
    return new webAssembly.Memory({ initial: pages, maximum: pages, shared: true });
  } catch (cause) {
    throw new LCError(
      "LC_MEMORY",
      `wasm engine: no room for ${what}, which needs ${needed}. ${remedies.close}`,
      { cause },
    );
  }
}

/** Offset of one thread's scratch. */
export function scratchOf(plan: Plan, thread: number): number {
  return plan.scratch + thread * plan.compiled.scratch;
}
