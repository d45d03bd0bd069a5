import { blockProducts } from "./block-products.ts";
import { eigenproblem, solve } from "./eigen.ts";
import { strideOf, type Workspace } from "./kernels.ts";
import { fours, type Operand } from "./operand.ts";
import { random } from "./random.ts";

/** Rounding of float32 and float64 products, relative to the largest eigenvalue. */
const SINGLE = 5e-7;
const DOUBLE = 5e-16;

/** Accepted excess of the distortion, relative to the distortion and to ‖A‖²; the latter is rounding. */
const TOLERANCE = 9e-7;
const ROUNDING = 1e-12;

const MAX_PASSES = 30;

/** With less, more of the decompositions of matrices with many almost equal singular values stop too early. */
const CAUTION = 1.5;

export interface Subspace {
  /** Offset of the r leading left singular vectors of A as rows (r × rows, `strideOf(rows)`), orthonormal. */
  readonly x: number;
  /** Offset of x A (r × cols, stride of A). */
  readonly z: number;
  /** The excess is small enough. */
  readonly converged: boolean;
  /** Estimate of ‖A − xᵀz‖² less its minimum. */
  readonly excess: number;
}

/**
 * The r leading left singular vectors of A by block subspace iteration with a Chebyshev filter on B = A Aᵀ (Zhou, Saad,
 * Tiago & Chelikowsky 2006, doi:10.1016/j.jcp.2006.03.017). A pass is
 *
 * - Rayleigh–Ritz on a block of b > r rows: Ritz values θ₁ ≥ … ≥ θ_b, Ritz vectors xᵢ, residuals Rᵢ = B xᵢ − θᵢ xᵢ;
 * - the residual test (`excessOf`);
 * - the filter Tₖ(2B/c − 1), mostly in float32. It is at most 1 on [0, c], c = θ_b, and grows fast beyond.
 *
 * The rows beyond r start at random: they find what the start misses, and their Ritz values show where the spectrum goes
 * on below θᵣ. Having further to go than a warm start, they get a filter of higher degree (per-vector degrees as in
 * ChASE: Winkelmann, Springer & Di Napoli 2019, doi:10.1145/3313828). When some of them turn out to be among the r leading ones of a
 * warm start, they change places with rows of it, which know their residuals but search nothing: so before the end there is
 * a round with new random rows.
 *
 * θ₁ + … + θᵣ never falls while θᵣ ≥ c, so the result is not worse than the start. For p(λ) = Tₖ(2λ/c − 1) and t ≥ c, |p|
 * is at most p(t) below t and grows beyond. So for a vector with Rayleigh quotient t and weights wⱼ on the eigenvectors of B,
 * Σ wⱼ p(λⱼ)² (λⱼ − t) ≥ p(t)² Σ wⱼ (λⱼ − t) = 0: filtering does not lower the quotient. On span(x₁ … xₖ) all quotients are
 * θₖ or more, hence after filtering too, and so is the k-th Ritz value (Courant–Fischer); k ≤ r, whose rows get the same p.
 *
 * @param start Rows to begin with, of A.rows numbers; r are used, fewer will do. They need not be orthonormal.
 */
