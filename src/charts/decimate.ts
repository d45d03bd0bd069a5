/** Thins long curves for display. */

/**
 * Indices of at most `limit` of the points, in order: the first, the last, and of each stretch between them the
 * lowest and the highest, so that peaks stay. All indices if there are no more than `limit`. O(n).
 * @throws RangeError if `limit` is below 4.
 */
export function decimate(y: readonly number[], limit: number): number[] {
  if (!(limit >= 4)) throw new RangeError(`decimate: limit must be at least 4, got ${limit}.`);
  const n = y.length;
  if (n <= limit) return y.map((_, i) => i);
  const stretches = Math.floor((limit - 2) / 2);
  const kept: number[] = [0];
  for (let s = 0; s < stretches; s++) {
    const from = 1 + Math.floor((s * (n - 2)) / stretches);
    const to = 1 + Math.floor(((s + 1) * (n - 2)) / stretches);
    let low = from;
    let high = from;
    for (let i = from; i < to; i++) {
      // Comparisons with NaN are false: a stretch of NaN keeps its first point, and so its gap.
      if (Number.isNaN(y[low] ?? 0) || (y[i] ?? 0) < (y[low] ?? 0)) low = i;
      if (Number.isNaN(y[high] ?? 0) || (y[i] ?? 0) > (y[high] ?? 0)) high = i;
    }
    kept.push(Math.min(low, high));
    if (low !== high) kept.push(Math.max(low, high));
  }
  kept.push(n - 1);
  return kept;
}
