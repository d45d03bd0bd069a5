import { binarize } from "../../src/compression/binarize.ts";
import type { Compression } from "../../src/compression/contract.ts";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { compress, type Plan } from "../../src/lc/plan.ts";
import type { Model } from "../../src/net/network.ts";

type Names = "fc1" | "fc2" | "out";
type AnyPlan = Plan<string, Record<string, unknown>>;

/** A combination of the reference toolkit's examples. */
export interface HandMade {
  readonly name: string;
  /** The name of its run folders. */
  readonly folder: string;
  readonly plan: (net: Model<Names>) => AnyPlan;
}

const all = ["fc1", "fc2", "out"] as const;
const each = (c: Compression<unknown>) => (net: Model<Names>) =>
  compress(net).each(all, c) as unknown as AnyPlan;

/** The toolkit's combinations for its LeNet300 with ρ ≥ 20. */
export const handMade: readonly HandMade[] = [
  {
    name: "{−1, 1} per layer",
    folder: "signs",
    plan: each(binarize({ scale: false }) as Compression<unknown>),
  },
  {
    name: "{−a, a} per layer",
    folder: "scaled-signs",
    plan: each(binarize() as Compression<unknown>),
  },
  {
    name: "K = 2 per layer",
    folder: "two-levels",
    plan: each(quantize({ levels: 2 }) as Compression<unknown>),
  },
  {
    name: "fc1 l0 5000; fc2 rank 10; out K = 2",
    folder: "mixed",
    plan: (net) =>
      compress(net)
        .layer("fc1", prune({ count: 5000 }))
        .layer("fc2", lowRank({ rank: 10 }))
        .layer("out", quantize({ levels: 2 })) as unknown as AnyPlan,
  },
  {
    name: "(l0 2662) + (K = 2) jointly",
    folder: "corrected",
    plan: (net) =>
      compress(net).joint(
        all,
        prune({ count: 2662 }).plus(quantize({ levels: 2 })),
      ) as unknown as AnyPlan,
  },
];
