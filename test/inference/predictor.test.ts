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
  perChannel,
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
      const { weightBytes, packedBytes, denseBytes, workBytes } = predictor.memory;
      assert.equal(packedBytes, (await save(solution, join(folder, "net.safetensors"))).data);
      assert.ok(weightBytes <= 1.1 * packedBytes, `${weightBytes} bytes, packed ${packedBytes}`);
      assert.equal(denseBytes, 4 * 266_610);
      assert.ok(dense.memory.weightBytes >= denseBytes);
      const { passExamples, readBytes } = predictor.memory;
      const activations = 4 * passExamples * (784 + 304 + 104 + 16);
      const tile = 32 * 784;
      assert.ok(workBytes >= activations + tile, `${workBytes} bytes`);
      assert.ok(workBytes <= activations + tile + 16_384, `${workBytes} bytes`);
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

  it("gives pixels the logits of x = pixel / 255 − mean, in rows and in images", async () => {
    for (const of of [net, model(everything, hashedWeights(everything, 4))]) {
      const inputs = of.network.input.reduce((a, b) => a * b);
      const mean = Float32Array.from({ length: inputs }, (_, k) => (k % 7) / 8);
      const pixels = Uint8Array.from({ length: 21 * inputs }, (_, i) => (i * i) % 251);
      const x = Float32Array.from(
        pixels,
        (pixel, i) => Math.fround(pixel / 255) - (mean[i % inputs] as number),
      );
      const predictor = await inference(of, { mean });
      assert.deepEqual(await predictor.logits(pixels), await predictor.logits(x));
    }
  });

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

  it("gives the bits of dense inference for a sum of prunings", async () => {
    const c = prune({ keep: 0.03 }).plus(prune({ keep: 0.02 }));
    const solution = solved(compress(net).each(net.network.names, c));
    const x = inputs(3, [784]);
    const wanted = await (await inference(solution.model)).logits(x);
    assert.deepEqual(await (await inference(solution)).logits(x), wanted);
  });

  it("counts what is read: of a convolution by Winograd's algorithm the transformed weights, nothing of a batch norm", async () => {
    const predictor = await inference(model(everything, hashedWeights(everything, 4)));
    const { readBytes, weightBytes } = predictor.memory;
    // In panels of 8 × 8 float32, and biases in cache lines.
    const [a, b, c] = [2 * 4 * 256, 3 * 18 * 256 + 128, 2 * 5 * 256 + 64];
    assert.equal(readBytes(8) - readBytes(4), a + b + c);
    assert.equal(readBytes(4), weightBytes - 4 * 64);
    const winograd = network({
      name: "winograd",
      input: [6, 6, 8],
      layers: [conv2d("a", 16, { kernel: [3, 3], bias: false }), dense("out", 2)],
    });
    const { memory } = await inference(model(winograd, hashedWeights(winograd, 4)));
    assert.equal(memory.readBytes(8) - memory.readBytes(4), 4 * 4 * 2 * 256);
  });

  it("says which layers take much more than in the file", async () => {
    const small = network({ name: "small", input: [256], layers: [dense("fc", 64)] });
    const of = model(small, hashedWeights(small, 3));
    const c = perChannel(prune({ keep: 0.2, values: quantize({ levels: 2 }) }));
    const solution = solved(compress(of).layer("fc", c));
    const predictor = await inference(solution);
    const [note = "", ...others] = predictor.notes;
    const { weightBytes, packedBytes } = predictor.memory;
    // Without the bias.
    const [here, stored] = [weightBytes - 256, packedBytes - 256].map((n) =>
      n.toLocaleString("en"),
    );
    assert.equal(note, `Layer "fc": its weights take ${here} bytes here, ${stored} in the file.`);
    assert.deepEqual(others, []);
    assert.ok(weightBytes > 4 * 0.2 * 256 * 64);
  });

  const twisted = {
    "positions that repeat": () => ({
      indices: Uint32Array.of(5, 5, 9),
      values: Float32Array.of(1, 2, 3),
    }),
    "positions that descend": () => ({
      indices: Uint32Array.of(9, 5),
      values: Float32Array.of(1, 2),
    }),
    "a position that no weight has": () => ({
      indices: Uint32Array.of(5, 999),
      values: Float32Array.of(1, 2),
    }),
    "factors of another matrix": (rows: number, cols: number) => ({
      ...{ rows: 2 * rows, cols: cols / 2, height: 1, rank: 1 },
      ...{ u: new Float32Array(2 * rows).fill(0.5), v: new Float32Array(cols / 2).fill(0.25) },
    }),
    "factors of a kernel of two rows": (rows: number, cols: number) => ({
      ...{ rows, cols, height: 2, rank: 1 },
      ...{ u: new Float32Array(2 * rows).fill(0.5), v: new Float32Array(cols / 2).fill(0.25) },
    }),
  };
  for (const [what, thetaOf] of Object.entries(twisted)) {
    it(`takes a θ of one's own for what it is: ${what}`, async () => {
      const own = defineCompression<object>({
        ...{ name: "own", exact: false, elementwise: true, bits: () => 32 },
        cStep: ({ rows, cols }) => thetaOf(rows, cols),
        decompress: (theta) => {
          const data = new Float64Array(12 * 8);
          const { indices, values } = theta as ReturnType<
            (typeof twisted)["positions that repeat"]
          >;
          if (!indices) data.fill(0.125);
          for (const [k, at] of (indices ?? []).entries()) {
            if (at < data.length) data[at] = (data[at] as number) + (values[k] as number);
          }
          return { rows: 8, cols: 12, data };
        },
      });
      const small = network({ name: "small", input: [12], layers: [dense("fc", 8)] });
      const solution = solved(
        compress(model(small, hashedWeights(small, 3))).layer("fc", own as never),
      );
      const predictor = await inference(solution);
      assert.match(predictor.notes.join(), /^Layer "fc": .* its weights are float32, 384 bytes\.$/);
      const x = inputs(2, [12]);
      assertLogits(await predictor.logits(x), solution.model, x);
    });
  }

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
    for (const bad of [Number.NaN, Number.NEGATIVE_INFINITY]) {
      const mean = new Float32Array(784);
      mean[7] = bad;
      const message = new RegExp(
        `^RangeError: inference: mean must be finite numbers, got ${bad} as value 7\\. Give`,
      );
      await refused(() => inference(net, { mean }), message);
    }
    for (const mean of [null, Array.from({ length: 784 }, () => 0)]) {
      await refused(
        () => inference(net, { mean: mean as never }),
        /^TypeError: inference: mean must be a Float32Array, got \[object (Null|Array)\]\. Give/,
      );
    }
    for (const [of, got] of [
      [null, "null"],
      [undefined, "undefined"],
      [{}, "an object with nothing in it"],
      [{ tasks: [] }, "an object with tasks"],
    ] as const) {
      const message = new RegExp(
        `^TypeError: inference: give a solution, what load gave, or a model .*, got ${got}\\. Write inference\\(solution\\)`,
      );
      await refused(() => inference(of as never), message);
    }
    const rows = network({
      name: "rows",
      input: [4],
      layers: [dense("a", 3), batchNorm("n"), dense("b", 2)],
    });
    await refused(
      () => inference(model(rows, hashedWeights(rows, 1))),
      /^RangeError: inference: layer "n" \(batchNorm\) reads rows of values; it must read images/,
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
