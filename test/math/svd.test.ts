import assert from "node:assert/strict";
import fc from "fast-check";
// @ts-expect-error [ts7016] a build script without types
import { ensureWasm } from "../../scripts/build-wasm.mjs";
import type { Matrix } from "../../src/math/matrix.ts";
import { permutation, random } from "../../src/math/random.ts";
import { type Factors, singularValues, truncatedSvd } from "../../src/math/svd.ts";
import { weightsOf } from "../../src/net/network.ts";
import { close } from "../support/close.ts";
import { matrices, squares } from "../support/matrices.ts";
import { referenceLenet300 } from "../support/reference.ts";

type Dense = Matrix<Float64Array>;

const runs = { seed: 20_261_125, numRuns: 100 };

/** Spectra of 90 × 140 matrices that are hard in some way: σᵢ for i = 0, 1, … */
const spectra: Record<string, (i: number) => number> = {
  "with slow decay": (i) => 1 / (i + 10),
  "with linear decay": (i) => 1 - i / 90,
  "with fast decay": (i) => 0.5 ** i,
  "of equal values": () => 1,
  "with a step at the rank": (i) => (i < 8 ? 1 : 0.1),
  "with equal values around the rank": (i) => (i < 5 ? 2 : i < 15 ? 1 : 0.5),
  "with nearly equal values at the rank": (i) =>
    i === 7 ? 1 : i === 8 ? 1 - 1e-7 : i < 7 ? 2 : 0.5,
  "of exactly the rank": (i) => Math.max(0, 8 - i),
  "of a lower rank": (i) => (i < 3 ? 1 : 0),
  "of the rank and a little more": (i) => (i < 8 ? 1 : 1e-4),
  "with one large value": (i) => (i === 0 ? 1e6 : 1 / (i + 1)),
  "with huge numbers": (i) => 1e180 * 0.9 ** i,
  "with tiny numbers": (i) => 1e-180 * 0.9 ** i,
};

before(() => ensureWasm());

