import { binarize } from "./binarize.ts";
import { sum } from "./compression.ts";
import type { Compression, CompressionSpec, SumOptions } from "./contract.ts";
import { fixedCodebook } from "./fixed-codebook.ts";
import { float16 } from "./float16.ts";
import { l0Penalty } from "./l0-penalty.ts";
import { l1Constraint } from "./l1-constraint.ts";
import { l1Penalty } from "./l1-penalty.ts";
import { lowRank } from "./low-rank.ts";
import { perChannel } from "./per-channel.ts";
import { powersOfTwo } from "./powers-of-two.ts";
import { prune } from "./prune.ts";
import { pruneBlocks, pruneChannels, pruneColumns, pruneRows } from "./prune-groups.ts";
import { pruneNM } from "./prune-nm.ts";
import { quantize } from "./quantize.ts";
import { rankSelection } from "./rank-selection.ts";
import { ternarize } from "./ternarize.ts";
import { uniform } from "./uniform.ts";

/** An option that is a compression itself. */
type Nested = "values" | "factors";
const nested: readonly Nested[] = ["values", "factors"];

// Specs are written by the factories themselves, which check them again.
const factories: Record<string, (spec: never) => unknown> = {
  quantize,
  binarize,
  ternarize,
  uniform,
  float16,
  fixedCodebook: ({ values }: { values: number[] }) => fixedCodebook(values),
  powersOfTwo,
  prune,
  l1Constraint,
  l0Penalty,
  l1Penalty,
  pruneNM,
  pruneRows,
  pruneColumns,
  pruneChannels,
  pruneBlocks,
  lowRank,
  rankSelection,
  perChannel: ({ of }: { of: CompressionSpec }) => perChannel(fromSpec(of)),
  sum: ({ parts, ...options }: SumOptions & { parts: CompressionSpec[] }) =>
    sum(parts.map(fromSpec), options),
};

/** Rebuilds a built-in compression from its recorded spec, e.g. in a worker thread. */
export function fromSpec(spec: CompressionSpec): Compression<unknown> {
  const { kind, ...given } = spec;
  const options: Record<string, unknown> = { ...given };
  const factory = Object.hasOwn(factories, kind) ? factories[kind] : undefined;
  if (!factory) {
    throw new RangeError(
      `fromSpec: unknown compression "${kind}". The built-in ones are ${Object.keys(factories).join(", ")}.`,
    );
  }
  for (const option of kind === "fixedCodebook" ? [] : nested) {
    if (options[option]) options[option] = fromSpec(options[option] as CompressionSpec);
  }
  return factory(options as never) as Compression<unknown>;
}
