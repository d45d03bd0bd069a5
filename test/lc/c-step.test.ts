import assert from "node:assert/strict";
import { defineCompression } from "../../src/compression/compression.ts";
import type { Compression } from "../../src/compression/contract.ts";
import { l0Penalty } from "../../src/compression/l0-penalty.ts";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { pruneChannels } from "../../src/compression/prune-groups.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { rankSelection } from "../../src/compression/rank-selection.ts";
import { digits } from "../../src/data/digits.ts";
import { cStepper } from "../../src/lc/c-step.ts";
import { compress } from "../../src/lc/plan.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import type { Solution } from "../../src/lc/solution.ts";
import type { LCState } from "../../src/lc/state.ts";
import {
  conv2d,
  dense,
  type Model,
  model,
  network,
  tanh,
  type Weights,
} from "../../src/net/network.ts";
import { initialWeights, lenet300 } from "../../src/net/zoo.ts";
import { close } from "../support/close.ts";
import { quadraticEngine } from "../support/quadratic-engine.ts";

const net = network({ name: "tiny", input: [6], layers: [dense("a", 8), tanh(), dense("b", 4)] });
const reference = model(net, initialWeights(net, 1));
const goal = model(net, initialWeights(net, 2)).weights;
const data = digits({ trainCount: 1, testCount: 1 });
const lStep = sgd({ rate: 0.1, epochs: 1, batch: 1 });
const mu = geometric({ from: 0.01, factor: 1.5, steps: 6 });

const importance: Weights = {
  "a.w": Float32Array.from({ length: 48 }, (_, i) => 0.5 + (i % 5)),
  "b.w": Float32Array.from({ length: 32 }, (_, i) => 0.25 + (i % 3)),
};

describe("solutions say how good their C steps are", () => {
  it("exact, bounded or by alternation with its trace, in cSteps and in the table", async () => {
    const plan = compress(reference)
      .layer("a", quantize({ levels: 2 }).plus(lowRank({ rank: 1 }), { starts: 3 }))
      .layer("b", quantize({ levels: 1 }).plus(prune({ count: 3 })));
    const direct = await plan.direct();
    assert.deepEqual(
      direct.cSteps.map(({ layers, exact, gap }) => [layers.join(), exact, gap]),
      [
        ["a", false, undefined],
        ["b", true, 0],
      ],
    );
    assert.equal(direct.cSteps[0]?.trace?.length, 5);
    assert.match(direct.table.toText(), /local optimum/);
    assert.match(direct.table.toText(), /exact/);
  });

  it("after a run too, and after one that has nothing left to do", async () => {
    const plan = compress(reference).layer("a", quantize({ levels: 2 }).plus(prune({ count: 4 })));
    const whole = await plan.run({ data, lStep, mu, engine: quadraticEngine(goal) });
    const again = await plan.run({
      data,
      lStep,
      mu,
      engine: quadraticEngine(goal),
      from: whole.state as LCState,
    });
    assert.deepEqual(again.cSteps, whole.cSteps);
    assert.equal(typeof whole.cSteps[0]?.exact, "boolean");
  });

  it("notes name the layer: fewer distinct weights than K, all weights 0", async () => {
    const few = model(net, {
      ...initialWeights(net, 1),
      "a.w": Float32Array.from({ length: 48 }, (_, i) => i % 3),
      "b.w": new Float32Array(32),
    });
    const { notes } = await compress(few)
      .each(["a", "b"], quantize({ levels: 8 }))
      .direct();
    assert.deepEqual(notes, [
      'Layer "a" (8 × 6): 3 distinct values, fewer than K = 8; the codebook has 3.',
      'Layer "b" (4 × 8): 1 distinct value, fewer than K = 8; the codebook has 1.',
      'Layer "b" (4 × 8): all weights are 0.',
    ]);
  });
});

