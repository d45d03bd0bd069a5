import type { Accounting } from "../compression/contract.ts";
import type { Network } from "../net/network.ts";
import type { Task } from "./task.ts";

/** Storage of a compressed network. */
export interface Size {
  /** Bits of each task's θ. */
  readonly tasks: readonly number[];
  /** Bits of the compressed layers together. */
  readonly bits: number;
  /** Bits of everything else (biases, uncompressed layers), 32 per number. */
  readonly restBits: number;
  /** Compression ratio ρ = 32 · (all numbers) / (`bits` + `restBits`). */
  readonly ratio: number;
}

/** Counts the bits of a compressed network. */
export function sizeOf(
  network: Network,
  tasks: readonly Task[],
  thetas: readonly unknown[],
  accounting: Accounting = "packed",
): Size {
  const compressed = new Set(tasks.flatMap((task) => task.layers));
  let all = 0;
  let rest = 0;
  for (const { layer, rows, cols, compressible } of network.parameters) {
    all += rows * cols;
    if (!(compressible && compressed.has(layer))) rest += rows * cols;
  }
  const perTask = tasks.map(({ compression }, i) => compression.bits(thetas[i], accounting));
  const bits = perTask.reduce((total, b) => total + b, 0);
  return { tasks: perTask, bits, restBits: 32 * rest, ratio: (32 * all) / (bits + 32 * rest) };
}