describe("truncatedSvd", () => {
  it("leaves the sum of the squared singular values beyond the rank", () =>
    fc.assert(
      fc.property(matrices, fc.nat(4), (w, rank) => {
        if (rank > Math.min(w.rows, w.cols)) return;
        const unit = largest(w.data) || 1;
        const beyond = squares(singularValues(w).subarray(rank)) / (unit * unit);
        close(distortion(w, truncatedSvd(w, rank)), beyond, { atol: 1e-13 * w.data.length });
      }),
      runs,
    ));

  for (const [name, sigma] of Object.entries(spectra)) {
    it(`leaves them on a matrix ${name}`, () => {
      for (const w of [withSpectrum(90, 140, sigma), withSpectrum(140, 90, sigma)]) {
        const unit = largest(w.data);
        const values = Float64Array.from({ length: 90 }, (_, i) => sigma(i) / unit);
        for (const rank of [1, 8, 20]) {
          for (const full of [false, true]) {
            const svd = truncatedSvd(w, rank, { full });
            assert.deepEqual([svd.exact, svd.gap], [true, 0]);
            const beyond = squares(values.subarray(rank));
            close(distortion(w, svd), beyond, { rtol: 1e-6, atol: 2e-12 * squares(values) });
          }
        }
      }
    });
  }

  it("leaves them where the iteration cannot fall back on the full decomposition", () => {
    const n = 1501;
    const order = permutation(n, random(8));
    for (const sigma of [(i: number) => 1 / (i + 1), (i: number) => (i < 3 ? 1 : 0.5), () => 0]) {
      const data = new Float64Array(n * n);
      for (let i = 0; i < n; i++) data[i * n + (order[i] as number)] = sigma(i);
      const { v, exact, gap } = truncatedSvd({ rows: n, cols: n, data }, 5);
      assert.deepEqual([exact, gap], [true, 0]);
      const values = Float64Array.from({ length: n }, (_, i) => sigma(i));
      const beyond = squares(values.subarray(5));
      close(squares(values) - squares(v), beyond, { rtol: 1e-6, atol: 1e-12 });
    }
  });

  it("has the distortion of the full decomposition, started cold, warm, or from something else", () =>
    fc.assert(
      fc.property(
        fc.integer({ min: 49, max: 90 }),
        fc.integer({ min: 49, max: 90 }),
        fc.integer({ min: 1, max: 16 }),
        fc.nat(),
        fc.constantFrom(0, 1e-6, 1e-2, 1),
        (rows, cols, rank, seed, change) => {
          const before = noise(rows, cols, seed);
          const w = moved(before, change, seed + 1);
          const warm = truncatedSvd(before, rank);
          optimal(w, rank, truncatedSvd(w, rank));
          optimal(w, rank, truncatedSvd(w, rank, { warm }));
        },
      ),
      { ...runs, numRuns: 30 },
    ));

  it("notices that the warm start misses leading singular vectors, more than it has spare rows too", () => {
    const w = withSpectrum(120, 150, (i) => 0.97 ** i);
    const all = truncatedSvd(w, 60, { full: true });
    for (const missing of [[0], [3], [9], [0, 3, 9], [0, 3, 5, 9], [0, 1, 2, 3, 4, 5, 6, 7]]) {
      const kept = Array.from({ length: 18 }, (_, i) => i).filter((i) => !missing.includes(i));
      const warm = {
        u: Float64Array.from(
          { length: 120 * 10 },
          (_, k) => all.u[((k / 10) | 0) * 60 + (kept[k % 10] as number)] as number,
        ),
        v: Float64Array.from(
          { length: 10 * 150 },
          (_, k) => all.v[(kept[(k / 150) | 0] as number) * 150 + (k % 150)] as number,
        ),
      };
      optimal(w, 10, truncatedSvd(w, 10, { warm }));
    }
  });

  it("is not worse than its warm start", () =>
    fc.assert(
      fc.property(fc.nat(), fc.constantFrom(0, 1e-9, 1e-5, 1e-2), (seed, change) => {
        const before = noise(60, 80, seed);
        const warm = rounded(truncatedSvd(before, 6, { full: true }));
        const w = moved(before, change, seed + 1);
        const svd = truncatedSvd(w, 6, { warm });
        atMost(distortion(w, svd), distortion(w, warm) + 1e-12 * squares(w.data));
      }),
      { ...runs, numRuns: 30 },
    ));

  it("accepts a warm start of another rank, of dependent columns, or of zeros", () => {
    const w = noise(60, 70, 1);
    for (const warm of [truncatedSvd(w, 2), truncatedSvd(w, 30)]) {
      optimal(w, 8, truncatedSvd(w, 8, { warm }));
    }
    for (const value of [0, 1]) {
      const warm = { u: new Float32Array(60 * 8).fill(value), v: new Float32Array(8 * 70) };
      optimal(w, 8, truncatedSvd(w, 8, { warm }));
    }
  });

  it("has orthonormal U and V = Uᵀ A, or the transposed if there are fewer columns", () => {
    for (const [rows, cols] of [
      [60, 75],
      [75, 60],
      [20, 30],
      [30, 20],
    ] as const) {
      for (const options of [{}, { full: true }]) {
        const w = noise(rows, cols, 2);
        const { u, v } = truncatedSvd(w, 5, options);
        const wide = rows <= cols;
        const [basis, other] = wide ? [turned(u, rows, 5), v] : [v, turned(u, rows, 5)];
        const [small, large] = wide ? [rows, cols] : [cols, rows];
        const data = wide ? w.data : turned(w.data, rows, cols);
        close(product(basis, turned(basis, 5, small), 5, small, 5), identity(5), { atol: 1e-13 });
        // The iteration's products are float32, and so is the θ they are for.
        const full = "full" in options || small <= 48;
        close(product(basis, data, 5, small, large), other, { atol: full ? 1e-12 : 2e-6 });
      }
    }
  });

  it("gives the same bytes for the same input, whatever came before", () => {
    const w = noise(100, 64, 3);
    const first = truncatedSvd(w, 7);
    truncatedSvd(noise(80, 200, 4), 9);
    assert.deepEqual(truncatedSvd(w, 7), first);
  });

  it("scales: the factor that is not orthonormal doubles with A, bit for bit", () => {
    const w = noise(64, 100, 5);
    const once = truncatedSvd(w, 7);
    const twice = truncatedSvd({ ...w, data: w.data.map((x) => 2 * x) }, 7);
    assert.deepEqual(twice.u, once.u);
    assert.deepEqual(
      twice.v,
      once.v.map((x) => 2 * x),
    );
  });

  it("handles zero and constant matrices, rows, columns and rank 0", () => {
    for (const [rows, cols] of [
      [1, 1],
      [1, 700],
      [700, 1],
      [60, 70],
      [70, 60],
    ] as const) {
      for (const value of [0, -3]) {
        const w = { rows, cols, data: new Float64Array(rows * cols).fill(value) };
        atMost(distortion(w, truncatedSvd(w, 1)), 1e-12 * rows * cols);
        assert.deepEqual(truncatedSvd(w, 0), {
          u: new Float64Array(0),
          v: new Float64Array(0),
          exact: true,
          gap: 0,
        });
      }
    }
  });

  it("is not exact and has a gap where the iteration gives up on a large matrix", () => {
    // Nearly equal singular values that no block tells apart, in a matrix too large to do in full.
    const n = 1501;
    const rng = random(6);
    const data = new Float64Array(n * n);
    for (let i = 0; i < n; i++) data[i * n + i] = 1 + 1e-3 * rng.uniform();
    const { exact, gap } = truncatedSvd({ rows: n, cols: n, data }, 1);
    assert.equal(exact, false);
    assert.ok(gap > 0, `gap ${gap}`);
  });

  it("refuses ranks that do not fit, factors that do not fit, and what is not finite", () => {
    const w = noise(3, 4, 7);
    for (const rank of [-1, 1.5, 4]) {
      assert.throws(
        () => truncatedSvd(w, rank),
        new RegExp(`truncatedSvd: rank must be a whole number from 0 to 3 for 3 × 4, got ${rank}`),
      );
    }
    const warm = { u: new Float64Array(6), v: new Float64Array(7) };
    assert.throws(
      () => truncatedSvd(w, 2, { warm }),
      /warm must have U 3 × rank and V rank × 4, got 6 and 7/,
    );
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const data = w.data.slice();
      data[5] = bad;
      assert.throws(() => truncatedSvd({ ...w, data }, 2), /LC_NONFINITE/);
    }
  });

  it("is optimal on the weights of the reference LeNet300, cold and warm", async () => {
    const net = await referenceLenet300();
    if (!net) return;
    for (const [layer, rows, cols] of [
      ["fc1", 300, 784],
      ["fc2", 100, 300],
    ] as const) {
      const w = { rows, cols, data: Float64Array.from(weightsOf(net, layer).data) };
      for (const rank of [1, 10, 25]) {
        const cold = truncatedSvd(w, rank);
        optimal(w, rank, cold);
        const next = moved(w, 0.01, rank);
        const svd = truncatedSvd(next, rank, { warm: rounded(cold) });
        optimal(next, rank, svd);
        atMost(distortion(next, svd), distortion(next, cold) + 1e-12 * squares(w.data));
      }
    }
  });
});

