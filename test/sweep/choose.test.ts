import assert from "node:assert/strict";
import fc from "fast-check";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { digits } from "../../src/data/digits.ts";
import { mapArrays } from "../../src/lc/arrays.ts";
import { fisher } from "../../src/lc/fisher.ts";
import { sgd } from "../../src/lc/schedules.ts";
import type { Parameter } from "../../src/net/network.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { combine, type Priced } from "../../src/sweep/allocate.ts";
import { candidates } from "../../src/sweep/candidates.ts";
import { choose } from "../../src/sweep/choose.ts";
import { plan } from "../runs/support.ts";

const net = plan.model;
const few = () => [quantize({ bits: 1 }), quantize({ bits: 3 }), prune({ keep: 0.05 })] as never[];

/** All choices of one from each group. */
function all(groups: readonly (readonly Priced[])[]): Priced[][] {
  return groups.reduce<Priced[][]>(
    (heads, group) => heads.flatMap((head) => group.map((choice) => [...head, choice])),
    [[]],
  );
}
const sum = (choices: readonly Priced[], key: keyof Priced) =>
  choices.reduce((total, choice) => total + choice[key], 0);

describe("allocations", () => {
  it("are the Pareto front of all choices, by brute force", () =>
    fc.assert(
      fc.property(
        fc.array(
          fc.array(fc.record({ bits: fc.nat(30), error: fc.nat(30) }), {
            minLength: 1,
            maxLength: 5,
          }),
          { minLength: 1, maxLength: 4 },
        ),
        (groups) => {
          const front = combine(groups);
          const every = all(groups);
          for (const choices of front) {
            assert.equal(choices.length, groups.length);
            assert.ok(choices.every((choice, i) => groups[i]?.includes(choice as never)));
          }
          // Each size: the least error of all that take no more.
          for (let bits = 0; bits <= 120; bits++) {
            const least = (of: readonly (readonly Priced[])[]) =>
              Math.min(
                ...of.filter((c) => sum(c, "bits") <= bits).map((c) => sum(c, "error")),
                Number.POSITIVE_INFINITY,
              );
            assert.equal(least(front), least(every));
          }
        },
      ),
    ));

  it("of many groups lose at most the thinning", () => {
    const group = (g: number) =>
      Array.from({ length: 20 }, (_, i) => ({
        bits: 1000 + 997 * i * (g + 1),
        error: 1 / (i + 1) ** 2 + g,
      }));
    const front = combine(Array.from({ length: 8 }, (_, g) => group(g)));
    const bits = front.map((choices) => sum(choices, "bits"));
    assert.ok(front.length > 500 && front.length < 5000, `${front.length}`);
    assert.equal(bits.at(-1), 8000);
    assert.ok(bits.every((b, i) => i === 0 || b < (bits[i - 1] as number)));
  });
});

