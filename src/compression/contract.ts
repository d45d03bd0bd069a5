import type { Matrix } from "../math/matrix.ts";
import { shapeOf } from "../math/matrix.ts";
import type { Geometry, Shape } from "./geometry.ts";

/** Plain data a built-in compression can be rebuilt from; recorded with every run. */
export interface CompressionSpec {
  readonly kind: string;
  readonly [option: string]: unknown;
}

/** Counting of bits: our own packed layout, or the reference toolkit's formulas (for comparison). */
export type Accounting = "packed" | "toolkit";

/** The weights a C step compresses. */
export interface Target extends Matrix<Float64Array> {
  readonly geometry?: Geometry;
}

/** What a C step may use besides the weights. */
export interface CStepContext<Theta> {
  /** Penalty parameter μ ≥ 0; only compressions with a cost C(θ) depend on it, and need μ > 0. */
  readonly mu: number;
  /** θ of the step before, to start from. The result is never worse than it. */
  readonly warm?: Theta;
  /** Asks for a cheap step that is not worse than `warm`, instead of a full solution: inner steps of alternation. */
  readonly refine?: boolean;
  /** Weights hᵢ > 0 of the weights, row-major, length rows · cols: min Σ hᵢ (wᵢ − Δᵢ)². Default all 1. */
  readonly importance?: Float64Array;
}

/** θ and how good it is. */
export interface CStepResult<Theta> {
  readonly theta: Theta;
  /** True if θ is a global minimum of the objective, to rounding (θ is float32). */
  readonly exact: boolean;
  /** The objective is at most this far above its minimum; 0 if exact, undefined if no bound is known. */
  readonly gap?: number;
  /** What the user should know, e.g. that the codebook is smaller than asked for. */
  readonly notes?: readonly string[];
  /** The objective after each sweep of every order and start tried, for sums found by alternation. */
  readonly trace?: readonly AlternationTrace[];
}

export interface AlternationTrace {
  /** Part indices in the order they were solved. */
  readonly order: readonly number[];
  /** "zero": all parts start empty; "warm": from the step before; a number: that seeded start. */
  readonly start: "zero" | "warm" | number;
  /** Objective after each sweep, never rising: Σ hᵢ (wᵢ − Δᵢ)², plus 2/μ times the parts' costs if they have any. */
  readonly objective: readonly number[];
}

/**
 * What the exact joint solution of a sum needs to know of a part. Parts without a role are found by alternation.
 * - "fixed": Δᵢ is the codeword nearest to wᵢ, whatever the other weights are.
 * - "adaptive": Δᵢ is the nearest of `levels` free values; if `folded`, of their positive and negative.
 * - "correction": each kept weight is exact, and the C step depends on sizes only in a monotone way (pruning). With
 *   `count` the κ largest are kept, with `price` those with v² > 2α/μ.
 */
export type JointRole<Theta> =
  | { readonly role: "fixed" }
  | {
      readonly role: "adaptive";
      readonly levels: number;
      readonly folded: boolean;
      /** θ of the given ascending values (sizes, if folded): each weight takes the nearest. */
      encode(w: Target, values: Float64Array): Theta;
      /** The values (sizes, if folded) of a θ, ascending. */
      values(theta: Theta): ArrayLike<number>;
    }
  | {
      readonly role: "correction";
      readonly count?: (weights: number) => number;
      readonly price?: (mu: number) => number;
    };

/** What one writes to define a compression; `defineCompression` makes it a Compression. */
export type CompressionDefinition<Theta> = Description<Theta> &
  (
    | {
        /** argmin over θ of the objective. Must not write to `w`. */
        readonly cStep: (w: Target, context: CStepContext<Theta>) => Theta;
      }
    | {
        /** As `cStep`, where each result says by itself how good it is. */
        readonly solve: (w: Target, context: CStepContext<Theta>) => CStepResult<Theta>;
      }
  );

