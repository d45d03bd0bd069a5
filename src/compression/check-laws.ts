import { type Matrix, shapeOf } from "../math/matrix.ts";
import { type Random, random } from "../math/random.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { type Table, table } from "../table/table.ts";
import type { Compression, Target } from "./contract.ts";
import type { Shape } from "./geometry.ts";
import { type Law, type LawContext, laws } from "./laws.ts";

export interface LawOptions {
  /** Matrices per law; default 60. */
  readonly cases?: number;
  /** Default 0. The same seed tries the same matrices. */
  readonly seed?: number;
  /** μ of the C steps; default 1. */
  readonly mu?: number;
  /** Whether Δ satisfies the constraint, e.g. `({ data }) => new Set(data).size <= 2`. */
  readonly feasible?: (delta: Matrix<Float64Array>) => boolean;
  /** Tests Π(2w) = 2 Π(w); default false. */
  readonly scaleFree?: boolean;
  /** Shapes to try; default: shapes up to 6 × 6 that the compression's own check accepts. */
  readonly shapes?: readonly Shape[];
}

/** How one law did. */
export interface LawResult {
  readonly law: string;
  /** Matrices tried. */
  readonly cases: number;
  /** What is wrong, with the smallest matrix found for which it is; undefined if the law holds. */
  readonly failure?: string;
}

/** What `checkLaws` found. Shows itself in a notebook. */
export interface LawReport extends Displayable {
  readonly ok: boolean;
  readonly results: readonly LawResult[];
  readonly table: Table;
  /** The laws that fail, one a line; empty if all hold. */
  readonly failures: string;
}

/**
 * Tries the laws every compression must obey on small matrices with ties, zeros and constants: shape, purity, bits, warm
 * starts never worse, and, for results called exact, that no feasible Δ found is better. Laws of what the compression does
 * not claim (exactness, importance weights, …) are left out. A few seconds at most; deterministic.
 * @throws RangeError if no shape fits the compression or an option is out of range.
 * @example
 * checkLaws(quantize({ levels: 2 })).ok   //=> true
 */
export function checkLaws<Theta>(
  compression: Compression<Theta>,
  options: LawOptions = {},
): LawReport {
  const { cases = 60, seed = 0, mu = 1, feasible, scaleFree = false } = options;
  if (!Number.isInteger(cases) || cases < 1) {
    throw new RangeError(`checkLaws: cases must be a whole number from 1, got ${cases}.`);
  }
  const c = compression as Compression<unknown>;
  const context: LawContext = { mu, feasible, scaleFree };
  const shapes = options.shapes ?? fitting(c);
  const results = laws
    .filter((law) => law.applies?.(c, context) ?? true)
    .map((law, index) => tryLaw(law, c, shapes, context, cases, seed, index));
  const rows = results.map((r) => [r.law, r.cases, r.failure ?? "holds"]);
  const shown = table([{ name: "law" }, { name: "cases" }, { name: "result" }], rows);
  const failed = results.filter((r) => r.failure !== undefined);
  const failures = failed.map((r) => `${c.name}: ${r.law}: ${r.failure}`).join("\n");
  return Object.freeze({
    ok: failed.length === 0,
    results,
    table: shown,
    failures,
    [displaySymbol]: shown[displaySymbol],
  });
}

function tryLaw(
  law: Law,
  c: Compression<unknown>,
  shapes: readonly Shape[],
  context: LawContext,
  cases: number,
  seed: number,
  index: number,
): LawResult {
  const check = (w: Target, stream: number): string | undefined => {
    try {
      return law.check(c, w, context, random(seed, 0x1a35, index, stream));
    } catch (error) {
      return `threw ${String(error)}`;
    }
  };
  const rng = random(seed, 0x1a34, index);
  for (let i = 0; i < cases; i++) {
    const w = sample(shapes[rng.below(shapes.length)] as Shape, rng);
    if (check(w, i) === undefined) continue;
    const { smallest, what } = simplified(w, (candidate) => check(candidate, i));
    const numbers = `[${[...smallest.data].join(", ")}]`;
    const failure = `${what}; for w = ${numbers} (${shapeOf(smallest)}, case ${i + 1}, seed ${seed})`;
    return { law: law.name, cases: i + 1, failure };
  }
  return { law: law.name, cases };
}

/** Multiples of 1/8, so that ties and sums are exact; sometimes few different ones, zeros, or a constant. */
function sample(shape: Shape, rng: Random): Target {
  const span = [33, 33, 33, 5, 3, 1][rng.below(6)] as number;
  const shift = span === 1 ? rng.below(5) - 2 : -(span >> 1);
  const data = new Float64Array(shape.rows * shape.cols);
  for (let i = 0; i < data.length; i++) data[i] = (rng.below(span) + shift) / 8;
  return { ...shape, data };
}

/** The same failure with more zeros, if there is one. */
function simplified(
  w: Target,
  check: (w: Target) => string | undefined,
): { smallest: Target; what: string } {
  let smallest = w;
  let what = check(w) ?? "";
  for (let i = 0; i < w.data.length; i++) {
    if (smallest.data[i] === 0) continue;
    const data = smallest.data.slice();
    data[i] = 0;
    const still = check({ ...smallest, data });
    if (still !== undefined) {
      smallest = { ...smallest, data };
      what = still;
    }
  }
  return { smallest, what };
}

function fitting(c: Compression<unknown>): Shape[] {
  const shapes: Shape[] = [];
  let refusal: unknown;
  for (let rows = 1; rows <= 6; rows++) {
    for (let cols = 1; cols <= 6; cols++) {
      try {
        c.check({ rows, cols }, `a ${rows} × ${cols} matrix`);
        if (rows * cols <= 24) shapes.push({ rows, cols });
      } catch (error) {
        refusal = error;
      }
    }
  }
  if (shapes.length > 0) return shapes;
  throw new RangeError(
    `checkLaws: ${c.name} accepts no shape up to 6 × 6 (${String(refusal)}). Give it some: checkLaws(c, { shapes: [{ rows: 8, cols: 8 }] }).`,
  );
}