export function leadingSubspace(
  space: Workspace,
  a: Operand,
  rank: number,
  start: Float64Array,
): Subspace {
  const { kernels } = space;
  const size = fours(rank + 2 + Math.floor(rank / 16));
  const stride = strideOf(a.rows);
  const count = size * stride;
  const block = () => {
    const at = space.reserve(count, 8);
    space.doubles(at, count).fill(0);
    return at;
  };
  let [x, y, spare] = [block(), block(), block()];
  const z = space.reserve(size * a.stride, 8);
  const rotated = space.reserve(fours(rank) * a.stride, 8);
  const problem = eigenproblem(space, size, true);
  const residuals = new Float64Array(size);
  const nothing = new Float64Array(size);
  const single = blockProducts(space, a, size, 4);
  const double = blockProducts(space, a, size, 8);
  const noise = random(0x5bd, a.rows, a.cols, rank);
  for (let i = 0; i < size; i++) {
    const given = start.subarray(i * a.rows, (i + 1) * a.rows);
    if (i < rank && given.length > 0) space.doubles(x + i * stride * 8, a.rows).set(given);
    else draw(i);
  }

  // A coarse pass only aims the filter; the first one, and those that cannot be the last.
  let coarse = true;
  let precise = false;
  let stalled = false;
  let previous = Number.POSITIVE_INFINITY;
  // Spare rows that took rows of the start search no more.
  let swapped = false;
  let origin = 0;
  for (let total = 0; ; total++) {
    const pass = total - origin;
    orthonormalise();
    const products = precise ? double : single;
    if (coarse) products.apply(x, y);
    else {
      products.forward(x, z);
      products.back(z, y);
    }
    const values = ritz();
    const distortion = Math.max(0, a.squares - sum(values, rank));
    const tolerance = TOLERANCE * distortion + ROUNDING * a.squares;
    const excess = excessOf(values, residuals, rank, precise ? DOUBLE : SINGLE);
    const converged = !coarse && excess <= tolerance;
    if (converged && swapped && total < MAX_PASSES) {
      for (let i = rank; i < size; i++) draw(i);
      [coarse, precise, stalled, swapped] = [true, false, false, false];
      [previous, origin] = [Number.POSITIVE_INFINITY, total + 1];
      continue;
    }
    if (converged || total === MAX_PASSES) {
      const { matrix, stride: rotation } = problem;
      const rows = fours(rank);
      kernels.times64(matrix, rotation, rows, z, a.stride, size, rotated, a.stride, a.cols);
      return { x, z: rotated, converged, excess };
    }
    stalled = pass > 1 && excess > previous / 2;
    previous = excess;
    if (coarse && pass > 0 && excess <= tolerance) coarse = false;
    else coarse = !filter(pass, values, excess, tolerance) && total < MAX_PASSES - 1;
  }

  function draw(row: number): void {
    const to = space.doubles(x + row * stride * 8, stride).fill(0);
    for (let i = 0; i < a.rows; i++) to[i] = noise.uniform() - 0.5;
  }

  function orthonormalise(): void {
    for (let done = 0; ; draw(done)) {
      done = kernels.orthonormalise(x, stride, done, size, a.rows);
      if (done === size) return;
    }
  }

  /** Rotates x to Ritz vectors and y with it; returns the Ritz values and leaves the rotation in `problem.matrix`. */
  function ritz(): Float64Array {
    const { matrix, stride: width } = problem;
    const entries = size * width;
    space.doubles(matrix, entries).fill(0);
    const { timesTransposed64: dots, times64 } = kernels;
    if (coarse) dots(x, stride, size, y, stride, size, matrix, width, a.rows);
    else dots(z, a.stride, size, z, a.stride, size, matrix, width, a.cols);
    const gram = space.doubles(matrix, entries);
    for (let i = 0; i < size; i++) {
      for (let j = 0; j < i; j++) {
        const both = (gram[i * width + j] as number) + (gram[j * width + i] as number);
        gram[i * width + j] = gram[j * width + i] = both / 2;
      }
    }
    const { values, order } = solve(space, problem);
    const vectors = space.doubles(problem.vectors, entries);
    for (let i = 0; i < size; i++) {
      const row = (order[i] as number) * width;
      const rotation = vectors.subarray(row, row + width);
      gram.set(rotation, i * width);
      if (i < rank || start.length === 0) continue;
      let share = 0;
      for (let j = 0; j < rank; j++) share += (rotation[j] as number) * (rotation[j] as number);
      swapped ||= share > 0.1;
    }
    times64(matrix, width, size, x, stride, size, spare, stride, a.rows);
    [x, spare] = [spare, x];
    times64(matrix, width, size, y, stride, size, spare, stride, a.rows);
    [y, spare] = [spare, y];
    const [xs, ys] = [space.doubles(x, count), space.doubles(y, count)];
    for (let i = 0; i < size; i++) {
      const value = values[i] as number;
      let total = 0;
      for (let j = i * stride, end = j + a.rows; j < end; j++) {
        const r = (ys[j] as number) - value * (xs[j] as number);
        total += r * r;
      }
      residuals[i] = total;
    }
    return values;
  }

  /** @returns Whether the block may have converged with that. */
  function filter(pass: number, values: Float64Array, excess: number, tolerance: number): boolean {
    const [first, last] = [values[0] as number, values[rank - 1] as number];
    const [next, least] = [values[rank] as number, values[size - 1] as number];
    const gap = Math.max(last - next, 0.02 * last, DOUBLE * first);
    // What float32 can reach at best is what it would leave without any residual.
    precise = pass > 0 && (pass > 8 || excessOf(values, nothing, rank, SINGLE) > tolerance);
    let cut = Math.max(least, (precise ? DOUBLE : SINGLE) * first);
    // Random rows know little of the spectrum yet: aim at where it may end, but below what is wanted.
    if (pass === 0) {
      cut = Math.max(cut, Math.min(0.9 * last, next + 2 * Math.sqrt(residuals[rank] as number)));
    }
    // A cut inside a cluster separates nothing.
    if (stalled) cut /= 2;
    const longest = pass === 0 ? 10 : 24;
    const spread = precise ? 1e14 : 1e10;
    const degree = (growth: number) =>
      degreeFor(growth, (2 * last) / cut - 1, (2 * first) / cut - 1, spread, longest);
    let few = 0;
    for (let i = 0; i < rank; i++) {
      few += (residuals[i] as number) / (gap + (values[i] as number) - last);
    }
    few = Math.min(few, excess);
    // What a start misses is spread over the spectrum; what a filter leaves is near the cut, hard to tell from what is wanted.
    const low = degree((pass === 0 ? 2 : 5) * Math.sqrt(few / tolerance));
    const high = degree(pass === 0 ? 2e3 : Math.max(4, 3 * Math.sqrt(excess / tolerance)));
    const [short, long] = [low.degree, Math.max(low.degree, high.degree)];
    (precise ? double : single).filter(x, y, spare, cut, short, long, rank);
    return low.enough && (high.enough || pass === 0);
  }
}

