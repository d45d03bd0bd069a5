import { LCError } from "../errors.ts";
import { type Matrix, shapeOf } from "../math/matrix.ts";
import { displayed } from "../notebook.ts";
import { alternation, settings } from "./alternation.ts";
import {
  type Accounting,
  allZero,
  asFloat64,
  type Compression,
  type CompressionDefinition,
  type CompressionSpec,
  type CStepContext,
  type JointRole,
  type Parts,
  partsOf,
  type Sum,
  type SumOptions,
  type SumTheta,
  type Target,
} from "./contract.ts";
import { type Geometry, geometryOf, type Shape, uses } from "./geometry.ts";
import { jointSolution } from "./joint/joint.ts";

/**
 * Makes a compression of your own from its C step, decompression and bit count; `checkLaws` tests it.
 * @example
 * const mean = defineCompression<{ rows: number; cols: number; value: number }>({
 *   name: "mean", exact: true, elementwise: true,
 *   cStep: ({ rows, cols, data }) => ({ rows, cols, value: data.reduce((s, x) => s + x, 0) / data.length }),
 *   decompress: ({ rows, cols, value }) => ({ rows, cols, data: new Float64Array(rows * cols).fill(value) }),
 *   bits: () => 32,
 * });
 * checkLaws(mean).ok   //=> true
 */
export function defineCompression<Theta>(
  definition: CompressionDefinition<Theta>,
): Compression<Theta> {
  const { name, exact, elementwise, spec, joint, decompress, bits, cost, flops } = definition;
  return complete(
    {
      name,
      exact,
      elementwise,
      weighted: definition.weighted ?? false,
      spec,
      joint,
      check: definition.check ?? (() => {}),
      decompress,
      bits,
      cost,
      flops,
      alone: definition.alone,
      solve:
        "solve" in definition
          ? definition.solve
          : (w, context) => {
              const global = exact && context.refine !== true;
              const theta = definition.cStep(w, context);
              return global ? { theta, exact: true, gap: 0 } : { theta, exact: false };
            },
    },
    {},
  );
}

/** What `complete` starts from: a definition with nothing left open. */
interface Whole<Theta> {
  readonly name: string;
  readonly exact: boolean;
  readonly elementwise: boolean;
  readonly weighted: boolean;
  readonly spec: CompressionSpec | undefined;
  readonly joint: JointRole<Theta> | undefined;
  readonly check: (shape: Shape, where: string) => void;
  readonly solve: (
    w: Target,
    context: CStepContext<Theta>,
  ) => ReturnType<Compression<Theta>["solve"]>;
  readonly decompress: (theta: Theta) => Matrix<Float64Array>;
  readonly bits: (theta: Theta, accounting: Accounting) => number;
  readonly cost: ((theta: Theta, w: Matrix) => number) | undefined;
  readonly alone: string | undefined;
  readonly flops: ((theta: Theta, geometry: Geometry) => number) | undefined;
}

/** Adds what all compressions share: the checks of every C step, and `plus`. */
function complete<Theta, Rest extends object>(
  whole: Whole<Theta>,
  rest: Rest,
): Compression<Theta> & Rest {
  const { bits, check, decompress, cost, flops, ...facts } = whole;
  const solve: Compression<Theta>["solve"] = (w, given) => {
    const context = { mu: 0, ...given };
    checkTarget(whole, w, context);
    check(w, `a ${shapeOf(w)} matrix`);
    const result = whole.solve(asFloat64(w), context);
    if (context.refine || w.data.some((x: number) => x !== 0)) return result;
    return { ...result, notes: [...(result.notes ?? []), allZero] };
  };
  const shared: Compression<Theta> = {
    ...facts,
    ...(cost ? { cost } : {}),
    check,
    decompress,
    solve,
    cStep: (w: Matrix & Shape, context?: Partial<CStepContext<Theta>>) => solve(w, context).theta,
    bits: (theta: Theta, accounting: Accounting = "packed") => bits(theta, accounting),
    flops: (theta: Theta, geometry?: Geometry) => {
      if (flops) return flops(theta, geometry ?? geometryOf(decompress(theta)));
      const delta = decompress(theta);
      return 2 * nonzeros(delta.data) * uses(geometry ?? geometryOf(delta));
    },
    plus: <Other>(other: Compression<Other>, options?: SumOptions) =>
      sum([self as Compression<unknown>, other as Compression<unknown>], options) as Sum<
        Parts<Theta, Other>
      >,
  };
  const self = Object.freeze(
    displayed({ ...shared, ...rest }, ({ name, exact }) => ({
      "text/plain": `${name} · C step: ${exact ? "exact" : "each result says whether it is exact"}`,
    })),
  ) as Compression<Theta> & Rest;
  return self;
}

