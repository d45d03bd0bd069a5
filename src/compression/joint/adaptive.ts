import { kmeansOf } from "../../math/kmeans.ts";
import { squaredNorm } from "../../math/matrix.ts";
import { mean, type Sorted, sorted, spread } from "../../math/sorted.ts";
import { narrowest, type Windows, windowSearch } from "../../math/windows.ts";
import type { Compression, CStepResult, JointRole, Target } from "../contract.ts";
import { remainder } from "./fixed.ts";
import type { JointSolution, Roles } from "./solution.ts";

type Adaptive = Extract<JointRole<unknown>, { role: "adaptive" }>;
type Correction = Extract<JointRole<unknown>, { role: "correction" }>;

/**
 * Adaptive codebook + l0 pruning. The weights without a correction are windows of the sorted weights (of their sizes, for
 * a codebook of ±a), and the values are the windows' means:
 * - a price per correction: exact, by dynamic programming over the windows;
 * - κ corrections and one window: exact, the narrowest window of N − κ weights;
 * - κ corrections and K ≥ 2 windows: the price at which the optimum has κ corrections; that optimum is then exact, for its
 *   error is the bound  max over prices t of (optimum at t) − t κ. Where no price has exactly κ, the bound says how far the
 *   best solution found can be from the optimum.
 */
export function adaptiveAndCorrections(
  parts: readonly Compression<unknown>[],
  roles: Roles,
): JointSolution | undefined {
  const codebook = (parts[roles.codebook] as Compression<unknown>).joint as Adaptive;
  const corrections = (parts[roles.corrections] as Compression<unknown>).joint as Correction;
  const { count, price } = corrections;
  // Prunings of other kinds (l1, groups) do not leave windows.
  if (!count && !price) return undefined;
  return {
    exact: price !== undefined || codebook.levels === 1,
    solve(w, { mu, warm, importance }) {
      // With weights of their own, the uncorrected weights are no windows.
      if (importance) return undefined;
      const data = sorted(codebook.folded ? w.data.map(Math.abs) : w.data);
      const from = warm ? Float64Array.from(codebook.values(warm[roles.codebook])) : undefined;
      const found = price
        ? atPrice(data, codebook.levels, price(mu), from)
        : withCount(data, codebook.levels, Math.min(data.count, count?.(data.count) ?? 0), from);
      return finish(parts, roles, w, mu, found);
    },
  };
}

interface Values {
  /** Ascending values of the codebook. */
  readonly centres: Float64Array;
  readonly exact: boolean;
  /** A lower bound of the optimum, for the gap if it is not exact. */
  readonly bound: number;
}

/** θ of both parts from the codebook: the nearest values, and the pruning's own C step on what remains. */
function finish(
  parts: readonly Compression<unknown>[],
  { codebook, corrections }: Roles,
  w: Target,
  mu: number,
  { centres, exact, bound }: Values,
): CStepResult<readonly unknown[]> {
  const quantizer = parts[codebook] as Compression<unknown>;
  const pruning = parts[corrections] as Compression<unknown>;
  const theta: unknown[] = [];
  theta[codebook] = (quantizer.joint as Adaptive).encode(w, centres);
  const rest = remainder(w, quantizer.decompress(theta[codebook]));
  theta[corrections] = pruning.cStep(rest, { mu });
  const { levels } = quantizer.joint as Adaptive;
  const few = centres.length < levels ? [fewer(centres.length, levels)] : [];
  const notes = few.length > 0 ? { notes: few } : {};
  if (exact) return { theta, exact, gap: 0, ...notes };
  const left = remainder(rest, pruning.decompress(theta[corrections])).data;
  const cost = pruning.cost?.(theta[corrections], w) ?? 0;
  const error = squaredNorm(left) + (cost > 0 ? (2 / mu) * cost : 0);
  return { theta, exact, gap: Math.max(0, error - bound), ...notes };
}

