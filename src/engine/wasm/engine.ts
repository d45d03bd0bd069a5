import { availableParallelism } from "node:os";
import type { Engine } from "../engine.ts";
import { openSession } from "./session.ts";

/** More threads than this wait for each other longer than they work. */
const MAX_THREADS = 8;

/** Loads of the barrier's word before a waiting thread sleeps: about 25 µs, longer than a well-shared phase's rest. */
const SPINS = 20_000;

/**
 * The default engine: our own WASM SIMD kernels in worker threads over one shared memory. Trains every layer that
 * `network` describes (batch norm, shortcuts and local response norm on images only), with softmax cross-entropy or
 * squared error ½ ‖z − onehot‖². The same seed gives the same bytes on every machine, with any number of threads: no fused multiply-add, no library functions, and every sum in an order fixed by the shapes.
 * @throws RangeError if `threads` is not a whole number from 1 to 64.
 * @example
 * wasmEngine({ threads: 2 }).name   //=> "wasm"
 */
export function wasmEngine(
  options: {
    /** Default: the processors available to this process, at most 8. */
    readonly threads?: number;
  } = {},
): Engine {
  const threads = threadsOf("wasmEngine", options.threads);
  // A thread without a core of its own must not spin on the core of the one it waits for.
  const spins = threads <= availableParallelism() ? SPINS : 0;
  return {
    name: "wasm",
    reproducible: true,
    open: (network, data, options) => openSession(network, data, { ...options, threads, spins }),
  };
}

/** @throws RangeError if there are not 1…64 of them. */
export function threadsOf(
  who: string,
  threads: number = Math.min(availableParallelism(), MAX_THREADS),
): number {
  if (Number.isInteger(threads) && threads >= 1 && threads <= 64) return threads;
  throw new RangeError(`${who}: threads must be a whole number from 1 to 64, got ${threads}.`);
}
