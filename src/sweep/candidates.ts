import type { Compression } from "../compression/contract.ts";
import { lowRank } from "../compression/low-rank.ts";
import { prune } from "../compression/prune.ts";
import { quantize } from "../compression/quantize.ts";
import type { Parameter } from "../net/network.ts";

/** Shares of weights kept. */
const keeps = [0.005, 0.01, 0.02, 0.05, 0.07, 0.1, 0.14, 0.2];

/**
 * The default candidates of a layer: Q, P, L and sums of two, all with low-bit insides – a kept weight in 4 bits costs about a
 * quarter of one in 32, its position included. Factors only where they save. Sums start once, empty: the learning
 * that follows starts each of its C steps from the one before.
 */
export function candidates(_layer: string, { rows, cols }: Parameter): Compression<unknown>[] {
  const q = [1, 2, 3, 4, 6].map((bits) => quantize({ bits }));
  const p = keeps.flatMap((keep) =>
    [1, 2, 3, 4].map((bits) => prune({ keep, values: quantize({ bits }) })),
  );
  const corrections = [prune({ keep: 0.02, values: quantize({ bits: 4 }) })];
  const ranks = [2, 5, 10].filter(
    (rank) => rank <= Math.min(rows, cols) && rank * (rows + cols) < rows * cols,
  );
  const l = ranks.map((rank) => lowRank({ rank, factors: quantize({ bits: 4 }) }));
  const plus = (a: readonly unknown[], b: readonly unknown[]): Compression<unknown>[] =>
    (a as Compression<unknown>[]).flatMap((one) =>
      (b as Compression<unknown>[]).map((other) =>
        one.plus(other, { order: [0, 1], starts: 0, tolerance: 1e-3 }),
      ),
    );
  return [
    ...(q as Compression<unknown>[]),
    ...(p as Compression<unknown>[]),
    ...(l as Compression<unknown>[]),
    ...plus(q.slice(0, 2), corrections),
    ...plus(q.slice(0, 1), l.slice(1, 2)),
    ...plus(l.slice(1, 2), corrections),
  ];
}
