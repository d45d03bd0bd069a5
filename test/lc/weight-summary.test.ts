import assert from "node:assert/strict";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { compress } from "../../src/lc/plan.ts";
import { summaries } from "../../src/lc/weight-summary.ts";
import { dense, model, network } from "../../src/net/network.ts";

const net = network({
  name: "one",
  input: [40],
  loss: "softmaxCrossEntropy",
  layers: [dense("fc", 4)],
});

/** A model whose 160 weights are `value(i)`. */
function weighted(value: (i: number) => number) {
  const w = Float32Array.from({ length: 160 }, (_, i) => value(i));
  return model(net, { "fc.w": w, "fc.b": new Float32Array(4) });
}

describe("summaries of weights", () => {
  it("count every weight in 40 bins, the ends those of w", () => {
    const ramp = weighted((i) => i / 8);
    const plan = compress(ramp).layer("fc", quantize({ levels: 2 }));
    const theta = quantize({ levels: 2 }).cStep({ rows: 4, cols: 40, data: ramp.weights["fc.w"] });
    const [summary] = summaries(ramp, plan.tasks, ramp.weights, [theta]);
    assert.deepEqual([summary?.low, summary?.high], [0, 159 / 8]);
    assert.deepEqual(summary?.counts, new Array(40).fill(4));
    assert.deepEqual(summary?.codebooks, [
      { part: "quantize(K = 2)", values: [79 / 16, 239 / 16] },
    ]);
  });

  it("leave out what is more than 4 standard deviations from the mean", () => {
    const far = weighted((i) => (i === 0 ? 1000 : i % 2 ? 1 : -1));
    const plan = compress(far).layer("fc", prune({ count: 1 }));
    const theta = prune({ count: 1 }).cStep({ rows: 4, cols: 40, data: far.weights["fc.w"] });
    const [summary] = summaries(far, plan.tasks, far.weights, [theta]);
    assert.ok((summary?.high ?? 0) < 400);
    assert.equal(
      summary?.counts.reduce((a, b) => a + b, 0),
      159,
    );
  });

  it("have a codebook for each part with at most 32 values, and one bin for equal weights", () => {
    const same = weighted(() => 0.5);
    const sum = quantize({ levels: 2 }).plus(lowRank({ rank: 1 }));
    const plan = compress(same).layer("fc", sum);
    const thetas = [
      [
        quantize({ levels: 2 }).cStep({
          rows: 4,
          cols: 40,
          data: Float64Array.from({ length: 160 }, (_, i) => i % 2),
        }),
        lowRank({ rank: 1 }).cStep({
          rows: 4,
          cols: 40,
          data: Float64Array.from(
            { length: 160 },
            (_, i) => (1 + (i % 40)) * (1 + Math.floor(i / 40)),
          ),
        }),
      ],
    ];
    const [summary] = summaries(same, plan.tasks, same.weights, thetas);
    assert.deepEqual(summary?.codebooks, [{ part: "quantize(K = 2)", values: [0, 1] }]);
    const twice = compress(same).layer("fc", quantize({ levels: 2 }).plus(quantize({ levels: 2 })));
    const [{ codebooks } = { codebooks: [] }] = summaries(same, twice.tasks, same.weights, [
      [thetas[0]?.[0], thetas[0]?.[0]],
    ]);
    assert.deepEqual(
      codebooks.map(({ part }) => part),
      ["quantize(K = 2), part 1", "quantize(K = 2), part 2"],
    );
    assert.deepEqual([summary?.low, summary?.high, summary?.counts[0]], [0.5, 0.5, 160]);
  });
});
