import assert from "node:assert/strict";
import fc from "fast-check";
import { binarize } from "../../src/compression/binarize.ts";
import { type Compression, distortion, objective } from "../../src/compression/contract.ts";
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
import { random } from "../../src/math/random.ts";
import {
  bestClusters,
  bestCorrections,
  bestL1,
  bestScaled,
  bestSupport,
} from "../support/brute-force.ts";
import { close } from "../support/close.ts";
import { matrices, squares, vectors } from "../support/matrices.ts";

const runs = { seed: 20_261_123, numRuns: 60 };
const count = (kept: readonly number[]): number => kept.reduce((sum, k) => sum + k, 0);

/** Compressions of up to 9 weights and the optimum by trying everything; importance h where it is given. */
const table: readonly {
  readonly compression: Compression<unknown>;
  readonly weights: number;
  readonly best: (data: readonly number[], h?: readonly number[]) => number;
  /** False if the optimum with importance weights is not claimed. */
  readonly weighted?: false;
}[] = [
  ...[1, 2, 3].map((levels) => ({
    compression: quantize({ levels }) as Compression<unknown>,
    weights: 7,
    best: (data: readonly number[], h?: readonly number[]) => bestClusters(data, levels, h),
  })),
  one(binarize(), 9, (data, h) => bestScaled(data, [-1, 1], h)),
  one(binarize({ scale: false }), 9, (data, h) => nearest(data, [-1, 1], h)),
  one(ternarize(), 7, (data, h) => bestScaled(data, [-1, 0, 1], h)),
  one(uniform({ bits: 3 }), 4, (data, h) => bestScaled(data, [-3, -2, -1, 0, 1, 2, 3], h)),
  one(fixedCodebook([-1, 0.25, 1]), 9, (data, h) => nearest(data, [-1, 0.25, 1], h)),
  one(powersOfTwo({ smallest: -1 }), 9, (data, h) => nearest(data, [-1, -0.5, 0, 0.5, 1], h)),
  one(prune({ count: 3 }), 9, (data, h) => bestSupport(data, (kept) => count(kept) <= 3, h)),
  one(prune({ count: 2, values: fixedCodebook([-1, 1]) }), 7, (data, h) => {
    const gain = data.map((x, i) => {
      const d = Math.min((x - 1) ** 2, (x + 1) ** 2);
      return (h?.[i] ?? 1) * (x * x - d);
    });
    const top = [...gain].sort((a, b) => b - a).slice(0, 2);
    const all = data.reduce((sum, x, i) => sum + (h?.[i] ?? 1) * x * x, 0);
    return all - top.reduce((sum, g) => sum + Math.max(0, g), 0);
  }),
  one(l1Constraint({ radius: 1.5 }), 7, (data, h) => bestL1(data, 1.5, h)),
  one(l0Penalty({ alpha: 0.25 }), 9, (data, h) =>
    data.reduce((sum, x, i) => sum + Math.min((h?.[i] ?? 1) * x * x, 0.5), 0),
  ),
  one(l1Penalty({ alpha: 0.25 }), 9, (data, h) =>
    data.reduce((sum, x, i) => {
      const theta = Math.max(0, Math.abs(x) - 0.25 / (h?.[i] ?? 1));
      return sum + (h?.[i] ?? 1) * (Math.abs(x) - theta) ** 2 + 0.5 * theta;
    }, 0),
  ),
  // Exact sums: corrections by trying every support.
  ...[1, 2, 3].map((levels) =>
    one(
      quantize({ levels }).plus(prune({ count: 2 })),
      6,
      (data) => bestCorrections(data, (left) => bestClusters(left, levels), { most: 2 }),
      false,
    ),
  ),
  ...[1, 2].map((levels) =>
    one(
      l0Penalty({ alpha: 0.05 }).plus(quantize({ levels })),
      6,
      (data) => bestCorrections(data, (left) => bestClusters(left, levels), { price: 0.1 }),
      false,
    ),
  ),
  one(
    binarize().plus(prune({ count: 2 })),
    7,
    (data) => bestCorrections(data, (left) => bestScaled(left, [-1, 1]), { most: 2 }),
    false,
  ),
  one(
    binarize().plus(l0Penalty({ alpha: 0.05 })),
    7,
    (data) => bestCorrections(data, (left) => bestScaled(left, [-1, 1]), { price: 0.1 }),
    false,
  ),
  one(prune({ count: 2 }).plus(binarize({ scale: false })), 9, (data, h) => {
    const left = data.map((x) => x - (x > 0 ? 1 : -1));
    return bestSupport(left, (kept) => count(kept) <= 2, h);
  }),
  one(fixedCodebook([-1, 0.25, 1]).plus(l1Constraint({ radius: 0.75 })), 7, (data, h) =>
    bestL1(remainders(data, [-1, 0.25, 1]), 0.75, h),
  ),
  one(
    quantize({ levels: 4 }).plus(prune({ count: 1 })),
    5,
    (data) => bestCorrections(data, (left) => bestClusters(left, 4), { most: 1 }),
    false,
  ),
  one(float16(), 9, () => 0),
  one(perChannel(binarize()), 9, (data, h) => bestScaled(data, [-1, 1], h)),
  one(pruneChannels({ count: 2 }), 9, (data, h) =>
    bestSupport(data, (kept) => count(kept) <= 2, h),
  ),
  one(fixedCodebook([-1, 1]).plus(l0Penalty({ alpha: 0.1 })), 9, (data, h) =>
    remainders(data, [-1, 1]).reduce((sum, r, i) => sum + Math.min((h?.[i] ?? 1) * r * r, 0.2), 0),
  ),
];

