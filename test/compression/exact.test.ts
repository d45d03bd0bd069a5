import assert from "node:assert/strict";
import fc from "fast-check";
import { distortion } from "../../src/compression/contract.ts";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { symmetricEigen } from "../../src/math/eigen.ts";
import { close } from "../support/close.ts";
import { matrices, squares, vectors } from "../support/matrices.ts";

const runs = { seed: 20_261_123, numRuns: 80 };

describe("exact C steps", () => {
  it("quantize equals the best of all assignments", () =>
    fc.assert(
      fc.property(vectors(7), fc.integer({ min: 1, max: 3 }), (w, levels) => {
        const c = quantize({ levels });
        close(distortion(w, c.decompress(c.cStep(w))), bestAssignment(w.data, levels), {
          atol: 1e-11,
        });
      }),
      runs,
    ));

  it("prune equals the best of all supports", () =>
    fc.assert(
      fc.property(vectors(9), fc.integer({ min: 0, max: 9 }), (w, count) => {
        if (count > w.cols) return;
        const c = prune({ count });
        const smallest = [...w.data].map((x) => x * x).sort((a, b) => a - b);
        const best = smallest.slice(0, w.cols - count).reduce((total, x) => total + x, 0);
        assert.equal(distortion(w, c.decompress(c.cStep(w))), best);
      }),
      runs,
    ));

  it("lowRank leaves the sum of the squared singular values beyond the rank", () =>
    fc.assert(
      fc.property(matrices, fc.integer({ min: 1, max: 4 }), (w, rank) => {
        if (rank > Math.min(w.rows, w.cols)) return;
        const c = lowRank({ rank });
        const { values } = symmetricEigen(gram(w), w.rows);
        const beyond = values.slice(rank).reduce((total, x) => total + Math.max(0, x), 0);
        close(distortion(w, c.decompress(c.cStep(w))), beyond, {
          atol: 1e-11 * (1 + squares(w.data)),
        });
      }),
      runs,
    ));

  it("is reported by solve: exact alone, not for a sum by alternation", () => {
    const w = { rows: 1, cols: 4, data: Float64Array.of(1, 2, 3, 9) };
    assert.equal(quantize({ levels: 2 }).solve(w).exact, true);
    assert.equal(
      quantize({ levels: 2 })
        .plus(prune({ count: 1 }))
        .solve(w).exact,
      false,
    );
  });

  it("prune keeps the smaller index on ties", () => {
    const w = { rows: 1, cols: 5, data: Float64Array.of(1, -2, 2, 2, 0) };
    assert.deepEqual(prune({ count: 2 }).cStep(w).indices, Uint32Array.of(1, 2));
  });

  it("prune({ keep }) takes κ = ⌈keep · N⌉ without rounding errors", () => {
    const w = { rows: 1, cols: 266_200, data: new Float64Array(266_200) };
    assert.equal(prune({ keep: 0.05 }).cStep(w).values.length, 13_310);
    assert.equal(prune({ keep: 0.01 }).cStep(w).values.length, 2662);
  });

  it("a codebook has as many values as the weights if they have fewer than K", () => {
    const w = { rows: 1, cols: 4, data: Float64Array.of(1, 1, 5, 1) };
    assert.deepEqual(quantize({ levels: 16 }).cStep(w).levels, Float32Array.of(1, 5));
  });
});

function bestAssignment(data: Float64Array, levels: number): number {
  let best = Number.POSITIVE_INFINITY;
  for (let code = 0; code < levels ** data.length; code++) {
    const groups = Array.from({ length: levels }, () => [] as number[]);
    for (let i = 0, rest = code; i < data.length; i++, rest = Math.floor(rest / levels)) {
      groups[rest % levels]?.push(data[i] as number);
    }
    const cost = groups.reduce((total, group) => {
      const mean = group.reduce((a, b) => a + b, 0) / (group.length || 1);
      return total + squares(group.map((x) => x - mean));
    }, 0);
    best = Math.min(best, cost);
  }
  return best;
}

function gram({
  rows,
  cols,
  data,
}: {
  rows: number;
  cols: number;
  data: Float64Array;
}): Float64Array {
  return Float64Array.from({ length: rows * rows }, (_, ij) => {
    const [i, j] = [Math.floor(ij / rows), ij % rows];
    let sum = 0;
    for (let k = 0; k < cols; k++)
      sum += (data[i * cols + k] as number) * (data[j * cols + k] as number);
    return sum;
  });
}
