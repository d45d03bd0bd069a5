import { type Compression, partsOf } from "../compression/contract.ts";
import { lowRank } from "../compression/low-rank.ts";
import { prune } from "../compression/prune.ts";
import { quantize } from "../compression/quantize.ts";
import { compress, type Plan } from "../lc/plan.ts";
import type { Model } from "../net/network.ts";

/** What is compressed how at one level: one compression for every layer, or a plan for the model. */
export type Choice =
  | Pick<Compression<unknown>, "name" | "spec">
  | ((start: Plan<string>) => Plan<string, unknown>);

/**
 * Curves of an error–compression figure: name of the combination → level → what to do, in this order. JavaScript has keys that are
 * whole numbers first and ascending: call a level "rank 5", not "5".
 */
export type Combinations = Readonly<Record<string, Readonly<Record<string, Choice>>>>;

/** The combinations of Part V of the LC papers. */
export type CombinationName = "Q" | "P" | "L" | "Q+P" | "Q+L" | "L+P" | "Q+L+P";

/** Levels of the single compressions, each from the strongest on. */
export interface Levels {
  /** Bits per weight of an adaptive codebook. */
  readonly bits?: readonly number[];
  /** Shares of weights kept, 0 to 1, in each layer. */
  readonly keep?: readonly number[];
  /** Ranks, at most that of a layer. */
  readonly rank?: readonly number[];
}

/**
 * The paper's grid: quantization Q, pruning P, low rank L and their sums in every layer, at all combinations of the levels. In a
 * sum, a layer that is too small to be factored at that rank goes without the low-rank part; without any other part it stays as it is.
 * @throws RangeError if a combination needs levels that are not given, or there is nothing to do.
 */
export function paperGrid(
  model: Model,
  names: readonly CombinationName[],
  levels: Levels,
): Combinations {
  const grid: Record<string, Record<string, Choice>> = {};
  for (const name of names) {
    const kinds = name.split("+") as ("Q" | "P" | "L")[];
    const lists = kinds.map((kind) => levelsOf(kind, name, levels));
    const curve: Record<string, Choice> = {};
    for (const values of product(lists)) {
      const label = kinds.map((kind, i) => labels[kind](values[i] as number)).join(" + ");
      curve[label] = (start) => planOf(model, start, kinds, values);
    }
    grid[name] = curve;
  }
  return grid;
}

const options = { Q: "bits", P: "keep", L: "rank" } as const;

const labels = {
  Q: (bits: number) => `${bits} ${bits === 1 ? "bit" : "bits"}`,
  P: (keep: number) => `${Number((100 * keep).toPrecision(6))} %`,
  L: (rank: number) => `rank ${rank}`,
} as const;

function levelsOf(kind: "Q" | "P" | "L", name: string, levels: Levels): readonly number[] {
  const option = options[kind];
  const given = levels[option];
  if (given && given.length > 0) return given;
  throw new RangeError(
    `sweep: combination "${name}" needs levels.${option}, got none. Write e.g. levels: { bits: [1, 2], keep: [0.01, 0.05], rank: [5, 10] }.`,
  );
}

/** All choices of one value from each list, the first list varying slowest. */
function product(lists: readonly (readonly number[])[]): number[][] {
  return lists.reduce<number[][]>(
    (heads, list) => heads.flatMap((head) => list.map((value) => [...head, value])),
    [[]],
  );
}

function planOf(
  model: Model,
  start: Plan<string>,
  kinds: readonly ("Q" | "P" | "L")[],
  values: readonly number[],
): Plan<string, unknown> {
  let plan = start as Plan<string, unknown>;
  for (const layer of model.network.names) {
    const parameter = model.network.parameters.find((p) => p.compressible && p.layer === layer);
    const { rows = 1, cols = 1 } = parameter ?? {};
    const parts = kinds.flatMap((kind, i): Compression<unknown>[] => {
      const value = values[i] as number;
      if (kind === "Q") return [quantize({ bits: value }) as Compression<unknown>];
      if (kind === "P") return [prune({ keep: value }) as Compression<unknown>];
      const saves = value * (rows + cols) < rows * cols;
      return saves ? [lowRank({ rank: value }) as Compression<unknown>] : [];
    });
    const [first, ...more] = parts;
    if (!first) continue;
    const all = more.reduce((sum, part) => sum.plus(part) as Compression<unknown>, first);
    plan = plan.layer(layer, all) as Plan<string, unknown>;
  }
  return plan;
}

/** The plan of a choice. @throws RangeError if it compresses nothing, or with a compression that has no spec. */
export function planFor(model: Model, choice: Choice, where: string): Plan<string, unknown> {
  const start = compress(model) as unknown as Plan<string>;
  const plan =
    typeof choice === "function"
      ? choice(start)
      : (start.each(model.network.names, choice as Compression<unknown>) as Plan<string, unknown>);
  if (plan.tasks.length === 0) {
    throw new RangeError(`sweep: ${where} compresses no layer. Leave it out.`);
  }
  for (const { compression, layers } of plan.tasks) {
    if (compression.spec) continue;
    const own = partsOf(compression).find((part) => !part.spec);
    throw new RangeError(
      `sweep: ${where} has ${own?.name ?? compression.name} on ${layers.join(", ")}, a compression of your own, which other processes cannot make. Run it with plan.run.`,
    );
  }
  return plan;
}
