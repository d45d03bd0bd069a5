import { largest } from "../math/select.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";
import { gapBits, toolkitGapBits } from "./positions.ts";

/** θ of a pruning: the weights that are kept. All others are 0. */
export interface Pruned {
  readonly rows: number;
  readonly cols: number;
  /** Row-major positions of the kept weights, ascending. Length κ. */
  readonly indices: Uint32Array;
  /** Their values, float32. */
  readonly values: Float32Array;
}

/** How many weights stay: a fraction, or a number. */
export type PruneOptions =
  | { readonly keep: number; readonly count?: never }
  | { readonly count: number; readonly keep?: never };

/**
 * Magnitude pruning: min ‖w − θ‖² s.t. ‖θ‖₀ ≤ κ. Keeps the κ largest |wᵢ|.
 * Exact, O(N). Ties keep the smaller index. `keep` is a fraction in (0, 1], κ = ⌈keep · N⌉ (a product within 1e-6 of a
 * whole number counts as that number); `count: 0` is legal and keeps nothing.
 * Bits: 32 per value, and the positions as gaps (see positions.ts).
 * @throws RangeError if `keep` or `count` is out of range, or κ exceeds the number of weights.
 * @see Carreira-Perpiñán & Idelbayev, CVPR 2018, doi:10.1109/CVPR.2018.00890
 * @example
 * prune({ count: 1 }).cStep({ rows: 1, cols: 2, data: Float64Array.of(3, -5) }).indices   //=> Uint32Array [1]
 */
export function prune(options: PruneOptions): Compression<Pruned> {
  const { keep, count } = checked(options);
  const kappa = (n: number): number => count ?? Math.ceil((keep ?? 0) * n - 1e-6);
  return defineCompression<Pruned>({
    name: keep === undefined ? `prune(κ = ${count})` : `prune(${percent(keep)})`,
    exact: true,
    elementwise: true,
    spec: keep === undefined ? { kind: "prune", count } : { kind: "prune", keep },
    check({ rows, cols }, where) {
      if (count !== undefined && count > rows * cols) {
        throw new RangeError(
          `prune: count must be from 0 to ${rows * cols} for ${where}, got ${count}. To keep a fraction, write prune({ keep: 0.05 }).`,
        );
      }
    },
    cStep({ rows, cols, data }) {
      const indices = largest(data, kappa(data.length));
      return { rows, cols, indices, values: Float32Array.from(indices, (i) => data[i] as number) };
    },
    decompress: ({ rows, cols, indices, values }) => {
      const data = new Float64Array(rows * cols);
      for (let k = 0; k < indices.length; k++) data[indices[k] as number] = values[k] as number;
      return { rows, cols, data };
    },
    bits: ({ indices, values }, accounting) =>
      accounting === "toolkit"
        ? 32 * Math.max(0, values.length - 1) + toolkitGapBits(indices)
        : 32 * values.length + gapBits(indices),
  });
}

function checked({ keep, count }: PruneOptions): { keep?: number; count?: number } {
  if (keep !== undefined && count !== undefined) {
    throw new RangeError(
      `prune: give keep or count, not both, got keep ${keep} and count ${count}.`,
    );
  }
  if (keep !== undefined) {
    if (!(keep > 0 && keep <= 1)) {
      throw new RangeError(
        `prune: keep must be a fraction in (0, 1], got ${keep}. To keep a number of weights, write prune({ count: ${Math.max(0, Math.round(keep) || 0)} }).`,
      );
    }
    return { keep };
  }
  if (count === undefined || !Number.isInteger(count) || count < 0) {
    throw new RangeError(
      `prune: count must be a whole number from 0, got ${count}. To keep a fraction, write prune({ keep: 0.05 }).`,
    );
  }
  return { count };
}

function percent(fraction: number): string {
  return `${Number((100 * fraction).toPrecision(3))} %`;
}
