import assert from "node:assert/strict";
import { setImmediate } from "node:timers/promises";
import util from "node:util";
import type { Tensor } from "@tensorflow/tfjs-node";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import type { Engine, EngineSession, OpenOptions } from "../../src/engine/engine.ts";
import { tfjs } from "../../src/engine/tfjs/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { isLCError } from "../../src/errors.ts";
import { inference } from "../../src/inference/predictor.ts";
import { compress } from "../../src/lc/plan.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import {
  conv2d,
  dense,
  type LayerSpec,
  model,
  type Network,
  network,
  relu,
  tanh,
  type Weights,
} from "../../src/net/network.ts";
import { fromTfjs, writeTfjs } from "../../src/net/tfjs.ts";
import { initialWeights } from "../../src/net/zoo.ts";
import { type RealTf, tfjsModule } from "../support/tfjs.ts";
import { epoch, formulaData, formulaWeights, kernels, relative, strided } from "./support.ts";

const count = 20;
const net = network({
  name: "small",
  input: [12],
  layers: [dense("fc1", 9), tanh(), dense("fc2", 7), relu(), dense("out", 4)],
});
const data = formulaData(count, 12, 4);
const weights = formulaWeights(net, 0.5);
const targets = formulaWeights(net, 0.5, 7);
const importance = Object.fromEntries(
  Object.entries(formulaWeights(net, 2, 5)).map(([key, w]) => [key, w.map((v) => v + 2.5)]),
);

/** Every layer of images that both engines have; without dropout, whose masks differ. */
const deep = network({
  name: "deep",
  input: [8, 8, 3],
  layers: [
    // No bias before the batch norm, where its gradient is 0.
    conv2d("c1", 5, { kernel: [3, 3], padding: "same", bias: false }),
    { kind: "batchNorm", name: "bn", epsilon: 0.01 },
    relu(),
    conv2d("c2", 12, { kernel: [3, 2], stride: [2, 2], padding: "same", bias: false }),
    { kind: "add", name: "wider", with: "relu3" },
    tanh(),
    { kind: "maxPool", size: [2, 2], stride: [1, 1] },
    { kind: "averagePool", size: [3, 3] },
    { kind: "sigmoid" },
    dense("out", 4),
  ],
});

/** Windows that tfjs's layers have not, or get wrong, and what else is left. */
const padded = network({
  name: "padded",
  input: [8, 8, 3],
  layers: [
    conv2d("c1", 6, { kernel: [3, 3], stride: [2, 2], padding: [1, 1] }),
    relu(),
    { kind: "localResponseNorm", size: 3, alpha: 0.3, k: 2 },
    conv2d("c2", 5, { kernel: [3, 3], padding: [1, 1], bias: false }),
    { kind: "maxPool", size: [3, 2], stride: [1, 1], padding: [2, 1] },
    { kind: "averagePool", size: [3, 3], stride: [2, 2], padding: "same" },
    { kind: "averagePool", size: [2, 2], stride: [1, 1], padding: [1, 1] },
    conv2d("c3", 4, { kernel: [2, 2] }),
    { kind: "globalAveragePool" },
  ],
});

/** A small image network. */
const images = network({
  name: "images",
  input: [4, 4, 1],
  layers: [
    conv2d("conv", 3, { kernel: [3, 3], padding: "same" }),
    { kind: "batchNorm", name: "bn" },
    relu(),
    { kind: "maxPool", size: [2, 2] },
    dense("out", 4),
  ],
});
const imageData: Dataset = { ...formulaData(count, 16, 4), shape: [4, 4, 1] };

async function within<T>(
  engine: Engine,
  [description, examples]: readonly [Network, Dataset],
  options: OpenOptions,
  body: (session: EngineSession) => Promise<T>,
): Promise<T> {
  const session = await engine.open(description, examples, options);
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}

function agree(got: Weights, expected: Weights, bound: number): void {
  assert.deepEqual(Object.keys(got), Object.keys(expected));
  for (const [key, values] of Object.entries(expected)) {
    const error = relative(got[key] as Float32Array, values);
    assert.ok(error <= bound, `${key}: relative error ${error}`);
  }
}