function one<T>(
  compression: Compression<T>,
  weights: number,
  best: (data: readonly number[], h?: readonly number[]) => number,
  weighted?: false,
) {
  const entry = { compression: compression as Compression<unknown>, weights, best };
  return weighted === false ? { ...entry, weighted } : entry;
}

function nearest(
  data: readonly number[],
  levels: readonly number[],
  h?: readonly number[],
): number {
  return remainders(data, levels).reduce((sum, r, i) => sum + (h?.[i] ?? 1) * r * r, 0);
}

function remainders(data: readonly number[], levels: readonly number[]): number[] {
  return data.map((x) => {
    const distances = levels.map((level) => Math.abs(x - level));
    return Math.min(...distances);
  });
}

describe("every result called exact is the best of all possibilities", () => {
  for (const { compression: c, weights, best, weighted } of table) {
    const compare = (w: Matrix<Float64Array>, importance?: Float64Array): boolean => {
      if (!fits(c, w)) return false;
      const context = importance ? { mu: 1, importance } : { mu: 1 };
      const { theta, exact, gap } = c.solve(w, context);
      const found = objective(c, w, theta, context);
      const optimum = best([...w.data], importance && [...importance]);
      const slack = 1e-6 * (1 + squares(w.data));
      if (exact) close(found, optimum, { atol: slack });
      else {
        assert.ok(gap !== undefined, "neither exact nor bounded");
        assert.ok(found - optimum <= gap + slack, `${found} − ${optimum} > ${gap}`);
      }
      assert.ok(found >= optimum - slack);
      return exact;
    };

    it(c.name, () => {
      let exact = 0;
      fc.assert(
        fc.property(vectors(weights), (w) => {
          if (compare(w)) exact++;
        }),
        runs,
      );
      assert.ok(exact >= (c.exact ? 25 : 5), `only ${exact} results were exact`);
    });

    if (weighted === false) continue;
    it(`${c.name}, with importance weights`, () =>
      fc.assert(
        fc.property(
          vectors(weights),
          fc.array(fc.integer({ min: 1, max: 12 }), { minLength: 9, maxLength: 9 }),
          (w, h) => {
            compare(
              w,
              Float64Array.from(w.data, (_, i) => (h[i] as number) / 4),
            );
          },
        ),
        runs,
      ));
  }

  function fits(c: Compression<unknown>, w: Matrix): boolean {
    try {
      c.check(w, "");
      return true;
    } catch {
      return false;
    }
  }
});