describe("penalties", () => {
  const plan = compress(reference)
    .layer("a", l0Penalty({ alpha: 1e-4 }))
    .layer("b", rankSelection({ alpha: 1e-4 }));

  it("need μ in direct compression", async () => {
    assert.throws(() => plan.direct(), {
      name: "RangeError",
      message:
        "direct: l0Penalty(α = 0.0001) on a needs μ > 0: at μ = 0 only its cost counts, which is least with every weight 0. Write direct({ mu: 1e-3 }).",
    });
    const few = await plan.direct({ mu: 1e-3 });
    const many = await plan.direct({ mu: 1 });
    assert.ok(many.bits > few.bits);
  });

  it("start a run from the first μ of its schedule, not from the zero net", async () => {
    const states: (LCState | undefined)[] = [];
    const run = plan.steps({ data, lStep, mu, engine: quadraticEngine(goal) });
    for await (const record of run) if (record.kind === "step") states.push(run.state);
    const first = await plan.direct({ mu: mu[0] as number });
    assert.deepEqual(states[0]?.thetas[0], first.thetas.a);
    assert.deepEqual(states[0]?.thetas[1], first.thetas.b);
  });
});

describe("importance weights", () => {
  const plan = compress(reference)
    .layer("a", quantize({ levels: 2 }))
    .layer("b", prune({ count: 5 }));
  const weighted = (solution: Solution<unknown>, w: Weights): number =>
    Object.entries(importance).reduce((total, [key, h]) => {
      const delta = solution.model.weights[key] as Float32Array;
      return (
        total +
        h.reduce((sum, x, i) => sum + x * ((w[key]?.[i] as number) - (delta[i] as number)) ** 2, 0)
      );
    }, 0);

  it("make direct compression optimal in their distance", async () => {
    const plain = await plan.direct();
    const better = await plan.direct({ importance });
    assert.ok(weighted(better, reference.weights) < weighted(plain, reference.weights));
    assert.ok(better.distortion > plain.distortion);
  });

  it("lead an LC run to w = Δ(Θ) as μ grows, with a λ that balances the gradient", async () => {
    const engine = quadraticEngine(goal);
    const schedule = geometric({ from: 0.01, factor: 1.5, steps: 30 });
    const { history, state } = await plan.run({ data, lStep, mu: schedule, engine, importance });
    assert.ok((history.at(-1)?.distance as number) < 1e-3, `${history.at(-1)?.distance}`);
    // Where w has arrived, ∇L(w) = w − goal equals λ.
    const { weights, lambda } = state as LCState;
    const w = weights["b.w"] as Float32Array;
    close(
      w.map((x, i) => x - (goal["b.w"]?.[i] as number)),
      lambda["b.w"] as Float32Array,
      { atol: 0.05 },
    );
  });

  it("of 1 give the same run as none", async () => {
    const ones = {
      "a.w": new Float32Array(48).fill(1),
      "b.w": new Float32Array(32).fill(1),
    };
    const plain = await plan.run({ data, lStep, mu, engine: quadraticEngine(goal) });
    const same = await plan.run({
      data,
      lStep,
      mu,
      engine: quadraticEngine(goal),
      importance: ones,
    });
    assert.deepEqual(same.thetas, plain.thetas);
  });

  it("are checked before anything starts, and are part of what a state belongs to", async () => {
    const options = { data, lStep, mu, engine: quadraticEngine(goal) };
    assert.throws(
      () => plan.steps({ ...options, importance: { "c.w": new Float32Array(1) } }),
      /importance: "c.w" is not a weight matrix of the model. They are a.w, b.w/,
    );
    assert.throws(
      () => plan.steps({ ...options, importance: { "a.w": new Float32Array(4) } }),
      /importance: "a.w" must have 8 × 6 = 48 values, got 4/,
    );
    const zero = { "a.w": Float32Array.from({ length: 48 }, (_, i) => (i === 7 ? 0 : 1)) };
    assert.throws(
      () => plan.steps({ ...options, importance: zero }),
      /importance: "a.w" must be above 0 and finite, got 0 at \[1, 1\]/,
    );
    const { state } = await plan.run({ ...options, importance });
    assert.throws(() => plan.steps({ ...options, from: state }), {
      code: "LC_STATE",
      message: /importance was "[0-9a-f]{64}", got "none"/,
    });
  });

  it("are 1 for compressed layers without, also where the learning rate is clipped", async () => {
    const small = { "a.w": new Float32Array(48).fill(0.01) };
    const engine = quadraticEngine(goal);
    const { notes } = await plan.run({ data, lStep, mu: [1, 40], engine, importance: small });
    assert.deepEqual(notes, [
      "The learning rate was clipped to 1/(μ · the largest importance) from step 2 on (to 0.0250).",
    ]);
  });

  it("are refused, with the layer, where a C step takes none", () => {
    const own = defineCompression<Weights>({
      name: "own",
      exact: false,
      elementwise: true,
      cStep: ({ data: w }) => ({ w: Float32Array.from(w) }),
      decompress: ({ w }) => ({ rows: 8, cols: 6, data: Float64Array.from(w as Float32Array) }),
      bits: () => 0,
    });
    assert.throws(() => compress(reference).layer("a", own).direct({ importance }), {
      name: "RangeError",
      message:
        'importance: layer "a" has own, whose C step takes no importance weights. Leave "a.w" out of importance.',
    });
  });

  it("clip the learning rate by the largest of them", async () => {
    const engine = quadraticEngine(goal);
    const { notes } = await plan.run({ data, lStep, mu: [1, 4], engine, importance });
    assert.deepEqual(notes, [
      "The learning rate was clipped to 1/(μ · the largest importance) from step 2 on (to 0.0556).",
    ]);
  });
});

