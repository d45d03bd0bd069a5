import assert from "node:assert/strict";
import { distortion } from "../../src/compression/contract.ts";
import { fromSpec } from "../../src/compression/from-spec.ts";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";

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
      () => prune({ count: 7 }).cStep({ rows: 2, cols: 3, data: new Float64Array(6) }),
      "prune: count must be from 0 to 6 for a 2 × 3 matrix, got 7. To keep a fraction, write prune({ keep: 0.05 }).",
    ));
  it("a rank beyond the smaller side", () =>
    refuses(
      () => lowRank({ rank: 3 }).cStep({ rows: 2, cols: 3, data: new Float64Array(6) }),
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
  it("a spec of an unknown kind", () =>
    assert.throws(
      () => fromSpec({ kind: "magic" }),
      /unknown compression "magic". The built-in ones are quantize/,
    ));
});
