import { mean, running, type Sorted, sorted, spread } from "./sorted.ts";

/**
 * Globally optimal 1-D k-means: min Σ hᵢ (xᵢ − c_{a(i)})² over K centres, hᵢ = 1 if not given. Clusters of an optimum
 * are intervals of the sorted values, and the error of an interval satisfies the quadrangle inequality. So the optimal
 * cost is convex in K, and the K clusters are those of the cheapest partition at some price λ per cluster (Aggarwal,
 * Schieber & Tokuyama, 1994). That partition takes O(N log N) (Galil & Park, 1992), the search of λ a few of them,
 * whatever K is; memory is O(N).
 * @returns Ascending centres; fewer than K if there are fewer distinct values.
 */
export function kmeans1d(
  values: Float64Array,
  levels: number,
  weights?: Float64Array,
): Float64Array {
  return kmeansOf(sorted(values, weights), levels);
}

/** `kmeans1d` of values that are sorted already. */
export function kmeansOf(data: Sorted, levels: number): Float64Array {
  const few = distinct(data, levels);
  if (few) return few;
  const ends =
    levels === 1 ? [data.count] : levels === 2 ? twoEnds(data) : clusterEnds(data, levels);
  return Float64Array.from(ends, (end, k) => mean(data, k > 0 ? (ends[k - 1] as number) : 0, end));
}

/** All distinct values if there are at most `most`. */
function distinct({ values, count }: Sorted, most: number): Float64Array | undefined {
  let different = 1;
  for (let i = 1; i < count && different <= most; i++) if (values[i] !== values[i - 1]) different++;
  return different <= most ? new Float64Array(new Set(values)) : undefined;
}

function twoEnds(data: Sorted): number[] {
  let best = 1;
  let cost = Number.POSITIVE_INFINITY;
  for (let cut = 1; cut < data.count; cut++) {
    const c = spread(data, 0, cut) + spread(data, cut, data.count);
    if (c < cost) {
      cost = c;
      best = cut;
    }
  }
  return [best, data.count];
}

/** Where the K clusters of an optimum end, as indices into the sorted values. */
function clusterEnds(data: Sorted, levels: number): number[] {
  const guess = coarsePrice(data, levels) ?? firstPrice(data, levels);
  return atPrice(partitioner(data), data.count, levels, guess).ends;
}

/** Values a search of the price is tried on first, in place of many. */
const coarse = 4096;

/** The price per cluster that gives `levels` clusters of neighbouring values taken together; undefined if they are too few. */
function coarsePrice(data: Sorted, levels: number): number | undefined {
  const size = Math.max(coarse, 8 * levels);
  if (data.count < 4 * size) return undefined;
  const cuts = Array.from({ length: size + 1 }, (_, b) => Math.floor((b * data.count) / size));
  const of = (value: (from: number, to: number) => number): Float64Array =>
    Float64Array.from({ length: size }, (_, b) => value(cuts[b] as number, cuts[b + 1] as number));
  const small = running(
    of((from, to) => mean(data, from, to)),
    of((from, to) => (data.mass[to] as number) - (data.mass[from] as number)),
  );
  if (distinct(small, levels)) return undefined;
  return atPrice(partitioner(small), size, levels, firstPrice(small, levels)).price;
}

/** A price per cluster to begin with: costs fall about as 1/K², so their differences as 1/K³. */
export function firstPrice(data: Sorted, levels: number): number {
  return spread(data, 0, data.count) / (levels * levels * levels);
}

interface Priced {
  /** End of each cluster, ascending. */
  readonly ends: number[];
  readonly price: number;
}

/**
 * The optimal partition into exactly `levels` clusters. If their number jumps over `levels`, two partitions of the same cost
 * at the same price are crossed.
 */
function atPrice(
  search: (price: number) => Partition,
  count: number,
  levels: number,
  guess: number,
): Priced {
  const { found, low, high, price } = bracketPrice((p) => search(p).ends, levels, guess);
  if (found) return { ends: found, price };
  if (!high) throw new Error(`kmeans1d: no price gives at most ${levels} clusters`);
  const longer = low ?? Array.from({ length: count }, (_, i) => i + 1);
  return { ends: cross(high, longer, levels), price };
}

