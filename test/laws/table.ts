import { binarize } from "../../src/compression/binarize.ts";
import type { Compression } from "../../src/compression/contract.ts";
import { fixedCodebook } from "../../src/compression/fixed-codebook.ts";
import { float16 } from "../../src/compression/float16.ts";
import { l0Penalty } from "../../src/compression/l0-penalty.ts";
import { l1Constraint } from "../../src/compression/l1-constraint.ts";
import { l1Penalty } from "../../src/compression/l1-penalty.ts";
import { lowRank } from "../../src/compression/low-rank.ts";
import { perChannel } from "../../src/compression/per-channel.ts";
import { powersOfTwo } from "../../src/compression/powers-of-two.ts";
import { prune } from "../../src/compression/prune.ts";
import {
  pruneBlocks,
  pruneChannels,
  pruneColumns,
  pruneRows,
} from "../../src/compression/prune-groups.ts";
import { pruneNM } from "../../src/compression/prune-nm.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { rankSelection } from "../../src/compression/rank-selection.ts";
import { ternarize } from "../../src/compression/ternarize.ts";
import { uniform } from "../../src/compression/uniform.ts";
import { symmetricEigen } from "../../src/math/eigen.ts";
import type { Matrix } from "../../src/math/matrix.ts";

/** A compression and what the laws need to know of it. */
export interface Entry {
  readonly compression: Compression<unknown>;
  /** Whether Δ satisfies the constraint, e.g. at most K values. */
  readonly feasible?: (delta: Matrix<Float64Array>) => boolean;
  /** Π(2w) = 2 Π(w), bit for bit. */
  readonly scaleFree: boolean;
  /** Matrices per law: fewer where a C step alternates long. */
  readonly cases: number;
}

function entry<T>(
  compression: Compression<T>,
  rest: Partial<Omit<Entry, "compression">> = {},
): Entry {
  return {
    compression: compression as Compression<unknown>,
    scaleFree: false,
    cases: 40,
    ...rest,
  };
}

type Constraint = (delta: Matrix<Float64Array>) => boolean;

const values =
  (most: number): Constraint =>
  ({ data }) =>
    new Set(data).size <= most;
const among =
  (...allowed: number[]): Constraint =>
  ({ data }) =>
    data.every((x) => allowed.includes(x));
const nonzeros =
  (most: number): Constraint =>
  ({ data }) =>
    data.filter((x) => x !== 0).length <= most;
const sizes =
  (most: number): Constraint =>
  ({ data }) =>
    new Set(data.map(Math.abs)).size <= most;
const rankOf =
  (most: number): Constraint =>
  ({ rows, cols, data }) => {
    const gram = Float64Array.from({ length: rows * rows }, (_, ij) => {
      const [i, j] = [Math.floor(ij / rows), ij % rows];
      let total = 0;
      for (let k = 0; k < cols; k++) {
        total += (data[i * cols + k] as number) * (data[j * cols + k] as number);
      }
      return total;
    });
    const { values: spectrum } = symmetricEigen(gram, rows);
    return spectrum.slice(most).every((x) => x <= 1e-11 * (1 + (spectrum[0] as number)));
  };
const groupsOf =
  (most: number, group: (i: number, j: number) => string): Constraint =>
  ({ cols, data }) => {
    const kept = new Set<string>();
    for (const [at, x] of data.entries())
      if (x !== 0) kept.add(group(Math.floor(at / cols), at % cols));
    return kept.size <= most;
  };

