import {
  type Compression,
  compress,
  type geometric,
  lowRank,
  type Model,
  type Plan,
  prune,
  quantize,
  rankSelection,
} from "../../src/index.ts";

type Names = "fc1" | "fc2" | "out";
type AnyPlan = Plan<string, Record<string, unknown>>;

/** A run of the reference toolkit's showcase: LeNet300 on MNIST. */
export interface Row {
  /** Its folder. */
  readonly id: string;
  readonly name: string;
  /** Test error in percent that the toolkit's authors published, of one run without a seed. */
  readonly published: number;
  /** Learning rate of the first L step. */
  readonly rate: number;
  readonly mu: Parameters<typeof geometric>[0];
  readonly plan: (net: Model<Names>) => AnyPlan;
}

const all = ["fc1", "fc2", "out"] as const;
const steps = 40;
const slow = { from: 9e-5, factor: 1.1, steps };

/** Source: the showcase of the toolkit's repository (github.com/UCMerced-ML/LC-model-compression). */
export const rows: readonly Row[] = [
  {
    ...{ id: "q", name: "K = 2 per layer", published: 2.56, rate: 0.09, mu: slow },
    plan: (net) => compress(net).each(all, quantize({ levels: 2 })) as unknown as AnyPlan,
  },
  {
    ...{ id: "q-1-3", name: "K = 2, layers 1 and 3", published: 2.26, rate: 0.09, mu: slow },
    plan: (net) =>
      compress(net).each(["fc1", "out"], quantize({ levels: 2 })) as unknown as AnyPlan,
  },
  {
    ...{ id: "p", name: "l0 5 % (κ = 13,310) jointly", published: 2.18, rate: 0.1, mu: slow },
    plan: (net) => compress(net).joint(all, prune({ count: 13_310 })) as unknown as AnyPlan,
  },
  {
    ...{ id: "q-p", name: "l0 1 % (κ = 2,662) + K = 2 jointly" },
    ...{ published: 2.17, rate: 0.09, mu: slow },
    plan: (net) =>
      compress(net).joint(
        all,
        prune({ count: 2662 }).plus(quantize({ levels: 2 })),
      ) as unknown as AnyPlan,
  },
  {
    ...{ id: "mixed", name: "fc1 l0 5000; fc2 rank 10; out K = 2" },
    ...{ published: 2.13, rate: 0.05, mu: { from: 9e-5, factor: 1.4, steps } },
    plan: (net) =>
      compress(net)
        .layer("fc1", prune({ count: 5000 }))
        .layer("fc2", lowRank({ rank: 10 }))
        .layer("out", quantize({ levels: 2 })) as unknown as AnyPlan,
  },
  {
    ...{ id: "ranks", name: "rank selection, α = 10⁻⁶, storage" },
    ...{ published: 1.9, rate: 0.1, mu: { from: 1e-3, factor: 1.1, steps } },
    plan: (net) => {
      // The toolkit has no candidate that keeps a layer dense.
      const select = rankSelection({ alpha: 1e-6, dense: false }) as Compression<unknown>;
      return compress(net).each(all, select) as unknown as AnyPlan;
    },
  },
];