describe("FLOPs", () => {
  it("are 2 (inputs · outputs + outputs) of dense layers, and those of what is left of them", async () => {
    const plan = compress(reference)
      .layer("a", prune({ count: 5 }))
      .layer("b", lowRank({ rank: 1 }));
    const { flops } = await plan.direct();
    assert.equal(flops.before, 2 * (48 + 8) + 2 * (32 + 4));
    assert.equal(flops.after, 2 * 5 + 2 * 8 + (2 * (8 + 4) + 2 * 4));
  });

  it("of a convolution count every output pixel; joint layers count their own nonzeros", async () => {
    const spec = network({
      name: "conv",
      input: [6, 6, 2],
      layers: [conv2d("c", 3, { kernel: [3, 3] }), tanh(), { kind: "flatten" }, dense("d", 2)],
    });
    const conv = model(spec, initialWeights(spec, 1));
    const before = 2 * 3 * 18 * 16 + 2 * (48 * 2 + 2);
    const channel = await compress(conv)
      .layer("c", pruneChannels({ count: 1 }))
      .direct();
    assert.deepEqual(channel.flops, { before, after: 2 * 3 * 9 * 16 + 2 * (96 + 2) });
    const both = await compress(conv)
      .joint(["c", "d"], prune({ count: 20 }))
      .direct();
    const kept = both.model.weights["c.w"]?.filter((x) => x !== 0).length as number;
    assert.deepEqual(both.flops, { before, after: 2 * kept * 16 + 2 * (20 - kept) + 4 });
    const scheme = await compress(conv)
      .layer("c", lowRank({ rank: 1, scheme: 2 }))
      .direct();
    assert.equal(scheme.flops.after, 2 * 6 * (6 * 4) + 2 * 9 * 16 + 2 * (96 + 2));
  });
});

describe("C steps of built-in compressions", () => {
  it("keep the code of their errors across threads", async () => {
    const stepper = cStepper();
    const task = { layers: ["a"], compression: quantize({ levels: 2 }) as Compression<unknown> };
    const w = { rows: 1, cols: 2, data: Float64Array.of(Number.NaN, 1) };
    try {
      await assert.rejects(stepper.solve(task, w, { mu: 0 }), {
        name: "LCError",
        code: "LC_NONFINITE",
        message: "LC_NONFINITE: quantize(K = 2): the 1 × 2 matrix has NaN at [0, 0].",
      });
    } finally {
      await stepper.close();
    }
  });

  it("leave the caller's event loop free; one's own run on its thread", async () => {
    const plan = compress(lenet300({ seed: 1 }) as Model<"fc1" | "fc2" | "out">);
    let turns = 0;
    const count = setInterval(() => turns++, 1);
    try {
      await plan.layer("fc1", quantize({ levels: 64 }).plus(prune({ count: 1000 }))).direct();
      assert.ok(turns > 5, `${turns} turns of the event loop while a C step of some 100 ms ran`);
    } finally {
      clearInterval(count);
    }
    let here = false;
    const own: Compression<Weights> = defineCompression({
      name: "own",
      exact: false,
      elementwise: true,
      cStep: ({ data: w }) => {
        here = true;
        return { w: Float32Array.from(w) };
      },
      decompress: ({ w }) => ({ rows: 10, cols: 100, data: Float64Array.from(w as Float32Array) }),
      bits: () => 0,
    });
    await plan.layer("out", own).direct();
    assert.equal(here, true);
  });
});
