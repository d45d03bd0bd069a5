import assert from "node:assert/strict";
import { existsSync } from "node:fs";
import { mkdtemp, readdir, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Tensor } from "@tensorflow/tfjs-node";
import {
  binarize,
  compress,
  exportTfjs,
  float16,
  fromTfjs,
  isLCError,
  lowRank,
  perChannel,
  prune,
  quantize,
  ternarize,
  toTfjsFiles,
  uniform,
} from "../../src/index.ts";
import {
  averagePool,
  batchNorm,
  conv2d,
  dense,
  type LayerSpec,
  type Model,
  maxPool,
  model,
  network,
  relu,
  type Shape,
  tanh,
} from "../../src/net/network.ts";
import { lenet5, lenet300 } from "../../src/net/zoo.ts";
import { hashedWeights } from "../engine/image-formulas.ts";
import { imageOutputs } from "../engine/image-reference.ts";
import { float64 } from "../engine/reference.ts";
import { kernels } from "../engine/support.ts";
import { fileServer } from "../support/file-server.ts";
import { inputs, rowsOf } from "../support/inputs.ts";
import { solved } from "../support/solved.ts";
import { type RealTf, tfjsModule } from "../support/tfjs.ts";

const window = { kernel: [3, 2] } as const;
const first = conv2d("first", 3, { kernel: [1, 1] });

/** Name, input and layers of a network for each kind of layer with a form of its own. */
const cases: readonly (readonly [string, Shape, readonly LayerSpec[]])[] = [
  ["dense, dropout, relu", [7], [dense("fc", 4), { kind: "dropout", rate: 0.5 }, relu()]],
  ["dense that reads an image", [4, 3, 2], [dense("fc", 5, { bias: false }), tanh()]],
  [
    "conv2d same, strided",
    [7, 6, 2],
    [conv2d("c", 4, { ...window, padding: "same", stride: [2, 3] })],
  ],
  [
    "conv2d padded in pixels",
    [7, 6, 2],
    [
      conv2d("c", 4, { ...window, padding: [2, 1], stride: [3, 2] }),
      // The name that the zeros before c would have.
      { kind: "tanh", name: "c_pad" },
    ],
  ],
  ["conv2d padded as same", [7, 6, 2], [conv2d("c", 4, { kernel: [3, 3], padding: [1, 1] })]],
  [
    "maxPool behind relu, padded in pixels",
    [7, 6, 2],
    [first, relu(), maxPool(3, { padding: [2, 1] })],
  ],
  [
    "averagePool padded as same",
    [7, 6, 2],
    [first, averagePool(3, { stride: [1, 1], padding: [1, 1] })],
  ],
  ["pools to rows", [7, 6, 2], [first, maxPool(2), { kind: "globalAveragePool" }]],
  ["batchNorm", [5, 4, 2], [first, batchNorm("n", { epsilon: 0.01 }), { kind: "flatten" }]],
  [
    "add, strided and with more channels",
    [6, 6, 2],
    [conv2d("c", 5, { kernel: [2, 2], stride: [2, 2] }), { kind: "add", with: "input" }],
  ],
];