/**
 * Estimate of how much the sum of the r largest eigenvalues of B exceeds θ₁ + … + θᵣ; `residuals` are ‖Rᵢ‖², and `unit` θ₁ is
 * the rounding in Rᵢ.
 *
 * Cut the block after s ≥ r Ritz vectors. In their basis, completed, B = [Θ Cᵀ; C D] with column i of C of norm ‖Rᵢ‖. An
 * eigenvalue λₖ of B above δ := λ_max(D) is the k-th eigenvalue of Θ + Cᵀ(λₖ − D)⁻¹C, which falls as λₖ grows. So for any t > δ,
 * with tᵢ := max(θᵢ, t) and G := CᵀC, λₖ is at most t or the k-th eigenvalue fₖ of Θ + G / (tₖ − δ).
 *
 * 1/(tₖ − δ) only grows with k, and fⱼ + … + f_s, a sum of least eigenvalues, is concave in the factor before G: when the factor
 * grows by d, the sum grows by d (Gⱼⱼ + … + G_ss) at most. All growth together, with tᵢ = tᵣ beyond r:
 *
 *     excess ≤ Σ_{i≤r} (tᵢ − θᵢ) + Σ_{i≤s} ‖Rᵢ‖² / (tᵢ − δ).
 *
 * t = max(θᵣ, δ + ρ/√r) with ρ² = Σ_{i≤s} ‖Rᵢ‖² serves a spectrum with a gap below θᵣ as well as one without. D holds the Ritz
 * values beyond s, coupled by their residuals to the rest of the space. The largest eigenvalue of that is not known; it is
 * taken to be at most θ_b + 2‖R_b‖, as the rows beyond r started at random. This makes it an estimate and not a bound, wherefore
 * the coupling counts `CAUTION` times.
 */
function excessOf(
  values: Float64Array,
  residuals: Float64Array,
  rank: number,
  unit: number,
): number {
  const size = values.length;
  const [first, last] = [values[0] as number, values[rank - 1] as number];
  const rest = (values[size - 1] as number) + 2 * Math.sqrt(residuals[size - 1] as number);
  const rounding = (unit * first) ** 2;
  let least = Number.POSITIVE_INFINITY;
  let coupling = 0;
  for (let s = size; s >= rank; s--) {
    let delta = rest;
    if (s < size) {
      coupling += CAUTION * (residuals[s] as number);
      const half = ((values[s] as number) - rest) / 2;
      delta = rest + half + Math.sqrt(half * half + coupling);
    }
    const rho = Math.sqrt(sum(residuals, s) + s * rounding);
    const t = Math.max(last, delta + rho / Math.sqrt(rank));
    let excess = 0;
    for (let i = 0; i < s; i++) {
      const value = i < rank ? (values[i] as number) : last;
      if (i < rank) excess += Math.max(0, t - value);
      excess += ((residuals[i] as number) + rounding) / (Math.max(value, t) - delta);
    }
    least = Math.min(least, excess);
  }
  return least;
}

/**
 * The least degree k with Tₖ(at) ≥ growth; at most `longest`, and with Tₖ(top) ≤ spread · Tₖ(at), or else the largest
 * eigenvector would drown the others in rounding.
 */
function degreeFor(growth: number, at: number, top: number, spread: number, longest: number) {
  let [before, now, topBefore, topNow] = [1, at, 1, top];
  let degree = 1;
  for (; degree < longest && now < growth; degree++) {
    const [next, topNext] = [2 * at * now - before, 2 * top * topNow - topBefore];
    if (topNext > spread * next) break;
    [before, now, topBefore, topNow] = [now, next, topNow, topNext];
  }
  return { degree, enough: now >= growth };
}

function sum(values: Float64Array, count: number): number {
  let total = 0;
  for (let i = 0; i < count; i++) total += values[i] as number;
  return total;
}