/** The note of a codebook that is smaller than asked for. */
function fewer(found: number, levels: number): string {
  return `${found} ${found === 1 ? "value is" : "values are"} enough beside the corrections, fewer than K = ${levels}`;
}

function atPrice(data: Sorted, levels: number, price: number, warm?: Float64Array): Values {
  let centres = warm ?? kmeansOf(data, levels);
  const radius = Math.sqrt(price);
  centres = settle(data, centres, () => radius);
  const found = windowSearch(data, levels).solve(price, costAt(data, centres, price));
  const exact = found.reached;
  return { centres: orMiddle(data, found.centres()), exact, bound: found.cost };
}

function withCount(data: Sorted, levels: number, kappa: number, warm?: Float64Array): Values {
  const kept = data.count - kappa;
  if (kept === 0) return { centres: orMiddle(data, new Float64Array()), exact: true, bound: 0 };
  if (levels === 1) {
    const start = narrowest(data, kept);
    return { centres: Float64Array.of(mean(data, start, start + kept)), exact: true, bound: 0 };
  }
  let best = settle(data, warm ?? kmeansOf(data, levels), (centres) =>
    radiusFor(data, centres, kappa),
  );
  let least = costWith(data, best, kappa);
  let bound = 0;
  let dearest = 0;
  const search = windowSearch(data, levels);
  const improve = (found: Windows): void => {
    const centres = settle(data, orMiddle(data, found.centres()), (c) => radiusFor(data, c, kappa));
    const cost = costWith(data, centres, kappa);
    if (cost < least) {
      least = cost;
      best = centres;
    }
  };
  // Optima at any price are corners of the convex hull of (corrections, error). `many` and `few` are the ones on both sides
  // of κ so far; a price at which both cost the same finds a corner between them, or that there is none.
  let many: Corner = { count: data.count, error: 0 };
  let few: Corner = { count: 0, error: Number.POSITIVE_INFINITY };
  let price = ownPrice(data, best, kappa);
  for (let round = 0, step = 1e-3; round < maxPrices && price > 0; round++, step *= 4) {
    const found = search.solve(price, costAt(data, best, price));
    const { cost, outside, reached } = found;
    bound = Math.max(bound, cost - price * kappa);
    dearest = Math.max(dearest, cost);
    if (outside === kappa || !reached) {
      improve(found);
      break;
    }
    const corner = { count: outside, error: cost - price * outside };
    const bracketed = many.count < data.count && few.error < Number.POSITIVE_INFINITY;
    if (bracketed && !(outside < many.count && outside > few.count)) {
      improve(found);
      break;
    }
    if (round >= 6 && least - bound <= closeEnough * least) break;
    if (outside > kappa) many = corner;
    else few = corner;
    if (round < 2) improve(found);
    if (many.count < data.count && few.error < Number.POSITIVE_INFINITY) {
      price = (few.error - many.error) / (many.count - few.count);
    } else price *= outside > kappa ? 1 + step : 1 / (1 + step);
  }
  // The sums behind both are not more accurate.
  const closed = least - bound <= 1e-9 * least + 1e-13 * dearest;
  return { centres: best, exact: closed, bound };
}

/** Prices tried at most; each is a dynamic program. */
const maxPrices = 24;

/** Relative gap at which the search for a corner at κ is given up after a few prices. */
const closeEnough = 1e-7;

interface Corner {
  readonly count: number;
  readonly error: number;
}

/** A price between the squared distances of the last value corrected and the first that is not. */
function ownPrice(data: Sorted, centres: Float64Array, kappa: number): number {
  const inner = radiusFor(data, centres, kappa);
  const outer = kappa > 0 ? radiusFor(data, centres, kappa - 1) : inner;
  return (square(inner) + square(outer)) / 2;
}

