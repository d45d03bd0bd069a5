import { bracketPrice, firstPrice, partitioner } from "./kmeans.ts";
import { mean, type Sorted, spread } from "./sorted.ts";

/**
 * K windows of sorted values for min Σ (errors within windows) + price · (values outside): the codebook of an optimal
 * "adaptive codebook + corrections at a price each" (a value outside a window is corrected). All weights must be 1.
 */
export interface Windows {
  /** The minimum; if not `reached`, a lower bound of it. */
  readonly cost: number;
  /** Values outside all windows. */
  readonly outside: number;
  /** False if only fewer windows than asked for were found, at a cost above the minimum. */
  readonly reached: boolean;
  /** Ascending means of the windows; fewer than asked for if some are empty. */
  centres(): Float64Array;
}

/** Finds windows; keeps what it learns from one price for the next. */
export interface WindowSearch {
  /** The optimum for a price > 0. `bound`: a cost known to be reachable; closer is faster. */
  solve(price: number, bound: number): Windows;
}

/** Few windows are found level by level, many by a price for each window: that takes the same time whatever their number. */
export function windowSearch(data: Sorted, windows: number): WindowSearch {
  return windows * data.count <= 200_000 || windows <= 3
    ? new LevelSearch(data, windows)
    : new PriceSearch(data, windows);
}

/**
 * By a price per window besides that per value outside (math/kmeans.ts). A window with the values left out before it is a
 * link of a path; its cost satisfies the quadrangle inequality, as a combination of three costs that do, so the cost is
 * convex in the number of windows, and the best K windows are those of some price – unless several numbers of windows cost
 * the same there.
 */
export class PriceSearch implements WindowSearch {
  readonly #data: Sorted;
  readonly #windows: number;
  #price: number;

  constructor(data: Sorted, windows: number) {
    this.#data = data;
    this.#windows = windows;
    this.#price = firstPrice(data, windows);
  }

  solve(price: number): Windows {
    const data = this.#data;
    const search = partitioner(data, price);
    let bound = 0;
    let outside = 0;
    const {
      found,
      high,
      price: own,
    } = bracketPrice(
      (each) => {
        const { starts, ends, cost } = search(each);
        bound = Math.max(bound, cost - each * this.#windows);
        return ends.map((end, k) => [starts[k] as number, end] as const);
      },
      this.#windows,
      this.#price,
    );
    this.#price = own;
    const windows = found ?? high ?? [];
    outside = windows.reduce((left, [start, end]) => left - (end - start), data.count);
    return {
      cost: bound,
      outside,
      reached: found !== undefined,
      centres: () => Float64Array.from(windows, ([start, end]) => mean(data, start, end)),
    };
  }
}

/**
 * By dynamic programming over the windows: with D_k(j) the least cost of the first j values with k windows,
 * E_k(j) = min over i < j of D_{k−1}(i) + spread(i, j) and D_k(j) = min(E_k(j), D_k(j − 1) + price). The best i moves right
 * with j (quadrangle inequality), so a level takes O(N log N) by divide and conquer; the first and the last window must
 * leave few values outside, which makes two windows nearly O(N).
 */
export class LevelSearch implements WindowSearch {
  readonly #data: Sorted;
  readonly #windows: number;
  /** D of two levels, the values outside in them, and where the first half of the windows ends. */
  #cost: Float64Array;
  #next: Float64Array;
  #outside: Int32Array;
  #nextOutside: Int32Array;
  #middle: Int32Array;
  #nextMiddle: Int32Array;
  readonly #best: Int32Array;

  constructor(data: Sorted, windows: number) {
    this.#data = data;
    this.#windows = windows;
    const length = data.count + 1;
    this.#cost = new Float64Array(length);
    this.#next = new Float64Array(length);
    this.#outside = new Int32Array(length);
    this.#nextOutside = new Int32Array(length);
    this.#middle = new Int32Array(length);
    this.#nextMiddle = new Int32Array(length);
    this.#best = new Int32Array(length);
  }

  solve(price: number, bound: number): Windows {
    const { cost, outside } = this.#solve(0, this.#data.count, this.#windows, price, bound);
    return { cost, outside, reached: true, centres: () => this.#centres(price, bound) };
  }

  #centres(price: number, bound: number): Float64Array {
    const found: number[] = [];
    this.#collect(0, this.#data.count, this.#windows, price, bound, found);
    return Float64Array.from(found);
  }