/** What every C step refuses. */
function checkTarget<Theta>(
  { name, weighted, cost }: Whole<Theta>,
  w: Matrix,
  { mu, importance }: CStepContext<Theta>,
): void {
  const { data } = w;
  if (data.length === 0 || data.length !== w.rows * w.cols) {
    throw new RangeError(
      data.length === 0
        ? `${name}: the ${shapeOf(w)} matrix is empty. Leave this layer out.`
        : `${name}: a ${shapeOf(w)} matrix has ${w.rows * w.cols} weights, got ${data.length}.`,
    );
  }
  const place = (i: number): string => `[${Math.floor(i / w.cols)}, ${i % w.cols}]`;
  if (!allFinite(data)) {
    const bad = firstNot(data, Number.isFinite);
    throw new LCError(
      "LC_NONFINITE",
      `${name}: the ${shapeOf(w)} matrix has ${data[bad]} at ${place(bad)}.`,
    );
  }
  if (!(mu >= 0 && mu < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`${name}: μ must be a number from 0, got ${mu}.`);
  }
  if (cost && mu === 0) {
    throw new RangeError(
      `${name}: at μ = 0 only its cost counts, which is least with every weight 0. Give the first μ of the schedule: cStep(w, { mu: 1e-3 }), or direct({ mu: 1e-3 }).`,
    );
  }
  if (!importance) return;
  if (!weighted) {
    throw new RangeError(
      `${name}: its C step takes no importance weights. Define it with weighted: true, or leave importance out.`,
    );
  }
  if (importance.length !== data.length) {
    throw new RangeError(
      `${name}: importance must have ${data.length} values for a ${shapeOf(w)} matrix, got ${importance.length}.`,
    );
  }
  const wrong = firstNot(importance, (h) => h > 0 && h < Number.POSITIVE_INFINITY);
  if (wrong >= 0) {
    throw new RangeError(
      `${name}: importance must be above 0 and finite, got ${importance[wrong]} at ${place(wrong)}. Add a small constant to all of it.`,
    );
  }
  // Sums of weighted values lose the small ones otherwise.
  const [least, most] = importance.reduce(
    ([low, high], h) => [Math.min(low, h), Math.max(high, h)],
    [Number.POSITIVE_INFINITY, 0] as readonly [number, number],
  );
  if (most > 1e8 * least) {
    throw new RangeError(
      `${name}: the largest importance may be 1e8 times the smallest, got ${most} and ${least}. Add a constant to all of it, e.g. a larger damping of fisher.`,
    );
  }
}

/**
 * The sum shows a NaN or an infinity, several times faster than a test of each number; only an overflow needs the latter. Eight
 * sums, as each addition waits for the one before it.
 */
function allFinite(data: Float32Array | Float64Array): boolean {
  let [s0, s1, s2, s3, s4, s5, s6, s7] = [0, 0, 0, 0, 0, 0, 0, 0];
  const whole = data.length - (data.length % 8);
  for (let i = 0; i < whole; i += 8) {
    s0 += data[i] as number;
    s1 += data[i + 1] as number;
    s2 += data[i + 2] as number;
    s3 += data[i + 3] as number;
    s4 += data[i + 4] as number;
    s5 += data[i + 5] as number;
    s6 += data[i + 6] as number;
    s7 += data[i + 7] as number;
  }
  for (let i = whole; i < data.length; i++) s0 += data[i] as number;
  const total = s0 + s1 + s2 + s3 + s4 + s5 + s6 + s7;
  return Number.isFinite(total) || firstNot(data, Number.isFinite) < 0;
}

