import type { Matrix } from "../math/matrix.ts";
import { largest } from "../math/select.ts";
import type { Accounting, Compression, CStepContext, CStepResult, Target } from "./contract.ts";
import { gapBits, toolkitGapBits } from "./positions.ts";

/** θ of a pruning: the weights that are kept. All others are 0. */
export interface Pruned<Values = Float32Array> {
  readonly rows: number;
  readonly cols: number;
  /** Row-major positions of the kept weights, ascending. Length at most κ. */
  readonly indices: Uint32Array;
  /** Their values, float32 – or, if values are compressed, θ of that compression for a row of them. */
  readonly values: Values;
}

/** How many weights stay: a fraction, or a number. */
export type Kept =
  | { readonly keep: number; readonly count?: never }
  | { readonly count: number; readonly keep?: never };

/**
 * κ of N: `count`, or ⌈keep · N⌉ (a product within 1e-6 of a whole number counts as that number).
 * @throws RangeError, as `who`, unless exactly one of them is given and in range.
 */
export function keptOf(
  who: string,
  things: string,
  { keep, count }: Kept,
): { readonly kappa: (n: number) => number; readonly label: string; readonly spec: object } {
  if (keep !== undefined && count !== undefined) {
    throw new RangeError(
      `${who}: give keep or count, not both, got keep ${keep} and count ${count}.`,
    );
  }
  if (keep !== undefined) {
    if (!(keep > 0 && keep <= 1)) {
      throw new RangeError(
        `${who}: keep must be a fraction in (0, 1], got ${keep}. To keep a number of ${things}, write ${who}({ count: ${Math.max(0, Math.round(keep) || 0)} }).`,
      );
    }
    const label = `${Number((100 * keep).toPrecision(3))} %`;
    return { kappa: (n) => Math.ceil(keep * n - 1e-6), label, spec: { keep } };
  }
  if (count === undefined || !Number.isInteger(count) || count < 0) {
    throw new RangeError(
      `${who}: count must be a whole number from 0, got ${count}. To keep a fraction, write ${who}({ keep: 0.05 }).`,
    );
  }
  return { kappa: () => count, label: `κ = ${count}`, spec: { count } };
}

/** @throws RangeError, as `who`, if more are to be kept than there are. */
export function checkKept(who: string, kappa: number, n: number, where: string, things = ""): void {
  if (kappa <= n) return;
  throw new RangeError(
    `${who}: count must be from 0 to ${n}${things} for ${where}, got ${kappa}. To keep a fraction, write ${who}({ keep: 0.05 }).`,
  );
}

/** Which positions are kept, given what each one takes off the error if it is; ascending. */
export type Select = (gain: Float64Array) => Uint32Array;

/** Positions of the κ largest gains above 0; ties keep the smaller index. */
export function largestGains(gain: Float64Array, kappa: number): Uint32Array {
  const indices = largest(gain, kappa);
  return indices.some((i) => (gain[i] as number) <= 0)
    ? indices.filter((i) => (gain[i] as number) > 0)
    : indices;
}

/**
 * min Σ h (w − Δ)² over the kept positions `select` can choose and their values. Exact if the values are free (float32), or
 * if each takes the nearest of fixed codewords: then every position has its own gain. With any other compression of the
 * values the positions are those of free values, or those of the step before if they are better.
 */