describe("exactness far from the unit scale", () => {
  /** Weights near ±0.05, tiny or huge as a whole, with a few far outliers. */
  const outliers = (size: number, seed: number, scale: number): Matrix<Float64Array> => {
    const rng = random(seed);
    const data = Float64Array.from({ length: 12 }, () => {
      const near = (rng.below(2) === 0 ? -0.05 : 0.05) + (rng.below(17) - 8) / 400;
      return scale * near;
    });
    data[rng.below(6)] = -size * scale;
    data[6 + rng.below(6)] = size * scale;
    return { rows: 1, cols: 12, data };
  };
  /** Least error with the outliers and up to two more corrected, by trying all; relative to the small weights alone. */
  const best = (w: Matrix<Float64Array>, levels: number, most: number): number => {
    const scale = w.data.reduce((low, x) => Math.min(low, Math.abs(x)), Number.POSITIVE_INFINITY);
    const unit = [...w.data].map((x) => x / scale);
    const small = unit.filter((x) => Math.abs(x) < 100);
    const left = most - (unit.length - small.length);
    return scale * scale * bestCorrections(small, (rest) => clusters(rest, levels), { most: left });
  };
  /** 1-D k-means of few values: clusters are intervals. */
  const clusters = (values: readonly number[], levels: number): number => {
    const x = [...values].sort((a, b) => a - b);
    const least = (from: number, k: number): number => {
      if (from === x.length) return 0;
      if (k === 0) return Number.POSITIVE_INFINITY;
      let cost = Number.POSITIVE_INFINITY;
      for (let to = from + 1; to <= x.length; to++) {
        const part = x.slice(from, to);
        const mean = part.reduce((a, b) => a + b, 0) / part.length;
        const own = part.reduce((sum, v) => sum + (v - mean) * (v - mean), 0);
        cost = Math.min(cost, own + least(to, k - 1));
      }
      return cost;
    };
    return least(0, levels);
  };

  for (const [size, scale] of [
    [1e2, 1],
    [1e4, 1],
    [1e6, 1],
    [3, 1e-15],
    [3, 1e15],
  ] as const) {
    it(`codebook + corrections with outliers of ${size} and all weights times ${scale}`, () => {
      for (let seed = 0; seed < 12; seed++) {
        const w = outliers(size, seed, scale);
        for (const levels of [1, 2, 3]) {
          const c = quantize({ levels }).plus(prune({ count: 4 }));
          const { theta, exact, gap } = c.solve(w);
          // Of the corrected weights only the others are compared: θ holds the outliers in float32.
          const delta = c.decompress(theta).data;
          const corrected = new Set(theta[1].indices);
          const found = w.data.reduce(
            (sum, x, i) => sum + (corrected.has(i) ? 0 : (x - (delta[i] as number)) ** 2),
            0,
          );
          const optimum = best(w, levels, 4);
          const slack = 1e-5 * optimum + 1e-12 * scale * scale;
          if (exact) close(found, optimum, { atol: slack });
          else
            assert.ok(
              found <= optimum + (gap as number) + slack,
              `${found}, ${optimum}, gap ${gap}`,
            );
        }
      }
    });
  }

  it("importance weights over eight orders of magnitude", () => {
    for (let seed = 0; seed < 20; seed++) {
      const rng = random(seed);
      const data = Float64Array.from({ length: 6 }, () => (rng.below(33) - 16) / 8);
      const h = Float64Array.from(
        { length: 6 },
        () => [1e-4, 1e-2, 1, 1e2, 1e4][rng.below(5)] as number,
      );
      const w = { rows: 1, cols: 6, data };
      const cases: readonly [Compression<unknown>, number][] = [
        [quantize({ levels: 2 }) as Compression<unknown>, bestClusters([...data], 2, [...h])],
        [ternarize() as Compression<unknown>, bestScaled([...data], [-1, 0, 1], [...h])],
        [binarize() as Compression<unknown>, bestScaled([...data], [-1, 1], [...h])],
        [l1Constraint({ radius: 1 }) as Compression<unknown>, bestL1([...data], 1, [...h])],
      ];
      for (const [c, optimum] of cases) {
        const { theta, exact } = c.solve(w, { importance: h });
        assert.equal(exact, true);
        const found = distortion(w, c.decompress(theta), h);
        close(found, optimum, { atol: 1e-6 * squares(data) * Math.max(...h), rtol: 1e-6 });
      }
    }
  });

  it("a huge value of no importance does not spoil a scale", () => {
    const w = { rows: 1, cols: 3, data: Float64Array.of(1, 0.3, 0.31) };
    const h = Float64Array.of(1e-8, 1, 1);
    const c = ternarize();
    close(distortion(w, c.decompress(c.cStep(w, { importance: h })), h), 5e-5, { atol: 1e-6 });
  });
});