describe("singularValues", () => {
  it("are those the matrix was made of", () => {
    const sigma = (i: number): number => 1 / (i + 1);
    for (const [rows, cols] of [
      [60, 90],
      [90, 60],
    ] as const) {
      const values = singularValues(withSpectrum(rows, cols, sigma));
      close(
        values,
        Float64Array.from({ length: 60 }, (_, i) => sigma(i)),
        { atol: 1e-12 },
      );
    }
  });
});

/** The distortion is the least, that of the full decomposition, and the claim is checked with it. */
function optimal(w: Dense, rank: number, svd: ReturnType<typeof truncatedSvd>): void {
  const least = distortion(w, truncatedSvd(w, rank, { full: true }));
  const scale = largest(w.data);
  const all = squares(w.data.map((x) => x / scale));
  assert.equal(svd.exact, true);
  close(distortion(w, svd), least, { rtol: 1e-6, atol: 2e-12 * all });
}

/** ‖A − U V‖² in units of the largest |aᵢⱼ|², so that it neither overflows nor vanishes. */
function distortion({ rows, cols, data }: Dense, { u, v }: Factors): number {
  const uv = product(u, v, rows, u.length / rows, cols);
  const scale = largest(data) || 1;
  return squares(data.map((x, i) => (x - (uv[i] as number)) / scale));
}