/**
 * Searches the price at which `at` gives `levels` things. Their number falls with the price, about as its cube root.
 * Without such a price: what is found just below and above the jump.
 */
export function bracketPrice<Found extends ArrayLike<unknown>>(
  at: (price: number) => Found,
  levels: number,
  guess: number,
): { found?: Found; low?: Found; high?: Found; price: number } {
  let [from, to] = [0, Number.POSITIVE_INFINITY];
  let low: Found | undefined;
  let high: Found | undefined;
  let price = guess;
  for (let round = 0; round < 200; round++) {
    const found = at(price);
    if (found.length === levels) return { found, price };
    if (found.length > levels) [low, from] = [found, price];
    else [high, to] = [found, price];
    // The next price: by the cube law, if that is inside the bracket; else its middle, by ratio.
    const by = found.length / levels;
    const next = price * by * by * by;
    if (round < 8 && next > from && next < to) price = next;
    else if (to === Number.POSITIVE_INFINITY) price = 8 * from;
    else price = from > 0 ? Math.sqrt(from) * Math.sqrt(to) : to / 64;
    if (low && high && (!(price > from && price < to) || to - from <= 1e-14 * to)) break;
    // Below any difference of costs: as good as free.
    if (price < 1e-300) break;
  }
  return { ...(low ? { low } : {}), ...(high ? { high } : {}), price };
}

/**
 * A partition into `levels` clusters from the start of `longer` and the rest of `shorter`, of no higher cost: cut where a
 * cluster of `shorter` contains the one of `longer` that is `levels` − (clusters of `shorter`) further on. By the
 * quadrangle inequality the two crossed partitions cost no more together than the two given ones.
 */
function cross(shorter: readonly number[], longer: readonly number[], levels: number): number[] {
  const ahead = levels - shorter.length;
  let i = 0;
  while ((longer[i + ahead] as number) > (shorter[i] as number)) i++;
  return [...longer.slice(0, i + ahead), ...shorter.slice(i)];
}

/** The cheapest partition at a price. */
export interface Partition {
  /** Start and end of each cluster, ascending, as indices into the sorted values. */
  readonly starts: number[];
  readonly ends: number[];
  /** Errors within the clusters, their prices, and those of values in none. */
  readonly cost: number;
}

/**
 * For a price per cluster, the cheapest partition of all values: f(j) = min over i < j of f(i) + spread(i, j) + price. With
 * a price `skip`, values may also be in no cluster, at that price each: f(j) ≤ f(j − 1) + skip. Of two starts the later one,
 * once better, stays better; so the starts that can still win wait in a queue, each with the first end for which it wins.
 */
