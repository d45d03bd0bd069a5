/**
 * Indices of the `count` largest x, ascending. Ties keep the smaller index. O(n) on average: quickselect for the threshold
 * (Hoare, 1961), then one pass.
 */
export function largest(x: Float64Array, count: number): Uint32Array {
  const n = x.length;
  const indices = new Uint32Array(count);
  if (count === 0) return indices;
  const threshold = kthLargest(x.slice(), count);
  let above = 0;
  for (let i = 0; i < n; i++) if ((x[i] as number) > threshold) above++;
  let ties = count - above;
  for (let i = 0, at = 0; at < count && i < n; i++) {
    const s = x[i] as number;
    if (s > threshold || (s === threshold && ties-- > 0)) indices[at++] = i;
  }
  return indices;
}

/** The k-th largest value, 1 ≤ k ≤ n; reorders `a`. */
function kthLargest(a: Float64Array, k: number): number {
  const target = a.length - k;
  let low = 0;
  let high = a.length - 1;
  while (low < high) {
    const pivot = median(a[low] as number, a[(low + high) >> 1] as number, a[high] as number);
    let i = low;
    let j = high;
    while (i <= j) {
      while ((a[i] as number) < pivot) i++;
      while ((a[j] as number) > pivot) j--;
      if (i <= j) {
        const t = a[i] as number;
        a[i++] = a[j] as number;
        a[j--] = t;
      }
    }
    if (target <= j) high = j;
    else if (target >= i) low = i;
    else break;
  }
  return a[target] as number;
}

function median(a: number, b: number, c: number): number {
  return Math.max(Math.min(a, b), Math.min(Math.max(a, b), c));
}
