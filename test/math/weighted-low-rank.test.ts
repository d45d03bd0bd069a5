import assert from "node:assert/strict";
import fc from "fast-check";
// @ts-expect-error [ts7016] a build script without types
import { ensureWasm } from "../../scripts/build-wasm.mjs";
import type { Matrix } from "../../src/math/matrix.ts";
import { random } from "../../src/math/random.ts";
import { type Factors, truncatedSvd } from "../../src/math/svd.ts";
import { weightedLeastSquares } from "../../src/math/weighted-least-squares.ts";
import { weightedLowRank } from "../../src/math/weighted-low-rank.ts";
import { close } from "../support/close.ts";
import { squares } from "../support/matrices.ts";

type Dense = Matrix<Float64Array>;

/** A matrix, one importance each, and a rank that fits. */
const problems = fc
  .record({
    rows: fc.integer({ min: 1, max: 12 }),
    cols: fc.integer({ min: 1, max: 12 }),
    rank: fc.integer({ min: 1, max: 4 }),
    seed: fc.nat(),
  })
  .map(({ rows, cols, rank, seed }) => {
    const rng = random(seed, 21);
    const numbers = (n: number, f: (x: number) => number) =>
      Float64Array.from({ length: n }, () => f(rng.uniform()));
    return {
      w: { rows, cols, data: numbers(rows * cols, (x) => x - 0.5) },
      h: numbers(rows * cols, (x) => 0.01 + x * x * x),
      p: numbers(rows, (x) => 0.01 + x),
      q: numbers(cols, (x) => 0.01 + x),
      rank: Math.min(rank, rows, cols),
    };
  });

const runs = { seed: 20_261_126, numRuns: 100 };

before(() => ensureWasm());

describe("weightedLowRank", () => {
  it("with importances all equal is the truncated SVD", () =>
    fc.assert(
      fc.property(problems, fc.constantFrom(1, 3, 1e-6), ({ w, rank }, value) => {
        const found = weightedLowRank(w, new Float64Array(w.data.length).fill(value), rank);
        assert.equal(found.exact, true);
        const { u, v } = truncatedSvd(w, rank);
        const one = w.data.map(() => 1);
        close(objective(w, one, found), objective(w, one, { u, v }), {
          atol: 1e-12 * squares(w.data),
        });
      }),
      runs,
    ));

  it("is exact for h = p qᵀ: no other factors found from anywhere are better", () =>
    fc.assert(
      fc.property(problems, ({ w, p, q, h, rank }) => {
        const separable = h.map((_, k) => at(p, Math.floor(k / w.cols)) * at(q, k % w.cols));
        const found = weightedLowRank(w, separable, rank);
        assert.equal(found.exact, true);
        // The minimum, from the scaled matrix: Σ of its squared singular values beyond the rank.
        const scaled = { ...w, data: w.data.map((x, k) => x * Math.sqrt(at(separable, k))) };
        const { u, v } = truncatedSvd(scaled, rank, { full: true });
        const least = objective(
          scaled,
          w.data.map(() => 1),
          { u, v },
        );
        close(objective(w, separable, found), least, { atol: 1e-12 * squares(scaled.data) });
        const other = weightedLowRank(w, h, rank);
        atMost(least, objective(w, separable, other) + 1e-12 * squares(scaled.data));
      }),
      runs,
    ));

  it("is not worse than the truncated SVD of the matrix scaled by row and column sums, nor than warm", () =>
    fc.assert(
      fc.property(problems, ({ w, h, p, q, rank }) => {
        const [rowSums, colSums] = sums(w, h);
        const separable = h.map(
          (_, k) => at(rowSums, Math.floor(k / w.cols)) * at(colSums, k % w.cols),
        );
        const start = weightedLowRank(w, separable, rank);
        const found = weightedLowRank(w, h, rank);
        const slack = 1e-12 * squares(w.data);
        atMost(objective(w, h, found), objective(w, h, start) + slack);
        const elsewhere = weightedLowRank(
          w,
          h.map((_, k) => at(p, Math.floor(k / w.cols)) * at(q, k % w.cols)),
          rank,
        );
        const further = swept(w, h, found);
        for (const warm of [found, further, elsewhere]) {
          const again = weightedLowRank(w, h, rank, { warm });
          atMost(objective(w, h, again), objective(w, h, warm) + slack);
        }
      }),
      runs,
    ));

  it("ends where neither factor alone can be improved", () =>
    fc.assert(
      fc.property(problems, ({ w, h, rank }) => {
        let found = weightedLowRank(w, h, rank);
        for (let turn = 0; turn < 40; turn++) found = weightedLowRank(w, h, rank, { warm: found });
        // The gradients are −2 (h ∘ E) Vᵀ and −2 Uᵀ (h ∘ E).
        const error = residual(w, found).map((x, k) => x * at(h, k));
        const size = Math.sqrt(squares(w.data) * (squares(found.u) + squares(found.v)));
        for (let r = 0; r < rank; r++) {
          for (let i = 0; i < w.rows; i++) {
            let slope = 0;
            for (let j = 0; j < w.cols; j++)
              slope += at(error, i * w.cols + j) * at(found.v, r * w.cols + j);
            close(slope, 0, { atol: 2e-2 * size });
          }
          for (let j = 0; j < w.cols; j++) {
            let slope = 0;
            for (let i = 0; i < w.rows; i++)
              slope += at(error, i * w.cols + j) * at(found.u, i * rank + r);
            close(slope, 0, { atol: 2e-2 * size });
          }
        }
      }),
      { ...runs, numRuns: 20 },
    ));

  it("reproduces a matrix of the rank, whatever the importance", () =>
    fc.assert(
      fc.property(problems, ({ w, h, rank }) => {
        const { u, v } = truncatedSvd(w, rank, { full: true });
        const low = { ...w, data: residual(w, { u, v }).map((x, k) => at(w.data, k) - x) };
        const found = weightedLowRank(low, h, rank);
        atMost(objective(low, h, found), 1e-20 + 1e-24 * squares(w.data));
      }),
      runs,
    ));

  it("gives all zeros for a zero matrix and nothing for rank 0", () => {
    const w = { rows: 2, cols: 3, data: new Float64Array(6) };
    const h = Float64Array.of(1, 2, 3, 4, 5, 7);
    assert.equal(objective(w, h, weightedLowRank(w, h, 1)), 0);
    const none = new Float64Array(0);
    assert.deepEqual(weightedLowRank(w, h, 0), { u: none, v: none, exact: true });
  });

  it("refuses an importance that is not positive or has another shape", () => {
    const w = { rows: 1, cols: 2, data: Float64Array.of(1, 2) };
    assert.throws(
      () => weightedLowRank(w, Float64Array.of(1, 0), 1),
      /weightedLowRank: importance must be positive and finite, got 0 at 0, 1\./,
    );
    assert.throws(
      () => weightedLowRank(w, Float64Array.of(1), 1),
      /weightedLowRank: importance must have 2 numbers for 1 × 2, got 1\./,
    );
  });
});

