import assert from "node:assert/strict";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { digits } from "../../src/data/digits.ts";
import { compress } from "../../src/lc/plan.ts";
import { geometric, schedules, sgd } from "../../src/lc/schedules.ts";
import { lenet300 } from "../../src/net/zoo.ts";

const net = lenet300();
const oneBit = quantize({ bits: 1 });

describe("compress", () => {
  it("is a value: every method returns a new plan", () => {
    const start = compress(net);
    const one = start.layer("fc1", oneBit);
    assert.deepEqual([start.tasks.length, one.tasks.length], [0, 1]);
    assert.equal(start.layer("fc1", oneBit).tasks.length, 1, "a cell can be run again");
    assert.equal(start.each(["fc1", "fc2"], oneBit).tasks.length, 2);
    assert.equal(start.joint(["fc1", "fc2"], oneBit).tasks.length, 1);
  });

  it("knows the open layers at compile time", () => {
    const plan = compress(net).layer("fc1", oneBit);
    // @ts-expect-error fc1 is taken
    assert.throws(() => plan.layer("fc1", prune({ keep: 0.1 })), {
      name: "RangeError",
      message:
        'compress: layer "fc1" already has quantize(K = 2). To add the two, write .layer("fc1", a.plus(b)).',
    });
    // @ts-expect-error there is no layer fcl
    assert.throws(() => plan.layer("fcl", oneBit), {
      message:
        'compress: the model has no layer "fcl". Its layers are fc1, fc2, out. Did you mean "fc1"?',
    });
  });

  it("types θ by layer", async () => {
    const { thetas } = await compress(net)
      .layer("fc2", oneBit.plus(prune({ count: 5 }), { starts: 0 }))
      .layer("out", lowRank({ rank: 2 }))
      .direct();
    const [quantized, pruned] = thetas.fc2;
    assert.equal(quantized.levels.length, 2);
    assert.equal(pruned.indices.length, 5);
    assert.equal(thetas.out.u.length, 20);
  });

  it("refuses ranks and counts that do not fit the layer", () => {
    assert.throws(() => compress(net).layer("fc2", lowRank({ rank: 120 })), {
      message:
        'lowRank: rank must be from 1 to 100 for layer "fc2" (100 × 300), got 120. From 75 on it saves nothing.',
    });
    assert.throws(() => compress(net).joint(["fc2", "out"], prune({ count: 31_001 })), {
      message:
        "prune: count must be from 0 to 31000 for layers fc2, out (31000 weights), got 31001. To keep a fraction, write prune({ keep: 0.05 }).",
    });
    assert.throws(() => compress(net).joint(["fc1", "fc2"], lowRank({ rank: 2 })), {
      message:
        "compress: lowRank(r = 2) acts on a matrix, not jointly on 300 × 784, 100 × 300. Write .each(names, …) for one θ per layer.",
    });
    assert.throws(
      () => compress(net).joint([], oneBit),
      /no layers given for quantize\(K = 2\). The layers are fc1, fc2, out/,
    );
  });

  it("refuses to run with nothing to do, or options out of range, before anything starts", () => {
    const data = digits({ trainCount: 20, testCount: 10 });
    const options = { data, ...schedules.demo, lStep: sgd({ rate: 0.1, epochs: 1, batch: 10 }) };
    assert.throws(() => compress(net).steps(options), /the plan compresses nothing yet/);
    const plan = compress(net).layer("fc1", oneBit);
    assert.throws(() => plan.steps({ ...options, lStep: sgd({ rate: 0.1, epochs: 1 }) }), {
      message:
        "sgd: batch must be from 1 to the 20 training examples of procedural digits, got 256. Write batch: 20 for all of them at once.",
    });
    assert.throws(() => plan.steps({ ...options, mu: [] }), /mu has no values/);
    assert.throws(
      () => plan.steps({ ...options, mu: [1, 0.5] }),
      /mu must be above 0 and not fall, got 0.5 at step 2 after 1/,
    );
    assert.throws(
      () => plan.steps({ ...options, seed: 0.5 }),
      /seed must be a whole number from 0, got 0.5/,
    );
  });

  it("refuses NaN weights", () => {
    const weights = { ...net.weights, "out.w": new Float32Array(1000).fill(Number.NaN) };
    assert.throws(() => compress({ ...net, weights }), { code: "LC_NONFINITE" });
  });
});

describe("schedules", () => {
  it("geometric multiplies", () =>
    assert.deepEqual(geometric({ from: 1, factor: 2, steps: 4 }), [1, 2, 4, 8]));
  it("refuse values out of range", () => {
    assert.throws(
      () => geometric({ from: 0, factor: 2, steps: 1 }),
      /from must be a number above 0, got 0/,
    );
    assert.throws(
      () => geometric({ from: 1, factor: 0.5, steps: 1 }),
      /factor must be a number from 1, got 0.5/,
    );
    assert.throws(
      () => geometric({ from: 1, factor: 1e200, steps: 9 }),
      /μ overflows at step 3 of 9/,
    );
    assert.throws(() => sgd({ rate: 0, epochs: 1 }), /sgd: rate must be a number above 0, got 0/);
    assert.throws(
      () => sgd({ rate: 1, epochs: 1.5 }),
      /sgd: epochs must be a whole number from 1, got 1.5/,
    );
    assert.throws(
      () => sgd({ rate: 1, epochs: 1, momentum: 1 }),
      /momentum must be from 0 to below 1, got 1/,
    );
  });
});
