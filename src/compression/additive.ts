import type { Matrix } from "../math/matrix.ts";
import { random } from "../math/random.ts";
import type {
  AlternationTrace,
  Compression,
  CStepContext,
  CStepResult,
  SumOptions,
} from "./contract.ts";

type Theta = readonly unknown[];

/** Checked options of a sum. */
export interface Settings {
  readonly orders: readonly (readonly number[])[];
  readonly starts: number;
  readonly tolerance: number;
}

/** @throws RangeError for bad options. */
export function settings(
  count: number,
  { search, order, starts = 10, tolerance = 1e-8 }: SumOptions,
): Settings {
  const natural = Array.from({ length: count }, (_, i) => i);
  if (search !== undefined && search !== "auto" && search !== "alternate") {
    throw new RangeError(
      `plus: search must be "auto" or "alternate", got ${JSON.stringify(search)}.`,
    );
  }
  if (order && [...order].sort((a, b) => a - b).join() !== natural.join()) {
    throw new RangeError(
      `plus: order must name each of the ${count} parts once, e.g. [${[...natural].reverse().join(", ")}], got [${order.join(", ")}].`,
    );
  }
  if (!Number.isInteger(starts) || starts < 0) {
    throw new RangeError(`plus: starts must be a whole number from 0, got ${starts}.`);
  }
  if (!(tolerance >= 0)) {
    throw new RangeError(`plus: tolerance must be a number from 0, got ${tolerance}.`);
  }
  return { orders: order ? [order] : count <= 3 ? orders(natural) : [natural], starts, tolerance };
}

function orders(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((first) =>
    orders(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}

/**
 * Alternation: solves for each part in turn, the others fixed. The error never rises from sweep to sweep; it ends in a
 * blockwise optimum, which need not be the global one, so several orders and starts are tried and the best is kept.
 * With a warm start only that start is used.
 */
export function search(
  parts: readonly Compression<unknown>[],
  w: Matrix<Float64Array>,
  { orders, starts, tolerance }: Settings,
  context: CStepContext<Theta>,
): CStepResult<Theta> {
  const trace: AlternationTrace[] = [];
  let best: Found | undefined;
  const attempt = (
    order: readonly number[],
    start: AlternationTrace["start"],
    from?: Theta,
  ): void => {
    let found = alternate(parts, w, order, start, tolerance, context, from);
    trace.push({ order, start, distortion: found.errors });
    // Rounding of θ to float32 can raise the error in the last digits: then the start was best.
    if (from && last(found.errors) > (found.errors[0] as number)) found = { ...found, theta: from };
    if (!best || last(found.errors) < last(best.errors)) best = found;
  };
  if (context.warm) attempt(orders[0] as readonly number[], "warm", context.warm);
  else {
    for (const order of orders) attempt(order, "zero");
    for (let start = 1; start <= starts; start++) {
      attempt(orders[start % orders.length] as readonly number[], start);
    }
  }
  return { theta: (best as Found).theta, exact: false, trace };
}

interface Found {
  readonly theta: Theta;
  readonly errors: readonly number[];
}

/** More sweeps than any run was seen to need; a bound so that no input can loop for ever. */
const maxSweeps = 1000;

function alternate(
  parts: readonly Compression<unknown>[],
  w: Matrix<Float64Array>,
  order: readonly number[],
  start: AlternationTrace["start"],
  tolerance: number,
  context: CStepContext<Theta>,
  warm?: Theta,
): Found {
  const { rows, cols } = w;
  const theta: unknown[] = [...(warm ?? parts.map(() => undefined))];
  const deltas = parts.map((part, i) =>
    warm ? part.decompress(warm[i]).data : new Float64Array(w.data.length),
  );
  if (typeof start === "number") scatter(deltas, w.data, order, start);
  // residual = w − Σ Δⱼ, kept up to date part by part.
  const residual = w.data.slice();
  for (const delta of deltas) add(residual, delta, -1);
  const enough = tolerance * squaredNorm(w.data);
  const errors = warm ? [squaredNorm(residual)] : [];
  // Cheap inner steps until they stop helping, then one full step of every part; done when that does not help either.
  let refine = warm !== undefined;
  for (let sweep = 0; sweep < maxSweeps; sweep++) {
    for (const i of order) {
      const delta = deltas[i] as Float64Array;
      add(residual, delta, 1);
      const part = parts[i] as Compression<unknown>;
      // A copy: a θ may hold on to what it was made from.
      const target = { rows, cols, data: residual.slice() };
      const inner: Partial<CStepContext<unknown>> =
        theta[i] === undefined ? { mu: context.mu } : { mu: context.mu, warm: theta[i], refine };
      theta[i] = part.solve(target, inner).theta;
      deltas[i] = part.decompress(theta[i]).data;
      add(residual, deltas[i] as Float64Array, -1);
    }
    const error = squaredNorm(residual);
    const fall = errors.length === 0 ? Number.POSITIVE_INFINITY : last(errors) - error;
    errors.push(error);
    if (fall > enough) refine = true;
    else if (refine) refine = false;
    else break;
  }
  return { theta, errors };
}

/** A random start: every part but the first to be solved begins with its own random share of each weight. */
function scatter(
  deltas: readonly Float64Array[],
  w: Float64Array,
  order: readonly number[],
  seed: number,
): void {
  const rng = random(seed, 0xadd);
  for (const i of order.slice(1)) {
    const delta = deltas[i] as Float64Array;
    const share = rng.uniform();
    for (let k = 0; k < w.length; k++) {
      if (rng.uniform() < share) delta[k] = ((w[k] as number) * rng.uniform()) / (order.length - 1);
    }
  }
}

function add(into: Float64Array, other: Float64Array, sign: 1 | -1): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) + sign * (other[i] as number);
}

function squaredNorm(data: Float64Array): number {
  let total = 0;
  for (let i = 0; i < data.length; i++) total += (data[i] as number) * (data[i] as number);
  return total;
}

function last(values: readonly number[]): number {
  return values[values.length - 1] as number;
}
