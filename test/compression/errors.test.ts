import assert from "node:assert/strict";
import { binarize } from "../../src/compression/binarize.ts";
import { defineCompression } from "../../src/compression/compression.ts";
import { type Compression, distortion } from "../../src/compression/contract.ts";
import { fixedCodebook } from "../../src/compression/fixed-codebook.ts";
import { float16 } from "../../src/compression/float16.ts";
import { fromSpec } from "../../src/compression/from-spec.ts";
import { l0Penalty } from "../../src/compression/l0-penalty.ts";
import { l1Constraint } from "../../src/compression/l1-constraint.ts";
import { l1Penalty } from "../../src/compression/l1-penalty.ts";
import { lowRank } from "../../src/compression/low-rank.ts";
import { perChannel } from "../../src/compression/per-channel.ts";
import { powersOfTwo } from "../../src/compression/powers-of-two.ts";
import { prune } from "../../src/compression/prune.ts";
import { pruneBlocks, pruneChannels, pruneRows } from "../../src/compression/prune-groups.ts";
import { pruneNM } from "../../src/compression/prune-nm.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { rankSelection } from "../../src/compression/rank-selection.ts";
import { ternarize } from "../../src/compression/ternarize.ts";
import { uniform } from "../../src/compression/uniform.ts";
import type { Matrix } from "../../src/math/matrix.ts";

const zeros = (rows: number, cols: number): Matrix<Float64Array> => ({
  rows,
  cols,
  data: new Float64Array(rows * cols),
});

const refuses = (call: () => unknown, message: string): void =>
  assert.throws(call, { name: "RangeError", message });

