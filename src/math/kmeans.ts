/**
 * Globally optimal 1-D k-means: min Σ (xᵢ − c_{a(i)})² over K centres. Clusters of an optimum are intervals of the
 * sorted values, so dynamic programming over interval ends is exact; the best start of an interval moves right with
 * its end (the cost satisfies the quadrangle inequality), which gives O(K N log N) by divide and conquer.
 * Wu, "Optimal quantization by matrix searching", J. Algorithms 12 (1991).
 * @returns Ascending centres; fewer than K if there are fewer distinct values.
 */
export function kmeans1d(values: Float64Array, levels: number): Float64Array {
  const sorted = values.slice().sort();
  const n = sorted.length;
  let distinct = 1;
  for (let i = 1; i < n && distinct <= levels; i++) if (sorted[i] !== sorted[i - 1]) distinct++;
  if (distinct <= levels) return new Float64Array(new Set(sorted));

  // Sums of the values less their middle: the differences below then cancel little.
  const middle = sorted[n >> 1] as number;
  const sum = new Float64Array(n + 1);
  const squares = new Float64Array(n + 1);
  for (let i = 0; i < n; i++) {
    const x = (sorted[i] as number) - middle;
    sum[i + 1] = (sum[i] as number) + x;
    squares[i + 1] = (squares[i] as number) + x * x;
  }
  const starts = intervalStarts(sum, squares, levels);
  return Float64Array.from({ length: levels }, (_, k) => {
    const from = starts[k] as number;
    const to = k + 1 < levels ? (starts[k + 1] as number) : n;
    return middle + ((sum[to] as number) - (sum[from] as number)) / (to - from);
  });
}

/** First index of each of the K intervals of an optimal clustering. */
function intervalStarts(sum: Float64Array, squares: Float64Array, levels: number): number[] {
  const n = sum.length - 1;
  const sse = (from: number, to: number): number => {
    const s = (sum[to] as number) - (sum[from] as number);
    return (squares[to] as number) - (squares[from] as number) - (s * s) / (to - from);
  };
  if (levels === 1) return [0];
  if (levels === 2) {
    let best = 1;
    let cost = Number.POSITIVE_INFINITY;
    for (let cut = 1; cut < n; cut++) {
      const c = sse(0, cut) + sse(cut, n);
      if (c < cost) {
        cost = c;
        best = cut;
      }
    }
    return [0, best];
  }
  // cost[j]: least cost of the first j values in k intervals; back[k][j]: where the last of them starts.
  let cost = Float64Array.from({ length: n + 1 }, (_, j) => (j === 0 ? 0 : sse(0, j)));
  let next = new Float64Array(n + 1);
  const back: Int32Array[] = [];
  for (let k = 2; k <= levels; k++) {
    const from = new Int32Array(n + 1);
    const lowest = k - 1;
    const fill = (low: number, high: number, first: number, last: number): void => {
      if (low > high) return;
      const j = (low + high) >> 1;
      let best = Number.POSITIVE_INFINITY;
      let at = first;
      for (let i = Math.max(first, lowest), end = Math.min(last, j - 1); i <= end; i++) {
        const c = (cost[i] as number) + sse(i, j);
        if (c < best) {
          best = c;
          at = i;
        }
      }
      next[j] = best;
      from[j] = at;
      fill(low, j - 1, first, at);
      fill(j + 1, high, at, last);
    };
    next.fill(Number.POSITIVE_INFINITY);
    fill(k, n, lowest, n - 1);
    back.push(from);
    [cost, next] = [next, cost];
  }
  const starts = new Array<number>(levels).fill(0);
  for (let k = levels - 1, end = n; k >= 1; k--) {
    end = (back[k - 1] as Int32Array)[end] as number;
    starts[k] = end;
  }
  return starts;
}

/**
 * Lloyd's algorithm from the given ascending centres until no value changes its cluster: a local optimum that is never
 * worse than the start. O(N log K) per round. A centre that loses all its values stays.
 */
export function lloyd1d(
  values: Float64Array,
  start: ArrayLike<number>,
  maxRounds = 100,
): Float64Array {
  let centres = Float64Array.from(start);
  const levels = centres.length;
  const sums = new Float64Array(levels);
  const counts = new Float64Array(levels);
  for (let round = 0; round < maxRounds; round++) {
    const thresholds = midpoints(centres);
    sums.fill(0);
    counts.fill(0);
    for (let i = 0; i < values.length; i++) {
      const x = values[i] as number;
      const k = interval(thresholds, x);
      sums[k] = (sums[k] as number) + x;
      counts[k] = (counts[k] as number) + 1;
    }
    const moved = centres.map((c, k) =>
      counts[k] ? (sums[k] as number) / (counts[k] as number) : c,
    );
    if (moved.every((c, k) => c === centres[k])) break;
    centres = moved;
  }
  return centres.sort();
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
