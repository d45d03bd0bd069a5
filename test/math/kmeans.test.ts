import assert from "node:assert/strict";
import fc from "fast-check";
import { kmeans1d, lloyd1d } from "../../src/math/kmeans.ts";
import { random } from "../../src/math/random.ts";
import { ascending } from "../../src/math/sort.ts";
import { sorted } from "../../src/math/sorted.ts";
import { LevelSearch, narrowest, PriceSearch } from "../../src/math/windows.ts";
import { bestClusters } from "../support/brute-force.ts";
import { close } from "../support/close.ts";

/** N values, roughly normal, some of them twice. */
function normal(count: number, seed: number): Float64Array {
  const rng = random(seed);
  const draw = (): number => {
    let total = -3;
    for (let i = 0; i < 6; i++) total += rng.uniform();
    return rng.below(4) === 0 ? Math.round(8 * total) / 8 : total;
  };
  return Float64Array.from({ length: count }, draw);
}

function cost(values: Float64Array, centres: Float64Array): number {
  return values.reduce((total, x) => {
    const distances = centres.map((c) => (x - c) * (x - c));
    return total + Math.min(...distances);
  }, 0);
}

/** The least cost by the plain dynamic program, O(K N²). */
function leastCost(values: Float64Array, levels: number): number {
  const x = values.slice().sort();
  const n = x.length;
  const sse = (i: number, j: number): number => {
    const part = x.subarray(i, j);
    const mean = part.reduce((a, b) => a + b, 0) / part.length;
    return part.reduce((total, v) => total + (v - mean) * (v - mean), 0);
  };
  let before = Array.from({ length: n + 1 }, (_, j) => (j === 0 ? 0 : sse(0, j)));
  for (let k = 2; k <= levels; k++) {
    before = before.map((_, j) => {
      let best = before[j] as number;
      for (let i = 1; i < j; i++) best = Math.min(best, (before[i] as number) + sse(i, j));
      return best;
    });
  }
  return before[n] as number;
}

describe("ascending", () => {
  it("equals the built-in sort, zeros of both signs and equal high words included", () => {
    const rng = random(5);
    const kinds: (() => number)[] = [
      () => rng.uniform() - 0.5,
      () => Math.round(4 * (rng.uniform() - 0.5)) / 8,
      () => 1 + 1e-12 * rng.uniform(),
      () => (rng.uniform() - 0.5) * 1e300,
    ];
    for (const kind of kinds) {
      const values = Float64Array.from({ length: 5000 }, kind);
      const before = values.slice();
      assert.deepEqual(ascending(values), values.slice().sort());
      assert.deepEqual(values, before);
    }
  });
});

describe("kmeans1d", () => {
  it("has the least cost of the plain dynamic program, for any K", () => {
    for (const [count, levels] of [
      [60, 3],
      [60, 7],
      [90, 20],
      [40, 39],
    ] as const) {
      for (let seed = 0; seed < 5; seed++) {
        const values = normal(count, seed);
        close(cost(values, kmeans1d(values, levels)), leastCost(values, levels), { atol: 1e-11 });
      }
    }
  });

  it("crosses two partitions when no price gives K clusters: evenly spaced values", () => {
    const values = Float64Array.from({ length: 24 }, (_, i) => i);
    for (let levels = 2; levels < 24; levels++) {
      const centres = kmeans1d(values, levels);
      assert.equal(centres.length, levels);
      close(cost(values, centres), leastCost(values, levels), { atol: 1e-9 });
    }
  });

  it("with weights equals the best of all assignments", () =>
    fc.assert(
      fc.property(
        fc.array(fc.integer({ min: -8, max: 8 }), { minLength: 1, maxLength: 7 }),
        fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 7, maxLength: 7 }),
        fc.integer({ min: 1, max: 3 }),
        (x, h, levels) => {
          const [values, weights] = [
            Float64Array.from(x),
            Float64Array.from(x, (_, i) => h[i] as number),
          ];
          const centres = kmeans1d(values, levels, weights);
          const found = x.reduce((total, v, i) => {
            const nearest = Math.min(...centres.map((c) => (v - c) * (v - c)));
            return total + (h[i] as number) * nearest;
          }, 0);
          close(found, bestClusters(x, levels, h), { atol: 1e-9 });
        },
      ),
      { seed: 3, numRuns: 100 },
    ));

  it("is never above Lloyd's algorithm, at 70,000 values", () => {
    const values = normal(70_000, 9);
    for (const levels of [2, 5, 16, 64]) {
      const start = Float64Array.from({ length: levels }, (_, k) => -2 + (4 * (k + 0.5)) / levels);
      const [exact, local] = [kmeans1d(values, levels), lloyd1d(values, start)];
      assert.equal(exact.length, levels);
      assert.ok(cost(values, exact) <= cost(values, local) * (1 + 1e-12));
    }
  });
});

describe("windows", () => {
  it("found by levels and by a price per window cost the same", () => {
    for (const [count, windows] of [
      [500, 2],
      [500, 4],
      [2000, 6],
      [3000, 9],
    ] as const) {
      const data = sorted(normal(count, windows));
      const [levels, prices] = [new LevelSearch(data, windows), new PriceSearch(data, windows)];
      for (const price of [0.003, 0.02, 0.1, 0.5]) {
        const [a, b] = [levels.solve(price, price * count), prices.solve(price)];
        close(b.cost, a.cost, { rtol: 1e-9, atol: 1e-12 });
        if (b.reached) assert.equal(b.outside, a.outside);
        const loose = levels.solve(price, a.cost * (1 + 1e-9) + 1e-12);
        assert.deepEqual(
          [loose.cost, loose.outside],
          [a.cost, a.outside],
          "a tight bound changes nothing",
        );
      }
    }
  });

  it("the narrowest window has the least spread of all of its size", () => {
    const data = sorted(normal(200, 4));
    const spreadOf = (from: number, size: number): number => {
      const part = data.values.subarray(from, from + size);
      const mean = part.reduce((a, b) => a + b, 0) / size;
      return part.reduce((total, x) => total + (x - mean) * (x - mean), 0);
    };
    for (const size of [1, 7, 150, 200]) {
      const all = Array.from({ length: 201 - size }, (_, from) => spreadOf(from, size));
      close(spreadOf(narrowest(data, size), size), Math.min(...all), { atol: 1e-12 });
    }
  });
});