describe("compressions refuse", () => {
  it("a codebook of less than one level", () =>
    refuses(
      () => quantize({ levels: 0 }),
      "quantize: levels must be a whole number from 1 to 65536, got 0. To give bits per weight, write quantize({ bits: 1 }).",
    ));
  it("bits out of range", () =>
    refuses(
      () => quantize({ bits: 0.5 }),
      "quantize: bits must be a whole number from 1 to 16, got 0.5. For a codebook of any size, write quantize({ levels: K }).",
    ));
  it("a percentage where a fraction belongs", () =>
    refuses(
      () => prune({ keep: 5 }),
      "prune: keep must be a fraction in (0, 1], got 5. To keep a number of weights, write prune({ count: 5 }).",
    ));
  it("a negative count", () =>
    refuses(
      () => prune({ count: -1 }),
      "prune: count must be a whole number from 0, got -1. To keep a fraction, write prune({ keep: 0.05 }).",
    ));
  it("a count beyond the number of weights", () =>
    refuses(
      () => prune({ count: 7 }).cStep(zeros(2, 3)),
      "prune: count must be from 0 to 6 for a 2 × 3 matrix, got 7. To keep a fraction, write prune({ keep: 0.05 }).",
    ));
  it("a rank beyond the smaller side", () =>
    refuses(
      () => lowRank({ rank: 3 }).cStep(zeros(2, 3)),
      "lowRank: rank must be from 1 to 2 for a 2 × 3 matrix, got 3. From 2 on it saves nothing.",
    ));
  it("a rank of 0", () =>
    refuses(() => lowRank({ rank: 0 }), "lowRank: rank must be a whole number from 1, got 0."));
  it("an order that leaves a part out", () =>
    refuses(
      () => quantize({ levels: 2 }).plus(prune({ count: 1 }), { order: [0, 0] }),
      "plus: order must name each of the 2 parts once, e.g. [1, 0], got [0, 0].",
    ));
  it("negative starts and tolerances, and unknown searches", () => {
    const [a, b] = [quantize({ levels: 2 }), prune({ count: 1 })];
    refuses(() => a.plus(b, { starts: -1 }), "plus: starts must be a whole number from 0, got -1.");
    refuses(() => a.plus(b, { tolerance: -1 }), "plus: tolerance must be a number from 0, got -1.");
    refuses(
      () => a.plus(b, { search: "best" as "auto" }),
      'plus: search must be "auto" or "alternate", got "best".',
    );
  });
  it("to compare matrices of different shapes", () => {
    const a = { rows: 1, cols: 2, data: new Float64Array(2) };
    refuses(
      () => distortion(a, { ...a, rows: 2, cols: 1 }),
      "distortion: shapes differ, 1 × 2 and 2 × 1.",
    );
  });
  it("NaN and infinite weights, saying where", () => {
    const w = { rows: 2, cols: 2, data: Float64Array.of(1, 2, Number.NaN, 3) };
    for (const c of [prune({ count: 2 }), quantize({ levels: 2 }), lowRank({ rank: 1 })]) {
      assert.throws(() => c.cStep(w), {
        code: "LC_NONFINITE",
        message: /the 2 × 2 matrix has NaN at \[1, 0\]/,
      });
    }
  });
  it("an empty layer, and data that are not rows × cols", () => {
    const empty = { rows: 0, cols: 5, data: new Float64Array() };
    refuses(
      () => quantize({ levels: 2 }).cStep(empty),
      "quantize(K = 2): the 0 × 5 matrix is empty. Leave this layer out.",
    );
    refuses(
      () => prune({ count: 0 }).cStep({ rows: 2, cols: 5, data: new Float64Array(9) }),
      "prune(κ = 0): a 2 × 5 matrix has 10 weights, got 9.",
    );
  });
  it("N:M that does not divide the rows, saying what does", () => {
    refuses(
      () => pruneNM({ keep: 2, of: 4 }).cStep(zeros(3, 10)),
      "pruneNM: 2:4 needs rows of a multiple of 4 weights, got 10 for a 3 × 10 matrix. With keep 2, of can be 5, 10.",
    );
    refuses(
      () => pruneNM({ keep: 2, of: 4 }).cStep(zeros(3, 37)),
      "pruneNM: 2:4 needs rows of a multiple of 4 weights, got 37 for a 3 × 37 matrix. Use prune({ keep }) for this layer.",
    );
    refuses(
      () => pruneNM({ keep: 4, of: 4 }),
      "pruneNM: keep and of must be whole numbers with 1 ≤ keep < of ≤ 32, got 4 of 4. Write pruneNM({ keep: 2, of: 4 }).",
    );
  });
  it("blocks that do not divide, and more groups than there are", () => {
    refuses(
      () => pruneBlocks({ count: 1, block: [2, 2] }).cStep(zeros(3, 4)),
      "pruneBlocks: blocks of 2 × 2 do not divide a 3 × 4 matrix. Take a height that divides 3 and a width that divides 4.",
    );
    refuses(
      () => pruneBlocks({ count: 1, block: [0, 2] }),
      "pruneBlocks: block must be [height, width] in whole numbers from 1, got [0, 2]. Write block: [4, 4].",
    );
    refuses(
      () => pruneRows({ count: 4 }).cStep(zeros(3, 4)),
      "pruneRows: count must be from 0 to 3 rows for a 3 × 4 matrix, got 4. To keep a fraction, write pruneRows({ keep: 0.05 }).",
    );
    refuses(
      () => pruneChannels({ keep: 2 }),
      "pruneChannels: keep must be a fraction in (0, 1], got 2. To keep a number of channels, write pruneChannels({ count: 2 }).",
    );
  });
  it("penalties and rank selection at μ = 0", () => {
    const w = { rows: 1, cols: 2, data: Float64Array.of(1, 2) };
    const costly: readonly Compression<unknown>[] = [
      l0Penalty({ alpha: 1 }) as Compression<unknown>,
      l1Penalty({ alpha: 1 }) as Compression<unknown>,
      rankSelection({ alpha: 1 }) as Compression<unknown>,
    ];
    for (const c of costly) {
      refuses(
        () => c.cStep(w),
        `${c.name}: at μ = 0 only its cost counts, which is least with every weight 0. Give the first μ of the schedule: cStep(w, { mu: 1e-3 }), or direct({ mu: 1e-3 }).`,
      );
      refuses(() => c.cStep(w, { mu: -1 }), `${c.name}: μ must be a number from 0, got -1.`);
    }
    refuses(() => l0Penalty({ alpha: 0 }), "l0Penalty: alpha must be a number above 0, got 0.");
  });
  it("options out of range", () => {
    refuses(
      () => l1Constraint({ radius: -1 }),
      "l1Constraint: radius must be a number from 0, got -1. It bounds Σ |θᵢ|.",
    );
    refuses(
      () => uniform({ bits: 1 }),
      "uniform: bits must be a whole number from 2 to 8, got 1. For 1 bit, write binarize(); for 16, float16().",
    );
    refuses(
      () => fixedCodebook([1, 1]),
      "fixedCodebook: give 1 to 65536 different values, got 2 (1 different). Write fixedCodebook([-1, 0, 1]).",
    );
    refuses(
      () => fixedCodebook([1e39]),
      "fixedCodebook: values must be finite float32 numbers, got 1e+39.",
    );
    refuses(
      () => powersOfTwo({ smallest: 1 }),
      "powersOfTwo: exponents must be whole numbers with −126 ≤ smallest ≤ largest ≤ 127, got smallest 1 and largest 0. Write powersOfTwo({ smallest: -6 }).",
    );
    refuses(
      () => binarize({ scale: 2 as unknown as boolean }),
      "binarize: scale must be true for {−a, +a} or false for {−1, +1}, got 2.",
    );
    refuses(
      () => lowRank({ rank: 1, scheme: 3 as 1 }),
      "lowRank: scheme must be 1 or 2, got 3. 1 is a thin convolution and 1 × 1, 2 a row kernel and a column kernel.",
    );
    refuses(
      () => rankSelection({ alpha: 1, criterion: "size" as "flops" }),
      'rankSelection: criterion must be "storage" or "flops", got "size".',
    );
  });
  it("nested compressions that act on matrices or have a cost", () => {
    refuses(
      () => prune({ count: 1, values: lowRank({ rank: 1 }) }),
      "prune: values must be a compression of single numbers without a cost, got lowRank(r = 1). Write values: float16() or quantize({ bits: 4 }).",
    );
    refuses(
      () => lowRank({ rank: 1, factors: l0Penalty({ alpha: 1 }) }),
      "lowRank: factors must be a compression of single numbers without a cost, got l0Penalty(α = 1). Write factors: float16() or quantize({ bits: 4 }).",
    );
    refuses(
      () => perChannel(lowRank({ rank: 1 })),
      "perChannel: lowRank(r = 1) acts on a matrix, not on one row of it. Write perChannel(quantize({ bits: 2 })), or .layer(name, lowRank(r = 1)) for the whole layer.",
    );
  });
  it("importance weights that are not above 0, of another length, or not taken", () => {
    const w = { rows: 2, cols: 2, data: Float64Array.of(1, 2, 3, 4) };
    const c = prune({ count: 1 });
    refuses(
      () => c.cStep(w, { importance: Float64Array.of(1, 2, 0, 1) }),
      "prune(κ = 1): importance must be above 0 and finite, got 0 at [1, 0]. Add a small constant to all of it.",
    );
    refuses(
      () => c.cStep(w, { importance: Float64Array.of(1, 2) }),
      "prune(κ = 1): importance must have 4 values for a 2 × 2 matrix, got 2.",
    );
    const own = defineCompression<Matrix<Float64Array>>({
      name: "own",
      exact: true,
      elementwise: true,
      cStep: (m) => m,
      decompress: (theta) => theta,
      bits: () => 0,
    });
    refuses(
      () => own.cStep(w, { importance: Float64Array.of(1, 2, 1, 1) }),
      "own: its C step takes no importance weights. Define it with weighted: true, or leave importance out.",
    );
  });
  it("a spec of an unknown kind", () =>
    assert.throws(
      () => fromSpec({ kind: "magic" }),
      /unknown compression "magic". The built-in ones are quantize/,
    ));
});

