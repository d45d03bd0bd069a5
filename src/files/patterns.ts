import { choose, patternsOf } from "../compression/prune-nm.ts";
import type { Grid, Sink, Source } from "./streams.ts";

/** N:M pruning: `keep` of every run of `of` weights; if `fewer`, up to that many. */
export interface Runs {
  readonly keep: number;
  readonly of: number;
}
type Rule = Runs & { readonly fewer: boolean };

/**
 * Writes positions of N:M pruning as one number for each run. Places p₁ < … < p_k within a run have the number
 * Σ C(pᵢ, i), plus the number of sets with fewer places if there can be any.
 */
export function writePatterns(indices: Uint32Array, place: Grid, rule: Rule, sink: Sink): void {
  const { keep, of, fewer } = rule;
  const patterns = new Uint32Array((place.rows * place.cols) / of);
  for (let run = 0, at = 0; run < patterns.length; run++) {
    let [kept, pattern] = [0, 0];
    for (; at < indices.length && (indices[at] as number) < (run + 1) * of; at++) {
      pattern += choose((indices[at] as number) - run * of, ++kept);
    }
    patterns[run] = fewer && kept > 0 ? pattern + patternsOf(kept - 1, of, true) : pattern;
  }
  sink.codes(patterns, patternsOf(keep, of, fewer), row(patterns.length));
}

/** Reads what `writePatterns` wrote. */
export function readPatterns(place: Grid, { keep, of, fewer }: Rule, source: Source): Uint32Array {
  const runs = (place.rows * place.cols) / of;
  const patterns = source.codes(new Uint32Array(runs), patternsOf(keep, of, fewer), row(runs));
  const indices = new Uint32Array(runs * keep);
  let next = 0;
  for (const [run, pattern] of patterns.entries()) {
    let kept = fewer ? 0 : keep;
    let left = pattern;
    for (; fewer && left >= choose(of, kept); kept++) left -= choose(of, kept);
    next += kept;
    // The largest p with C(p, k) ≤ the rest, for k = kept … 1.
    for (let p = of - 1, at = next - 1; kept > 0; p--) {
      if (choose(p, kept) > left) continue;
      left -= choose(p, kept--);
      indices[at--] = run * of + p;
    }
  }
  return indices.slice(0, next);
}

/** Runs are numbers without neighbours: in one row. */
function row(cols: number): Grid {
  return { rows: 1, cols };
}