  /** Splits between the two halves of the windows and solves each again: O(N) memory whatever K is. */
  #collect(
    low: number,
    high: number,
    windows: number,
    price: number,
    bound: number,
    found: number[],
  ): void {
    if (low === high) return;
    const { start, end, middle } = this.#solve(low, high, windows, price, bound);
    if (windows === 1) {
      if (end > start) found.push(mean(this.#data, start, end));
      return;
    }
    const half = windows >> 1;
    this.#collect(low, middle, half, price, bound, found);
    this.#collect(middle, high, windows - half, price, bound, found);
  }

  #solve(low: number, high: number, windows: number, price: number, bound: number) {
    // No more than this many values can be outside at either end.
    const most = Math.min(high - low, Math.floor(bound / price) + 1);
    for (let j = low; j <= high; j++) {
      this.#cost[j] = (j - low) * price;
      this.#outside[j] = j - low;
    }
    const half = windows >> 1;
    for (let k = 1; k < windows; k++) {
      this.#level(low, high, price, k === 1 ? low + most : high);
      if (k === half) for (let j = low; j <= high; j++) this.#nextMiddle[j] = j;
      [this.#cost, this.#next] = [this.#next, this.#cost];
      [this.#outside, this.#nextOutside] = [this.#nextOutside, this.#outside];
      [this.#middle, this.#nextMiddle] = [this.#nextMiddle, this.#middle];
    }
    return this.#last(low, high, price, windows === 1 ? low + most : high, high - most);
  }

  /** D_k, the values outside and the middle for all ends, from those of k − 1; starts up to `lastStart`. */
  #level(low: number, high: number, price: number, lastStart: number): void {
    const [before, next, best] = [this.#cost, this.#next, this.#best];
    const { sum, squares } = this.#data;
    const fill = (a: number, b: number, first: number, last: number): void => {
      if (a > b) return;
      const j = (a + b) >> 1;
      const [sj, qj] = [sum[j] as number, squares[j] as number];
      let least = Number.POSITIVE_INFINITY;
      let at = first;
      for (let i = first, end = Math.min(last, j - 1); i <= end; i++) {
        const s = sj - (sum[i] as number);
        const c = (before[i] as number) + (qj - (squares[i] as number)) - (s * s) / (j - i);
        if (c < least) {
          least = c;
          at = i;
        }
      }
      next[j] = least;
      best[j] = at;
      fill(a, j - 1, first, at);
      fill(j + 1, b, at, last);
    };
    fill(low + 1, high, low, Math.min(lastStart, high - 1));
    next[low] = 0;
    this.#nextOutside[low] = 0;
    this.#nextMiddle[low] = low;
    for (let j = low + 1; j <= high; j++) {
      const skip = (next[j - 1] as number) + price;
      if (skip < (next[j] as number)) {
        next[j] = skip;
        this.#nextOutside[j] = (this.#nextOutside[j - 1] as number) + 1;
        this.#nextMiddle[j] = this.#nextMiddle[j - 1] as number;
      } else {
        const i = best[j] as number;
        this.#nextOutside[j] = this.#outside[i] as number;
        this.#nextMiddle[j] = this.#middle[i] as number;
      }
    }
  }

  /**
   * The last window, i ≤ start < end: min D(start) + spread(start, end) + price · (values after it). Only ends from
   * `firstEnd` on count, so here the best end is sought for every start.
   */
  #last(low: number, high: number, price: number, lastStart: number, firstEnd: number) {
    const before = this.#cost;
    const { sum, squares } = this.#data;
    // No window at all, or an empty last one.
    let [cost, start, end] = [before[high] as number, high, high];
    const fill = (a: number, b: number, first: number, last: number): void => {
      if (a > b) return;
      const i = (a + b) >> 1;
      const [si, qi] = [sum[i] as number, squares[i] as number];
      let least = Number.POSITIVE_INFINITY;
      let at = last;
      for (let j = Math.max(first, i + 1); j <= last; j++) {
        const s = (sum[j] as number) - si;
        const c = (squares[j] as number) - qi - (s * s) / (j - i) + (high - j) * price;
        if (c < least) {
          least = c;
          at = j;
        }
      }
      const whole = (before[i] as number) + least;
      if (
        whole < cost ||
        (whole === cost && high - at + (this.#outside[i] as number) < outside())
      ) {
        [cost, start, end] = [whole, i, at];
      }
      fill(a, i - 1, first, at);
      fill(i + 1, b, at, last);
    };
    const outside = (): number => (this.#outside[start] as number) + high - end;
    fill(low, Math.min(lastStart, high - 1), Math.max(low + 1, firstEnd), high);
    return { cost, start, end, outside: outside(), middle: this.#middle[start] as number };
  }
}

/** Start of the window of `size` sorted values with the least spread; the first of equal ones. O(N). */
export function narrowest(data: Sorted, size: number): number {
  let best = 0;
  let least = Number.POSITIVE_INFINITY;
  for (let from = 0; from + size <= data.count; from++) {
    const s = spread(data, from, from + size);
    if (s < least) {
      least = s;
      best = from;
    }
  }
  return best;
}
