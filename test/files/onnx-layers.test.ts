import assert from "node:assert/strict";
import { toOnnx } from "../../src/files/onnx.ts";
import {
  averagePool,
  batchNorm,
  conv2d,
  dense,
  type LayerSpec,
  maxPool,
  model,
  network,
  relu,
  type Shape,
  tanh,
} from "../../src/net/network.ts";
import { hashedWeights } from "../engine/image-formulas.ts";
import { imageOutputs } from "../engine/image-reference.ts";
import { float64 } from "../engine/reference.ts";
import { inputs, rowsOf } from "../support/inputs.ts";
import { type OnnxRuntime, onnxruntimeWeb, outputsOf } from "../support/onnxruntime.ts";

/** A convolution before the layer of a case, so that each network has weights. */
const first = conv2d("first", 3, { kernel: [1, 1] });
const window = { kernel: [3, 2] } as const;

/** Name, input and layers of a network for each kind of layer, and each of its options. */
const cases: readonly (readonly [string, Shape, readonly LayerSpec[]])[] = [
  ["dense", [7], [dense("fc", 4)]],
  ["dense without bias", [7], [dense("fc", 4, { bias: false })]],
  ["dense that reads an image", [4, 3, 2], [dense("fc", 5)]],
  ["dense on two axes", [3, 4], [dense("fc", 5)]],
  ["conv2d", [7, 6, 2], [conv2d("c", 4, window)]],
  ["conv2d same", [7, 6, 2], [conv2d("c", 4, { ...window, padding: "same", bias: false })]],
  [
    "conv2d same, strided",
    [7, 6, 2],
    [conv2d("c", 4, { ...window, padding: "same", stride: [2, 3] })],
  ],
  [
    "conv2d padded in pixels",
    [7, 6, 2],
    [conv2d("c", 4, { ...window, padding: [2, 1], stride: [3, 2] })],
  ],
  ["maxPool", [7, 6, 2], [first, maxPool(2)]],
  ["maxPool same", [7, 6, 2], [first, maxPool(3, { stride: [2, 2], padding: "same" })]],
  ["maxPool padded in pixels", [7, 6, 2], [first, maxPool(3, { padding: [1, 2] })]],
  ["averagePool", [7, 6, 2], [first, averagePool(2)]],
  ["averagePool same", [7, 6, 2], [first, averagePool(3, { stride: [2, 1], padding: "same" })]],
  ["averagePool padded in pixels", [7, 6, 2], [first, averagePool(3, { padding: [2, 1] })]],
  ["globalAveragePool", [7, 6, 2], [first, { kind: "globalAveragePool" }]],
  ["batchNorm of an image", [5, 4, 2], [first, batchNorm("n", { epsilon: 0.01 })]],
  ["batchNorm of rows", [7], [dense("fc", 6), batchNorm("n")]],
  ["localResponseNorm", [4, 4, 2], [conv2d("c", 7, window), { kind: "localResponseNorm" }]],
  [
    "localResponseNorm, options",
    [4, 4, 2],
    [conv2d("c", 4, window), { kind: "localResponseNorm", size: 3, alpha: 0.5, beta: 0.5, k: 2 }],
  ],
  ["tanh", [4, 4, 2], [first, tanh()]],
  ["relu", [4, 4, 2], [first, relu()]],
  ["sigmoid", [4, 4, 2], [first, { kind: "sigmoid" }]],
  ["dropout", [7], [dense("fc", 5), { kind: "dropout", rate: 0.5 }]],
  ["flatten", [4, 3, 2], [first, { kind: "flatten" }, dense("fc", 5)]],
  ["flatten at the end", [4, 3, 2], [first, { kind: "flatten" }]],
  ["flatten of rows", [7], [dense("fc", 5), { kind: "flatten" }, dense("out", 2)]],
  ["add", [4, 3, 3], [first, { kind: "add", with: "input" }]],
  ["add of rows", [5], [dense("fc", 5), { kind: "add", with: "input" }]],
  [
    "add of fewer channels",
    [4, 3, 2],
    [conv2d("c", 5, { kernel: [3, 3], padding: "same" }), { kind: "add", with: "input" }],
  ],
  [
    "add of a larger image",
    [6, 4, 2],
    [
      conv2d("c", 3, { kernel: [3, 3], padding: "same", stride: [2, 2] }),
      { kind: "add", with: "input" },
    ],
  ],
  [
    "layers called input_2, output and fc.w",
    [4, 3, 2],
    [
      conv2d("output", 3, window),
      { kind: "tanh", name: "input_2" },
      dense("fc.w", 4),
      dense("fc", 3),
    ],
  ],
];

describe("ONNX, layer by layer", () => {
  let ort: OnnxRuntime;
  before(() => {
    ort = onnxruntimeWeb();
  });

  for (const [name, input, layers] of cases) {
    it(name, async () => {
      const net = model(...described(input, layers));
      const x = inputs(3, input);
      const { data, dims } = await outputsOf(ort, toOnnx(net), x, [3, ...input]);
      const { outputs } = imageOutputs(net.network, float64(net.weights), rowsOf(x, 3));
      const shape = net.network.layers.at(-1)?.outputShape ?? [];
      assert.deepEqual(dims, [3, ...shape]);
      const wanted = outputs.flatMap((row) => [...row]);
      assert.ok(wanted.some((y) => Math.abs(y) > 0.1));
      for (const [i, y] of data.entries()) assert.ok(Math.abs(y - (wanted[i] as number)) < 1e-5);
    });
  }

  it("refuses a layer it does not know, and says which it does", () => {
    const known = network({ name: "odd", input: [4], layers: [dense("fc", 3), tanh()] });
    const layers = known.layers.map((layer) =>
      layer.name === "fc" ? layer : { ...layer, spec: { kind: "custom" } as unknown as LayerSpec },
    );
    const odd = { network: { ...known, layers }, weights: hashedWeights(known, 1) };
    assert.throws(() => toOnnx(odd), {
      name: "RangeError",
      message:
        /^toOnnx: layer "tanh2" is custom, which cannot be written to ONNX\. Layers that can: dense, conv2d, /,
    });
  });

  it("refuses norms of shapes they have no form for", () => {
    const twoAxes = model(...described([3, 4], [batchNorm("n"), dense("fc", 2)]));
    assert.throws(() => toOnnx(twoAxes), /layer "n" \(batchNorm\) reads \[3, 4\]/);
    const even = { kind: "localResponseNorm", size: 4 } as const;
    const odd = model(...described([4, 4, 2], [first, even]));
    assert.throws(
      () => toOnnx(odd),
      /localResponseNorm\) needs an image .* got \[4, 4, 3\] and size 4/,
    );
    const rows = model(...described([4], [dense("fc", 5), { kind: "localResponseNorm" }]));
    assert.throws(() => toOnnx(rows), /localResponseNorm\) needs an image .* got \[5\] and size 5/);
  });
});

function described(input: Shape, layers: readonly LayerSpec[]) {
  const net = network({ name: "case", input, layers });
  return [net, hashedWeights(net, 3)] as const;
}