function firstNot(data: ArrayLike<number>, right: (x: number) => boolean): number {
  for (let i = 0; i < data.length; i++) if (!right(data[i] as number)) return i;
  return -1;
}

function nonzeros(data: Float64Array): number {
  let count = 0;
  for (let i = 0; i < data.length; i++) if (data[i] !== 0) count++;
  return count;
}

/**
 * w = Δ₁(θ₁) + … + Δₙ(θₙ), n ≥ 2. With `search: "auto"` exact joint solutions are used where they are known:
 * a fixed codebook and any pruning; one free size or value, or an adaptive codebook, and l0 pruning (for K ≥ 2 values and
 * ‖θ‖₀ ≤ κ exact if the result says so, otherwise with a bound of the gap). All others alternate: the error never rises
 * from sweep to sweep; it ends in a blockwise optimum, which need not be the global one. With a warm start only that start
 * is used.
 * @throws RangeError for bad options or if a part cannot act on the weights.
 * @see Carreira-Perpiñán & Idelbayev, arXiv:2107.04380
 */
export function sum(
  terms: readonly Compression<unknown>[],
  options: SumOptions = {},
): Sum<SumTheta> {
  for (const term of terms) {
    if (term.alone)
      throw new RangeError(`plus: ${term.name} cannot be part of a sum. ${term.alone}`);
    const given = "parts" in term ? Object.keys((term as Sum<unknown>).options) : [];
    if (given.length > 0) {
      throw new RangeError(
        `plus: a sum that is added to is one sum with all parts; give ${given.join(" and ")} in the last .plus(…, options), not in an inner one.`,
      );
    }
  }
  const parts = terms.flatMap(partsOf);
  if (parts.length < 2) {
    throw new RangeError(`plus: a sum has two parts or more, got ${parts.length}.`);
  }
  const checked = settings(parts.length, options);
  const specs = parts.map((part) => part.spec);
  const costs = parts.some((part) => part.cost);
  const joint = checked.joint ? jointSolution(parts) : undefined;
  return complete<SumTheta, Pick<Sum<SumTheta>, "parts" | "options">>(
    {
      name: parts.map((part) => part.name).join(" + "),
      exact: joint?.exact ?? false,
      elementwise: parts.every((part) => part.elementwise),
      weighted: parts.every((part) => part.weighted),
      spec: specs.every((spec) => spec !== undefined)
        ? { kind: "sum", parts: specs, ...options }
        : undefined,
      joint: undefined,
      check(shape, where) {
        for (const part of parts) part.check(shape, where);
      },
      solve: (w, context) =>
        (context.refine ? undefined : joint?.solve(w, context)) ??
        alternation(parts, w, checked, context),
      decompress: (theta) => {
        const deltas = parts.map((part, i) => part.decompress(theta[i]));
        const { rows, cols, data } = deltas[0] as Matrix<Float64Array>;
        const total = { rows, cols, data: new Float64Array(data.length) };
        for (const delta of deltas) {
          for (let i = 0; i < data.length; i++) {
            total.data[i] = (total.data[i] as number) + (delta.data[i] as number);
          }
        }
        return total;
      },
      bits: (theta, accounting) =>
        parts.reduce((total, part, i) => total + part.bits(theta[i], accounting), 0),
      cost: costs
        ? (theta, w) => parts.reduce((total, part, i) => total + (part.cost?.(theta[i], w) ?? 0), 0)
        : undefined,
      alone: undefined,
      flops: (theta, geometry) =>
        parts.reduce((total, part, i) => total + part.flops(theta[i], geometry), 0),
    },
    { parts, options },
  );
}
