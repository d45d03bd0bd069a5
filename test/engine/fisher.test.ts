import assert from "node:assert/strict";
import { isLCError } from "../../src/errors.ts";
import { dense, type LayerSpec, network, relu, tanh } from "../../src/net/network.ts";
import { lenet300 } from "../../src/net/zoo.ts";
import { close } from "../support/close.ts";
import { float64, reference } from "./reference.ts";
import { epoch, formulaData, formulaWeights, kernels, strided, withSession } from "./support.ts";

const flatten: LayerSpec = { kind: "flatten" };

/** The engine takes 512 examples at a time: 530 and 1100 leave a rest. */
const problems = [
  { inputs: 5, examples: 13, layers: [dense("out", 3)] },
  { inputs: 17, examples: 530, layers: [dense("fc1", 9), relu(), dense("out", 2)] },
  {
    inputs: 23,
    examples: 1100,
    layers: [dense("fc1", 20), tanh(), dense("fc2", 13), relu(), dense("out", 11)],
  },
  { inputs: 3, examples: 1, layers: [flatten, dense("fc1", 1), dense("out", 4)] },
  {
    inputs: 9,
    examples: 20,
    layers: [tanh(), dense("fc1", 10, { bias: false }), tanh(), tanh(), dense("out", 5), tanh()],
  },
] as const;

const net = network({
  name: "five layers",
  input: [53],
  layers: [dense("fc1", 45), tanh(), dense("fc2", 30), relu(), dense("out", 10)],
});
const data = formulaData(600, 53, 10);
const weights = formulaWeights(net, 0.25);
const other = formulaWeights(net, 0.5, 9);

describe("wasm engine: the Fisher diagonal", () => {
  before(kernels);

  for (const { inputs, examples, layers } of problems) {
    const title = layers.map((spec) => (spec.kind === "dense" ? spec.units : spec.kind)).join("-");
    it(`${inputs}-${title}, ${examples} examples: is the mean of the squared gradients, in float64 to 1e-5`, async () => {
      const small = network({ name: "small", input: [inputs], layers: [...layers] });
      const problem = formulaData(examples, inputs, small.layers.at(-1)?.outputShape[0] ?? 0);
      const point = formulaWeights(small, 0.5);
      const all = Array.from({ length: examples }, (_, i) => i);
      const expected = reference(small, problem).fisher(float64(point), all);
      await withSession(small, problem, { batch: 1 }, async (session) => {
        await session.write(point);
        const diagonal = await session.fisher();
        assert.deepEqual(
          Object.keys(diagonal),
          small.parameters.map(({ key }) => key),
        );
        for (const { key } of small.parameters) {
          const f = diagonal[key] as Float32Array;
          close(f, expected[key] as Float64Array, { rtol: 1e-5, atol: 1e-12 });
          assert.ok(f.every((value) => value >= 0) && f.some((value) => value > 0), key);
        }
      });
    });
  }

  it("has the same bytes with 1, 2 and 3 threads, whatever the minibatches of training", async () => {
    const diagonal = (threads: number, batch: number) =>
      withSession(net, data, { batch, threads }, (session) => session.fisher(weights));
    const expected = await diagonal(1, 32);
    for (const [threads, batch] of [
      [2, 32],
      [3, 600],
      [2, 1],
    ] as const) {
      assert.deepEqual(await diagonal(threads, batch), expected);
    }
  });

  it("of given weights equals writing them first, whatever was evaluated before", async () => {
    await withSession(net, data, { batch: 32 }, async (session) => {
      await session.write(weights);
      const own = await session.fisher();
      await session.write(other);
      await session.evaluate("train", other);
      assert.deepEqual(await session.fisher(weights), own);
      assert.notDeepEqual(await session.fisher(), own);
    });
  });

  it("changes nothing of the training: weights, momentum, targets, and where it goes from there", async () => {
    const trained = (between: boolean) =>
      withSession(net, data, { batch: 32 }, async (session) => {
        await session.write(weights);
        await session.setTargets(other);
        const options = { rate: 0.05, momentum: 0.9, mu: 0.125 };
        await session.train(epoch(strided(600, 1), options));
        const before = await session.read();
        if (between) {
          await session.fisher();
          await session.fisher(other);
          assert.deepEqual(await session.read(), before);
        }
        const evaluation = await session.evaluate("train", other);
        await session.train(epoch(strided(600, 7), options));
        return { ...(await session.read()), evaluation };
      });
    assert.deepEqual(await trained(true), await trained(false));
  });

  it("refuses weights that are missing, and losses and gradients that are not finite", async () => {
    await withSession(net, data, { batch: 32 }, async (session) => {
      await session.write(weights);
      const before = await session.read();
      const { "fc2.w": fc2, ...rest } = weights as Record<string, Float32Array>;
      await assert.rejects(session.fisher(rest), /fisher: parameter "fc2.w"/);
      const nonfinite = (what: RegExp) => (error: unknown) =>
        isLCError(error, "LC_NONFINITE") && what.test(error.message);
      const broken = { ...rest, "fc2.w": (fc2 as Float32Array).map(() => Number.NaN) };
      await assert.rejects(session.fisher(broken), nonfinite(/the loss is NaN/));
      const out = (weights["out.w"] as Float32Array).map((w) => w * 1e25);
      const steep = { ...weights, "fc2.b": new Float32Array(30).fill(1), "out.w": out };
      await assert.rejects(session.fisher(steep), nonfinite(/squared gradient of "fc1.w"/));
      assert.deepEqual(await session.read(), before);
      assert.equal(Number.isFinite((await session.evaluate("test", weights)).loss), true);
    });
  });

  it("stops at an abort with its reason, and puts the training weights back", async () => {
    const { network, weights } = lenet300({ seed: 1 });
    const many = formulaData(24_000, 784, 10);
    await withSession(network, many, { batch: 250 }, async (session) => {
      await session.write(weights);
      const stop = new AbortController();
      const running = session.fisher(formulaWeights(network, 0.1), stop.signal);
      const start = performance.now();
      setImmediate(() => stop.abort(new Error("enough")));
      await assert.rejects(running, /enough/);
      const stopped = performance.now() - start;
      assert.deepEqual((await session.read()).weights, weights);
      await assert.rejects(session.fisher(undefined, stop.signal), /enough/);
      const again = performance.now();
      await session.fisher();
      assert.ok(stopped < (performance.now() - again) / 2, `${stopped} ms`);
    });
  });
});
