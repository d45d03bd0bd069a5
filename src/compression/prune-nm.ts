import { largest } from "../math/select.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";
import { checkValues, type Pruned, placed, solveSparse, valueBits, valuesSpec } from "./sparse.ts";

/**
 * N:M pruning, as sparse hardware wants it: in every run of `of` weights along a row, the `keep` largest stay.
 * min ‖w − θ‖², exact, O(N); ties keep the smaller index. `values` compresses the kept weights too.
 * Bits: 32 per value (or those of `values`) and ⌈log₂ C(M, N)⌉ per run (with `values`, which may drop some,
 * ⌈log₂ Σ C(M, k ≤ N)⌉).
 * @throws RangeError unless 1 ≤ keep < of ≤ 32, whole numbers, or if the rows are not whole runs.
 * @example
 * pruneNM({ keep: 1, of: 2 }).cStep({ rows: 1, cols: 4, data: Float64Array.of(1, 2, -4, 3) }).indices   //=> Uint32Array [1, 2]
 */
export function pruneNM<Values = Float32Array>(options: {
  readonly keep: number;
  readonly of: number;
  readonly values?: Compression<Values>;
}): Compression<Pruned<Values>> {
  const { keep, of, values } = options;
  if (!Number.isInteger(keep) || !Number.isInteger(of) || keep < 1 || keep >= of || of > 32) {
    throw new RangeError(
      `pruneNM: keep and of must be whole numbers with 1 ≤ keep < of ≤ 32, got ${keep} of ${of}. Write pruneNM({ keep: 2, of: 4 }).`,
    );
  }
  checkValues("pruneNM", "values", values as Compression<unknown> | undefined);
  const inner = valuesSpec(values as Compression<unknown> | undefined);
  const runBits = bitsFor(patternsOf(keep, of, values !== undefined));
  return defineCompression<Pruned<Values>>({
    name: `prune(${keep}:${of}${values ? `, ${values.name}` : ""})`,
    exact: values === undefined || values.joint?.role === "fixed",
    elementwise: false,
    weighted: values?.weighted ?? true,
    ...(inner ? { spec: { kind: "pruneNM", keep, of, ...inner } } : {}),
    ...(values ? {} : { joint: { role: "correction" } }),
    check({ cols }, where) {
      if (cols % of === 0) return;
      throw new RangeError(
        `pruneNM: ${keep}:${of} needs rows of a multiple of ${of} weights, got ${cols} for ${where}. ${divisors(cols, keep)}`,
      );
    },
    solve: (w, context) => solveSparse(w, (gain) => perRun(gain, keep, of), values, context),
    decompress: (theta) => placed(theta, values),
    bits: (theta, accounting) =>
      valueBits(theta.indices.length, theta.values, accounting, values) +
      runBits * ((theta.rows * theta.cols) / of),
  });
}

function perRun(gain: Float64Array, keep: number, of: number): Uint32Array {
  const kept: number[] = [];
  for (let run = 0; run < gain.length; run += of) {
    for (const i of largest(gain.subarray(run, run + of), keep)) {
      if ((gain[run + i] as number) >= 0) kept.push(run + i);
    }
  }
  return Uint32Array.from(kept);
}

/** Bits for one of so many patterns. */
function bitsFor(patterns: number): number {
  let bits = 0;
  for (let reach = 1; reach < patterns; reach *= 2) bits++;
  return bits;
}

/** What could be written instead. */
function divisors(cols: number, keep: number): string {
  const fitting = [];
  for (let m = keep + 1; m <= 32; m++) if (cols % m === 0) fitting.push(m);
  return fitting.length > 0
    ? `With keep ${keep}, of can be ${fitting.join(", ")}.`
    : "Use prune({ keep }) for this layer.";
}

/**
 * Which weights of a run can be kept: `keep` of them, or if `fewer` (their values are compressed, and may be worth less than
 * nothing) any number up to that.
 */
export function patternsOf(keep: number, of: number, fewer: boolean): number {
  let patterns = choose(of, keep);
  for (let k = 0; fewer && k < keep; k++) patterns += choose(of, k);
  return patterns;
}

/** Binomial coefficient, exact up to 16 of 32. */
export function choose(n: number, k: number): number {
  let product = 1;
  for (let i = 1; i <= k; i++) product = (product * (n - k + i)) / i;
  return product;
}
