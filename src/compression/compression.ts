import { LCError } from "../errors.ts";
import { type Matrix, shapeOf } from "../math/matrix.ts";
import { search, settings } from "./additive.ts";
import {
  type Accounting,
  asFloat64,
  type Compression,
  type CompressionDefinition,
  type CompressionSpec,
  type CStepContext,
  type Parts,
  type Sum,
  type SumOptions,
  type SumTheta,
} from "./contract.ts";

/**
 * Makes a compression of your own from its C step, decompression and bit count.
 * @example
 * const mean = defineCompression<number>({
 *   name: "mean", exact: true, elementwise: true,
 *   cStep: ({ data }) => data.reduce((s, x) => s + x, 0) / data.length, …
 * });
 */
export function defineCompression<Theta>(
  definition: CompressionDefinition<Theta>,
): Compression<Theta> {
  const solve: Compression<Theta>["solve"] = (w, context) => ({
    theta: definition.cStep(asFloat64(w), { mu: 0, ...context }),
    exact: definition.exact && context?.refine !== true,
  });
  return complete({ ...definition, check: definition.check ?? (() => {}), solve });
}

/** Adds the methods all compressions share. */
function complete<Theta, Rest extends object>(
  parts: Pick<Compression<Theta>, "name" | "exact" | "elementwise" | "check" | "solve"> & {
    readonly spec?: CompressionSpec | undefined;
    readonly decompress: (theta: Theta) => Matrix<Float64Array>;
    readonly bits: (theta: Theta, accounting: Accounting) => number;
  } & Rest,
): Compression<Theta> & Rest {
  const { bits, check, solve } = parts;
  const checked: Compression<Theta>["solve"] = (w, context) => {
    check(w, `a ${shapeOf(w)} matrix`);
    const bad = w.data.findIndex((x: number) => !Number.isFinite(x));
    if (bad >= 0) {
      const at = `[${Math.floor(bad / w.cols)}, ${bad % w.cols}]`;
      throw new LCError(
        "LC_NONFINITE",
        `${parts.name}: the ${shapeOf(w)} matrix has ${w.data[bad]} at ${at}.`,
      );
    }
    return solve(w, context);
  };
  const whole: Compression<Theta> & Rest = Object.freeze({
    ...parts,
    spec: parts.spec,
    solve: checked,
    cStep: (w: Matrix, context?: Partial<CStepContext<Theta>>) => checked(w, context).theta,
    bits: (theta: Theta, accounting: Accounting = "packed") => bits(theta, accounting),
    plus: <Other>(other: Compression<Other>, options?: SumOptions) =>
      sum([whole as Compression<unknown>, other as Compression<unknown>], options) as Sum<
        Parts<Theta, Other>
      >,
  });
  return whole;
}

/**
 * w = Δ₁(θ₁) + … + Δₙ(θₙ), n ≥ 2. The error never rises from sweep to sweep; alternation ends in a blockwise optimum,
 * which need not be the global one. With a warm start only that start is used.
 * @throws RangeError for bad options or if a part cannot act on the weights.
 * @see Carreira-Perpiñán & Idelbayev, arXiv:2107.04380
 */
export function sum(
  terms: readonly Compression<unknown>[],
  options: SumOptions = {},
): Sum<SumTheta> {
  const parts = terms.flatMap((c) => ("parts" in c ? (c as Sum<unknown>).parts : [c]));
  const checked = settings(parts.length, options);
  const specs = parts.map((part) => part.spec);
  return complete<SumTheta, { parts: readonly Compression<unknown>[] }>({
    name: parts.map((part) => part.name).join(" + "),
    exact: false,
    elementwise: parts.every((part) => part.elementwise),
    parts,
    spec: specs.every((spec) => spec !== undefined)
      ? { kind: "sum", parts: specs, ...options }
      : undefined,
    check(shape, where) {
      for (const part of parts) part.check(shape, where);
    },
    solve: (w, context) => search(parts, asFloat64(w), checked, { mu: 0, ...context }),
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
  });
}
