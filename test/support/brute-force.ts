/** Every way to choose from `options` for each of `length` places. */
export function* choices(options: number, length: number): Generator<number[]> {
  for (let code = 0; code < options ** length; code++) {
    const choice: number[] = [];
    for (let i = 0, rest = code; i < length; i++, rest = Math.floor(rest / options)) {
      choice.push(rest % options);
    }
    yield choice;
  }
}

/** min over all assignments to K groups of Σ h (x − weighted mean of its group)². */
export function bestClusters(
  data: readonly number[],
  levels: number,
  h?: readonly number[],
): number {
  let best = data.length === 0 ? 0 : Number.POSITIVE_INFINITY;
  for (const groups of choices(levels, data.length)) {
    let cost = 0;
    for (let k = 0; k < levels; k++) {
      const own = groups.flatMap((g, i) => (g === k ? [i] : []));
      const weight = (i: number): number => h?.[i] ?? 1;
      const mass = own.reduce((sum, i) => sum + weight(i), 0);
      const mean = own.reduce((sum, i) => sum + weight(i) * (data[i] as number), 0) / (mass || 1);
      cost += own.reduce((sum, i) => sum + weight(i) * ((data[i] as number) - mean) ** 2, 0);
    }
    best = Math.min(best, cost);
  }
  return best;
}

/** min over a ≥ 0 and codes from `grid` of Σ h (x − a · code)². */
export function bestScaled(
  data: readonly number[],
  grid: readonly number[],
  h?: readonly number[],
): number {
  let best = data.reduce((sum, x, i) => sum + (h?.[i] ?? 1) * x * x, 0);
  const none = grid.includes(0) || data.length === 0 ? best : Number.POSITIVE_INFINITY;
  const all = best;
  best = none;
  for (const codes of choices(grid.length, data.length)) {
    let [a, b] = [0, 0];
    for (const [i, code] of codes.entries()) {
      const g = grid[code] as number;
      a += (h?.[i] ?? 1) * (data[i] as number) * g;
      b += (h?.[i] ?? 1) * g * g;
    }
    best = Math.min(best, all - (a > 0 && b > 0 ? (a * a) / b : 0));
  }
  return best;
}

/** min over the weights left alone (those not corrected) of `rest` of them, plus `price` for each corrected one. */
export function bestCorrections(
  data: readonly number[],
  rest: (uncorrected: readonly number[]) => number,
  limits: { readonly most?: number; readonly price?: number },
): number {
  let best = Number.POSITIVE_INFINITY;
  for (const corrected of choices(2, data.length)) {
    const count = corrected.reduce((sum, c) => sum + c, 0);
    if (count > (limits.most ?? data.length)) continue;
    const left = data.filter((_, i) => corrected[i] === 0);
    best = Math.min(best, rest(left) + count * (limits.price ?? 0));
  }
  return best;
}

/** min over supports that `allowed` accepts of what is cut off. */
export function bestSupport(
  data: readonly number[],
  allowed: (kept: readonly number[]) => boolean,
  h?: readonly number[],
): number {
  let best = Number.POSITIVE_INFINITY;
  for (const kept of choices(2, data.length)) {
    if (!allowed(kept)) continue;
    best = Math.min(
      best,
      data.reduce((sum, x, i) => sum + (kept[i] ? 0 : (h?.[i] ?? 1) * x * x), 0),
    );
  }
  return best;
}

/** Projection on the l1 ball: the best feasible point over all supports and the multiplier each implies. */
export function bestL1(data: readonly number[], radius: number, h?: readonly number[]): number {
  if (data.reduce((sum, x) => sum + Math.abs(x), 0) <= radius) return 0;
  let best = data.reduce((sum, x, i) => sum + (h?.[i] ?? 1) * x * x, 0);
  for (const kept of choices(2, data.length)) {
    const own = kept.flatMap((k, i) => (k ? [i] : []));
    if (own.length === 0) continue;
    const size = (i: number): number => Math.abs(data[i] as number);
    const slope = own.reduce((sum, i) => sum + 1 / (h?.[i] ?? 1), 0);
    const tau = (own.reduce((sum, i) => sum + size(i), 0) - radius) / slope;
    const theta = data.map((_, i) => (kept[i] ? size(i) - tau / (h?.[i] ?? 1) : 0));
    if (theta.some((x) => x < -1e-12)) continue;
    best = Math.min(
      best,
      theta.reduce((sum, x, i) => sum + (h?.[i] ?? 1) * (size(i) - x) ** 2, 0),
    );
  }
  return best;
}
