import { sum } from "./compression.ts";
import type { Compression, CompressionSpec, SumOptions } from "./contract.ts";
import { lowRank } from "./low-rank.ts";
import { prune } from "./prune.ts";
import { quantize } from "./quantize.ts";

// Specs are written by the factories themselves, which check them again.
const factories: Record<string, (spec: never) => unknown> = {
  quantize,
  prune,
  lowRank,
  sum: ({ parts, ...options }: SumOptions & { parts: CompressionSpec[] }) =>
    sum(parts.map(fromSpec), options),
};

/** Rebuilds a built-in compression from its recorded spec, e.g. in a worker thread. */
export function fromSpec(spec: CompressionSpec): Compression<unknown> {
  const { kind, ...options } = spec;
  const factory = factories[kind];
  if (!factory) {
    throw new RangeError(
      `fromSpec: unknown compression "${kind}". The built-in ones are ${Object.keys(factories).join(", ")}.`,
    );
  }
  return factory(options as never) as Compression<unknown>;
}