describe("groups and runs", () => {
  const supports: readonly {
    readonly compression: Compression<unknown>;
    readonly rows: number;
    readonly cols: number;
    readonly allowed: (kept: readonly number[]) => boolean;
  }[] = [
    {
      compression: pruneNM({ keep: 2, of: 3 }) as Compression<unknown>,
      rows: 3,
      cols: 3,
      allowed: (kept) => [0, 3, 6].every((run) => count(kept.slice(run, run + 3)) <= 2),
    },
    {
      compression: pruneRows({ count: 2 }) as Compression<unknown>,
      rows: 3,
      cols: 3,
      allowed: (kept) => [0, 3, 6].filter((run) => count(kept.slice(run, run + 3)) > 0).length <= 2,
    },
    {
      compression: pruneColumns({ count: 1 }) as Compression<unknown>,
      rows: 3,
      cols: 3,
      allowed: (kept) => new Set(kept.flatMap((k, i) => (k ? [i % 3] : []))).size <= 1,
    },
    {
      compression: pruneBlocks({ count: 1, block: [1, 2] }) as Compression<unknown>,
      rows: 2,
      cols: 4,
      allowed: (kept) => new Set(kept.flatMap((k, i) => (k ? [i >> 1] : []))).size <= 1,
    },
  ];
  for (const { compression: c, rows, cols, allowed } of supports) {
    it(`${c.name} keeps the best support`, () =>
      fc.assert(
        fc.property(
          fc.array(fc.integer({ min: -16, max: 16 }), {
            minLength: rows * cols,
            maxLength: rows * cols,
          }),
          (eighths) => {
            const w = { rows, cols, data: Float64Array.from(eighths, (k) => k / 8) };
            assert.equal(
              distortion(w, c.decompress(c.cStep(w))),
              bestSupport([...w.data], allowed),
            );
          },
        ),
        runs,
      ));
  }
});

describe("low rank", () => {
  it("leaves the sum of the squared singular values beyond the rank", () =>
    fc.assert(
      fc.property(matrices, fc.integer({ min: 1, max: 4 }), (w, rank) => {
        if (rank > Math.min(w.rows, w.cols)) return;
        const c = lowRank({ rank });
        close(distortion(w, c.decompress(c.cStep(w))), sum(spectrum(w).slice(rank)), {
          atol: 1e-11 * (1 + squares(w.data)),
        });
      }),
      runs,
    ));

  it("rank selection equals the best of all ranks and of keeping W dense", () =>
    fc.assert(
      fc.property(matrices, fc.boolean(), fc.integer({ min: 1, max: 40 }), (w, dense, k) => {
        const alpha = k / 100;
        const c = rankSelection({ alpha, dense });
        const [perRank, whole] = [w.rows + w.cols, w.rows * w.cols];
        const costs = Array.from(
          { length: Math.min(w.rows, w.cols) + 1 },
          (_, r) => 2 * alpha * r * perRank + sum(spectrum(w).slice(r)),
        );
        const best = Math.min(...costs, ...(dense ? [2 * alpha * whole] : []));
        close(objective(c, w, c.cStep(w, { mu: 1 }), { mu: 1 }), best, {
          atol: 1e-9 * (1 + squares(w.data)),
        });
      }),
      runs,
    ));

  it("normalised rank selection does not depend on the scale of W", () =>
    fc.assert(
      fc.property(matrices, (w) => {
        const c = rankSelection({ alpha: 0.01, normalized: true });
        const twice = { ...w, data: w.data.map((x) => 2 * x) };
        assert.equal(c.cStep(w, { mu: 1 }).rank, c.cStep(twice, { mu: 1 }).rank);
      }),
      runs,
    ));

  it("with separable importance equals the scaled SVD's error, otherwise says it is not exact", () => {
    const w = { rows: 2, cols: 3, data: Float64Array.of(1, 2, 3, -1, 0.5, 2) };
    const c = lowRank({ rank: 1 });
    const importance = Float64Array.of(1, 2, 4, 3, 6, 12);
    const { theta, exact } = c.solve(w, { importance });
    const scaled = { ...w, data: w.data.map((x, i) => x * Math.sqrt(importance[i] as number)) };
    assert.equal(exact, true);
    close(distortion(w, c.decompress(theta), importance), spectrum(scaled)[1] as number, {
      rtol: 1e-9,
    });
    importance[0] = 5;
    assert.equal(c.solve(w, { importance }).exact, false);
  });

  it("factors a convolution by scheme 1 and by scheme 2 as the matrices they are", () => {
    // 2 filters of 3 × 2 pixels and 2 channels.
    const geometry = { kernel: [3, 2], channels: 2, input: [8, 8], output: [6, 7] } as const;
    const data = Float64Array.from({ length: 24 }, (_, i) => ((i * 7) % 11) - 5);
    const w = { rows: 2, cols: 12, data, geometry };
    const one = lowRank({ rank: 1 });
    const two = lowRank({ rank: 1, scheme: 2 });
    close(
      distortion(w, one.decompress(one.cStep(w))),
      sum(spectrum({ rows: 2, cols: 12, data }).slice(1)),
      { rtol: 1e-6 },
    );
    close(
      distortion(w, two.decompress(two.cStep(w))),
      sum(spectrum({ rows: 6, cols: 4, data }).slice(1)),
      { rtol: 1e-6 },
    );
    assert.equal(one.bits(one.cStep(w)), 32 * (2 + 12));
    assert.equal(two.bits(two.cStep(w)), 32 * (6 + 4));
    // Scheme 1: 3 × 2 × 2 → 1 and 1 → 2, at 6 × 7 pixels. Scheme 2: 1 × 2 × 2 → 1 at 8 × 7, then 3 × 1 → 2 at 6 × 7.
    assert.equal(one.flops(one.cStep(w), geometry), 2 * 12 * 42 + 2 * 2 * 42);
    assert.equal(two.flops(two.cStep(w), geometry), 2 * 4 * 56 + 2 * 6 * 42);
  });

  it("with factors of 16 or 4 bits is close to that with 32", () => {
    const data = Float64Array.from({ length: 200 }, (_, i) => ((i * 37) % 101) / 50 - 1);
    const w = { rows: 10, cols: 20, data };
    const error = <T>(c: Compression<T>): number => distortion(w, c.decompress(c.cStep(w)));
    const full = error(lowRank({ rank: 3 }));
    close(error(lowRank({ rank: 3, factors: float16() })), full, { rtol: 1e-4 });
    const four = lowRank({ rank: 3, factors: quantize({ bits: 4 }) });
    assert.ok(error(four) < full + 0.05 * squares(data), `${error(four)} and ${full}`);
    assert.equal(four.bits(four.cStep(w)), 4 * 90 + 2 * 16 * 32);
  });
});