/** Windows around ascending centres: of each cell the values no farther than `radius` away. */
function windows(
  { values, count }: Sorted,
  centres: Float64Array,
  radius: number,
): { from: number; to: number }[] {
  return Array.from(centres, (c, k) => {
    const lower = k > 0 ? (c + (centres[k - 1] as number)) / 2 : Number.NEGATIVE_INFINITY;
    const upper =
      k + 1 < centres.length ? (c + (centres[k + 1] as number)) / 2 : Number.POSITIVE_INFINITY;
    const from = rank(values, count, Math.max(c - radius, lower), lower >= c - radius);
    const to = rank(values, count, Math.min(c + radius, upper), true);
    return { from, to: Math.max(from, to) };
  });
}

/** How many values are below `x`, or at it too. */
function rank(values: Float64Array, count: number, x: number, equal: boolean): number {
  let low = 0;
  let high = count;
  while (low < high) {
    const mid = (low + high) >> 1;
    const value = values[mid] as number;
    if (value < x || (equal && value === x)) low = mid + 1;
    else high = mid;
  }
  return low;
}

function outsideOf(data: Sorted, centres: Float64Array, radius: number): number {
  return windows(data, centres, radius).reduce(
    (left, { from, to }) => left - (to - from),
    data.count,
  );
}

/** A radius that leaves at most κ values outside, hardly larger than needed. */
function radiusFor(data: Sorted, centres: Float64Array, kappa: number): number {
  const [first, last] = [data.values[0] as number, data.values[data.count - 1] as number];
  let low = 0;
  let high = 2 * (last - first) + Math.abs(first - (centres[0] as number)) + 1e-300;
  for (let i = 0; i < 60 && low < high; i++) {
    const mid = (low + high) / 2;
    if (outsideOf(data, centres, mid) > kappa) low = mid;
    else high = mid;
  }
  return high;
}

/** Moves the centres to the means of their windows until they stay: the cost at that radius (or count) never rises. */
function settle(
  data: Sorted,
  start: Float64Array,
  radius: (centres: Float64Array) => number,
): Float64Array {
  let centres = start;
  for (let round = 0; round < 300; round++) {
    const all = windows(data, centres, radius(centres));
    const moved = centres.map((c, k) => {
      const { from, to } = all[k] as { from: number; to: number };
      return to > from ? mean(data, from, to) : c;
    });
    if (moved.every((c, k) => c === centres[k])) break;
    centres = moved.sort();
  }
  return centres;
}

/** Error within the windows around `centres` plus the price of every value outside. */
function costAt(data: Sorted, centres: Float64Array, price: number): number {
  let outside = data.count;
  let cost = 0;
  for (const [k, { from, to }] of windows(data, centres, Math.sqrt(price)).entries()) {
    outside -= to - from;
    cost += around(data, from, to, centres[k] as number);
  }
  // A little more, so that rounding does not exclude the optimum.
  return (cost + outside * price) * (1 + 1e-9) + 1e-300;
}

/** Error of these centres with the κ farthest values corrected (or fewer, where several are equally far). */
function costWith(data: Sorted, centres: Float64Array, kappa: number): number {
  const radius = radiusFor(data, centres, kappa);
  let outside = data.count;
  let cost = 0;
  for (const [k, { from, to }] of windows(data, centres, radius).entries()) {
    outside -= to - from;
    cost += around(data, from, to, centres[k] as number);
  }
  return cost - (kappa - outside) * radius * radius;
}

/** Σ (x − centre)² over a window. */
function around(data: Sorted, from: number, to: number, centre: number): number {
  if (from >= to) return 0;
  const off = mean(data, from, to) - centre;
  return spread(data, from, to) + (to - from) * off * off;
}

/** The values of a codebook, which must have at least one. */
function orMiddle(data: Sorted, centres: Float64Array): Float64Array {
  return centres.length > 0 ? centres : Float64Array.of(mean(data, 0, data.count));
}

function square(x: number): number {
  return x * x;
}