describe("tfjs engine", () => {
  let tf: RealTf;
  let engine: Engine;
  let tensors = 0;
  const { warn } = console;
  before(async function () {
    const loaded = await tfjsModule();
    if (!loaded) return this.skip();
    tf = loaded;
    engine = tfjs(tf);
    // The cpu backend advertises the native one, at its first operation.
    console.warn = () => {};
    await kernels();
  });
  after(() => {
    console.warn = warn;
  });
  beforeEach(() => {
    tensors = tf.memory().numTensors;
  });
  afterEach(() => {
    assert.equal(tf.memory().numTensors, tensors, "tensors left behind");
  });

  /** A model with a layer of the user's own class, and one of a kind we do not know. */
  const custom = () => {
    class Scale extends tf.layers.Layer {
      #factor: ReturnType<typeof this.addWeight> | undefined;
      override build() {
        this.#factor = this.addWeight("factor", [1], "float32", tf.initializers.ones());
      }
      override call(inputs: Tensor | Tensor[]) {
        const x = Array.isArray(inputs) ? (inputs[0] as Tensor) : inputs;
        return this.#factor ? tf.mul(x, this.#factor.read()) : x;
      }
    }
    const layers = [
      tf.layers.conv2d({ inputShape: [4, 4, 1], filters: 2, kernelSize: 3, name: "c" }),
      tf.layers.prelu({ name: "p" }),
      new Scale({ name: "scale" }),
      tf.layers.flatten({ name: "f" }),
      tf.layers.dense({ units: 4, activation: "softmax", name: "d" }),
    ];
    return tf.sequential({ layers });
  };

  it("has the losses and gradients of the WASM engine to 1e-4 on images too", async () => {
    const pixels: Dataset = { ...formulaData(count, 192, 4), shape: [8, 8, 3] };
    for (const [net, trained] of [
      [deep, 6],
      [padded, 5],
    ] as const) {
      const start = { ...initialWeights(net, 3) };
      const step = (of: Engine) =>
        within(of, [net, pixels], { batch: count }, async (session) => {
          await session.write(start);
          const { loss } = await session.evaluate("test");
          await session.train(epoch(strided(count, 1), { rate: 0, momentum: 0, mu: 0 }));
          return { loss, ...(await session.read()) };
        });
      const [got, expected] = [await step(engine), await step(wasmEngine({ threads: 1 }))];
      assert.ok(Math.abs(got.loss - expected.loss) <= 1e-5 * expected.loss, net.name);
      // Running statistics have no gradient.
      const nonzero = (of: Weights) =>
        Object.fromEntries(Object.entries(of).filter(([, v]) => v.some((x) => x !== 0)));
      assert.equal(Object.keys(nonzero(expected.velocity)).length, trained);
      agree(nonzero(got.velocity), nonzero(expected.velocity), 1e-4);
      agree(nonzero(got.weights), nonzero(expected.weights), 1e-5);
    }
  });

  it("has the gradients of the WASM engine to 1e-4, penalty and importance weights included", async () => {
    for (const [mu, h] of [
      [0, undefined],
      [0.25, undefined],
      [0.25, importance],
    ] as const) {
      const gradient = (of: Engine) =>
        within(of, [net, data], { batch: count, importance: true }, async (session) => {
          await session.write(weights);
          await session.setTargets(targets, h);
          await session.train(epoch(strided(count, 1), { rate: 0, momentum: 0, mu }));
          return await session.read();
        });
      const [got, expected] = [await gradient(engine), await gradient(wasmEngine({ threads: 1 }))];
      agree(got.velocity, expected.velocity, 1e-4);
      assert.deepEqual(got.weights, weights);
    }
  });

  it("takes the same three steps as the WASM engine to 1e-4: Nesterov's, with a shorter last minibatch", async () => {
    const run = (of: Engine) =>
      within(of, [net, data], { batch: 8, importance: true }, async (session) => {
        await session.write(weights, formulaWeights(net, 0.1, 3));
        await session.setTargets(targets, importance);
        const result = await session.train(epoch(strided(count, 7), { mu: 0.5 }));
        return { ...(await session.read()), result };
      });
    const [got, expected] = [await run(engine), await run(wasmEngine({ threads: 1 }))];
    agree(got.weights, expected.weights, 1e-4);
    agree(got.velocity, expected.velocity, 1e-4);
    const { next, examples, finite, lossSum } = got.result;
    assert.deepEqual([next, examples, finite], [3, count, true]);
    assert.ok(Math.abs(lossSum / expected.result.lossSum - 1) < 1e-5);
  });

  it("evaluates and has the Fisher diagonal of the WASM engine, of weights given or its own", async () => {
    const other = formulaWeights(net, 0.4, 11);
    const run = (of: Engine) =>
      within(of, [net, data], { batch: 8 }, async (session) => {
        await session.write(weights);
        const evaluations = [
          await session.evaluate("train"),
          await session.evaluate("test", other),
        ];
        const fishers = [await session.fisher(), await session.fisher(other)];
        assert.deepEqual((await session.read()).weights, weights);
        return { evaluations, fishers };
      });
    const [got, expected] = [await run(engine), await run(wasmEngine({ threads: 1 }))];
    for (const i of [0, 1]) {
      const [a, b] = [got.evaluations[i], expected.evaluations[i]];
      assert.ok(a && b && Math.abs(a.loss / b.loss - 1) < 1e-5, `${a?.loss} and ${b?.loss}`);
      assert.deepEqual([a.errors, a.count], [b.errors, b.count]);
      agree(got.fishers[i] as Weights, expected.fishers[i] as Weights, 1e-4);
    }
  });

  it("batch norm of rows is that of images of one pixel", async () => {
    const pixels: Dataset = { ...data, shape: [1, 1, 12] };
    const run = (first: LayerSpec, name: string) => {
      const bn = { kind: "batchNorm", name: "bn" } as const;
      const layers = [first, bn, relu(), dense("out", 4)];
      const description = network({ name, input: [1, 1, 12], layers });
      return within(engine, [description, pixels], { batch: 8 }, async (session) => {
        await session.write(initialWeights(description, 5));
        await session.train(epoch(strided(count, 7)));
        const { loss } = await session.evaluate("test");
        const { weights } = await session.read();
        return { ...weights, loss: Float32Array.of(loss) };
      });
    };
    // No bias: before a batch norm its gradient is 0.
    const got = await run({ kind: "dense", name: "fc1", units: 9, bias: false }, "rows");
    agree(got, await run(conv2d("fc1", 9, { kernel: [1, 1], bias: false }), "pixels"), 1e-5);
  });

  it("dropout masks follow from the epoch's seed, also when an epoch goes on", async () => {
    const description = network({
      name: "dropping",
      input: [12],
      layers: [dense("fc1", 9), { kind: "dropout", rate: 0.5 }, dense("out", 4)],
    });
    let control = new AbortController();
    let stop = false;
    const loss = (labels: unknown, outputs: unknown) => {
      if (stop) control.abort();
      return tf.losses.softmaxCrossEntropy(labels as Tensor, outputs as Tensor);
    };
    await within(tfjs(tf, { loss }), [description, data], { batch: 5 }, async (session) => {
      const train = async (seed: number, stopped = false) => {
        await session.write(initialWeights(description, 1));
        for (let from = 0; from < 4; ) {
          [control, stop] = [new AbortController(), stopped];
          const { signal } = control;
          from = (await session.train(epoch(strided(count, 7), { seed, from, signal }))).next;
        }
        return (await session.read()).weights;
      };
      const whole = await train(3);
      assert.deepEqual(await train(3, true), whole);
      assert.notDeepEqual(await train(4), whole);
    });
  });

  it("an abort stops within a minibatch, timers run meanwhile, and the rest of the epoch follows", async () => {
    const order = strided(count, 7);
    await within(engine, [net, data], { batch: 1 }, async (session) => {
      await session.write(weights);
      await session.train(epoch(order));
      const whole = await session.read();
      await session.write(weights);
      const stop = new AbortController();
      setTimeout(() => stop.abort(), 1);
      const first = await session.train(epoch(order, { signal: stop.signal }));
      assert.ok(first.next > 0 && first.next < count, `stopped at ${first.next}`);
      assert.equal(first.examples, first.next);
      const rest = await session.train(epoch(order, { from: first.next }));
      assert.deepEqual([rest.next, rest.examples], [count, count - first.next]);
      assert.deepEqual(await session.read(), whole);
      const aborted = AbortSignal.abort(new Error("enough"));
      const none = await session.train(epoch(order, { from: 2, signal: aborted }));
      assert.deepEqual([none.next, none.examples], [2, 0]);
      await assert.rejects(session.evaluate("test", undefined, aborted), /enough/);
      await assert.rejects(session.fisher(undefined, aborted), /enough/);
    });
  });

  it("commands wait their turn, and one that fails leaves the next", () =>
    within(engine, [net, data], { batch: 8 }, async (session) => {
      await session.write(weights);
      const training = session.train(epoch(strided(count, 1), { rate: 0.1 }));
      const failed = assert.rejects(session.write({}), /is missing/);
      const [trained, , started] = [session.read(), session.write(weights), session.read()];
      assert.deepEqual((await started).weights, weights);
      assert.notDeepEqual((await trained).weights, weights);
      await Promise.all([training, failed]);
    }));

  it("reports progress at most every 100 ms", async () => {
    const slow = (labels: unknown, outputs: unknown) => {
      const start = performance.now();
      while (performance.now() - start < 30);
      return tf.losses.softmaxCrossEntropy(labels as Tensor, outputs as Tensor);
    };
    await within(tfjs(tf, { loss: slow }), [net, data], { batch: 2 }, async (session) => {
      await session.write(weights);
      const told: { at: number; batches: number }[] = [];
      const onProgress = ({ batches, loss }: { batches: number; loss: number }) => {
        assert.ok(loss > 0);
        told.push({ at: performance.now(), batches });
      };
      await session.train(epoch(strided(count, 1), { onProgress }));
      assert.ok(told.length > 0);
      for (const [i, { at, batches }] of told.slice(1).entries()) {
        const before = told[i] as { at: number; batches: number };
        assert.ok(at - before.at > 99 && batches > before.batches);
      }
    });
  });

  it("a loss that is not finite: no weight and no moving statistic has changed", async () => {
    const before = initialWeights(images, 1);
    const broken = { ...before, "out.b": new Float32Array(4).fill(Number.NaN) };
    await within(engine, [images, imageData], { batch: 5 }, async (session) => {
      await session.write(broken);
      const result = await session.train(epoch(strided(count, 1)));
      assert.deepEqual([result.finite, result.next, result.examples], [false, 0, 0]);
      assert.deepEqual((await session.read()).weights, broken);
      await assert.rejects(session.fisher(), (error) => isLCError(error, "LC_NONFINITE"));
      await session.write(before);
      assert.equal((await session.train(epoch(strided(count, 1)))).finite, true);
      const after = (await session.read()).weights;
      for (const key of Object.keys(before)) assert.notDeepEqual(after[key], before[key], key);
    });
  });

  it("compresses a convolutional network: w and Δ(Θ) come together, 2 levels and 10 kept weights", async () => {
    const start = model(images, initialWeights(images, 3));
    const solution = await compress(start)
      .layer("conv", quantize({ levels: 2 }))
      .layer("out", prune({ count: 10 }))
      .run({
        data: imageData,
        lStep: sgd({ rate: 0.05, epochs: 2, batch: 5 }),
        mu: geometric({ from: 0.1, factor: 3, steps: 5 }),
        engine,
      });
    assert.equal(solution.status, "finished");
    const slow = solution.notes.filter((note) => /cpu backend .* 200 times slower/.test(note));
    assert.equal(slow.length, tf.getBackend() === "cpu" ? 1 : 0, solution.notes.join(" "));
    const steps = solution.history.filter((record) => record.kind === "step");
    const distances = steps.map((record) => record.distance);
    assert.ok((distances.at(-1) as number) < (distances[0] as number) / 4, distances.join(" "));
    assert.equal(new Set(solution.model.weights["conv.w"]).size, 2);
    assert.equal(solution.model.weights["out.w"]?.filter((w) => w !== 0).length, 10);
  });

  it("compresses a model with custom layers and a loss of the user's, and gives its weights back", async () => {
    const theirs = custom();
    assert.throws(
      () => fromTfjs(theirs),
      /layer "p" \(PReLU\) is of .* layer "scale" \(custom\) is of a kind it cannot describe/,
    );
    const ours = fromTfjs(theirs, { customLayers: true });
    let called = 0;
    const loss = (labels: unknown, outputs: unknown) => {
      called++;
      // One number for each example.
      return tf.sum(tf.abs(tf.sub(outputs as Tensor, labels as Tensor)), 1);
    };
    const own = tfjs(tf, { model: theirs, loss });
    const solution = await compress(ours)
      .layer("d", quantize({ levels: 2 }))
      .run({
        data: imageData,
        lStep: sgd({ rate: 0.05, epochs: 1, batch: 5 }),
        mu: geometric({ from: 0.1, factor: 2, steps: 2 }),
        engine: own,
      });
    assert.ok(called > 8);
    assert.deepEqual(fromTfjs(theirs, { customLayers: true }).weights, ours.weights);
    for (const key of ["p.alpha", "scale.factor", "c.w", "d.b"]) {
      assert.notDeepEqual(solution.model.weights[key], ours.weights[key], key);
    }
    writeTfjs(tf, solution.model, theirs);
    assert.equal(new Set(theirs.getLayer("d").getWeights()[0]?.dataSync()).size, 2);
    await assert.rejects(
      wasmEngine({ threads: 1 }).open(ours.network, imageData, { batch: 5 }),
      /layer "c" is custom, which this engine cannot train/,
    );
    await assert.rejects(
      inference(solution),
      /^RangeError: inference: layer "c" is custom, which it does not have\. It has dense, .*; predict with the TensorFlow\.js model itself\.$/,
    );
    theirs.dispose();
  });

  it("a user's model that ends in a softmax trains as one of ours with logits", async () => {
    const theirs = tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [12], units: 9, activation: "tanh", name: "fc1" }),
        tf.layers.dense({ units: 7, activation: "relu", name: "fc2" }),
        tf.layers.dense({ units: 4, activation: "softmax", name: "out" }),
      ],
    });
    const run = (of: Engine, description: Network) =>
      within(of, [description, data], { batch: 8 }, async (session) => {
        await session.write(weights);
        await session.train(epoch(strided(count, 7)));
        return (await session.read()).weights;
      });
    const { network: read } = fromTfjs(theirs);
    agree(await run(tfjs(tf, { model: theirs }), read), await run(engine, net), 1e-5);
    theirs.dispose();
  });

  it("regularizers of the user's model belong to the loss, and frozen weights stay", async () => {
    const theirs = tf.sequential({
      layers: [
        tf.layers.dense({ inputShape: [12], units: 5, trainable: false, name: "frozen" }),
        tf.layers.dense({
          units: 4,
          useBias: false,
          kernelRegularizer: tf.regularizers.l2({ l2: 0.5 }),
          activation: "softmax",
          name: "d",
        }),
      ],
    });
    const ours = fromTfjs(theirs, { customLayers: true });
    assert.deepEqual(ours.network.names, ["d"]);
    const own = tfjs(tf, { model: theirs, loss: (labels, outputs) => zero(labels, outputs) });
    const zero = (labels: unknown, outputs: unknown) =>
      tf.mul(tf.sum(tf.sub(outputs as Tensor, labels as Tensor)), 0);
    await within(own, [ours.network, data], { batch: count }, async (session) => {
      const w = ours.weights["d.w"] as Float32Array;
      await session.train(epoch(strided(count, 1), { rate: 0, momentum: 0 }));
      const { velocity, weights: after } = await session.read();
      assert.ok(relative(velocity["d.w"] as Float32Array, w) < 1e-6, "gradient of ½ ‖w‖²");
      assert.deepEqual(after, ours.weights);
      const { loss } = await session.evaluate("test");
      const expected = w.reduce((sum, x) => sum + 0.5 * x * x, 0);
      assert.ok(Math.abs(loss / expected - 1) < 1e-5, `${loss} and ${expected}`);
    });
    theirs.dispose();
  });

  it("a loss that throws does so when the session is opened, and later leaves it usable", async () => {
    let broken = true;
    const loss = (labels: unknown, outputs: unknown) => {
      if (broken) throw new Error("my loss");
      return tf.losses.softmaxCrossEntropy(labels as Tensor, outputs as Tensor);
    };
    const own = tfjs(tf, { loss });
    await assert.rejects(own.open(images, imageData, { batch: 8 }), /my loss/);
    broken = false;
    await within(own, [images, imageData], { batch: 8 }, async (session) => {
      await session.write(initialWeights(images, 1));
      broken = true;
      await assert.rejects(session.evaluate("test"), /my loss/);
      broken = false;
      assert.equal((await session.train(epoch(strided(count, 1)))).next, 3);
    });
  });

  it("refuses what does not fit, by name", async () => {
    const open = (examples: Dataset, batch = 4) => engine.open(net, examples, { batch });
    await assert.rejects(
      open(formulaData(20, 13, 4)),
      /network "small" reads \[12\] = 12 values, formula data has \[1, 1, 13\] = 13/,
    );
    await assert.rejects(open(formulaData(20, 12, 5)), /labels must be from 0 to 3/);
    await assert.rejects(open(data, 21), /batch must be from 1 to the 20/);
    const short = { ...data, train: { ...data.train, count: 21 } };
    await assert.rejects(open(short), /21 × 12 pixels/);
    const theirs = custom();
    const wrong = tfjs(tf, { model: theirs }).open(net, data, { batch: 4 });
    await assert.rejects(wrong, /different parameters; only one has fc1.b \(9 × 1\)/);
    const { network: description } = fromTfjs(theirs, { customLayers: true });
    const own = tfjs(tf, { model: theirs });
    await within(own, [description, imageData], { batch: 4 }, async () => {
      const second = own.open(description, imageData, { batch: 4 });
      await assert.rejects(second, /is in another session/);
    });
    theirs.dispose();
    await within(engine, [net, data], { batch: 8 }, async (session) => {
      const { "fc1.b": _, ...rest } = weights;
      await assert.rejects(() => session.write(rest), /parameter "fc1.b" \(9 × 1\) is missing/);
      await assert.rejects(() => session.setTargets(targets, importance), /importance: true/);
      await assert.rejects(session.train(epoch(strided(19, 1))), /order must have 20 entries/);
    });
    const closed = await engine.open(net, data, { batch: 1 });
    const order = strided(count, 1);
    const ended = assert.rejects(closed.train(epoch(order)), /the session is closed/);
    await setImmediate();
    await Promise.all([ended, closed.close().then(() => closed.close())]);
    await assert.rejects(
      () => closed.read(),
      (error) => isLCError(error, "LC_ENGINE"),
    );
  });

  it("gives tfjs-node the functions of node:util that newer Nodes removed, and nobody else", () => {
    const old = util as { isArray?: unknown; isNullOrUndefined?: (x: unknown) => boolean };
    const { isArray, isNullOrUndefined } = old;
    try {
      delete old.isNullOrUndefined;
      delete old.isArray;
      tfjs({ ...tf, node: undefined });
      assert.equal(old.isNullOrUndefined, undefined);
      tfjs({ ...tf, node: {} });
      assert.deepEqual([null, undefined, 0].map(old.isNullOrUndefined as never), [
        true,
        true,
        false,
      ]);
      assert.equal(old.isArray, Array.isArray);
    } finally {
      Object.assign(old, { isArray, isNullOrUndefined });
    }
  });

  it("names its backend", async () => {
    await within(engine, [net, data], { batch: 8 }, async () => {});
    assert.equal(engine.name, `tfjs (${tf.getBackend()})`);
    assert.equal(engine.reproducible, false);
  });
});