interface Description<Theta> {
  /** As tables and messages show it, e.g. "quantize(K = 2)". */
  readonly name: string;
  /** True if the C step without `refine` gives a global minimum of ‖w − Δ(θ)‖² (with `cost`: of C(θ) + μ/2 ‖w − Δ(θ)‖²). */
  readonly exact: boolean;
  /** True if it acts on each weight by itself, so that several layers can share one θ. */
  readonly elementwise: boolean;
  /** True if `cStep` minimises Σ hᵢ (wᵢ − Δᵢ)² when it is given `importance`; default false: then it is refused. */
  readonly weighted?: boolean;
  /** Set by built-in compressions only. */
  readonly spec?: CompressionSpec;
  readonly joint?: JointRole<Theta>;
  /** Throws a RangeError if weights of this shape cannot be compressed. `where` names the layer, e.g. `layer "fc1" (300 × 784)`. */
  readonly check?: (shape: Shape, where: string) => void;
  /** Δ(θ). */
  readonly decompress: (theta: Theta) => Matrix<Float64Array>;
  /** Bits θ takes in storage. */
  readonly bits: (theta: Theta, accounting: Accounting) => number;
  /** C(θ) ≥ 0 of a penalty form, already times its weight α. `w` are the weights that are compressed. */
  readonly cost?: (theta: Theta, w: Matrix) => number;
  /** Why it cannot be part of a sum; default: it can. */
  readonly alone?: string;
  /** Multiplications and additions of one inference; default 2 · (nonzeros of Δ) · (output pixels). */
  readonly flops?: (theta: Theta, geometry: Geometry) => number;
}

/** A compression Δ(θ) with its C step. A frozen value: make it once, use it for any number of layers. */
export interface Compression<Theta> {
  readonly name: string;
  readonly exact: boolean;
  readonly elementwise: boolean;
  readonly weighted: boolean;
  readonly spec: CompressionSpec | undefined;
  readonly joint: JointRole<Theta> | undefined;
  check(shape: Shape, where: string): void;
  /** The C step with its certificate. `context` defaults to μ = 0 and a cold start. */
  solve(w: Matrix & Shape, context?: Partial<CStepContext<Theta>>): CStepResult<Theta>;
  /** θ of `solve`. */
  cStep(w: Matrix & Shape, context?: Partial<CStepContext<Theta>>): Theta;
  decompress(theta: Theta): Matrix<Float64Array>;
  bits(theta: Theta, accounting?: Accounting): number;
  /** C(θ) for weights w, already times its weight α; missing if the compression is a constraint. */
  cost?(theta: Theta, w: Matrix): number;
  /** Why it cannot be part of a sum; undefined if it can. */
  readonly alone: string | undefined;
  /** Multiplications and additions of one inference with Δ(θ); biases are not counted. */
  flops(theta: Theta, geometry?: Geometry): number;
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
   * starts, best kept. "auto" (default): the exact joint solution where there is one (see docs of `plus`), else alternate.
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
  /** As they were given. */
  readonly options: SumOptions;
}

/** The note of a C step that has nothing to do. */
export const allZero = "all weights are 0";

/** The parts of a sum, or the compression itself. */
export function partsOf(compression: Compression<unknown>): readonly Compression<unknown>[] {
  return "parts" in compression ? (compression as Sum<unknown>).parts : [compression];
}

/** `matrix` with float64 data, shared if it is that already. */
export function asFloat64(matrix: Matrix & Shape): Target {
  const { data } = matrix;
  return { ...matrix, data: data instanceof Float64Array ? data : Float64Array.from(data) };
}

/** Σ hᵢ (aᵢ − bᵢ)², in float64; hᵢ = 1 if not given. */
export function distortion(a: Matrix, b: Matrix, importance?: Float64Array): number {
  if (a.rows !== b.rows || a.cols !== b.cols) {
    throw new RangeError(`distortion: shapes differ, ${shapeOf(a)} and ${shapeOf(b)}.`);
  }
  let total = 0;
  for (let i = 0; i < a.data.length; i++) {
    const d = (a.data[i] as number) - (b.data[i] as number);
    total += importance ? (importance[i] as number) * d * d : d * d;
  }
  return total;
}

/**
 * What a C step minimises: Σ hᵢ (wᵢ − Δᵢ)² + 2/μ C(θ). Equal to the distortion for constraints with all hᵢ = 1.
 */
export function objective<Theta>(
  compression: Compression<Theta>,
  w: Matrix,
  theta: Theta,
  { mu = 0, importance }: Partial<CStepContext<Theta>> = {},
): number {
  const error = distortion(w, compression.decompress(theta), importance);
  const cost = compression.cost?.(theta, w) ?? 0;
  return cost > 0 ? error + (2 / mu) * cost : error;
}
