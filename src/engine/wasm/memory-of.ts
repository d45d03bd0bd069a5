import type { Dataset } from "../../data/dataset.ts";
import type { Model } from "../../net/network.ts";
import { type Displayable, displaySymbol } from "../../notebook.ts";
import { checkData, checkOptimizer } from "../checks.ts";
import type { OpenOptions } from "../engine.ts";
import { threadsOf } from "./engine.ts";
import { type Parts, partsInWords, plan } from "./plan.ts";

/** The memory a session of the WASM engine takes, all of it planned before the start: none is allocated later. */
export interface SessionMemory extends Parts, Displayable {
  /** The sum: the peak, in bytes. A session of more than 2³² cannot be opened. */
  readonly bytes: number;
  toString(): string;
}

/**
 * How much memory training `model` on `data` in the WASM engine takes, for the same options. Computed from the shapes
 * only: nothing is allocated, and nothing runs. Shows itself in a notebook.
 * @throws RangeError for layers this engine cannot train, data that do not fit, or options out of range.
 * @example
 * memoryOf(lenet5(), await mnist(), { batch: 128 }).bytes / 2 ** 20   // MiB
 */
export function memoryOf(
  { network }: Model,
  data: Dataset,
  options: OpenOptions & { readonly threads?: number },
): SessionMemory {
  checkOptimizer("memoryOf", options.optimizer);
  const threads = threadsOf("memoryOf", options.threads);
  const { bytes, parts } = plan(network, data, options, threads);
  checkData("memoryOf", network, data, options.batch);
  const what = `${network.name} with ${data.name}, batch ${options.batch}`;
  const text = `${what}: ${partsInWords(bytes, parts)}`;
  return Object.freeze({
    ...{ bytes, ...parts },
    toString: () => text,
    [displaySymbol]: () => ({ "text/plain": text }),
  });
}
