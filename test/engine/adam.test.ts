import assert from "node:assert/strict";
import { quantize } from "../../src/compression/quantize.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import type { AdamStep, EngineSession } from "../../src/engine/engine.ts";
import { tfjs } from "../../src/engine/tfjs/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { compress } from "../../src/lc/plan.ts";
import { adam, geometric, sgd } from "../../src/lc/schedules.ts";
import type { Solution } from "../../src/lc/solution.ts";
import { decodeState, encodeState, type LCState } from "../../src/lc/state.ts";
import { train } from "../../src/lc/train.ts";
import {
  batchNorm,
  conv2d,
  dense,
  model,
  type Network,
  network,
  relu,
  tanh,
  type Weights,
} from "../../src/net/network.ts";
import { initialWeights } from "../../src/net/zoo.ts";
import { close } from "../support/close.ts";
import { type RealTf, tfjsModule } from "../support/tfjs.ts";
import { float64, reference, type Weights64 } from "./reference.ts";
import { epoch, formulaData, formulaWeights, kernels, strided, withSession } from "./support.ts";

const chain = network({
  name: "chain",
  input: [23],
  layers: [dense("fc1", 20), tanh(), dense("fc2", 13), relu(), dense("out", 11)],
});
const images = network({
  name: "images",
  input: [6, 6, 3],
  layers: [
    ...([conv2d("a", 9, { kernel: [3, 3], padding: "same" }), batchNorm("n"), relu()] as const),
    ...([conv2d("b", 4, { kernel: [3, 3] }), tanh(), dense("out", 3)] as const),
  ],
});
const constants = { beta1: 0.8, beta2: 0.95, epsilon: 1e-5 };
const options = { rate: 0.01, mu: 0.125 };