export function partitioner(
  data: Sorted,
  skip: number = Number.POSITIVE_INFINITY,
): (price: number) => Partition {
  const { count, mass, sum, squares } = data;
  const cost = new Float64Array(count + 1);
  const start = new Int32Array(count + 1);
  const queue = new Int32Array(count + 1);
  const wins = new Int32Array(count + 1);
  const total = (i: number, j: number): number => {
    const s = (sum[j] as number) - (sum[i] as number);
    const m = (mass[j] as number) - (mass[i] as number);
    return (cost[i] as number) + ((squares[j] as number) - (squares[i] as number) - (s * s) / m);
  };
  return (price) => {
    let head = 0;
    let tail = 0;
    queue[0] = 0;
    wins[0] = 1;
    for (let j = 1; j <= count; j++) {
      while (head < tail && (wins[head + 1] as number) <= j) head++;
      const i = queue[head] as number;
      const one = total(i, j) + price;
      const none = (cost[j - 1] as number) + skip;
      start[j] = none < one ? skipped : i;
      cost[j] = Math.min(none, one);
      if (j === count) break;
      // The new start j: it replaces the last ones that it beats from their first win on.
      while (tail > head && (wins[tail] as number) > j && beats(j, tail, wins[tail] as number))
        tail--;
      const from = firstWin(j, tail, Math.max(j + 1, wins[tail] as number));
      if (from <= count) {
        tail++;
        queue[tail] = j;
        wins[tail] = from;
      }
    }
    const [starts, ends]: number[][] = [[], []];
    for (let j = count; j > 0; ) {
      const i = start[j] as number;
      if (i === skipped) j--;
      else {
        starts?.push(i);
        ends?.push(j);
        j = i;
      }
    }
    return {
      starts: (starts as number[]).reverse(),
      ends: (ends as number[]).reverse(),
      cost: cost[count] as number,
    };
  };

  function beats(j: number, at: number, end: number): boolean {
    return total(j, end) < total(queue[at] as number, end);
  }

  /** The first end from `low` on for which start j beats the one at `at`; `count` + 1 if none. */
  function firstWin(j: number, at: number, low: number): number {
    // Doubling steps first: the answer is near when values are dense.
    let high = low;
    let step = 1;
    while (high <= count && !beats(j, at, high)) {
      low = high + 1;
      high += step;
      step *= 2;
    }
    high = Math.min(high, count + 1);
    while (low < high) {
      const mid = (low + high) >> 1;
      if (beats(j, at, mid)) high = mid;
      else low = mid + 1;
    }
    return low;
  }
}

/** Mark of a value in no cluster. */
const skipped = -1;

/**
 * Lloyd's algorithm from the given ascending centres until no centre moves: a local optimum that is never worse than the
 * start. O(N log K) per round. A centre that loses all its values stays.
 */
export function lloyd1d(
  values: Float64Array,
  start: ArrayLike<number>,
  weights?: Float64Array,
  maxRounds = 100,
): Float64Array {
  let centres = Float64Array.from(start);
  const levels = centres.length;
  const sums = new Float64Array(levels);
  const masses = new Float64Array(levels);
  for (let round = 0; round < maxRounds; round++) {
    sums.fill(0);
    masses.fill(0);
    if (levels === 2 && !weights) twoSums(values, centres, sums, masses);
    else {
      const thresholds = midpoints(centres);
      for (let i = 0; i < values.length; i++) {
        const x = values[i] as number;
        const h = weights ? (weights[i] as number) : 1;
        const k = interval(thresholds, x);
        sums[k] = (sums[k] as number) + h * x;
        masses[k] = (masses[k] as number) + h;
      }
    }
    const moved = centres.map((c, k) =>
      masses[k] ? (sums[k] as number) / (masses[k] as number) : c,
    );
    if (moved.every((c, k) => c === centres[k])) break;
    centres = moved;
  }
  return centres.sort();
}

/** The sums of one round of two centres, in local variables. */
function twoSums(
  values: Float64Array,
  centres: Float64Array,
  sums: Float64Array,
  masses: Float64Array,
): void {
  const threshold = ((centres[0] as number) + (centres[1] as number)) / 2;
  let [all, upper, above] = [0, 0, 0];
  for (let i = 0; i < values.length; i++) {
    const x = values[i] as number;
    // No branch: which side is random.
    const side = Number(x > threshold);
    all += x;
    upper += side * x;
    above += side;
  }
  sums[0] = all - upper;
  sums[1] = upper;
  masses[0] = values.length - above;
  masses[1] = above;
}

/** The K − 1 points halfway between neighbouring centres. */
export function midpoints(centres: ArrayLike<number>): Float64Array {
  const length = Math.max(0, centres.length - 1);
  return Float64Array.from(
    { length },
    (_, k) => ((centres[k] as number) + (centres[k + 1] as number)) / 2,
  );
}

/** How many thresholds are below x: the index of the nearest centre; a tie takes the lower one. */
export function interval(thresholds: Float64Array, x: number): number {
  let low = 0;
  let high = thresholds.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((thresholds[mid] as number) < x) low = mid + 1;
    else high = mid;
  }
  return low;
}