function at(a: ArrayLike<number>, i: number): number {
  return a[i] as number;
}

function residual({ rows, cols, data }: Dense, { u, v }: Factors): Float64Array {
  const rank = u.length / rows;
  return data.map((x, k) => {
    const [i, j] = [Math.floor(k / cols), k % cols];
    for (let r = 0; r < rank; r++) x -= at(u, i * rank + r) * at(v, r * cols + j);
    return x;
  });
}

function objective(w: Dense, h: ArrayLike<number>, factors: Factors): number {
  return residual(w, factors).reduce((total, x, k) => total + at(h, k) * x * x, 0);
}

/** `factors` after sixty sweeps more. */
function swept({ rows, cols, data }: Dense, h: Float64Array, factors: Factors): Factors {
  const rank = factors.u.length / rows;
  const turned = (a: ArrayLike<number>, height: number, width: number) =>
    Float64Array.from({ length: height * width }, (_, k) =>
      at(a, (k % height) * width + Math.floor(k / height)),
    );
  const [dataT, hT] = [turned(data, rows, cols), turned(h, rows, cols)];
  let ut = turned(factors.u, rows, rank);
  let v = Float64Array.from(factors.v);
  for (let sweep = 0; sweep < 60; sweep++) {
    v = Float64Array.from(weightedLeastSquares(dataT, hT, ut, rank));
    ut = Float64Array.from(weightedLeastSquares(data, h, v, rank));
  }
  return { u: turned(ut, rank, rows), v };
}

function sums({ rows, cols }: Dense, h: Float64Array): [Float64Array, Float64Array] {
  const [p, q] = [new Float64Array(rows), new Float64Array(cols)];
  h.forEach((x, k) => {
    const [i, j] = [Math.floor(k / cols), k % cols];
    p[i] = at(p, i) + x;
    q[j] = at(q, j) + x;
  });
  return [p, q];
}

/** With a message of its own: Node's would parse the source for minutes. */
function atMost(actual: number, bound: number): void {
  assert.ok(actual <= bound, `${actual} is above ${bound}`);
}
