import assert from "node:assert/strict";
import { dense, type LayerSpec, network, relu, tanh } from "../../src/net/network.ts";
import { float64, reference } from "./reference.ts";
import {
  epoch,
  formulaData,
  formulaWeights,
  kernels,
  relative,
  strided,
  withSession,
} from "./support.ts";

const flatten: LayerSpec = { kind: "flatten" };

const problems = [
  { inputs: 5, examples: 13, batch: 13, layers: [dense("out", 3)] },
  { inputs: 8, examples: 16, batch: 16, layers: [dense("fc1", 8), tanh(), dense("out", 8)] },
  { inputs: 17, examples: 30, batch: 7, layers: [dense("fc1", 9), relu(), dense("out", 2)] },
  {
    inputs: 23,
    examples: 33,
    batch: 33,
    layers: [dense("fc1", 20), tanh(), dense("fc2", 13), relu(), dense("out", 11)],
  },
  { inputs: 3, examples: 5, batch: 2, layers: [flatten, dense("fc1", 1), dense("out", 4)] },
  {
    inputs: 9,
    examples: 20,
    batch: 19,
    layers: [tanh(), dense("fc1", 10, { bias: false }), tanh(), tanh(), dense("out", 5), tanh()],
  },
] as const;

describe("wasm engine: gradients", () => {
  before(kernels);

  for (const { inputs, examples, batch, layers } of problems) {
    const title = layers.map((spec) => (spec.kind === "dense" ? spec.units : spec.kind)).join("-");
    const net = network({ name: "small", input: [inputs], layers: [...layers] });
    const classes = (net.layers.at(-1)?.outputShape[0] ?? 0) as number;
    const data = formulaData(examples, inputs, classes);
    const model = reference(net, data);
    const weights = formulaWeights(net, 0.5);

    it(`${inputs}-${title}, batch ${batch}: the reference gradient is the central difference of the loss`, () => {
      const point = float64(weights);
      const batchOf = Array.from({ length: batch }, (_, i) => i);
      const gradient = model.gradient(point, batchOf);
      for (const { key } of net.parameters) {
        const w = point[key] as Float64Array;
        const step = Math.max(1, Math.floor(w.length / 20));
        for (let i = 0; i < w.length; i += step) {
          const [old, h] = [w[i] as number, 1e-5];
          w[i] = old + h;
          const above = model.loss(point, batchOf);
          w[i] = old - h;
          const below = model.loss(point, batchOf);
          w[i] = old;
          const expected = (above - below) / (2 * h);
          const got = gradient[key]?.[i] as number;
          assert.ok(Math.abs(got - expected) < 1e-8, `${key}[${i}]: ${got}, expected ${expected}`);
        }
      }
    });

    it(`${inputs}-${title}, batch ${batch}: the momentum after one minibatch is the gradient`, async () => {
      const order = strided(examples, 1);
      await withSession(net, data, { batch }, async (session) => {
        await session.write(weights);
        // At rate 0 and momentum 0 nothing moves; v is the gradient of the last minibatch, the partial one.
        const { lossSum } = await session.train(epoch(order, { rate: 0, momentum: 0 }));
        const { velocity, weights: after } = await session.read();
        const first = Math.floor((examples - 1) / batch) * batch;
        const last = Array.from({ length: examples - first }, (_, i) => first + i);
        const expected = model.gradient(float64(weights), last);
        for (const { key } of net.parameters) {
          const error = relative(velocity[key] as Float32Array, expected[key] as Float64Array);
          assert.ok(error < 2e-6, `${key}: relative error ${error}`);
          assert.deepEqual(after[key], weights[key]);
        }
        const all = Array.from({ length: examples }, (_, i) => i);
        const loss = model.loss(float64(weights), all);
        assert.ok(Math.abs(lossSum / examples - loss) < 1e-6 * loss);
      });
    });
  }

  it("a target adds μ (w − t) to its parameter's gradient and to no other", async () => {
    const net = network({
      name: "small",
      input: [5],
      layers: [dense("fc1", 6), tanh(), dense("out", 3)],
    });
    const data = formulaData(8, 5, 3);
    const weights = formulaWeights(net, 0.5);
    const target = formulaWeights(net, 0.5, 7);
    const gradients = async (mu: number) =>
      withSession(net, data, { batch: 8 }, async (session) => {
        await session.write(weights);
        await session.setTargets({ "fc1.w": target["fc1.w"] as Float32Array });
        await session.train(epoch(strided(8, 1), { rate: 0, momentum: 0, mu }));
        return (await session.read()).velocity;
      });
    const [plain, penalized] = [await gradients(0), await gradients(0.25)];
    for (const { key } of net.parameters) {
      const expected = (plain[key] as Float32Array).map((g, i) => {
        if (key !== "fc1.w") return g;
        const difference = (weights[key]?.[i] as number) - (target[key]?.[i] as number);
        return g + 0.25 * difference;
      });
      assert.ok(relative(penalized[key] as Float32Array, expected) < 1e-7, key);
    }
  });
});
