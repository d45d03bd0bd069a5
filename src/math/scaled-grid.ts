/**
 * The scale a ≥ 0 of the grid a · {0, 1, …, steps} that is nearest to the sizes |xᵢ|: min Σ hᵢ (|xᵢ| − a kᵢ)² over a and
 * whole kᵢ in 0…steps. Exact: as a grows, value i falls from k to k − 1 at a = |xᵢ| / (k − ½), and between two such points
 * the best scale is A / B with A = Σ hᵢ |xᵢ| kᵢ and B = Σ hᵢ kᵢ², and takes A² / B off the error. All points that can matter
 * are visited in order, one sorted stream for each k. O(N log N + points · log steps), O(N) memory.
 * @param sizes ascending, ≥ 0. @param weights in the same order, positive; 1 if not given.
 */
export function bestScale(sizes: Float64Array, steps: number, weights?: Float64Array): number {
  const count = sizes.length;
  const largest = sizes[count - 1] as number;
  if (!(largest > 0)) return 0;
  // Any scale that is good already limits the ones to look at.
  const reachable = errorAt(sizes, steps, largest / steps, weights);
  const { low, high } = range(sizes, steps, reachable, weights);

  // A and B just above `low`, and for each k the next value to fall to k − 1.
  let [a, b] = [0, 0];
  const next = new Int32Array(steps + 1);
  for (let i = 0; i < count; i++) {
    const x = sizes[i] as number;
    const k = code(x, low, steps);
    const h = weights ? (weights[i] as number) : 1;
    a += h * x * k;
    b += h * k * k;
  }
  for (let k = 1; k <= steps; k++) next[k] = firstAbove(sizes, low * (k - 0.5));
  const heap = streams(steps, (k) => {
    const i = next[k] as number;
    return i < count ? (sizes[i] as number) / (k - 0.5) : Number.POSITIVE_INFINITY;
  });
  let gain = -1;
  let scale = 0;
  for (;;) {
    // Compared as A² / B, the reduction of the error; a tie keeps the smaller scale.
    if (b > 0 && a * a > gain * b) {
      gain = (a * a) / b;
      scale = a / b;
    }
    const k = heap.first();
    if (!(heap.key(k) <= high)) break;
    const i = next[k] as number;
    const h = weights ? (weights[i] as number) : 1;
    a -= h * (sizes[i] as number);
    b -= h * (2 * k - 1);
    next[k] = i + 1;
    heap.changed();
  }
  return scale;
}

/** The nearest of 0…steps to x / scale; halfway the lower one. At scale 0 as just above it. */
function code(x: number, scale: number, steps: number): number {
  if (scale > 0) return Math.min(steps, Math.max(0, Math.ceil(x / scale - 0.5)));
  return x > 0 ? steps : 0;
}

/** Σ h (x − scale · code)². */
function errorAt(
  sizes: Float64Array,
  steps: number,
  scale: number,
  weights?: Float64Array,
): number {
  let total = 0;
  for (let i = 0; i < sizes.length; i++) {
    const x = sizes[i] as number;
    const d = x - scale * code(x, scale, steps);
    total += (weights ? (weights[i] as number) : 1) * d * d;
  }
  return total;
}

/**
 * Scales outside low…high have an error above `reachable`: below, values beyond the last step are cut off too far; above,
 * too many values fall to 0. Both errors are monotone in the scale.
 */
function range(sizes: Float64Array, steps: number, reachable: number, weights?: Float64Array) {
  const largest = sizes[sizes.length - 1] as number;
  const cutOff = (scale: number): number => {
    let total = 0;
    for (let i = sizes.length - 1; i >= 0; i--) {
      const d = (sizes[i] as number) - scale * steps;
      if (d <= 0) break;
      total += (weights ? (weights[i] as number) : 1) * d * d;
    }
    return total;
  };
  const lost = (scale: number): number => {
    let total = 0;
    for (let i = 0; i < sizes.length && (sizes[i] as number) < scale / 2; i++) {
      total += (weights ? (weights[i] as number) : 1) * (sizes[i] as number) * (sizes[i] as number);
    }
    return total;
  };
  // Slightly wider than needed, so that rounding in the sums excludes nothing.
  const enough = reachable * (1 + 1e-9) + 1e-300;
  let [low, high] = [0, largest / steps];
  for (let i = 0; i < 30; i++) {
    const mid = (low + high) / 2;
    if (cutOff(mid) > enough) low = mid;
    else high = mid;
  }
  let [from, to] = [largest / steps, 2 * largest];
  for (let i = 0; i < 30; i++) {
    const mid = (from + to) / 2;
    if (lost(mid) > enough) to = mid;
    else from = mid;
  }
  return { low, high: to };
}

/** Index of the first size that still has its code at `limit`: sizes at the limit or below have fallen. */
function firstAbove(sizes: Float64Array, limit: number): number {
  let low = 0;
  let high = sizes.length;
  while (low < high) {
    const mid = (low + high) >> 1;
    if ((sizes[mid] as number) <= limit) low = mid + 1;
    else high = mid;
  }
  return low;
}

/** A heap of the streams 1…count by their next key; equal keys in order of the stream. */
function streams(count: number, keyOf: (stream: number) => number) {
  const key = new Float64Array(count + 1);
  const heap = new Int32Array(count + 1);
  for (let k = 1; k <= count; k++) {
    key[k] = keyOf(k);
    heap[k] = k;
  }
  const before = (a: number, b: number): boolean =>
    (key[a] as number) < (key[b] as number) || (key[a] === key[b] && a < b);
  const sink = (from: number): void => {
    let at = from;
    const moving = heap[at] as number;
    for (;;) {
      let child = 2 * at;
      if (child > count) break;
      if (child < count && before(heap[child + 1] as number, heap[child] as number)) child++;
      if (!before(heap[child] as number, moving)) break;
      heap[at] = heap[child] as number;
      at = child;
    }
    heap[at] = moving;
  };
  for (let at = count >> 1; at >= 1; at--) sink(at);
  return {
    first: () => heap[1] as number,
    key: (stream: number) => key[stream] as number,
    /** The first stream has moved on. */
    changed: () => {
      const k = heap[1] as number;
      key[k] = keyOf(k);
      sink(1);
    },
  };
}
