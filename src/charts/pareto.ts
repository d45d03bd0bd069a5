/** The best that a set of points offers. */

/**
 * Indices of the Pareto front of "more `x`, less `y`", by rising `x`: the points that no other beats in one without
 * losing in the other. Of equal points the first stays; NaN never is on the front. O(n log n).
 */
export function paretoFront(x: readonly number[], y: readonly number[]): number[] {
  const at = (values: readonly number[], i: number): number => values[i] ?? Number.NaN;
  const order = x
    .map((_, i) => i)
    .filter((i) => !Number.isNaN(at(x, i)) && !Number.isNaN(at(y, i)))
    .sort((a, b) => at(x, b) - at(x, a) || at(y, a) - at(y, b) || a - b);
  const front: number[] = [];
  let lowest = Number.POSITIVE_INFINITY;
  for (const i of order) {
    if (at(y, i) >= lowest) continue;
    lowest = at(y, i);
    front.push(i);
  }
  return front.reverse();
}