describe("tfjs files", () => {
  let tf: RealTf;
  let folder: string;
  before(async function () {
    const loaded = await tfjsModule();
    if (!loaded) return this.skip();
    tf = loaded;
    await kernels();
    folder = await mkdtemp(join(tmpdir(), "lclab-tfjs-"));
  });
  after(async () => {
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  /** As a page loads it. */
  async function loaded(files: ReadonlyMap<string, Uint8Array>) {
    const server = await fileServer(Object.fromEntries(files));
    try {
      return await tf.loadLayersModel(`${server.url}/model.json`);
    } finally {
      await server.close();
    }
  }

  /** Loads the files, and compares outputs with ours. */
  async function checkLogits(of: Model, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
    const theirs = await loaded(files);
    const x = inputs(3, of.network.input);
    const rows = rowsOf(x, 3);
    const { outputs } = imageOutputs(of.network, float64(of.weights), rows);
    const wanted = outputs.flatMap((row) => [...row]);
    const got = tf.tidy(() => {
      const y = theirs.predict(tf.tensor(x, [3, ...of.network.input])) as Tensor;
      return [...y.dataSync()];
    });
    theirs.dispose();
    assert.equal(got.length, wanted.length);
    for (const [i, y] of wanted.entries()) {
      assert.ok(Math.abs(y - (got[i] as number)) < 1e-5, `output ${i}: ${got[i]}, wanted ${y}`);
    }
  }

  for (const [name, input, layers] of cases) {
    it(`${name}: loadLayersModel gives our outputs`, async () => {
      const net = network({ name: "a case", input, layers, loss: "squaredError" });
      const weights = hashedWeights(net, 3);
      await checkLogits(model(net, weights), toTfjsFiles(model(net, weights)));
    });
  }

  const nets = [lenet300(), lenet5()].map(({ network: net }) => model(net, hashedWeights(net, 7)));
  for (const net of nets) {
    it(`${net.network.name}, low rank: two layers, our logits, and smaller`, async () => {
      const solution = solved(compress(net).each(net.network.names, lowRank({ rank: 4 }) as never));
      const file = await exportTfjs(solution, join(folder, "low-rank"), { logits: true });
      const { length } = net.network.names;
      for (const [layer, stored, bytes, dense] of file.table.rows.slice(0, length)) {
        assert.equal(stored, "two layers (float32; float32)", String(layer));
        assert.ok((bytes as number) < (dense as number));
      }
      const names = await readdir(join(folder, "low-rank"));
      const files = new Map<string, Uint8Array>();
      for (const each of names) files.set(each, await readFile(join(folder, "low-rank", each)));
      assert.deepEqual(names.sort(), ["group1-shard1of1.bin", "model.json"]);
      assert.equal(file.path, join(folder, "low-rank", "model.json"));
      assert.equal(
        file.bytes,
        [...files.values()].reduce((sum, { length }) => sum + length, 0),
      );
      await checkLogits(solution.model, files);
    });
  }

  it("scheme 2 is a row kernel and a column kernel, whatever the padding", async () => {
    const net = network({
      name: "rows and columns",
      input: [9, 8, 3],
      loss: "squaredError",
      layers: [
        conv2d("a", 6, { kernel: [5, 3], padding: "same", stride: [2, 3] }),
        conv2d("b", 8, { kernel: [3, 3], padding: [2, 1], stride: [2, 1], bias: false }),
        conv2d("c", 7, { kernel: [2, 2] }),
      ],
    });
    const solution = solved(
      compress(model(net, hashedWeights(net, 5)))
        .each(["a", "b"], lowRank({ rank: 3, scheme: 2, factors: float16() }))
        .layer("c", lowRank({ rank: 6 })),
    );
    const files = toTfjsFiles(solution);
    const { table } = await exportTfjs(solution, join(folder, "scheme2"));
    assert.deepEqual(
      table.rows.map(([, stored]) => stored).slice(0, 3),
      // 6 · (7 + 4 · 8) numbers would be more than 7 · 32.
      ["two layers (float16; float16)", "two layers (float16; float16)", "float32"],
    );
    const json = JSON.parse(Buffer.from(files.get("model.json") as Uint8Array).toString());
    const { layers } = json.modelTopology.model_config.config;
    const kernelOf = (name: string) =>
      layers.find((layer: { name: string }) => layer.name === name).config.kernel_size;
    assert.deepEqual(
      [kernelOf("a_thin"), kernelOf("a")],
      [
        [1, 3],
        [5, 1],
      ],
    );
    await checkLogits(solution.model, files);
  });

  it("evenly spaced codebooks and halves are stored as such, and come back bit for bit", async () => {
    const layers = [
      "binary",
      "ternary",
      "grid",
      "two",
      "half",
      "three",
      "channels",
      "sum",
    ] as const;
    const net = network({
      name: "stored",
      input: [12],
      layers: layers.flatMap((name) => [dense(name, 12), tanh()]),
    });
    const solution = solved(
      compress(model(net, hashedWeights(net, 9)))
        .layer("binary", binarize())
        .layer("ternary", ternarize())
        .layer("grid", uniform({ bits: 8 }))
        .layer("two", quantize({ levels: 2 }))
        .layer("half", float16())
        .layer("three", quantize({ levels: 3 }))
        .layer("channels", perChannel(binarize()))
        .layer("sum", quantize({ levels: 2 }).plus(prune({ count: 5 }))),
    );
    const { table } = await exportTfjs(solution, join(folder, "stored"));
    assert.deepEqual(table.rows.slice(0, layers.length), [
      ["binary", "codebook of 2, a byte each", 144, 576],
      ["ternary", "codebook of 3, a byte each", 144, 576],
      ["grid", "codebook of 255, a byte each", 144, 576],
      ["two", "codebook of 2, a byte each", 144, 576],
      ["half", "float16", 288, 576],
      ["three", "codebook of 3, as float32", 576, 576],
      ["channels", "codebook of 2 per row, as float32", 576, 576],
      ["sum", "float32", 576, 576],
    ]);
    const theirs = await loaded(toTfjsFiles(solution));
    const ours = fromTfjs(theirs);
    theirs.dispose();
    assert.equal(ours.network.loss, "softmaxCrossEntropy");
    assert.deepEqual(ours.weights, solution.model.weights);
    const plain = toTfjsFiles(solution, { decompress: true });
    assert.equal(plain.get("group1-shard1of1.bin")?.length, 4 * layers.length * (144 + 12));
  });

  it("weights beyond 4 MiB are in several files", async () => {
    const net = network({ name: "wide", input: [1100], layers: [dense("fc", 1000)] });
    const wide = model(net, hashedWeights(net, 1));
    const files = toTfjsFiles(wide);
    assert.deepEqual(
      [...files].slice(1).map(([name, { length }]) => [name, length]),
      [
        ["group1-shard1of2.bin", 2 ** 22],
        ["group1-shard2of2.bin", 4 * 1_101_000 - 2 ** 22],
      ],
    );
    const theirs = await loaded(files);
    assert.deepEqual(fromTfjs(theirs).weights, wide.weights);
    theirs.dispose();
    // A smaller network in the same folder leaves none of them, and all else.
    const dir = join(folder, "again");
    await exportTfjs(wide, dir);
    await writeFile(join(dir, "labels.txt"), "");
    await exportTfjs(nets[0] as Model, dir);
    const left = ["group1-shard1of1.bin", "labels.txt", "model.json"];
    assert.deepEqual((await readdir(dir)).sort(), left);
  });

  it("what tfjs has no layer for is named, and nothing is written", async () => {
    const refused = (layers: readonly LayerSpec[], message: RegExp) => {
      const net = network({ name: "refused", input: [6, 6, 2], layers });
      assert.throws(
        () => toTfjsFiles(model(net, hashedWeights(net, 2))),
        (error: Error) => error instanceof RangeError && message.test(error.message),
      );
    };
    refused(
      [first, { kind: "localResponseNorm", name: "lrn" }],
      /^exportTfjs: layer "lrn" is localResponseNorm, which has no layer in tfjs.*exportOnnx/,
    );
    refused(
      [first, maxPool(3, { padding: [2, 1], name: "pool" })],
      /layer "pool" \(maxPool\) pads by \[2,1\] pixels, which are no part of its maximum/,
    );
    refused(
      [first, relu(), averagePool(3, { padding: [2, 1], name: "pool" })],
      /layer "pool" \(averagePool\) pads by \[2,1\] pixels, which are no part of its mean/,
    );
    refused([conv2d("a b", 1, { kernel: [1, 1] })], /first, got layer "a b"\. Rename the layer\.$/);
    const lrn = network({
      name: "lrn",
      input: [6, 6, 2],
      layers: [first, { kind: "localResponseNorm" }],
    });
    const refusedAt = join(folder, "refused");
    await assert.rejects(exportTfjs(model(lrn, hashedWeights(lrn, 2)), refusedAt), RangeError);
    assert.equal(existsSync(refusedAt), false);
    await writeFile(join(folder, "file"), "");
    await assert.rejects(exportTfjs(nets[0] as Model, join(folder, "file", "net")), (error) =>
      isLCError(error, "LC_DISK"),
    );
  });
});
