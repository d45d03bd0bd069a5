import { type Matrix, shapeOf } from "./matrix.ts";
import { transposeInto } from "./operand.ts";
import { type Factors, truncatedSvd } from "./svd.ts";
import { weightedLeastSquares } from "./weighted-least-squares.ts";

const SWEEPS = 30;
/** A sweep that lowers the objective by less than this fraction is the last one. */
const LEAST_GAIN = 1e-6;
const SEPARABLE = 1e-12;

export interface WeightedFactors extends Factors<Float64Array> {
  /** A global minimum, as good as `truncatedSvd` says. */
  readonly exact: boolean;
}

/**
 * Weighted low rank: min Σ hᵢⱼ (aᵢⱼ − (U V)ᵢⱼ)² over U rows × rank and V rank × cols.
 *
 * Exact if h is separable, hᵢⱼ = pᵢ qⱼ to 1e-12: then √pᵢ aᵢⱼ √qⱼ has an ordinary truncated SVD. Otherwise the problem has local
 * minima (Srebro & Jaakkola, "Weighted low-rank approximations", ICML 2003), and this finds one: from the solution for
 * pᵢ qⱼ = row sum · column sum / sum, or from `warm` if that is better, least squares for U and for V in turn, O(rows · cols ·
 * rank²) a sweep, until a sweep gains less than 1e-6 or after 30. Never worse than `warm`.
 *
 * @param importance hᵢⱼ > 0, row-major.
 * @param options.warm Factors of this rank.
 * @throws RangeError if the rank, the importance or `warm` does not fit.
 * @see http://people.csail.mit.edu/tommi/papers/SreJaa-icml03.pdf
 */
export function weightedLowRank(
  matrix: Matrix,
  importance: Float64Array,
  rank: number,
  options: { readonly warm?: Factors | undefined } = {},
): WeightedFactors {
  const { rows, cols } = matrix;
  const { p, q, separable } = separated(matrix, importance);
  const { warm } = options;
  const scaled = truncatedSvd(
    { rows, cols, data: scale(matrix.data, p, q) },
    rank,
    warm && {
      warm: { u: scale(warm.u, p, ones(warm.u, rows)), v: scale(warm.v, ones(warm.v, cols), q) },
    },
  );
  const start = {
    u: scale(scaled.u, p.map(inverse), ones(scaled.u, rows)),
    v: scale(scaled.v, ones(scaled.v, cols), q.map(inverse)),
  };
  if (separable || rank === 0) return { ...start, exact: scaled.exact };
  return { ...alternate(matrix, importance, rank, start, warm), exact: false };
}

/** √pᵢ and √qⱼ with pᵢ qⱼ = row sum · column sum / sum, and whether that is h. */
export function separated(
  { rows, cols, data }: Matrix,
  h: Float64Array,
): { p: Float64Array; q: Float64Array; separable: boolean } {
  if (h.length !== data.length) {
    throw new RangeError(
      `weightedLowRank: importance must have ${rows * cols} numbers for ${shapeOf({ rows, cols })}, got ${h.length}.`,
    );
  }
  const p = new Float64Array(rows);
  const q = new Float64Array(cols);
  let total = 0;
  for (let i = 0, at = 0; i < rows; i++) {
    for (let j = 0; j < cols; j++, at++) {
      const x = h[at] as number;
      if (!(x > 0 && x < Number.POSITIVE_INFINITY)) {
        throw new RangeError(
          `weightedLowRank: importance must be positive and finite, got ${x} at ${i}, ${j}. To ignore an entry, give it a small importance.`,
        );
      }
      p[i] = (p[i] as number) + x;
      q[j] = (q[j] as number) + x;
      total += x;
    }
  }
  for (let i = 0; i < rows; i++) p[i] = (p[i] as number) / total;
  let separable = true;
  for (let i = 0, at = 0; i < rows && separable; i++) {
    for (let j = 0; j < cols; j++, at++) {
      const x = h[at] as number;
      if (Math.abs((p[i] as number) * (q[j] as number) - x) > SEPARABLE * x) separable = false;
    }
  }
  return { p: p.map(Math.sqrt), q: q.map(Math.sqrt), separable: separable };
}

/** Row i times p[i], column j times q[j]. */
function scale(data: ArrayLike<number>, p: Float64Array, q: Float64Array): Float64Array {
  const out = new Float64Array(p.length * q.length);
  for (let i = 0, at = 0; i < p.length; i++) {
    const row = p[i] as number;
    for (let j = 0; j < q.length; j++, at++)
      out[at] = (data[at] as number) * row * (q[j] as number);
  }
  return out;
}

/** As many ones as a factor with `side` rows or columns has of the other. */
function ones(factor: ArrayLike<number>, side: number): Float64Array {
  return new Float64Array(Math.floor(factor.length / side)).fill(1);
}

function inverse(x: number): number {
  return 1 / x;
}

/** Least squares for U and for V in turn. */
function alternate(
  { rows, cols, data }: Matrix,
  h: Float64Array,
  rank: number,
  start: Factors<Float64Array>,
  warm: Factors | undefined,
): Factors<Float64Array> {
  const turned = (from: ArrayLike<number>, height: number, width: number) => {
    const out = new Float64Array(from.length);
    transposeInto(out, height, from, height, width);
    return out;
  };
  const [dataT, hT] = [turned(data, rows, cols), turned(h, rows, cols)];
  // U transposed, so that both halves of a sweep are the same computation.
  let best: { ut: Float64Array; v: Float64Array } = { ut: turned(start.u, rows, rank), v: start.v };
  let least = objective(data, h, best.ut, best.v, rank);
  if (warm) {
    const given = { ut: turned(warm.u, rows, rank), v: Float64Array.from(warm.v) };
    const value = objective(data, h, given.ut, given.v, rank);
    if (value <= least) [best, least] = [given, value];
  }
  for (let sweep = 0; sweep < SWEEPS && least > 0; sweep++) {
    const v = weightedLeastSquares(dataT, hT, best.ut, rank);
    const ut = weightedLeastSquares(data, h, v, rank);
    const value = objective(data, h, ut, v, rank);
    if (!(value < least)) break;
    const gain = least - value;
    [best, least] = [{ ut, v }, value];
    if (gain < LEAST_GAIN * value) break;
  }
  return { u: turned(best.ut, rank, rows), v: best.v };
}

/** Σ hᵢⱼ (aᵢⱼ − (U V)ᵢⱼ)²; `ut` is U transposed. */
function objective(
  data: ArrayLike<number>,
  h: Float64Array,
  ut: Float64Array,
  v: Float64Array,
  rank: number,
): number {
  const [rows, cols] = [ut.length / rank, v.length / rank];
  const error = new Float64Array(cols);
  let total = 0;
  for (let i = 0, row = 0; i < rows; i++, row += cols) {
    for (let j = 0; j < cols; j++) error[j] = data[row + j] as number;
    for (let k = 0; k < rank; k++) {
      const weight = ut[k * rows + i] as number;
      const from = k * cols;
      for (let j = 0; j < cols; j++) {
        error[j] = (error[j] as number) - weight * (v[from + j] as number);
      }
    }
    for (let j = 0; j < cols; j++) {
      total += (h[row + j] as number) * (error[j] as number) * (error[j] as number);
    }
  }
  return total;
}
