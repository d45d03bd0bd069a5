import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { LayersModel, SymbolicTensor, Tensor } from "@tensorflow/tfjs-node";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import {
  conv2d,
  dense,
  type LayerSpec,
  model,
  network,
  relu,
  tanh,
  weightsOf,
} from "../../src/net/network.ts";
import { fromTfjs, toTfjs, writeTfjs } from "../../src/net/tfjs.ts";
import { lenet300 } from "../../src/net/zoo.ts";
import { formulaData, formulaWeights, kernels } from "../engine/support.ts";
import { type RealTf, tfjsModule } from "../support/tfjs.ts";

const image = [8, 8, 2] as const;

/** Every kind of layer, and both kinds of shortcut. */
const everything = network({
  name: "everything",
  input: image,
  layers: [
    conv2d("conv1", 4, { kernel: [3, 3], padding: "same" }),
    { kind: "batchNorm", name: "bn1", epsilon: 0.01, momentum: 0.25 },
    relu(),
    conv2d("conv2", 4, { kernel: [3, 2], padding: "same", bias: false }),
    { kind: "add", name: "sum", with: "relu3" },
    { kind: "sigmoid", name: "squash" },
    conv2d("conv3", 7, { kernel: [3, 3], stride: [2, 2], padding: "same" }),
    { kind: "add", name: "wider", with: "squash" },
    tanh(),
    { kind: "maxPool", size: [2, 2], stride: [1, 1] },
    { kind: "averagePool", size: [2, 2], padding: "same" },
    { kind: "dropout", rate: 0.5 },
    dense("fc", 6),
    tanh(),
    dense("out", 3, { bias: false }),
  ],
});

/** Test images as the rows of a tensor. */
function examples(tf: RealTf, shape: readonly number[], count = 5): Tensor {
  const size = shape.reduce((product, n) => product * n, 1);
  const x = Float32Array.from({ length: count * size }, (_, i) => ((i * 37) % 101) / 101 - 0.4);
  return tf.tensor(x, [count, ...shape]);
}

function predict(tf: RealTf, of: LayersModel, x: Tensor): Float32Array {
  return tf.tidy(() => Float32Array.from((of.predict(x) as Tensor).dataSync()));
}

function farthest(a: ArrayLike<number>, b: ArrayLike<number>): number {
  assert.equal(a.length, b.length);
  return Math.max(...Array.from(a, (value, i) => Math.abs(value - (b[i] as number))));
}

const positive = (weights: ReturnType<typeof formulaWeights>) =>
  Object.fromEntries(
    Object.entries(weights).map(([key, w]) => [
      key,
      key.endsWith(".variance") ? w.map((v) => Math.abs(v) + 0.5) : w,
    ]),
  );

