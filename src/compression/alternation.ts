import { squaredNorm } from "../math/matrix.ts";
import { random } from "../math/random.ts";
import {
  type AlternationTrace,
  allZero,
  type Compression,
  type CStepContext,
  type CStepResult,
  type SumOptions,
  type Target,
} from "./contract.ts";

type Theta = readonly unknown[];

/** Checked options of a sum. */
export interface Settings {
  /** Whether exact joint solutions may be used. */
  readonly joint: boolean;
  readonly orders: readonly (readonly number[])[];
  readonly starts: number;
  readonly tolerance: number;
}

/** @throws RangeError for bad options. */
export function settings(
  count: number,
  { search = "auto", order, starts = 10, tolerance = 1e-8 }: SumOptions,
): Settings {
  const natural = Array.from({ length: count }, (_, i) => i);
  if (search !== "auto" && search !== "alternate") {
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
  const orders = order ? [order] : count <= 3 ? permutations(natural) : [natural];
  return { joint: search === "auto", orders, starts, tolerance };
}

function permutations(items: readonly number[]): number[][] {
  if (items.length < 2) return [[...items]];
  return items.flatMap((first) =>
    permutations(items.filter((item) => item !== first)).map((rest) => [first, ...rest]),
  );
}

/**
 * Alternation: solves for each part in turn, the others fixed. The objective never rises from sweep to sweep; it ends in
 * a blockwise optimum, which need not be the global one, so several orders and starts are tried and the best is kept.
 * With a warm start only that start is used.
 */
export function alternation(
  parts: readonly Compression<unknown>[],
  w: Target,
  { orders, starts, tolerance }: Settings,
  context: CStepContext<Theta>,
): CStepResult<Theta> {
  const natural = orders[0] as readonly number[];
  const enough = tolerance * squaredNorm(w.data, context.importance);
  const runs: Alternation[] = [];
  if (context.warm) runs.push(new Alternation(parts, w, context, natural, "warm"));
  else {
    for (const order of orders) runs.push(new Alternation(parts, w, context, order, "zero"));
    for (let start = 1; start <= starts; start++) {
      const order = orders[start % orders.length] as readonly number[];
      runs.push(new Alternation(parts, w, context, order, start));
    }
  }
  let best: Alternation | undefined;
  for (const run of runs) {
    run.settle(enough);
    if (!best || run.least < best.least) {
      best?.forget();
      best = run;
    } else run.forget();
  }
  (best as Alternation).finish(enough);
  const trace = runs.map(({ order, start, objective }) => ({ order, start, objective }));
  const { theta, notes } = best as Alternation;
  return { theta, exact: false, trace, ...(notes.length > 0 ? { notes } : {}) };
}

/** More sweeps than any run was seen to need; a bound so that no input can loop for ever. */
const maxSweeps = 1000;

/** One order and start of alternation. */
class Alternation {
  readonly order: readonly number[];
  readonly start: AlternationTrace["start"];
  /** After each sweep; of a warm start also before the first. */
  readonly objective: number[] = [];
  readonly #parts: readonly Compression<unknown>[];
  readonly #w: Target;
  readonly #context: CStepContext<Theta>;
  #theta: Theta;
  /** What the parts said in the last full sweep. */
  notes: readonly string[] = [];
  /** Of a random start, what the parts begin with until they are solved. */
  #shares: (Float64Array | undefined)[] = [];
  /** w − Σ Δ; there while the run sweeps. No Δ is kept: one more decompression costs less than an array for each part. */
  #residual = new Float64Array();

  constructor(
    parts: readonly Compression<unknown>[],
    w: Target,
    context: CStepContext<Theta>,
    order: readonly number[],
    start: AlternationTrace["start"],
  ) {
    this.#parts = parts;
    this.#w = w;
    this.#context = context;
    this.order = order;
    this.start = start;
    this.#theta = context.warm ?? parts.map(() => undefined);
  }

  get theta(): Theta {
    return this.#theta;
  }

  get least(): number {
    return this.objective.at(-1) ?? Number.POSITIVE_INFINITY;
  }

  /** Sweeps of cheap steps until one lowers the objective by no more than `enough`. */
  settle(enough: number): void {
    const { data } = this.#w;
    this.#open();
    if (typeof this.start === "number") {
      this.#shares = scatter(data, this.order, this.start);
      for (const share of this.#shares) if (share) add(this.#residual, share, -1);
    }
    if (this.#context.warm) this.objective.push(this.#value());
    this.#sweeps(enough);
    this.#close();
  }

  /** Full steps of every part, and cheap ones again, until neither helps. */
  finish(enough: number): void {
    this.#open();
    while (this.objective.length < maxSweeps) {
      const before = this.least;
      this.#sweep(false);
      if (!(before - this.least > enough)) break;
      this.#sweeps(enough);
    }
    this.#close();
  }

  /** Drops θ; the trace stays. */
  forget(): void {
    this.#theta = [];
  }

  /** What the Δ of all parts leave. */
  #open(): void {
    this.#residual = this.#w.data.slice();
    for (const i of this.#parts.keys()) this.#add(i, this.#theta[i], -1);
  }

  #close(): void {
    this.#residual = new Float64Array();
  }

  /** Adds Δ(θ) of part i to the residual, or what it began with. */
  #add(i: number, theta: unknown, sign: 1 | -1): void {
    const part = this.#parts[i] as Compression<unknown>;
    const delta = theta === undefined ? this.#shares[i] : part.decompress(theta).data;
    if (delta) add(this.#residual, delta, sign);
  }

  #sweeps(enough: number): void {
    while (this.objective.length < maxSweeps) {
      const before = this.least;
      this.#sweep(true);
      if (!(before - this.least > enough)) return;
    }
  }

  /** One step of every part in turn. Kept only if it does not raise the objective: rounding of θ to float32 can. */
  #sweep(refine: boolean): void {
    const { mu, importance } = this.#context;
    const base = importance ? { mu, importance } : { mu };
    const before = this.#theta;
    const theta = [...before];
    const notes: string[] = [];
    const residual = this.#residual;
    for (const i of this.order) {
      const part = this.#parts[i] as Compression<unknown>;
      this.#add(i, theta[i], 1);
      this.#shares[i] = undefined;
      // The θ of a compression of the user's own may hold on to what it was made from.
      const target = part.spec ? residual : residual.slice();
      const inner: Partial<CStepContext<unknown>> =
        theta[i] === undefined ? base : { ...base, warm: theta[i], refine };
      const result = part.solve({ ...this.#w, data: target }, inner);
      theta[i] = result.theta;
      notes.push(...(result.notes ?? []).filter((note) => note !== allZero));
      this.#add(i, result.theta, -1);
    }
    this.#theta = theta;
    const now = this.#value();
    if (now <= this.least) {
      this.objective.push(now);
      if (!refine) this.notes = notes;
    } else {
      this.#theta = before;
      this.objective.push(this.least);
      this.#open();
    }
  }

  #value(): number {
    const { mu, importance } = this.#context;
    let total = squaredNorm(this.#residual, importance);
    for (const [i, part] of this.#parts.entries()) {
      const cost = this.#theta[i] === undefined ? 0 : (part.cost?.(this.#theta[i], this.#w) ?? 0);
      if (cost > 0) total += (2 / mu) * cost;
    }
    return total;
  }
}

/** A random start: every part but the first to be solved begins with its own random share of each weight. */
function scatter(
  w: Float64Array,
  order: readonly number[],
  seed: number,
): (Float64Array | undefined)[] {
  const rng = random(seed, 0xadd);
  const shares: (Float64Array | undefined)[] = order.map(() => undefined);
  for (const i of order.slice(1)) {
    const delta = new Float64Array(w.length);
    const share = rng.uniform();
    for (let k = 0; k < w.length; k++) {
      if (rng.uniform() < share) delta[k] = ((w[k] as number) * rng.uniform()) / (order.length - 1);
    }
    shares[i] = delta;
  }
  return shares;
}

function add(into: Float64Array, other: Float64Array, sign: 1 | -1): void {
  for (let i = 0; i < into.length; i++) into[i] = (into[i] as number) + sign * (other[i] as number);
}