export function solveSparse<Values>(
  w: Target,
  select: Select,
  values: Compression<Values> | undefined,
  context: CStepContext<Pruned<Values>>,
): CStepResult<Pruned<Values>> {
  const { rows, cols, data } = w;
  const { importance } = context;
  const free = select(gains(data, undefined, importance));
  if (!values) {
    const kept = Float32Array.from(free, (i) => data[i] as number) as Values;
    return { theta: { rows, cols, indices: free, values: kept }, exact: true, gap: 0 };
  }
  const pick = (indices: Uint32Array, warm?: Values): Pruned<Values> => {
    const row = Float64Array.from(indices, (i) => data[i] as number);
    const h = importance && Float64Array.from(indices, (i) => importance[i] as number);
    const inner = { mu: context.mu, ...(h ? { importance: h } : {}), ...(warm ? { warm } : {}) };
    const theta =
      indices.length > 0
        ? values.cStep({ rows: 1, cols: indices.length, data: row }, inner)
        : values.cStep({ rows: 1, cols: 1, data: new Float64Array(1) }, { mu: context.mu });
    return { rows, cols, indices, values: theta };
  };
  if (values.joint?.role === "fixed") {
    const nearest = values.decompress(values.cStep(w)).data;
    const theta = pick(select(gains(data, nearest, importance)));
    return { theta, exact: true, gap: 0 };
  }
  const error = (theta: Pruned<Values>): number => {
    const delta = placed(theta, values).data;
    let total = 0;
    for (let i = 0; i < data.length; i++) {
      const d = (data[i] as number) - (delta[i] as number);
      total += (importance ? (importance[i] as number) : 1) * d * d;
    }
    return total;
  };
  let theta = pick(free);
  let least = error(theta);
  for (const start of context.warm ? [context.warm] : []) {
    // The positions before, with values for the weights of now.
    const again = pick(start.indices, start.values);
    for (const candidate of [start, again]) {
      const e = error(candidate);
      if (e < least) [theta, least] = [candidate, e];
    }
  }
  return { theta, exact: false };
}

/** What keeping a weight takes off the error: h (w² − (w − its value)²), or its size if nothing else counts. */
function gains(
  data: Float64Array,
  nearest?: Float64Array,
  importance?: Float64Array,
): Float64Array {
  const gain = new Float64Array(data.length);
  for (let i = 0; i < data.length; i++) {
    const x = data[i] as number;
    if (nearest || importance) {
      const d = nearest ? x - (nearest[i] as number) : 0;
      gain[i] = (importance ? (importance[i] as number) : 1) * (x * x - d * d);
    } else gain[i] = Math.abs(x);
  }
  return gain;
}

/** Δ(θ). */
export function placed<Values>(
  { rows, cols, indices, values }: Pruned<Values>,
  inner?: Compression<Values>,
): Matrix<Float64Array> {
  const data = new Float64Array(rows * cols);
  const kept = inner ? inner.decompress(values).data : (values as Float32Array);
  for (let k = 0; k < indices.length; k++) data[indices[k] as number] = kept[k] as number;
  return { rows, cols, data };
}

/** Bits of the values, and of free positions as gaps (positions.ts). */
export function sparseBits<Values>(
  { indices, values }: Pruned<Values>,
  accounting: Accounting,
  inner?: Compression<Values>,
): number {
  if (accounting === "toolkit" && !inner) {
    return 32 * Math.max(0, indices.length - 1) + toolkitGapBits(indices);
  }
  return valueBits(indices.length, values, accounting, inner) + gapBits(indices);
}

/** Bits of `count` kept values. */
export function valueBits<Values>(
  count: number,
  values: Values,
  accounting: Accounting,
  inner?: Compression<Values>,
): number {
  return count > 0 && inner ? inner.bits(values, accounting) : 32 * count;
}

/** The part of a spec that says how values are compressed. */
export function valuesSpec(
  values: Compression<unknown> | undefined,
): { readonly values?: object } | undefined {
  if (!values) return {};
  return values.spec && { values: values.spec };
}

/** @throws RangeError, as `who`, if this compression cannot act on a row of values. */
export function checkValues(
  who: string,
  option: string,
  values: Compression<unknown> | undefined,
): void {
  if (!values) return;
  if (!values.elementwise || values.cost) {
    throw new RangeError(
      `${who}: ${option} must be a compression of single numbers without a cost, got ${values.name}. Write ${option}: float16() or quantize({ bits: 4 }).`,
    );
  }
}
