import { ascending } from "./sort.ts";

/**
 * Values in ascending order with the running sums that give the squared error of any interval of them in O(1). Index i of a
 * running sum is over the values from the middle one up to i (with a minus sign, if i is before it), each less the middle
 * one: so far-off values do not take digits from intervals without them.
 */
export interface Sorted {
  readonly count: number;
  /** Ascending. Length `count`, as all that follow are `count` + 1. */
  readonly values: Float64Array;
  readonly middle: number;
  /** Σ hᵢ; differences of the index itself if all weights are 1. */
  readonly mass: Float64Array;
  /** Σ hᵢ (xᵢ − middle). */
  readonly sum: Float64Array;
  /** Σ hᵢ (xᵢ − middle)². */
  readonly squares: Float64Array;
}

/** Sorts a copy of `values`, each with its positive weight (default 1). O(N log N). */
export function sorted(values: Float64Array, weights?: Float64Array): Sorted {
  if (weights) {
    const order = ascendingOrder(values);
    return running(
      Float64Array.from(order, (i) => values[i] as number),
      Float64Array.from(order, (i) => weights[i] as number),
    );
  }
  return running(ascending(values));
}

/** The sums of values that are in ascending order already. */
export function running(values: Float64Array, weights?: Float64Array): Sorted {
  const count = values.length;
  const half = count >> 1;
  const middle = values[half] ?? 0;
  const mass = new Float64Array(count + 1);
  const sum = new Float64Array(count + 1);
  const squares = new Float64Array(count + 1);
  let m = 0;
  let s = 0;
  let q = 0;
  for (let i = half; i < count; i++) {
    const h = weights ? (weights[i] as number) : 1;
    const x = (values[i] as number) - middle;
    m += h;
    s += h * x;
    q += h * x * x;
    mass[i + 1] = m;
    sum[i + 1] = s;
    squares[i + 1] = q;
  }
  m = 0;
  s = 0;
  q = 0;
  for (let i = half - 1; i >= 0; i--) {
    const h = weights ? (weights[i] as number) : 1;
    const x = (values[i] as number) - middle;
    m -= h;
    s -= h * x;
    q -= h * x * x;
    mass[i] = m;
    sum[i] = s;
    squares[i] = q;
  }
  return { count, values, middle, mass, sum, squares };
}

/** Σ hᵢ (xᵢ − mean)² over from ≤ i < to; 0 if that is empty. Not below 0. */
export function spread({ mass, sum, squares }: Sorted, from: number, to: number): number {
  const m = (mass[to] as number) - (mass[from] as number);
  if (m === 0) return 0;
  const s = (sum[to] as number) - (sum[from] as number);
  return Math.max(0, (squares[to] as number) - (squares[from] as number) - (s * s) / m);
}

/** Weighted mean over from ≤ i < to, which must not be empty. */
export function mean({ mass, sum, middle }: Sorted, from: number, to: number): number {
  const m = (mass[to] as number) - (mass[from] as number);
  return middle + ((sum[to] as number) - (sum[from] as number)) / m;
}

/** Indices that put `values` in ascending order; equal values keep theirs. */
function ascendingOrder(values: Float64Array): Uint32Array {
  const order = Uint32Array.from(values, (_, i) => i);
  return order.sort((a, b) => (values[a] as number) - (values[b] as number) || a - b);
}