function largest(data: Float64Array): number {
  return data.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
}

function product(
  a: ArrayLike<number>,
  b: ArrayLike<number>,
  rows: number,
  inner: number,
  cols: number,
): Float64Array {
  const out = new Float64Array(rows * cols);
  for (let i = 0; i < rows; i++) {
    for (let k = 0; k < inner; k++) {
      const x = a[i * inner + k] as number;
      for (let j = 0; j < cols; j++) {
        out[i * cols + j] = (out[i * cols + j] as number) + x * (b[k * cols + j] as number);
      }
    }
  }
  return out;
}

function turned(a: ArrayLike<number>, rows: number, cols: number): Float64Array {
  return Float64Array.from(
    { length: rows * cols },
    (_, k) => a[(k % rows) * cols + Math.floor(k / rows)] as number,
  );
}

function identity(n: number): Float64Array {
  return Float64Array.from({ length: n * n }, (_, k) => (k % (n + 1) === 0 ? 1 : 0));
}

function rounded({ u, v }: Factors): Factors<Float32Array> {
  return { u: Float32Array.from(u), v: Float32Array.from(v) };
}

function noise(rows: number, cols: number, seed: number): Dense {
  const rng = random(seed, 11);
  return {
    rows,
    cols,
    data: Float64Array.from({ length: rows * cols }, () => rng.uniform() - 0.5),
  };
}

/** w and noise of `change` times its norm. */
function moved(w: Dense, change: number, seed: number): Dense {
  const other = noise(w.rows, w.cols, seed);
  const scale = change * Math.sqrt(squares(w.data) / squares(other.data));
  return { ...w, data: w.data.map((x, i) => x + scale * (other.data[i] as number)) };
}

/** A matrix with singular values `sigma(i)`: a diagonal between random orthogonal matrices. */
function withSpectrum(rows: number, cols: number, sigma: (i: number) => number): Dense {
  const data = new Float64Array(rows * cols);
  for (let i = 0; i < Math.min(rows, cols); i++) data[i * cols + i] = sigma(i);
  const left = orthogonal(rows, 1);
  const right = orthogonal(cols, 2);
  const half = product(left, data, rows, rows, cols);
  return { rows, cols, data: product(half, right, rows, cols, cols) };
}

/** Gram–Schmidt, twice, on noise. */
function orthogonal(n: number, seed: number): Float64Array {
  const { data: q } = noise(n, n, seed);
  for (let i = 0; i < n; i++) {
    const row = q.subarray(i * n, (i + 1) * n);
    for (let turn = 0; turn < 2; turn++) {
      for (let j = 0; j < i; j++) {
        const other = q.subarray(j * n, (j + 1) * n);
        const dot = row.reduce((total, x, k) => total + x * (other[k] as number), 0);
        for (let k = 0; k < n; k++) row[k] = (row[k] as number) - dot * (other[k] as number);
      }
    }
    const norm = Math.sqrt(squares(row));
    for (let k = 0; k < n; k++) row[k] = (row[k] as number) / norm;
  }
  return q;
}

/** With a message of its own: Node's would parse the source for minutes. */
function atMost(actual: number, bound: number): void {
  assert.ok(actual <= bound, `${actual} is above ${bound}`);
}
