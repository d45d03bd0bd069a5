import assert from "node:assert/strict";
import fc from "fast-check";
import { symmetricEigen } from "../../src/math/eigen.ts";
import { lloyd1d } from "../../src/math/kmeans.ts";
import { permutation, random } from "../../src/math/random.ts";
import { largest } from "../../src/math/select.ts";
import { truncatedSvd } from "../../src/math/svd.ts";
import { close } from "../support/close.ts";

describe("random", () => {
  it("gives the same numbers for the same seed, everywhere", () => {
    const rng = random(42, 7);
    assert.deepEqual(
      [rng.uint32(), rng.uint32(), rng.uint32()],
      [1_506_284_092, 3_377_641_613, 4_279_405_442],
    );
  });
  it("gives other numbers for another seed or stream", () => {
    const first = (seed: number, ...stream: number[]): number => random(seed, ...stream).uint32();
    const numbers = [first(0), first(1), first(2 ** 32), first(0, 0), first(0, 1), first(0, 1, 2)];
    assert.equal(new Set(numbers).size, numbers.length);
  });
  it("has no bias in below(n)", () => {
    const rng = random(3);
    const counts = [0, 0, 0];
    for (let i = 0; i < 30_000; i++) {
      const k = rng.below(3);
      counts[k] = (counts[k] as number) + 1;
    }
    for (const count of counts) close(count, 10_000, { rtol: 0.03 });
  });
  it("permutes: every index once", () => {
    const order = permutation(1000, random(1));
    assert.deepEqual(
      [...order].sort((a, b) => a - b),
      Array.from({ length: 1000 }, (_, i) => i),
    );
    assert.notDeepEqual(order, permutation(1000, random(2)));
  });
  it("refuses a seed that is not a whole number", () => {
    assert.throws(
      () => random(-1),
      /random: seed must be a whole number from 0 to 9007199254740991, got -1/,
    );
  });
});

describe("largest", () => {
  it("equals a stable sort by descending x", () =>
    fc.assert(
      fc.property(fc.array(fc.integer({ min: -4, max: 4 })), fc.nat(), (x, k) => {
        const count = x.length === 0 ? 0 : k % (x.length + 1);
        const order = x
          .map((_, i) => i)
          .sort((i, j) => (x[j] as number) - (x[i] as number) || i - j);
        assert.deepEqual(
          [...largest(Float64Array.from(x), count)],
          order.slice(0, count).sort((a, b) => a - b),
        );
      }),
      { seed: 1 },
    ));
});

describe("lloyd1d", () => {
  it("never raises the distortion and keeps an empty centre", () => {
    const values = Float64Array.of(0, 1, 2, 10, 11, 12);
    assert.deepEqual(lloyd1d(values, [0, 10]), Float64Array.of(1, 11));
    assert.deepEqual(lloyd1d(values, [0, 10, 99]), Float64Array.of(1, 11, 99));
  });
});

describe("symmetricEigen", () => {
  for (const n of [1, 2, 3, 10, 40]) {
    it(`decomposes a ${n} × ${n} matrix: A = V Λ Vᵀ, V orthonormal, Λ descending`, () => {
      const rng = random(5, n);
      const a = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j <= i; j++) a[i * n + j] = a[j * n + i] = rng.uniform() - 0.5;
      }
      const { values, vectors } = symmetricEigen(a.slice(), n);
      const rebuilt = new Float64Array(n * n);
      const identity = new Float64Array(n * n);
      for (let i = 0; i < n; i++) {
        for (let j = 0; j < n; j++) {
          for (let k = 0; k < n; k++) {
            const [vi, vj] = [vectors[k * n + i] as number, vectors[k * n + j] as number];
            rebuilt[i * n + j] = (rebuilt[i * n + j] as number) + (values[k] as number) * vi * vj;
            const [ri, rj] = [vectors[i * n + k] as number, vectors[j * n + k] as number];
            identity[i * n + j] = (identity[i * n + j] as number) + ri * rj;
          }
        }
      }
      close(rebuilt, a, { atol: 1e-13 });
      close(
        identity,
        Float64Array.from(identity, (_, i) => (i % (n + 1) === 0 ? 1 : 0)),
        { atol: 1e-13 },
      );
      assert.deepEqual(values, values.slice().sort().reverse());
    });
  }
  it("handles zero, diagonal and rank-one matrices", () => {
    assert.deepEqual(symmetricEigen(new Float64Array(9), 3).values, new Float64Array(3));
    assert.deepEqual(symmetricEigen(Float64Array.of(1, 0, 0, 3), 2).values, Float64Array.of(3, 1));
    close(symmetricEigen(new Float64Array(16).fill(1), 4).values, [4, 0, 0, 0], { atol: 1e-14 });
  });
});

describe("truncatedSvd", () => {
  it("of the transposed matrix is the transpose", () => {
    const rng = random(9);
    const data = Float64Array.from({ length: 12 }, () => rng.uniform() - 0.5);
    const flipped = Float64Array.from(
      { length: 12 },
      (_, i) => data[(i % 3) * 4 + Math.floor(i / 3)] as number,
    );
    const a = truncatedSvd({ rows: 3, cols: 4, data }, 2);
    const b = truncatedSvd({ rows: 4, cols: 3, data: flipped }, 2);
    const at = (m: typeof a, cols: number, i: number, j: number): number =>
      (m.u[i * 2] as number) * (m.v[j] as number) +
      (m.u[i * 2 + 1] as number) * (m.v[cols + j] as number);
    for (let i = 0; i < 3; i++)
      for (let j = 0; j < 4; j++) close(at(a, 4, i, j), at(b, 3, j, i), { atol: 1e-14 });
  });
});
