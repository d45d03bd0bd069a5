import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  compress,
  defineCompression,
  inference,
  isLCError,
  lenet300,
  load,
  model,
  prune,
  quantize,
  save,
} from "../../src/index.ts";
import {
  averagePool,
  batchNorm,
  conv2d,
  dense,
  dropout,
  maxPool,
  network,
  relu,
} from "../../src/net/network.ts";
import { hashedData, hashedWeights } from "../engine/image-formulas.ts";
import { kernels, withSession } from "../engine/support.ts";
import { inputs } from "../support/inputs.ts";
import { solved } from "../support/solved.ts";
import { assertLogits } from "./logits.ts";

const oneBitPlus1 = quantize({ levels: 2 }).plus(prune({ keep: 0.01 }));
const net = lenet300({ seed: 1 });

/** A layer of every kind. */
const everything = network({
  name: "everything",
  input: [12, 12, 3],
  layers: [
    conv2d("a", 16, { kernel: [3, 3], padding: "same", bias: false }),
    batchNorm("an"),
    relu(),
    { kind: "localResponseNorm" },
    maxPool(2, { name: "half" }),
    conv2d("b", 20, { kernel: [3, 3], padding: "same", stride: [2, 2] }),
    { kind: "add", with: "half" },
    { kind: "sigmoid" },
    conv2d("c", 9, { kernel: [2, 1] }),
    averagePool(2),
    dropout(0.5),
    dense("d", 13),
    { kind: "tanh" },
    dense("e", 10),
  ],
});

