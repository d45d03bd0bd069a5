import { allZero, type Compression } from "../contract.ts";
import type { JointSolution, Roles } from "./solution.ts";

/**
 * Fixed codebook + pruning, exact: the codeword nearest to each weight, and the C step of the pruning on what remains.
 * For whatever is corrected and however much, the nearest codeword leaves the smallest remainder, and the optimum of a
 * pruning does not fall when a remainder grows.
 */
export function fixedAndCorrections(
  parts: readonly Compression<unknown>[],
  { codebook, corrections }: Roles,
): JointSolution {
  const fixed = parts[codebook] as Compression<unknown>;
  const pruning = parts[corrections] as Compression<unknown>;
  return {
    exact: fixed.exact && pruning.exact,
    solve(w, { mu, importance }) {
      const context = importance ? { mu, importance } : { mu };
      const base = fixed.solve(w, context);
      const rest = pruning.solve(remainder(w, fixed.decompress(base.theta)), context);
      const theta: unknown[] = [];
      theta[codebook] = base.theta;
      theta[corrections] = rest.theta;
      const exact = base.exact && rest.exact;
      const notes = [...(base.notes ?? []), ...(rest.notes ?? [])].filter((n) => n !== allZero);
      return {
        theta,
        exact,
        ...(exact ? { gap: 0 } : {}),
        ...(notes.length > 0 ? { notes } : {}),
      };
    },
  };
}

/** w − Δ. */
export function remainder<W extends { readonly data: Float64Array }>(
  w: W,
  delta: { readonly data: Float64Array },
): W {
  return { ...w, data: w.data.map((x, i) => x - (delta.data[i] as number)) };
}