describe("choose", function () {
  this.timeout(60_000);

  it("finds the best allocation within a budget, and none where there is none", async () => {
    const told: number[] = [];
    const front = await choose({
      net,
      candidates: few,
      onProgress: ({ cSteps }) => told.push(cSteps),
    });
    assert.deepEqual([front.cSteps, told], [6, [1, 2, 3, 4, 5, 6]]);
    // 20 · 784 and 10 · 20 weights: four choices each.
    const every: { bytes: number; error: number }[] = [];
    for (const one of front.allocations) every.push(one);
    for (const { bytes, error, ratio, plan: chosen } of front.allocations) {
      const found = front.best({ maxBytes: bytes });
      assert.deepEqual([found.bytes, found.error], [bytes, error]);
      assert.ok(Math.abs(ratio - (4 * (20 * 784 + 20 + 200 + 10)) / bytes) < 0.01);
      const direct = await chosen.direct();
      assert.equal(direct.ratio, ratio);
      assert.ok(Math.abs(direct.distortion - error) <= 1e-6 * error);
      assert.equal(direct.flops.after, found.flops);
    }
    const ratios = front.allocations.map(({ ratio }) => ratio);
    assert.ok(ratios.every((r, i) => i === 0 || r > (ratios[i - 1] as number)));
    const small = front.best({ minRatio: 10 });
    assert.ok(small.ratio >= 10);
    const slim = front.best({ maxFlops: 20_000 });
    assert.ok(slim.flops <= 20_000);
    assert.throws(
      () => front.best({ maxBytes: 10 }),
      /at most 10 bytes; the smallest takes \d+ bytes/,
    );
    assert.equal(front.best({ maxFlops: 20_000 }).error, slim.error);
    assert.throws(
      () => front.best({ maxFlops: 10 }),
      /no allocation has at most 10 FLOPs; the fewest are \d+ FLOPs\. Give candidates/,
    );
    assert.throws(
      () => front.best({ minRatio: 2, maxBytes: 9 }),
      /one budget .* must be given, got minRatio and maxBytes/,
    );
    assert.throws(() => front.best({ minRatio: 0 }), /minRatio must be a number above 0, got 0/);
    assert.ok(front.allocations.some(({ bits }) => bits === front.knee().bits));
    const [all, knee] = front.figure.chart.series;
    assert.deepEqual(
      all?.x,
      front.allocations.map(({ bits }) => bits / 8000),
    );
    assert.deepEqual([knee?.x, knee?.y], [[front.knee().bits / 8000], [front.knee().error]]);
    const { "text/plain": text } = small[displaySymbol]() as { "text/plain": string };
    assert.match(text, /small: \d+(\.\d+)? × smaller, \d+ bytes/);
  });

  it("weighs errors by the Fisher diagonal of the data, if given", async () => {
    const data = digits({ trainCount: 100, testCount: 10 });
    const h = await fisher(net, data);
    const { allocations } = await choose({ net, data, candidates: few });
    for (const { plan: chosen, error } of allocations) {
      const { model } = await chosen.direct({ importance: h });
      let total = 0;
      for (const [key, weights] of Object.entries(h)) {
        const [w, delta] = [net.weights[key], model.weights[key]] as Float32Array[];
        weights.forEach((x, i) => {
          total += x * ((w?.[i] as number) - (delta?.[i] as number)) ** 2;
        });
      }
      assert.ok(Math.abs(total - error) <= 1e-4 * error, `${total} ${error}`);
    }
  });

  it("says by which importance weights to learn: those that priced the layers", async () => {
    const data = digits({ trainCount: 100, testCount: 10 });
    const h = await fisher(net, data);
    // Low rank on the first layer only, which is priced without.
    const mixed = (layer: string) =>
      (layer === net.network.names[0] ? [lowRank({ rank: 1 })] : few()) as never[];
    const front = await choose({ net, data, candidates: mixed });
    const smallest = front.allocations.at(-1);
    const key = `${net.network.names[1]}.w`;
    assert.deepEqual(smallest?.importance, { [key]: h[key] });
    const lStep = sgd({ rate: 0.1, epochs: 1, batch: 50 });
    const { importance } = smallest;
    await smallest.plan.run({ data, lStep, mu: [0.01], importance });
    const plain = await choose({ net, candidates: few });
    assert.deepEqual(plain.allocations[0]?.importance, {});
  });

  it("has default candidates for layers of every shape, which other processes can make", () => {
    for (const [rows, cols] of [
      [300, 784],
      [10, 100],
      [6, 25],
      [1, 1],
    ] as const) {
      const shape = { key: "a.w", layer: "a", rows, cols, compressible: true } as Parameter;
      const all = candidates("a", shape);
      for (const one of all) {
        one.check(shape, `${rows} × ${cols}`);
        assert.ok(one.spec, one.name);
      }
      assert.equal(new Set(all.map(({ name }) => name)).size, all.length);
    }
    const names = candidates("fc1", { rows: 300, cols: 784 } as Parameter).map(({ name }) => name);
    for (const name of [
      "quantize(K = 2)",
      "prune(7 %, quantize(K = 4))",
      "lowRank(r = 5, quantize(K = 16))",
    ]) {
      assert.ok(names.includes(name), names.join("; "));
    }
  });

  it("takes the smallest where nothing is lost, and says where nothing is smaller", async () => {
    const zeros = mapArrays(net.weights, (_key, data) => new Float32Array(data.length));
    const front = await choose({ net: { ...net, weights: zeros }, candidates: few });
    const smallest = Math.min(...front.allocations.map(({ bits }) => bits));
    assert.deepEqual([front.knee().bits, front.knee().error], [smallest, 0]);
    // Factors of full rank take more than the matrix.
    const none = await choose({
      net,
      candidates: (_layer, { rows, cols }) => [lowRank({ rank: Math.min(rows, cols) })] as never,
    });
    assert.deepEqual(none.allocations, []);
    assert.throws(() => none.knee(), /knee: no allocation is smaller/);
  });

  it("refuses to choose from nothing, and stops at an abort", async () => {
    await assert.rejects(choose({ net, candidates: () => [] }), /there are no candidates/);
    const signal = AbortSignal.abort();
    await assert.rejects(choose({ net, signal }));
  });
});
