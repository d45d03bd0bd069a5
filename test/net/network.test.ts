import assert from "node:assert/strict";
import {
  batchNorm,
  conv2d,
  dense,
  model,
  network,
  relu,
  tanh,
  weightsOf,
} from "../../src/net/network.ts";
import { lenet300 } from "../../src/net/zoo.ts";

describe("network", () => {
  it("resolves names, shapes and parameters of a conv net", () => {
    const net = network({
      name: "LeNet5",
      input: [28, 28, 1],
      layers: [
        conv2d("conv1", 20, { kernel: [5, 5] }),
        relu(),
        { kind: "maxPool", size: [2, 2] },
        conv2d("conv2", 50, { kernel: [5, 5] }),
        relu(),
        { kind: "maxPool", size: [2, 2] },
        dense("fc1", 500),
        relu(),
        dense("out", 10),
      ],
    });
    assert.deepEqual(net.names, ["conv1", "conv2", "fc1", "out"]);
    assert.deepEqual(
      net.layers.map(({ name, outputShape }) => `${name} ${outputShape.join("×")}`),
      [
        "conv1 24×24×20",
        "relu2 24×24×20",
        "maxPool3 12×12×20",
        "conv2 8×8×50",
        "relu5 8×8×50",
        "maxPool6 4×4×50",
        "fc1 500",
        "relu8 500",
        "out 10",
      ],
    );
    const count = net.parameters.reduce((n, { rows, cols }) => n + rows * cols, 0);
    assert.equal(count, 431_080);
  });

  it("keeps the image size with padding same, and knows strides", () => {
    const net = network({
      name: "strided",
      input: [9, 7, 3],
      layers: [
        conv2d("a", 4, { kernel: [3, 3], padding: "same", stride: [2, 2] }),
        dense("out", 2),
      ],
    });
    assert.deepEqual(net.layers[0]?.outputShape, [5, 4, 4]);
  });

  it("refuses repeated and unknown names, windows larger than the image, and nets without weights", () => {
    const make =
      (...layers: Parameters<typeof network>[0]["layers"]) =>
      () =>
        network({ name: "bad", input: [4, 4, 1], layers });
    assert.throws(make(dense("a", 2), dense("a", 2)), /two layers are called "a"/);
    assert.throws(
      make(dense("a", 2, { from: "b" })),
      /layer "a" reads "b", which is not a layer before it. Before it are input/,
    );
    assert.throws(
      make(conv2d("a", 2, { kernel: [5, 5] })),
      /layer "a" has a 5 × 5 window, larger than its 4 × 4 input/,
    );
    assert.throws(
      make(dense("a", 2), batchNorm("n", { epsilon: -1 })),
      /layer "n" \(batchNorm\) needs epsilon from 0 and momentum from 0 to 1, got -1 and 0.1/,
    );
    assert.throws(make(dense("a", 0)), /layer "a": units must be a whole number from 1, got 0/);
    assert.throws(make(tanh()), /"bad" has no layer with weights/);
    assert.throws(
      make(dense("a", 2), conv2d("b", 2, { kernel: [1, 1] })),
      /"b" \(conv2d\) needs an input of \[height, width, channels\], got \[2\]/,
    );
  });
});

describe("lenet300", () => {
  it("has 266,610 parameters, seeded", () => {
    const { network: net, weights } = lenet300({ seed: 1 });
    assert.equal(
      Object.values(weights).reduce((n, w) => n + w.length, 0),
      266_610,
    );
    assert.deepEqual(net.names, ["fc1", "fc2", "out"]);
    assert.deepEqual(weights, lenet300({ seed: 1 }).weights);
    assert.notDeepEqual(weights["fc1.w"], lenet300({ seed: 2 }).weights["fc1.w"]);
  });
  it("has layer names the compiler knows", () => {
    const net = lenet300();
    const names: readonly ("fc1" | "fc2" | "out")[] = net.network.names;
    assert.equal(weightsOf(net, names[1] as string).cols, 300);
    assert.throws(() => weightsOf(net, "fcl"), {
      message:
        'weightsOf: the model has no layer "fcl". Its layers are fc1, fc2, out. Did you mean "fc1"?',
    });
  });
});

describe("model", () => {
  const { network: net, weights } = lenet300();
  it("refuses NaN and infinite weights, saying where", () => {
    const bad = (weights["fc2.w"] as Float32Array).slice();
    bad[3 * 300 + 7] = Number.NaN;
    bad[5000] = Number.POSITIVE_INFINITY;
    assert.throws(() => model(net, { ...weights, "fc2.w": bad }), {
      code: "LC_NONFINITE",
      message:
        'LC_NONFINITE: layer "fc2" (100 × 300) has 2 values that are NaN or infinite, first NaN at [3, 7]. Retrain it or load an earlier checkpoint.',
    });
  });
  it("refuses missing weights and wrong lengths", () => {
    const { "fc1.b": _, ...rest } = weights;
    assert.throws(
      () => model(net, rest),
      /"LeNet300" needs weights "fc1.b" \(300 × 1\), which are missing/,
    );
    assert.throws(
      () => model(net, { ...weights, "fc1.b": new Float32Array(3) }),
      /"fc1.b" must have 300 × 1 = 300 values, got 3/,
    );
  });
});
