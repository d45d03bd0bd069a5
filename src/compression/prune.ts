import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";
import {
  checkKept,
  checkValues,
  type Kept,
  keptOf,
  largestGains,
  type Pruned,
  placed,
  solveSparse,
  sparseBits,
  valuesSpec,
} from "./sparse.ts";

/**
 * Magnitude pruning, the l0 constraint: min ‖w − θ‖² s.t. ‖θ‖₀ ≤ κ. Keeps the κ largest |wᵢ| (with importance, hᵢ wᵢ²).
 * Exact, O(N). Ties keep the smaller index. `keep` is a fraction in (0, 1], κ = ⌈keep · N⌉; `count: 0` is legal and keeps
 * nothing; zeros are never kept. `values` compresses the kept weights too: exact for fixed codewords, e.g. `float16()`, otherwise not.
 * Bits: 32 per value (or those of `values`), and the positions as gaps (see positions.ts).
 * @throws RangeError if `keep` or `count` is out of range, or κ exceeds the number of weights.
 * @see Carreira-Perpiñán & Idelbayev, CVPR 2018, doi:10.1109/CVPR.2018.00890
 * @example
 * prune({ count: 1 }).cStep({ rows: 1, cols: 2, data: Float64Array.of(3, -5) }).indices   //=> Uint32Array [1]
 */
export function prune<Values = Float32Array>(
  options: Kept & { readonly values?: Compression<Values> },
): Compression<Pruned<Values>> {
  const { values } = options;
  const { kappa, label, spec } = keptOf("prune", "weights", options);
  checkValues("prune", "values", values as Compression<unknown> | undefined);
  const inner = valuesSpec(values as Compression<unknown> | undefined);
  return defineCompression<Pruned<Values>>({
    name: `prune(${label}${values ? `, ${values.name}` : ""})`,
    exact: values === undefined || values.joint?.role === "fixed",
    elementwise: true,
    weighted: values?.weighted ?? true,
    ...(inner ? { spec: { kind: "prune", ...spec, ...inner } } : {}),
    ...(values ? {} : { joint: { role: "correction", count: kappa } }),
    check({ rows, cols }, where) {
      const kept = kappa(rows * cols);
      checkKept("prune", kept, rows * cols, where);
      if (kept > 0) values?.check({ rows: 1, cols: kept }, `the ${kept} kept weights of ${where}`);
    },
    solve: (w, context) =>
      solveSparse(w, (gain) => largestGains(gain, kappa(gain.length)), values, context),
    decompress: (theta) => placed(theta, values),
    bits: (theta, accounting) => sparseBits(theta, accounting, values),
  });
}
