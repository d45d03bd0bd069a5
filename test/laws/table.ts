import type { Compression } from "../../src/compression/contract.ts";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import type { Matrix } from "../../src/math/matrix.ts";

/** A compression and what the laws need to know of it. */
export interface Entry {
  readonly compression: Compression<unknown>;
  /** Whether Δ satisfies the constraint, e.g. at most K values. */
  readonly feasible: (delta: Matrix) => boolean;
  /** Π(2w) = 2 Π(w). */
  readonly scaleFree: boolean;
  /** Π(Π(w)) = Π(w). */
  readonly projection: boolean;
  /** Smallest matrix it can act on. */
  readonly fits: (shape: { rows: number; cols: number }) => boolean;
}

const distinct = ({ data }: Matrix): number => new Set(data).size;
const nonzeros = ({ data }: Matrix): number => Array.from(data).filter((x) => x !== 0).length;
const any = (): boolean => true;

function entry<T>(compression: Compression<T>, rest: Partial<Omit<Entry, "compression">>): Entry {
  const defaults = { feasible: any, scaleFree: true, projection: true, fits: any };
  return { compression: compression as Compression<unknown>, ...defaults, ...rest };
}

const quantizers = [1, 2, 3, 5].map((levels) =>
  entry(quantize({ levels }), { feasible: (delta) => distinct(delta) <= levels }),
);
const lloyd = entry(quantize({ levels: 3, search: "lloyd" }), {
  feasible: (delta) => distinct(delta) <= 3,
  projection: false,
});
const pruners = [0, 1, 3].map((count) =>
  entry(prune({ count }), {
    feasible: (delta) => nonzeros(delta) <= count,
    fits: ({ rows, cols }) => rows * cols >= count,
  }),
);

/** Every compression and a sample of sums; a new one adds its line here. */
export const compressions: readonly Entry[] = [
  ...quantizers,
  lloyd,
  ...pruners,
  entry(prune({ keep: 0.3 }), {}),
  entry(lowRank({ rank: 1 }), {}),
  entry(lowRank({ rank: 2 }), { fits: ({ rows, cols }) => Math.min(rows, cols) >= 2 }),
  // Alternation ends in a local optimum: neither a projection nor exactly scale free.
  entry(quantize({ levels: 2 }).plus(prune({ keep: 0.2 })), {
    projection: false,
    scaleFree: false,
  }),
  entry(lowRank({ rank: 1 }).plus(prune({ keep: 0.2 })), { projection: false, scaleFree: false }),
  entry(
    quantize({ levels: 2 })
      .plus(lowRank({ rank: 1 }))
      .plus(prune({ keep: 0.2 }), { starts: 2 }),
    {
      projection: false,
      scaleFree: false,
    },
  ),
];