describe("inference", () => {
  let folder: string;
  before(async () => {
    await kernels();
    folder = await mkdtemp(join(tmpdir(), "lclab-inference-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const tasks = {
    "per layer": () => compress(net).each(net.network.names, oneBitPlus1),
    jointly: () => compress(net).joint(net.network.names, oneBitPlus1),
  };
  for (const [how, plan] of Object.entries(tasks)) {
    it(`LeNet300 with Q+P ${how}: the bits of dense inference from a twentieth of the bytes`, async () => {
      const solution = solved(plan());
      const x = inputs(150, [784]);
      const predictor = await inference(solution);
      const dense = await inference(solution.model);
      const [found, wanted] = [await predictor.logits(x), await dense.logits(x)];
      assert.deepEqual(found, wanted);
      assertLogits(found.subarray(0, 30), solution.model, x.subarray(0, 3 * 784));
      const { weightBytes, packedBytes, denseBytes } = predictor.memory;
      assert.equal(packedBytes, (await save(solution, join(folder, "net.safetensors"))).data);
      assert.ok(weightBytes <= 1.1 * packedBytes, `${weightBytes} bytes, packed ${packedBytes}`);
      assert.equal(denseBytes, 4 * 266_610);
      assert.ok(dense.memory.weightBytes >= denseBytes);
      const { passExamples, readBytes } = predictor.memory;
      assert.deepEqual(
        [1, passExamples, passExamples + 1].map(readBytes),
        [1, 1, 2].map((n) => n * weightBytes),
      );
      const loaded = await inference(await load(join(folder, "net.safetensors")));
      assert.deepEqual(await loaded.logits(x), wanted);
      assert.equal(loaded.memory.weightBytes, weightBytes);
    });
  }

  for (const [name, compression] of [
    ["plain", undefined],
    ["Q+P", oneBitPlus1],
  ] as const) {
    it(`computes layers of every kind, ${name}`, async () => {
      const of = model(everything, hashedWeights(everything, 4));
      const solution = compression && solved(compress(of).each(of.network.names, compression));
      const predictor = await inference(solution ?? of);
      const x = inputs(6, everything.input);
      assertLogits(await predictor.logits(x), solution?.model ?? of, x);
    });

    it(`gives each example its logits, whatever comes with it, ${name}`, async () => {
      const of = model(everything, hashedWeights(everything, 4));
      const solution = compression && solved(compress(of).each(of.network.names, compression));
      const predictor = await inference(solution ?? of);
      const size = 12 * 12 * 3;
      const count = predictor.memory.passExamples + 21;
      const x = inputs(count, everything.input);
      const all = await predictor.logits(x);
      const pieces = [1, 2, 4, 13].map((n, i, list) => {
        const from = list.slice(0, i).reduce((a, b) => a + b, 0);
        return predictor.logits(x.subarray(from * size, (from + n) * size));
      });
      const again = await Promise.all([...pieces, predictor.logits(x.subarray(20 * size))]);
      assert.deepEqual(Float32Array.from(again.flatMap((z) => [...z])), all);
    });
  }

  it("evaluates as the engine does, and predicts the classes of the logits", async () => {
    const of = model(everything, hashedWeights(everything, 4));
    const solution = solved(compress(of).each(of.network.names, oneBitPlus1));
    const data = hashedData(everything, 40, 3);
    const predictor = await inference(solution, { mean: data.mean });
    const found = await predictor.evaluate(data.train);
    const wanted = await withSession(everything, data, { batch: 40 }, (session) =>
      session.evaluate("train", solution.model.weights),
    );
    assert.ok(Math.abs(found.loss / wanted.loss - 1) < 1e-5);
    assert.deepEqual({ ...found, loss: 0 }, { ...wanted, loss: 0 });
    const classes = await predictor.predict(data.train.images);
    const logits = await predictor.logits(data.train.images);
    assert.deepEqual(
      classes,
      Uint32Array.from(data.train.labels, (_, n) => {
        const row = [...logits.subarray(10 * n, 10 * n + 10)];
        return row.indexOf(Math.max(...row));
      }),
    );
    const wrong = classes.filter((c, n) => c !== data.train.labels[n]).length;
    assert.equal(wrong, found.errors);
    assert.ok(wrong > 0 && wrong < 40);
  });

  it("says which layers are not packed", async () => {
    const halves = defineCompression<Float64Array>({
      name: "halves",
      exact: false,
      elementwise: true,
      cStep: ({ data }) => data.map((w) => w / 2),
      decompress: (data) => ({ rows: 300, cols: 784, data }),
      bits: (data) => 64 * data.length,
    });
    const solution = solved(
      compress(net)
        .layer("fc1", halves)
        .layer("out", quantize({ levels: 2 })),
    );
    const predictor = await inference(solution);
    assert.deepEqual(predictor.notes, [
      'Layer "fc1": its compression has no packed form here; its weights are float32, 940,800 bytes.',
    ]);
    const x = inputs(2, [784]);
    assertLogits(await predictor.logits(x), solution.model, x);
  });

  it("refuses inputs that it cannot mean, and says what to write", async () => {
    const predictor = await inference(net);
    const refused = async (run: () => Promise<unknown>, message: RegExp) =>
      assert.rejects(run, (error: Error) => message.test(`${error.name}: ${error.message}`));
    await refused(
      () => predictor.logits(new Float32Array(1000)),
      /^RangeError: logits: x must have whole examples of 28 × 28 × 1 = 784 values, got 1000, which is 1\.28 of them\.$/,
    );
    await refused(
      () => predictor.predict(new Uint8Array(784)),
      /^RangeError: predict: pixels need the mean .* Write inference\(…, \{ mean: data\.mean \}\), or give x/,
    );
    await refused(
      () => predictor.logits([1] as unknown as Float32Array),
      /^TypeError: logits: x must be a Float32Array .* got \[object Array\]\.$/,
    );
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const x = new Float32Array(2 * 784);
      x[784 + 5] = bad;
      const message = new RegExp(
        `^RangeError: logits: x must be finite numbers, got ${bad} as value 5 of example 1\\.$`,
      );
      await refused(() => predictor.logits(x), message);
    }
    await refused(
      () => inference(net, { mean: new Float32Array(3) }),
      /^RangeError: inference: mean must have a number for each of the 28 × 28 × 1 = 784 inputs, got 3\. /,
    );
    const withMean = await inference(net, { mean: new Float32Array(784) });
    const images = new Uint8Array(784);
    await refused(
      () => withMean.evaluate({ images, labels: Uint8Array.of(10), count: 1 }),
      /^RangeError: evaluate: labels must be from 0 to 9, the network's outputs; label 0 of the split is 10\./,
    );
    await refused(
      () => withMean.evaluate({ images, labels: Uint8Array.of(1, 2), count: 2 }),
      /^RangeError: evaluate: the split must have 2 × 784 pixels and 2 labels, got 784 and 2\.$/,
    );
    assert.deepEqual(await predictor.logits(new Float32Array()), new Float32Array());
    predictor.close();
    predictor.close();
    await assert.rejects(
      () => predictor.logits(new Float32Array(784)),
      (error) => isLCError(error, "LC_ENGINE") && /the predictor is closed/.test(error.message),
    );
  });
});