describe("all-zero and constant weights", () => {
  const every: readonly Compression<unknown>[] = [
    quantize({ levels: 2 }),
    binarize(),
    ternarize(),
    uniform({ bits: 4 }),
    float16(),
    powersOfTwo({ smallest: -2 }),
    prune({ count: 2 }),
    prune({ count: 0 }),
    l1Constraint({ radius: 1 }),
    pruneNM({ keep: 1, of: 2 }),
    pruneRows({ count: 1 }),
    lowRank({ rank: 1 }),
    quantize({ levels: 2 }).plus(prune({ count: 2 })),
    quantize({ levels: 2 }).plus(lowRank({ rank: 1 })),
  ] as readonly Compression<unknown>[];
  it("are compressed by all, zeros without error, and a result of zeros says so", () => {
    for (const c of every) {
      const { theta, notes } = c.solve(zeros(2, 4));
      assert.ok(
        c.decompress(theta).data.every((x) => x === 0),
        c.name,
      );
      assert.ok(notes?.includes("all weights are 0"), `${c.name}: ${notes}`);
      const constant = { rows: 2, cols: 4, data: new Float64Array(8).fill(-0.5) };
      assert.ok(c.decompress(c.cStep(constant)).data.every(Number.isFinite), c.name);
    }
  });
  it("a codebook of a constant has one value and says so", () => {
    const constant = { rows: 2, cols: 4, data: new Float64Array(8).fill(-0.5) };
    assert.deepEqual(quantize({ levels: 2 }).solve(constant).notes, [
      "1 distinct value, fewer than K = 2; the codebook has 1",
    ]);
  });
});
