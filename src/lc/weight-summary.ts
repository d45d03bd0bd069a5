import { partsOf } from "../compression/contract.ts";
import type { Model, Weights } from "../net/network.ts";
import { parametersOf, type Task } from "./task.ts";

/** How the weights of a task were distributed after a C step, in a few numbers: the figures of a run are drawn from them. */
export interface WeightSummary {
  readonly layers: readonly string[];
  /** Ends of the bins: those of w, but at most 4 standard deviations from its mean. */
  readonly low: number;
  readonly high: number;
  /** How many of the learned weights w lie in each of 40 equal bins; those outside the ends are not counted. */
  readonly counts: readonly number[];
  /** Parts whose Δ has at most 32 different values, with these, ascending. */
  readonly codebooks: readonly { readonly part: string; readonly values: readonly number[] }[];
}

const BINS = 40;
const MOST_VALUES = 32;
/** Standard deviations: a few weights far off would leave the others a bin or two. */
const REACH = 4;

/** Summaries of all tasks. O(weights), without an array of their length but for Δ of one part at a time. */
export function summaries(
  model: Model,
  tasks: readonly Task[],
  weights: Weights,
  thetas: readonly unknown[],
): WeightSummary[] {
  return tasks.map((task, i) => {
    const arrays = parametersOf(model, task).map(({ key }) => weights[key] as Float32Array);
    const parts = partsOf(task.compression);
    const own = parts.length > 1 ? (thetas[i] as readonly unknown[]) : [thetas[i]];
    const codebooks = parts.flatMap((part, p) => {
      const values = fewValues(part.decompress(own[p]).data);
      const twins = parts.filter(({ name }) => name === part.name).length > 1;
      return values ? [{ part: twins ? `${part.name}, part ${p + 1}` : part.name, values }] : [];
    });
    return { layers: task.layers, ...histogram(arrays), codebooks };
  });
}

/** The different values of `data`, ascending; undefined if they are too many. */
function fewValues(data: Float64Array): number[] | undefined {
  const found = new Set<number>();
  let last = Number.NaN;
  for (const x of data) {
    if (x === last) continue;
    last = x;
    if (found.add(x).size > MOST_VALUES) return undefined;
  }
  return [...found].sort((a, b) => a - b);
}

function histogram(
  arrays: readonly Float32Array[],
): Pick<WeightSummary, "low" | "high" | "counts"> {
  let [n, sum, squares] = [0, 0, 0];
  let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (const array of arrays) {
    n += array.length;
    for (const x of array) {
      sum += x;
      squares += x * x;
      if (x < least) least = x;
      if (x > most) most = x;
    }
  }
  const mean = sum / n;
  const reach = REACH * Math.sqrt(Math.max(0, squares / n - mean * mean));
  const [low, high] = [Math.max(least, mean - reach), Math.min(most, mean + reach)];
  const counts = new Array<number>(BINS).fill(0);
  const scale = BINS / (high - low);
  for (const array of arrays) {
    for (const x of array) {
      if (x < low || x > high) continue;
      // All weights equal: one bin has them.
      const bin = high > low ? Math.min(BINS - 1, Math.floor((x - low) * scale)) : 0;
      counts[bin] = (counts[bin] as number) + 1;
    }
  }
  return { low, high, counts };
}