/** Every compression, and sums of every kind; a new one adds its line here. */
export const compressions: readonly Entry[] = [
  ...[1, 2, 3, 5].map((levels) =>
    entry(quantize({ levels }), { feasible: values(levels), scaleFree: true }),
  ),
  entry(quantize({ levels: 3, search: "lloyd" }), { feasible: values(3) }),
  entry(binarize(), { feasible: sizes(1), scaleFree: true }),
  entry(binarize({ scale: false }), { feasible: among(-1, 1) }),
  entry(ternarize(), {
    feasible: ({ data }) => new Set(data.map(Math.abs).filter((x) => x > 0)).size <= 1,
    scaleFree: true,
  }),
  entry(uniform({ bits: 2 }), { feasible: values(3), scaleFree: true }),
  entry(uniform({ bits: 3 }), { feasible: values(7), scaleFree: true }),
  entry(fixedCodebook([-1, 0.25, 1]), { feasible: among(-1, 0.25, 1) }),
  entry(powersOfTwo({ smallest: -2 }), { feasible: among(0, 0.25, 0.5, 1, -0.25, -0.5, -1) }),
  entry(float16(), { scaleFree: true }),
  ...[0, 1, 3].map((count) =>
    entry(prune({ count }), { feasible: nonzeros(count), scaleFree: true }),
  ),
  entry(prune({ keep: 0.3 }), { scaleFree: true }),
  entry(prune({ count: 2, values: float16() }), { feasible: nonzeros(2), scaleFree: true }),
  entry(prune({ count: 3, values: fixedCodebook([-1, 1]) }), {
    feasible: (delta) => nonzeros(3)(delta) && among(-1, 0, 1)(delta),
  }),
  entry(prune({ count: 3, values: quantize({ levels: 2 }) }), {
    feasible: (delta) => nonzeros(3)(delta) && values(3)(delta),
  }),
  entry(l1Constraint({ radius: 1.5 }), {
    feasible: ({ data }) => data.reduce((sum, x) => sum + Math.abs(x), 0) <= 1.5 + 1e-6,
  }),
  entry(l0Penalty({ alpha: 0.3 })),
  entry(l1Penalty({ alpha: 0.4 })),
  entry(pruneNM({ keep: 1, of: 2 }), {
    feasible: ({ data }) => data.every((x, i) => i % 2 === 0 || x === 0 || data[i - 1] === 0),
    scaleFree: true,
  }),
  entry(pruneNM({ keep: 2, of: 3, values: fixedCodebook([-1, 1]) }), { feasible: among(-1, 0, 1) }),
  entry(pruneRows({ count: 1 }), { feasible: groupsOf(1, (i) => `${i}`), scaleFree: true }),
  entry(pruneColumns({ keep: 0.5 }), {
    feasible: (delta) => groupsOf(Math.ceil(delta.cols / 2), (_, j) => `${j}`)(delta),
    scaleFree: true,
  }),
  entry(pruneChannels({ count: 1 }), { feasible: groupsOf(1, (_, j) => `${j}`), scaleFree: true }),
  entry(pruneBlocks({ block: [2, 2], count: 1 }), {
    feasible: groupsOf(1, (i, j) => `${i >> 1} ${j >> 1}`),
    scaleFree: true,
  }),
  entry(perChannel(quantize({ levels: 2 })), { scaleFree: true }),
  entry(perChannel(binarize()), { scaleFree: true }),
  entry(perChannel(quantize({ levels: 2 }).plus(prune({ keep: 0.2 }))), { cases: 15 }),
  entry(lowRank({ rank: 1 }), { feasible: rankOf(1), scaleFree: true }),
  entry(lowRank({ rank: 2 }), { feasible: rankOf(2), scaleFree: true }),
  entry(lowRank({ rank: 2, full: true }), { feasible: rankOf(2) }),
  entry(lowRank({ rank: 2, factors: float16() }), { feasible: rankOf(2) }),
  entry(lowRank({ rank: 1, factors: quantize({ levels: 4 }) }), { feasible: rankOf(1) }),
  entry(rankSelection({ alpha: 0.2 })),
  entry(rankSelection({ alpha: 0.02, dense: false })),
  entry(rankSelection({ alpha: 0.02, criterion: "flops" })),
  entry(rankSelection({ alpha: 0.01, normalized: true })),
  // Exact sums.
  entry(quantize({ levels: 2 }).plus(prune({ keep: 0.2 }))),
  entry(prune({ count: 2 }).plus(quantize({ levels: 3 }))),
  entry(quantize({ levels: 1 }).plus(prune({ count: 2 }))),
  entry(binarize().plus(prune({ count: 2 }))),
  entry(binarize().plus(l0Penalty({ alpha: 0.1 }))),
  entry(quantize({ levels: 2 }).plus(l0Penalty({ alpha: 0.1 }))),
  entry(quantize({ levels: 4 }).plus(l0Penalty({ alpha: 0.02 }))),
  entry(binarize({ scale: false }).plus(prune({ count: 2 }))),
  entry(fixedCodebook([-1, 0.25, 1]).plus(l1Constraint({ radius: 1 }))),
  entry(fixedCodebook([-1, 1]).plus(l1Penalty({ alpha: 0.3 }))),
  entry(fixedCodebook([-1, 1]).plus(l0Penalty({ alpha: 0.3 }))),
  entry(fixedCodebook([-1, 1]).plus(pruneRows({ count: 1 }))),
  entry(float16().plus(prune({ count: 1 }))),
  // Sums by alternation.
  entry(quantize({ levels: 2 }).plus(prune({ keep: 0.2 }), { search: "alternate" })),
  entry(lowRank({ rank: 1 }).plus(prune({ keep: 0.2 })), { cases: 8 }),
  entry(
    quantize({ levels: 2 })
      .plus(lowRank({ rank: 1 }))
      .plus(prune({ keep: 0.2 }), { starts: 2 }),
    { cases: 8 },
  ),
  entry(quantize({ levels: 2 }).plus(quantize({ levels: 2 })), { feasible: values(4), cases: 15 }),
  entry(binarize().plus(binarize()), { feasible: values(4), cases: 15 }),
  entry(quantize({ levels: 2 }).plus(l1Penalty({ alpha: 0.2 })), { cases: 15 }),
  entry(prune({ count: 1 }).plus(prune({ count: 1 })), { feasible: nonzeros(2), cases: 15 }),
  entry(rankSelection({ alpha: 0.1 }).plus(prune({ count: 1 })), { cases: 15 }),
];