/** Adam by its paper, in float64, with the powers taken by Math.pow: weights, moments and time go on in place. */
class Adam64 {
  readonly #m: Weights64 = {};
  readonly #s: Weights64 = {};
  #t = 0;
  step(w: Weights64, gradient: Readonly<Record<string, ArrayLike<number>>>): void {
    this.#t++;
    const { beta1, beta2, epsilon } = constants;
    for (const [key, g] of Object.entries(gradient)) {
      this.#m[key] ??= new Float64Array(g.length);
      this.#s[key] ??= new Float64Array(g.length);
      const [m, s, x] = [this.#m[key], this.#s[key], w[key] as Float64Array];
      for (let i = 0; i < g.length; i++) {
        m[i] = beta1 * (m[i] as number) + (1 - beta1) * (g[i] as number);
        s[i] = beta2 * (s[i] as number) + (1 - beta2) * (g[i] as number) ** 2;
        const [mHat, sHat] = [
          (m[i] as number) / (1 - beta1 ** this.#t),
          (s[i] as number) / (1 - beta2 ** this.#t),
        ];
        x[i] = (x[i] as number) - (options.rate * mHat) / (Math.sqrt(sHat) + epsilon);
      }
    }
  }
}

function adamEpoch(order: Uint32Array, steps: number, more: object = {}) {
  return epoch(order, { ...options, adam: { ...constants, steps }, ...more });
}

/** Formula weights; γ and variances around 1. */
function startOf(net: Network): Weights {
  const weights = { ...formulaWeights(net, 0.5) };
  for (const { key, role } of net.parameters) {
    if (role === "gamma" || role === "variance")
      weights[key] = (weights[key] as Float32Array).map((w) => w / 2 + 1);
  }
  return weights;
}

describe("Adam", () => {
  before(kernels);

  it("two epochs of minibatches are Adam in float64, penalty and importance in the gradient", async () => {
    const data = formulaData(33, 23, 11);
    const [weights, targets] = [formulaWeights(chain, 0.5), formulaWeights(chain, 0.5, 3)];
    const importance = { "fc1.w": (targets["fc1.w"] as Float32Array).map((t) => t * t + 0.5) };
    const expected = float64(weights);
    const model = reference(chain, data);
    const optimiser = new Adam64();
    for (const step of [1, 2]) {
      const order = strided(33, step);
      for (let first = 0; first < 33; first += 8) {
        const gradient = model.gradient(expected, [...order.slice(first, first + 8)]);
        for (const [key, g] of Object.entries(gradient)) {
          const h = (importance as Weights)[key];
          g.forEach((value, i) => {
            const away = (expected[key]?.[i] as number) - (targets[key]?.[i] as number);
            g[i] = value + options.mu * (h?.[i] ?? 1) * away;
          });
        }
        optimiser.step(expected, gradient);
      }
    }
    const open = { batch: 8, optimizer: "adam", importance: true } as const;
    await withSession(chain, data, open, async (session) => {
      await session.write(weights);
      await session.setTargets(targets, importance);
      await session.train(adamEpoch(strided(33, 1), 0));
      await session.train(adamEpoch(strided(33, 2), 5));
      const { weights: got } = await session.read();
      for (const [key, w] of Object.entries(expected)) {
        close(got[key] as Float32Array, w, { atol: 2e-5 });
        assert.notDeepEqual(got[key], weights[key]);
      }
    });
  });

  it("convolutions and batch norms move by Adam of the gradients that SGD sees", async () => {
    const data: Dataset = { ...formulaData(12, 108, 3), shape: [6, 6, 3] };
    const order = strided(12, 1);
    const optimiser = new Adam64();
    const trained = images.parameters.filter(({ role }) => role !== "mean" && role !== "variance");
    await withSession(images, data, { batch: 12 }, (plain) =>
      withSession(images, data, { batch: 12, optimizer: "adam" }, async (session) => {
        await session.write(startOf(images));
        for (let steps = 0; steps < 4; steps++) {
          const { weights } = await session.read();
          await plain.write(weights);
          await plain.train(epoch(order, { rate: 0, momentum: 0 }));
          const { velocity } = await plain.read();
          const expected = float64(weights);
          optimiser.step(expected, velocity);
          await session.train(adamEpoch(order, steps));
          const { weights: got } = await session.read();
          for (const { key } of trained) {
            close(got[key] as Float32Array, expected[key] as Float64Array, { atol: 1e-6 });
            assert.notDeepEqual(got[key], weights[key], key);
          }
        }
      }),
    );
  });

  for (const [net, inputs, classes] of [
    [chain, 23, 11],
    [images, 108, 3],
  ] as const) {
    const shape = (net.input.length === 3 ? net.input : [1, 1, 23]) as [number, number, number];
    const data: Dataset = { ...formulaData(33, inputs, classes), shape };
    const open = { batch: 8, optimizer: "adam" } as const;

    it(`${net.name}: 1, 2 and 4 threads give the same bytes, moments included`, async () => {
      const run = (threads: number) =>
        withSession(net, data, { ...open, threads }, async (session) => {
          await session.write(startOf(net));
          await session.setTargets(formulaWeights(net, 0.5, 3));
          await session.train(adamEpoch(strided(33, 1), 0));
          await session.train(adamEpoch(strided(33, 2), 5));
          return await session.read();
        });
      const expected = await run(1);
      assert.ok(Object.values(expected.secondMoments ?? {}).some((s) => s.some((x) => x > 0)));
      for (const threads of [2, 4]) assert.deepEqual(await run(threads), expected);
    });

    it(`${net.name}: the state of one session, written into another, goes on to the same bytes`, async () => {
      const go = (session: EngineSession, steps: number) =>
        session.train(adamEpoch(strided(33, 2), steps));
      const [state, expected] = await withSession(net, data, open, async (session) => {
        await session.write(startOf(net));
        await go(session, 0);
        const state = await session.read();
        await go(session, 5);
        return [state, await session.read()];
      });
      await withSession(net, data, open, async (session) => {
        await session.write(state.weights, state.velocity, state.secondMoments);
        assert.deepEqual(await session.read(), state);
        await go(session, 5);
        assert.deepEqual(await session.read(), expected);
        await session.write(state.weights);
        const { velocity, secondMoments = {} } = await session.read();
        for (const moment of [velocity, secondMoments]) {
          assert.ok(Object.values(moment).every((values) => values.every((x) => x === 0)));
        }
      });
    });
  }

  it("an epoch without Adam's constants, one with them for SGD, and constants out of range are refused", async () => {
    const data = formulaData(33, 23, 11);
    const order = strided(33, 1);
    const refuses = (session: EngineSession, change: Partial<AdamStep>, message: RegExp) =>
      assert.rejects(
        session.train(epoch(order, { adam: { ...constants, steps: 0, ...change } })),
        message,
      );
    await withSession(chain, data, { batch: 8 }, async (session) => {
      await session.write(formulaWeights(chain, 0.5));
      await refuses(session, {}, /train: the session was opened for SGD, got adam\. Open it with/);
      assert.equal("secondMoments" in (await session.read()), false);
    });
    await withSession(chain, data, { batch: 8, optimizer: "adam" }, async (session) => {
      await session.write(formulaWeights(chain, 0.5));
      await assert.rejects(session.train(epoch(order)), /opened for Adam and needs adam: \{ beta1/);
      const moments = Object.fromEntries(
        Object.entries(formulaWeights(chain, 0.5)).map(([key, w]) => [key, w.map((x) => x * x)]),
      );
      moments["fc2.b"] = (moments["fc2.b"] as Float32Array).with(3, -1);
      await assert.rejects(
        () => session.write(formulaWeights(chain, 0.5), moments, moments),
        /write: secondMoments must be finite numbers ≥ 0, got -1 at "fc2.b"\[3\]/,
      );
      await refuses(session, { beta1: 1 }, /beta1 must be from 0 to below 1, got 1/);
      await refuses(session, { beta2: Number.NaN }, /beta2 must be from 0 to below 1, got NaN/);
      await refuses(session, { epsilon: 0 }, /epsilon must be a number ≥ 1e-12, got 0/);
      await refuses(session, { steps: -1 }, /steps must be a whole number ≥ 0, got -1/);
    });
    const engine = wasmEngine({ threads: 1 });
    await assert.rejects(
      engine.open(chain, data, { batch: 8, optimizer: "lbfgs" as never }),
      /optimizer must be "sgd" or "adam", got "lbfgs"/,
    );
    assert.throws(() => adam({ rate: 0, epochs: 1 }), /^RangeError: adam: rate must be a number/);
    assert.throws(() => adam({ rate: 1, epochs: 1, batch: 0 }), /adam: batch must be a whole/);
    assert.throws(() => adam({ rate: 1, epochs: 1, beta2: 1 }), /adam: beta2 must be from 0/);
    assert.throws(() => adam({ rate: 1, epochs: 1, epsilon: 1e-13 }), /adam: epsilon must be/);
  });

  describe("in runs", () => {
    const small = network({
      name: "small",
      input: [12],
      layers: [dense("fc1", 9), relu(), dense("out", 4)],
    });
    const data = formulaData(300, 12, 4);
    const start = model(small, initialWeights(small, 1));
    const plan = compress(start).layer("fc1", quantize({ levels: 2 }));
    const run = {
      data,
      lStep: adam({ rate: 0.01, epochs: 2, firstEpochs: 3, batch: 64 }),
      mu: geometric({ from: 1, factor: 10, steps: 4 }),
      seed: 3,
    };
    const bytes = ({ state }: Solution<unknown>) => encodeState(state as LCState);

    it("train learns, and reports the rate", async () => {
      const stream = train(start, { data, lStep: adam({ rate: 0.02, epochs: 8, batch: 32 }) });
      const losses: number[] = [];
      for await (const { loss } of stream) losses.push(loss);
      assert.ok((losses.at(-1) as number) < (losses[0] as number), losses.join(" "));
    });

    it("the rate is not clipped at 1/μ, where that of sgd is", async () => {
      const last = async (lStep: typeof run.lStep | ReturnType<typeof sgd>) =>
        (await plan.run({ ...run, lStep })).history.at(-1)?.rate as number;
      assert.equal(await last(run.lStep), 0.01 * 0.98 * 0.98 * 0.98);
      assert.equal(await last(sgd({ rate: 0.01, epochs: 1, batch: 64 })), 1 / 1000);
    });

    it("stopped anywhere, saved, and continued, ends in the same bytes", async () => {
      const whole = await plan.run(run);
      for (const records of [1, 4, 6]) {
        const controller = new AbortController();
        const stream = plan.steps({ ...run, signal: controller.signal });
        let stopped: Solution<unknown> | undefined;
        for (let seen = 0; !stopped; seen++) {
          const next = stream.next();
          if (seen === records) setImmediate(() => controller.abort());
          const { done, value } = await next;
          if (done) stopped = value;
        }
        const from = decodeState(bytes(stopped));
        const again = await plan.run({ ...run, from });
        assert.deepEqual(bytes(again), bytes(whole), `stopped after ${records} records`);
      }
    });
  });

  describe("with tfjs", () => {
    let tf: RealTf;
    const { warn } = console;
    before(async function () {
      const loaded = await tfjsModule();
      if (!loaded) return this.skip();
      tf = loaded;
      console.warn = () => {};
    });
    after(() => {
      console.warn = warn;
    });

    it("both engines make the same of it, and a state goes from one to the other", async () => {
      const data = formulaData(20, 23, 11);
      const open = { batch: 8, optimizer: "adam", importance: true } as const;
      const importance = { "fc2.w": formulaWeights(chain, 1)["fc2.w"]?.map((w) => w + 2) };
      const tensors = tf.memory().numTensors;
      const both = [];
      for (const engine of [wasmEngine({ threads: 1 }), tfjs(tf)]) {
        const session = await engine.open(chain, data, open);
        await session.write(formulaWeights(chain, 0.5));
        await session.setTargets(formulaWeights(chain, 0.5, 3), importance as Weights);
        await session.train(adamEpoch(strided(20, 1), 0));
        await session.train(adamEpoch(strided(20, 3), 3));
        const moments = await session.read();
        await session.write(moments.weights, moments.velocity, moments.secondMoments);
        assert.deepEqual(await session.read(), moments);
        both.push(moments);
        await session.close();
      }
      const [wasm, other] = both;
      for (const what of ["weights", "velocity", "secondMoments"] as const) {
        for (const [key, values] of Object.entries(wasm?.[what] ?? {})) {
          close(other?.[what]?.[key] as Float32Array, values, { atol: 1e-5, rtol: 1e-3 });
        }
      }
      assert.equal(tf.memory().numTensors, tensors, "tensors left behind");
    });
  });
});