describe("tfjs models", () => {
  let tf: RealTf;
  before(async function () {
    const loaded = await tfjsModule();
    if (!loaded) return this.skip();
    tf = loaded;
    await kernels();
  });

  it("fromTfjs(toTfjs(model)) has the same names and, bit for bit, the same weights", () => {
    const weights = positive(formulaWeights(everything, 0.7));
    const built = toTfjs(tf, model(everything, weights));
    const again = fromTfjs(built);
    assert.deepEqual(again.weights, weights);
    const { momentum, epsilon } = built.getLayer("bn1").getConfig();
    assert.deepEqual([momentum, epsilon], [0.75, 0.01]);
    const bn = again.network.layers.find(({ name }) => name === "bn1")?.spec;
    assert.deepEqual(bn, { kind: "batchNorm", name: "bn1", epsilon: 0.01, momentum: 0.25 });
    assert.deepEqual(again.network.names, everything.names);
    assert.equal(again.network.loss, "softmaxCrossEntropy");
    const layers = ({ layers }: { layers: readonly { spec: LayerSpec; name: string }[] }) =>
      layers.map(({ spec, name }) => `${name}: ${spec.kind}`);
    // The image before the dense layer is flattened by a layer of its own.
    const flat = layers(everything).flatMap((text) =>
      text === "fc: dense" ? ["fc_flatten: flatten", text] : [text],
    );
    assert.deepEqual(layers(again.network), flat);
    built.dispose();
  });

  it("LeNet300 has its 266,610 parameters in tfjs too", () => {
    const built = toTfjs(tf, lenet300({ activation: "relu" }));
    assert.equal(built.countParams(), 266_610);
    built.dispose();
  });

  it("the library imports nothing of tfjs at run time", () => {
    const files = readdirSync("src", { recursive: true, encoding: "utf8" });
    const sources = files.filter((file) => file.endsWith(".ts"));
    assert.ok(sources.length > 50);
    for (const file of sources) {
      const code = readFileSync(join("src", file), "utf8").replaceAll(/^ *\/?\*.*$/gm, "");
      assert.doesNotMatch(code, /["']@tensorflow\//, file);
    }
  });

  it("a third model made from the second predicts the same to 1e-5, batch norm and shortcuts included", () => {
    const first = toTfjs(tf, model(everything, positive(formulaWeights(everything, 0.7))));
    const second = toTfjs(tf, fromTfjs(first));
    const x = examples(tf, image);
    const [a, b] = [predict(tf, first, x), predict(tf, second, x)];
    assert.ok(farthest(a, b) <= 1e-5, `farthest: ${farthest(a, b)}`);
    assert.ok(farthest(a.subarray(0, 3), a.subarray(3, 6)) > 1e-3, "examples differ");
    for (const made of [first, second]) made.dispose();
  });

  it("a shortcut of fewer channels is x[2i, 2j, c], zeros behind: ResNet's option A", () => {
    const net = network({
      name: "shortcut",
      input: [6, 6, 2],
      loss: "squaredError",
      layers: [
        conv2d("conv", 5, { kernel: [1, 1], stride: [2, 2], bias: false }),
        { kind: "add", name: "sum", with: "input" },
      ],
    });
    const built = toTfjs(tf, model(net, { "conv.w": new Float32Array(10) }));
    const x = examples(tf, [6, 6, 2], 1);
    const [y, values] = [predict(tf, built, x), x.dataSync()];
    for (const [at, value] of y.entries()) {
      const [i, j, c] = [Math.floor(at / 15), Math.floor(at / 5) % 3, at % 5];
      const expected = c < 2 ? values[(2 * i * 6 + 2 * j) * 2 + c] : 0;
      assert.equal(value, expected, `[${i}, ${j}, ${c}]`);
    }
    assert.deepEqual(
      fromTfjs(built).network.layers.map(({ name, inputs }) => [name, ...inputs]),
      [
        ["conv", "input"],
        ["sum", "conv", "input"],
      ],
    );
    built.dispose();
    x.dispose();
  });

  it("paddings in pixels are zeros around the image in tfjs, and paddings again here", () => {
    const layers: readonly LayerSpec[] = [
      conv2d("c1", 3, { kernel: [5, 3], stride: [2, 2], padding: [2, 1] }),
      relu(),
      { kind: "maxPool", name: "pool", size: [3, 3], stride: [2, 2], padding: [1, 1] },
      conv2d("c2", 2, { kernel: [3, 3], padding: [1, 1] }),
      dense("out", 2),
    ];
    const net = network({ name: "padded", input: [9, 8, 2], layers });
    const ours = model(net, formulaWeights(net, 0.6));
    const built = toTfjs(tf, ours);
    const again = fromTfjs(built);
    const paddings = again.network.layers.flatMap(({ name, spec }) =>
      "padding" in spec ? [`${name}: ${String(spec.padding)}`] : [],
    );
    // For c2 that is "same", which tfjs has a name for.
    assert.deepEqual(paddings, ["c1: 2,1", "pool: 1,1", "c2: same"]);
    assert.deepEqual(again.weights, ours.weights);
    built.dispose();
  });

  it("a user's functional model with activations inside its layers keeps its predictions", () => {
    const input = tf.input({ shape: [6, 6, 1] });
    const conv = tf.layers.conv2d({ filters: 3, kernelSize: 3, activation: "relu", name: "c1" });
    const c1 = conv.apply(input) as SymbolicTensor;
    const same = { filters: 3, kernelSize: 3, padding: "same", useBias: false } as const;
    const c2 = tf.layers.conv2d({ ...same, name: "c2" }).apply(c1) as SymbolicTensor;
    const sum = tf.layers.add({ name: "sum" }).apply([c2, c1]) as SymbolicTensor;
    const bn = tf.layers.batchNormalization({ name: "bn" }).apply(sum) as SymbolicTensor;
    const rectified = tf.layers.reLU({ name: "rectified" }).apply(bn) as SymbolicTensor;
    const pooled = tf.layers.globalAveragePooling2d({ name: "gap" }).apply(rectified);
    const out = tf.layers
      .dense({ units: 4, activation: "softmax", name: "out" })
      .apply(pooled as SymbolicTensor) as SymbolicTensor;
    const theirs = tf.model({ inputs: input, outputs: out });
    const ours = fromTfjs(theirs);
    assert.deepEqual(ours.network.names, ["c1", "c2", "out"]);
    assert.deepEqual(
      ours.network.layers.map(({ name, inputs }) => `${name} ← ${inputs.join(" + ")}`),
      [
        "c1 ← input",
        "c1_relu ← c1",
        "c2 ← c1_relu",
        "sum ← c2 + c1_relu",
        "bn ← sum",
        "rectified ← bn",
        "gap ← rectified",
        "out ← gap",
      ],
    );
    const back = toTfjs(tf, ours);
    const x = examples(tf, [6, 6, 1]);
    assert.ok(farthest(predict(tf, theirs, x), predict(tf, back, x)) <= 1e-5);
    theirs.dispose();
    back.dispose();
  });

  it("a kernel (kh, kw, cin, cout) becomes filters × (kh·kw·cin), and (in, out) units × inputs", () => {
    const theirs = tf.sequential({
      layers: [
        tf.layers.conv2d({ inputShape: [4, 4, 2], filters: 3, kernelSize: [2, 3], name: "c" }),
        tf.layers.flatten(),
        tf.layers.dense({ units: 2, name: "d" }),
      ],
    });
    const ours = fromTfjs(theirs);
    const [kernel, , matrix] = theirs.getWeights().map((w) => w.arraySync()) as [
      number[][][][],
      unknown,
      number[][],
    ];
    const c = weightsOf(ours, "c");
    assert.deepEqual([c.rows, c.cols], [3, 12]);
    assert.equal(c.data[2 * 12 + (1 * 3 + 2) * 2 + 1], kernel[1]?.[2]?.[1]?.[2]);
    const d = weightsOf(ours, "d");
    assert.equal(d.data[1 * d.cols + 5], matrix[5]?.[1]);
    assert.equal(ours.network.loss, "squaredError");
    assert.equal(
      fromTfjs(theirs, { loss: "softmaxCrossEntropy" }).network.loss,
      "softmaxCrossEntropy",
    );
    theirs.dispose();
  });

  it("a dense net has the same loss and errors in tfjs and in the WASM engine", async () => {
    const net = network({
      name: "dense",
      input: [12],
      layers: [dense("fc1", 9), tanh(), dense("fc2", 7), relu(), dense("out", 4)],
    });
    const data = formulaData(20, 12, 4);
    const made = toTfjs(tf, model(net, formulaWeights(net, 0.5)));
    const ours = fromTfjs(made);
    const x = Float32Array.from(
      data.train.images,
      (pixel, i) => pixel / 255 - (data.mean[i % 12] as number),
    );
    const p = predict(tf, made, tf.tensor(x, [20, 12]));
    let [loss, errors] = [0, 0];
    for (const [n, label] of data.train.labels.entries()) {
      const row = p.subarray(n * 4, n * 4 + 4);
      loss -= Math.log(row[label] as number) / 20;
      if (row.indexOf(Math.max(...row)) !== label) errors++;
    }
    const session = await wasmEngine({ threads: 1 }).open(ours.network, data, { batch: 5 });
    const evaluation = await session.evaluate("train", ours.weights);
    await session.close();
    assert.ok(Math.abs(evaluation.loss - loss) <= 1e-5, `${evaluation.loss} and ${loss}`);
    assert.equal(evaluation.errors, errors);
    made.dispose();
  });

  it("names every layer and option it cannot describe in one RangeError", () => {
    const theirs = tf.sequential({
      layers: [
        tf.layers.conv2d({
          inputShape: [9, 9, 1],
          filters: 2,
          kernelSize: 3,
          dilationRate: 2,
          name: "c",
        }),
        tf.layers.depthwiseConv2d({ kernelSize: 2, name: "deep" }),
        tf.layers.dense({ units: 3, activation: "elu", name: "wide" }),
        tf.layers.flatten(),
        tf.layers.dense({
          units: 2,
          kernelRegularizer: tf.regularizers.l2({ l2: 0.1 }),
          activation: "softmax",
          name: "d",
        }),
        tf.layers.dense({ units: 2, trainable: false, name: "frozen" }),
      ],
    });
    assert.throws(
      () => fromTfjs(theirs),
      (error: Error) =>
        error instanceof RangeError &&
        [
          'layer "c" (Conv2D) has dilationRate [2,2]',
          'layer "deep" (DepthwiseConv2D) is of a kind it cannot describe',
          'layer "wide" (Dense) reads 3 axes; put a flatten layer before it',
          'layer "wide" (Dense) has the activation elu',
          'layer "d" (Dense) has a kernelRegularizer',
          'layer "d" (Dense) has a softmax that is not at the end',
          'layer "frozen" (Dense) has trainable false',
        ].every((text) => error.message.includes(text)),
    );
    theirs.dispose();
  });

  it("names shared layers, several inputs, axes without size, and a softmax with another loss", () => {
    const [a, b] = [tf.input({ shape: [3] }), tf.input({ shape: [3] })];
    const shared = tf.layers.dense({ units: 3, name: "shared" });
    const once = shared.apply(a) as SymbolicTensor;
    const twice = shared.apply(once) as SymbolicTensor;
    const add = (list: SymbolicTensor[]) => tf.layers.add().apply(list) as SymbolicTensor;
    const both = tf.model({ inputs: a, outputs: add([once, twice]) });
    assert.throws(() => fromTfjs(both), /layer "shared" is used more than once/);
    const inputs = tf.model({ inputs: [a, b], outputs: add([a, b]) });
    assert.throws(() => fromTfjs(inputs), /one input and one output, got 2 and 1/);
    const open = tf.sequential({
      layers: [tf.layers.conv2d({ inputShape: [null, null, 1], filters: 1, kernelSize: 1 })],
    });
    assert.throws(() => fromTfjs(open), /must have a size, got \[\?, \?, 1\]/);
    const end = tf.sequential({
      layers: [tf.layers.dense({ inputShape: [3], units: 2, activation: "softmax", name: "d" })],
    });
    assert.throws(
      () => fromTfjs(end, { loss: "squaredError" }),
      /layer "d" \(Dense\) ends in a softmax, but the loss is squaredError/,
    );
    for (const made of [both, open, end]) made.dispose();
  });

  it("with customLayers, known kernels are compressible, and writeTfjs puts weights back", () => {
    const theirs = tf.sequential({
      layers: [
        tf.layers.conv2d({ inputShape: [6, 6, 1], filters: 2, kernelSize: 3, name: "c" }),
        tf.layers.prelu({ name: "p" }),
        tf.layers.flatten({ name: "f" }),
        tf.layers.dense({ units: 3, trainable: false, name: "frozen" }),
        tf.layers.dense({ units: 3, activation: "softmax", name: "d" }),
      ],
    });
    const ours = fromTfjs(theirs, { customLayers: true });
    assert.deepEqual(ours.network.names, ["c", "d"]);
    assert.deepEqual(Object.keys(ours.weights), [
      ...["c.w", "c.b", "p.alpha", "frozen.w", "frozen.b", "d.w", "d.b"],
    ]);
    const other = formulaWeights(ours.network, 0.5);
    writeTfjs(tf, model(ours.network, other), theirs);
    assert.deepEqual(fromTfjs(theirs, { customLayers: true }).weights, other);
    assert.throws(
      () => toTfjs(tf, ours),
      /toTfjs: layer "c" is custom, which has no layer in tfjs/,
    );
    const small = tf.sequential({ layers: [tf.layers.dense({ inputShape: [2], units: 2 })] });
    assert.throws(() => writeTfjs(tf, ours, small), /have different parameters; only one has c.b/);
    theirs.dispose();
    small.dispose();
  });

  it("reads and writes without leaving a tensor behind", () => {
    const before = tf.memory().numTensors;
    const built = toTfjs(tf, model(everything, positive(formulaWeights(everything, 0.7))));
    const made = tf.memory().numTensors - before;
    assert.equal(made, everything.parameters.length);
    writeTfjs(tf, fromTfjs(built), built);
    assert.equal(tf.memory().numTensors - before, made);
    built.dispose();
    assert.equal(tf.memory().numTensors, before);
  });
});