describe("C steps", () => {
  it("say whether they are exact: alone, not by Lloyd, not in a sum by alternation", () => {
    const w = { rows: 1, cols: 4, data: Float64Array.of(1, 2, 3, 9) };
    const sum = quantize({ levels: 2 }).plus(prune({ count: 1 }), { search: "alternate" });
    assert.deepEqual(
      [quantize({ levels: 2 }), quantize({ levels: 2, search: "lloyd" }), sum].map(
        (c) => c.solve(w).exact,
      ),
      [true, false, false],
    );
  });

  it("of a sum by alternation trace all orders up to three parts, and the seeded starts", () => {
    const w = { rows: 3, cols: 4, data: Float64Array.from({ length: 12 }, (_, i) => (i * i) % 7) };
    const three = quantize({ levels: 2 })
      .plus(lowRank({ rank: 1 }))
      .plus(prune({ count: 2 }));
    const { trace } = three.solve(w);
    const zero = trace?.filter(({ start }) => start === "zero").map(({ order }) => order.join(""));
    assert.deepEqual(zero?.sort(), ["012", "021", "102", "120", "201", "210"]);
    assert.deepEqual(
      trace?.flatMap(({ start }) => (typeof start === "number" ? [start] : [])),
      [1, 2, 3, 4, 5, 6, 7, 8, 9, 10],
    );
    for (const { objective: values } of trace ?? []) {
      assert.ok(
        values.length > 0 && values.every((x, i) => i === 0 || x <= (values[i - 1] as number)),
      );
    }
  });

  it("per channel equal the compression of each row", () => {
    const w = { rows: 2, cols: 4, data: Float64Array.of(1, 2, 3, 9, -8, 0, 1, 1) };
    const c = quantize({ levels: 2 });
    const rows = [0, 1].map((i) => ({ rows: 1, cols: 4, data: w.data.slice(4 * i, 4 * i + 4) }));
    const single = rows.map((row) => c.decompress(c.cStep(row)).data);
    const all = perChannel(c);
    assert.deepEqual(
      all.decompress(all.cStep(w)).data,
      Float64Array.from(single.flatMap((x) => [...x])),
    );
    assert.equal(all.bits(all.cStep(w)), 2 * (4 + 64));
  });

  it("never cost a sum its options: those of an inner sum are refused", () => {
    const inner = quantize({ levels: 2 }).plus(prune({ count: 1 }), { starts: 0 });
    assert.throws(() => inner.plus(lowRank({ rank: 1 })), {
      name: "RangeError",
      message:
        "plus: a sum that is added to is one sum with all parts; give starts in the last .plus(…, options), not in an inner one.",
    });
  });

  it("of a normalised rank selection depend on the whole of W, so it is refused in a sum", () =>
    assert.throws(
      () => prune({ count: 1 }).plus(rankSelection({ alpha: 0.1, normalized: true })),
      /cannot be part of a sum. Its cost is relative to ‖W‖²/,
    ));

  it("keep no zeros: κ larger than the number of nonzeros costs nothing", () => {
    const w = { rows: 1, cols: 8, data: Float64Array.of(1, 0, 0, 0, 0, 0, 0, 0) };
    assert.deepEqual(prune({ count: 5 }).cStep(w).indices, Uint32Array.of(0));
  });

  it("by Lloyd are not worse than a codebook of fewer levels they start from", () => {
    const rng = random(8);
    for (let i = 0; i < 60; i++) {
      const data = Float64Array.from({ length: 10 }, () => (rng.below(33) - 16) / 8);
      const w = { rows: 1, cols: 10, data };
      const warm = quantize({ levels: 3 }).cStep(w);
      const c = quantize({ levels: 4, search: "lloyd" });
      const found = distortion(w, c.decompress(c.cStep(w, { warm })));
      assert.ok(found <= distortion(w, c.decompress(warm)) + 1e-12);
    }
  });

  it("say in a sum too that a codebook is smaller than asked for", () => {
    const w = { rows: 1, cols: 4, data: Float64Array.of(1, 1, 2, 1) };
    const { notes } = quantize({ levels: 8 })
      .plus(prune({ count: 1 }))
      .solve(w);
    assert.match(String(notes), /enough beside the corrections, fewer than K = 8/);
    const alternating = quantize({ levels: 8 })
      .plus(lowRank({ rank: 1 }), { starts: 0 })
      .solve(w);
    assert.match(String(alternating.notes), /fewer than K = 8/);
  });

  it("prune keeps the smaller index on ties", () => {
    const w = { rows: 1, cols: 5, data: Float64Array.of(1, -2, 2, 2, 0) };
    assert.deepEqual(prune({ count: 2 }).cStep(w).indices, Uint32Array.of(1, 2));
  });

  it("prune({ keep }) takes κ = ⌈keep · N⌉ without rounding errors", () => {
    const w = { rows: 1, cols: 266_200, data: new Float64Array(266_200).fill(1) };
    assert.equal(prune({ keep: 0.05 }).cStep(w).values.length, 13_310);
    assert.equal(prune({ keep: 0.01 }).cStep(w).values.length, 2662);
  });

  it("a codebook has as many values as the weights if they have fewer than K, and says so", () => {
    const w = { rows: 1, cols: 4, data: Float64Array.of(1, 1, 5, 1) };
    const { theta, notes } = quantize({ levels: 16 }).solve(w);
    assert.deepEqual(theta.levels, Float32Array.of(1, 5));
    assert.deepEqual(notes, ["2 distinct values, fewer than K = 16; the codebook has 2"]);
  });
});

function sum(values: Float64Array): number {
  return values.reduce((total, x) => total + Math.max(0, x), 0);
}

/** Squared singular values, descending, all `rows` of them. */
function spectrum({ rows, cols, data }: Matrix<Float64Array>): Float64Array {
  const gram = Float64Array.from({ length: rows * rows }, (_, ij) => {
    const [i, j] = [Math.floor(ij / rows), ij % rows];
    let total = 0;
    for (let k = 0; k < cols; k++) {
      total += (data[i * cols + k] as number) * (data[j * cols + k] as number);
    }
    return total;
  });
  return symmetricEigen(gram, rows).values;
}
