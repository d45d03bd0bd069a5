import assert from "node:assert/strict";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { isLCError } from "../../src/errors.ts";
import { dense, type LayerSpec, network, relu } from "../../src/net/network.ts";
import { epoch, formulaData, formulaWeights, kernels, strided, withSession } from "./support.ts";

const net = network({
  name: "small",
  input: [12],
  layers: [dense("fc1", 9), relu(), dense("out", 4)],
});
const data = formulaData(20, 12, 4);
const engine = wasmEngine({ threads: 1 });

describe("wasm engine: what it refuses", () => {
  before(kernels);

  it("layers and connections it cannot train, by name", async () => {
    const rejects = (layers: readonly LayerSpec[], message: RegExp | RangeError) => {
      const refused = network({ name: "refused", input: [12], layers });
      return assert.rejects(engine.open(refused, data, { batch: 4 }), message);
    };
    await rejects(
      [dense("fc1", 9), { kind: "batchNorm", name: "bn" }, dense("out", 4)],
      new RangeError(
        'wasm engine: layer "bn" (batchNorm) reads rows of values; it must read images [height, width, channels].',
      ),
    );
    const skip = [dense("fc1", 9), relu(), dense("fc2", 9, { from: "fc1" }), dense("out", 4)];
    await rejects(skip, /layer "fc1" is read 2 times/);
    await rejects(
      [dense("fc1", 9), { kind: "dropout", rate: 1 }, dense("out", 4)],
      /dropout "dropout2": rate must be from 0 to below 1, got 1/,
    );
    const image = network({
      name: "refused",
      input: [3, 4, 1],
      layers: [{ kind: "localResponseNorm", beta: 0.7 }, dense("out", 4)],
    });
    await assert.rejects(
      engine.open(image, data, { batch: 4 }),
      /"localResponseNorm1": size must be odd and beta a multiple of 1\/4, got 5 and 0.7/,
    );
  });

  it("data that do not fit the network", async () => {
    await assert.rejects(
      engine.open(net, formulaData(20, 13, 4), { batch: 4 }),
      /reads \[12\] = 12/,
    );
    await assert.rejects(
      engine.open(net, formulaData(20, 12, 5), { batch: 4 }),
      /labels must be from 0 to 3/,
    );
    const short = { ...data, train: { ...data.train, count: 21 } };
    await assert.rejects(engine.open(net, short, { batch: 4 }), /21 × 12 pixels/);
    const mean = { ...data, mean: new Float32Array(3) };
    await assert.rejects(engine.open(net, mean, { batch: 4 }), /mean of formula data must have 12/);
    for (const batch of [0, 21, 1.5]) {
      await assert.rejects(engine.open(net, data, { batch }), /batch must be from 1 to the 20/);
    }
  });

  it("a number of threads that is not from 1 to 64", () => {
    for (const threads of [0, 65, 1.5, Number.NaN]) {
      assert.throws(() => wasmEngine({ threads }), RangeError);
    }
  });

  it("more memory than a WASM module can have, with LC_MEMORY", async () => {
    const huge = network({
      name: "huge",
      input: [12],
      layers: [dense("fc1", 2 ** 25), dense("out", 4)],
    });
    await assert.rejects(engine.open(huge, data, { batch: 1 }), (error) =>
      isLCError(error, "LC_MEMORY"),
    );
  });

  it("weights that are missing, unknown or of another length", async () => {
    const weights = formulaWeights(net, 0.5);
    await withSession(net, data, { batch: 4 }, async (session) => {
      const { "fc1.b": _, ...rest } = weights;
      await assert.rejects(
        () => session.write(rest),
        /write: parameter "fc1.b" \(9 × 1\) is missing/,
      );
      await assert.rejects(
        () => session.write({ ...weights, "fc2.w": new Float32Array(1) }),
        /no parameter "fc2.w"/,
      );
      await assert.rejects(
        () => session.write({ ...weights, "fc1.b": new Float32Array(8) }),
        /must have 9 × 1 = 9/,
      );
      await assert.rejects(
        () => session.setTargets({ fc1: new Float32Array(1) }),
        /setTargets: there is no/,
      );
      await assert.rejects(session.evaluate("test", rest), /evaluate: parameter "fc1.b"/);
    });
  });

  it("epochs that are out of range", async () => {
    const order = strided(20, 1);
    await withSession(net, data, { batch: 4 }, async (session) => {
      const bad = [
        [epoch(order.slice(1)), /order must have 20 entries, got 19/],
        [epoch(order.map((i) => (i === 3 ? 4 : i))), /4 is there twice/],
        [epoch(order.map((i) => (i === 3 ? 20 : i))), /20 is out of range/],
        [epoch(order, { from: 6 }), /from must be a minibatch from 0 to 5/],
        [epoch(order, { rate: -1 }), /rate must be/],
        [epoch(order, { momentum: 1.1 }), /momentum must be/],
        [epoch(order, { mu: Number.NaN }), /mu must be/],
      ] as const;
      for (const [options, message] of bad) await assert.rejects(session.train(options), message);
    });
  });

  it("a loss that is not finite: training stops before that minibatch changes a weight", async () => {
    const weights = formulaWeights(net, 0.5);
    await withSession(net, data, { batch: 4 }, async (session) => {
      for (const key of ["fc1.w", "out.w", "out.b"]) {
        const broken = { ...weights, [key]: (weights[key] as Float32Array).map(() => Number.NaN) };
        await session.write(broken);
        const { finite, next, examples } = await session.train(epoch(strided(20, 1)));
        assert.deepEqual([finite, next, examples], [false, 0, 0]);
        assert.deepEqual((await session.read()).weights, broken);
      }
      await session.write(weights);
      const result = await session.train(epoch(strided(20, 1), { rate: 1e30 }));
      assert.deepEqual([result.finite, result.examples], [false, result.next * 4]);
      assert.ok(result.next > 0 && result.next < 5);
      await session.write(weights);
      assert.equal((await session.train(epoch(strided(20, 1)))).finite, true);
    });
  });

  it("NaN for one class alone, which no example has, is seen too", async () => {
    const labels = data.train.labels.map((label) => label % 3);
    const rare = { ...data, train: { ...data.train, labels } };
    const weights = formulaWeights(net, 0.5);
    const bias = (weights["out.b"] as Float32Array).map((b, i) => (i === 3 ? Number.NaN : b));
    await withSession(net, rare, { batch: 4 }, async (session) => {
      await session.write({ ...weights, "out.b": bias });
      const { finite, next } = await session.train(epoch(strided(20, 1)));
      assert.deepEqual([finite, next], [false, 0]);
      assert.deepEqual((await session.read()).weights, { ...weights, "out.b": bias });
    });
  });

  it("an aborted signal: train does nothing, evaluate rejects with its reason", async () => {
    await withSession(net, data, { batch: 4 }, async (session) => {
      const signal = AbortSignal.abort(new Error("enough"));
      const { next, examples } = await session.train(epoch(strided(20, 1), { signal, from: 2 }));
      assert.deepEqual([next, examples], [2, 0]);
      await assert.rejects(session.evaluate("test", undefined, signal), /enough/);
    });
  });
});
