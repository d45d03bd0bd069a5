import type { Matrix } from "../math/matrix.ts";
import { shapeOf } from "../math/matrix.ts";

/** Plain data a built-in compression can be rebuilt from; recorded with every run. */
export interface CompressionSpec {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** Counting of bits: our own packed layout, or the reference toolkit's formulas (for comparison). */
export type Accounting = "packed" | "toolkit";

/** What a C step may use besides the weights. */
export interface CStepContext<Theta> {
  /** Penalty parameter μ ≥ 0; only compressions with a cost C(θ) depend on it. */
  readonly mu: number;
  /** θ of the step before, to start from. The result is never worse than it. */
  readonly warm?: Theta;
  /** Asks for a cheap step that is not worse than `warm`, instead of a full solution: inner steps of alternation. */
  readonly refine?: boolean;
}

/** θ and how good it is. */
export interface CStepResult<Theta> {
  readonly theta: Theta;
  /** True if θ is a global minimum of ‖w − Δ(θ)‖². */
  readonly exact: boolean;
  /** Distortion after each sweep of every order and start tried, for sums found by alternation. */
  readonly trace?: readonly AlternationTrace[];
}

export interface AlternationTrace {
  /** Part indices in the order they were solved. */
  readonly order: readonly number[];
  /** "zero": all parts start empty; "warm": from the step before; a number: that seeded start. */
  readonly start: "zero" | "warm" | number;
  /** ‖w − Δ(Θ)‖² after each sweep, never rising. */
  readonly distortion: readonly number[];
}

/** What one writes to define a compression; `defineCompression` makes it a Compression. */
export interface CompressionDefinition<Theta> {
  /** As tables and messages show it, e.g. "quantize(K = 2)". */
  readonly name: string;
  /** True if `cStep` without `refine` gives a global minimum of ‖w − Δ(θ)‖². */
  readonly exact: boolean;
  /** True if it acts on each weight by itself, so that several layers can share one θ. */
  readonly elementwise: boolean;
  /** Set by built-in compressions only. */
  readonly spec?: CompressionSpec;
  /** Throws a RangeError if weights of this shape cannot be compressed. `where` names the layer, e.g. `layer "fc1" (300 × 784)`. */
  readonly check?: (shape: { rows: number; cols: number }, where: string) => void;
  /** argmin over θ of ‖w − Δ(θ)‖². Must not write to `w`. */
  readonly cStep: (w: Matrix<Float64Array>, context: CStepContext<Theta>) => Theta;
  /** Δ(θ). */
  readonly decompress: (theta: Theta) => Matrix<Float64Array>;
  /** Bits θ takes in storage. */
  readonly bits: (theta: Theta, accounting: Accounting) => number;
}

/** A compression Δ(θ) with its C step. A frozen value: make it once, use it for any number of layers. */
export interface Compression<Theta> {
  readonly name: string;
  readonly exact: boolean;
  readonly elementwise: boolean;
  readonly spec: CompressionSpec | undefined;
  check(shape: { rows: number; cols: number }, where: string): void;
  /** The C step with its certificate. `context` defaults to μ = 0 and a cold start. */
  solve(w: Matrix, context?: Partial<CStepContext<Theta>>): CStepResult<Theta>;
  /** θ of `solve`. */
  cStep(w: Matrix, context?: Partial<CStepContext<Theta>>): Theta;
  decompress(theta: Theta): Matrix<Float64Array>;
  bits(theta: Theta, accounting?: Accounting): number;
  /** The sum Δ₁(θ₁) + Δ₂(θ₂) of this compression and another; sums of sums are flattened. */
  plus<Other>(other: Compression<Other>, options?: SumOptions): Sum<Parts<Theta, Other>>;
}

/** Marks the θ of a sum: its parts in order. A plain tuple. */
export type SumTheta = readonly unknown[];

/** Part types of a + b, flattened. */
export type Parts<A, B> = A extends SumTheta
  ? B extends SumTheta
    ? readonly [...A, ...B]
    : readonly [...A, B]
  : B extends SumTheta
    ? readonly [A, ...B]
    : readonly [A, B];

/** How the C step of a sum is solved. */
export interface SumOptions {
  /**
   * "alternate": solve for each part in turn, the others fixed, until the error stops falling; from several orders and
   * starts, best kept. "auto" (default) is the best way known here for these parts; for all sums so far it alternates.
   */
  readonly search?: "auto" | "alternate";
  /** Part indices in the order to solve them, e.g. [1, 0]; default: all orders of up to three parts, as written beyond. */
  readonly order?: readonly number[];
  /** Seeded random starts besides the empty one; default 10. */
  readonly starts?: number;
  /** Stop when a sweep lowers the error by less than this fraction of ‖w‖²; default 1e-8. */
  readonly tolerance?: number;
}

/** A sum of compressions; its θ is the tuple of its parts' θ. */
export interface Sum<Thetas> extends Compression<Thetas> {
  readonly parts: readonly Compression<unknown>[];
}

/** `matrix` with float64 data, shared if it is that already. */
export function asFloat64({ rows, cols, data }: Matrix): Matrix<Float64Array> {
  return { rows, cols, data: data instanceof Float64Array ? data : Float64Array.from(data) };
}

/** ‖a − b‖², in float64. */
export function distortion(a: Matrix, b: Matrix): number {
  if (a.rows !== b.rows || a.cols !== b.cols) {
    throw new RangeError(`distortion: shapes differ, ${shapeOf(a)} and ${shapeOf(b)}.`);
  }
  let total = 0;
  for (let i = 0; i < a.data.length; i++) {
    const d = (a.data[i] as number) - (b.data[i] as number);
    total += d * d;
  }
  return total;
}
