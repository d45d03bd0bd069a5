import assert from "node:assert/strict";
import { kerasGraph } from "../../src/net/keras-graph.ts";
import type { LayerSpec } from "../../src/net/network.ts";
import { describe as described, inputShape } from "../../src/net/tfjs-read.ts";

type Json = Record<string, unknown>;

const layer = (kind: string, name: string, config: Json = {}): Json => ({
  class_name: kind,
  config: { name, ...config },
});
const image = (size: number): Json =>
  layer("InputLayer", "in", { batch_input_shape: [null, size, size, 2] });
const conv = (name: string, kernel: number, stride = 1, config: Json = {}): Json =>
  layer("Conv2D", name, {
    ...{ filters: 2, kernel_size: [kernel, kernel], strides: [stride, stride], padding: "valid" },
    ...{ data_format: "channels_last", ...config },
  });
const pool = (name: string, size: number, stride: number): Json =>
  layer("MaxPooling2D", name, {
    pool_size: [size, size],
    strides: [stride, stride],
    padding: "valid",
  });
const zeros = (before: number, after: number): Json => {
  const padding = [before, after];
  return layer("ZeroPadding2D", "zeros", { padding: [padding, padding] });
};
const sequential = (...layers: Json[]): Json => ({
  class_name: "Sequential",
  config: { name: "s", layers },
});

function read(model: Json): { specs: readonly LayerSpec[]; problems: readonly string[] } {
  return described(kerasGraph(model), "squaredError");
}

describe("model_config of Keras", () => {
  const cases = [
    // Size, zeros before and behind, window, stride: the padding that puts windows in the same places.
    [8, [1, 1], 3, 1, "1,1"],
    [8, [1, 1], 3, 2, "1,1"],
    [8, [0, 1], 3, 2, "same"],
    [8, [0, 2], 3, 2, "same"],
    [8, [0, 3], 3, 2, undefined],
    [7, [0, 1], 3, 2, "0,0"],
    [7, [1, 0], 3, 2, undefined],
    [7, [2, 3], 6, 1, "same"],
    [8, [3, 3], 3, 1, undefined],
  ] as const;
  for (const [size, [before, after], window, stride, wanted] of cases) {
    it(`zeros (${before}, ${after}) before a window of ${window}, stride ${stride}, of ${size} pixels: ${wanted ?? "refused"}`, () => {
      const { specs, problems } = read(
        sequential(image(size), zeros(before, after), conv("c", window, stride)),
      );
      const [{ padding } = {}] = specs as readonly { padding?: unknown }[];
      assert.equal(problems.length > 0 ? undefined : String(padding), wanted);
    });
  }

  it("a maximum takes over zeros only where nothing is below them", () => {
    const relu = layer("Activation", "relu", { activation: "relu" });
    const rest = [zeros(1, 1), pool("pool", 3, 2)];
    const drop = layer("Dropout", "drop", { rate: 0.5 });
    const fine = [
      [relu],
      [relu, drop],
      [conv("c", 1, 1, { activation: "sigmoid" }), pool("p", 2, 2)],
    ];
    for (const before of fine) {
      const { specs, problems } = read(sequential(image(8), ...before, ...rest));
      assert.deepEqual(problems, []);
      assert.deepEqual((specs.at(-1) as { padding?: unknown }).padding, [1, 1]);
    }
    for (const before of [[], [conv("c", 1)], [relu, conv("c", 1), drop]]) {
      const { problems } = read(sequential(image(8), ...before, ...rest));
      assert.match(problems.join(), /layer "zeros" \(ZeroPadding2D\) pads what/);
    }
  });

  it("an old list of layers, and one whose input is said by its first layer or by the model", () => {
    const flat = { units: 3, batch_input_shape: [null, 5] };
    const list = { class_name: "Sequential", config: [layer("Dense", "d", flat)] };
    const built = {
      class_name: "Sequential",
      config: {
        name: "s",
        layers: [layer("Dense", "d", { units: 3 })],
        build_input_shape: [null, 5],
      },
    };
    for (const model of [list, built]) {
      assert.deepEqual(inputShape("test", kerasGraph(model)), [5]);
      assert.deepEqual(
        read(model).specs.map(({ name }) => name),
        ["d"],
      );
    }
    assert.throws(
      () => kerasGraph(sequential(layer("Dense", "d", { units: 3 }))),
      /does not say the shape of its input\. Begin it with keras\.Input\(shape=…\)/,
    );
  });

  it("options that change what a layer computes are named", () => {
    const { problems } = read(
      sequential(
        image(8),
        conv("c", 1, 1, { groups: 2 }),
        layer("ReLU", "r", { negative_slope: 0.1, threshold: 0, max_value: 6 }),
        layer("GlobalAveragePooling2D", "g", { keepdims: true }),
        layer("Dense", "d", {
          units: 2,
          dtype: { class_name: "DTypePolicy", config: { name: "mixed_float16" } },
        }),
      ),
    );
    assert.deepEqual(problems, [
      'layer "c" (Conv2D) has groups 2',
      'layer "r" (ReLU) has negativeSlope 0.1',
      'layer "r" (ReLU) has maxValue 6',
      'layer "g" (GlobalAveragePooling2D) has keepdims true',
      'layer "d" (Dense) has dtype "mixed_float16"',
    ]);
  });

  it("a layer as an activation is named, whatever it does", () => {
    const leaky = { class_name: "LeakyReLU", config: { negative_slope: 0.3 } };
    const cases: readonly [unknown, readonly string[]][] = [
      [null, []],
      [{ class_name: "function", config: "tanh" }, []],
      [
        leaky,
        [
          'layer "d" (Dense) has the activation {"class_name":"LeakyReLU","config":{"negative_slope":0.3}}',
        ],
      ],
      [7, ['layer "d" (Dense) has the activation 7']],
    ];
    for (const [activation, wanted] of cases) {
      const { problems } = read(
        sequential(image(1), layer("Flatten", "f"), layer("Dense", "d", { units: 3, activation })),
      );
      assert.deepEqual(problems, wanted);
    }
  });

  it("an Add of two shapes is named: Keras broadcasts, and our shortcuts are padded", () => {
    const reads = (...names: string[]) => [names.map((name) => [name, 0, 0, {}])];
    const sum = (shortcut: Json): readonly string[] =>
      read({
        class_name: "Functional",
        config: {
          name: "f",
          layers: [
            { ...image(4), inbound_nodes: [] },
            { ...conv("c", 1), inbound_nodes: reads("in") },
            { ...shortcut, inbound_nodes: reads("in") },
            { ...layer("Add", "sum"), inbound_nodes: reads("c", "s") },
          ],
          input_layers: [["in", 0, 0]],
          output_layers: [["sum", 0, 0]],
        },
      }).problems;
    assert.deepEqual(sum(conv("s", 1)), []);
    for (const other of [conv("s", 1, 1, { filters: 1 }), conv("s", 4)]) {
      assert.deepEqual(sum(other), [
        'layer "sum" (Add) broadcasts a layer to the shape of the other',
      ]);
    }
  });

  it("layers out of order are put in order; those that read what is not there are named", () => {
    const node = (name: string) => [[[name, 0, 0, {}]]];
    const named = (name: string, made: Json, from: string) => ({
      ...made,
      name,
      inbound_nodes: node(from),
    });
    const model = (from: string): Json => ({
      class_name: "Functional",
      config: {
        name: "f",
        layers: [
          named("b", layer("Dense", "b", { units: 2 }), "a"),
          named("a", layer("Dense", "a", { units: 4 }), from),
          { ...layer("InputLayer", "x", { batch_shape: [null, 3] }), name: "x", inbound_nodes: [] },
        ],
        input_layers: [["x", 0, 0]],
        output_layers: [["b", 0, 0]],
      },
    });
    assert.deepEqual(
      read(model("x")).specs.map(({ name }) => name),
      ["a", "b"],
    );
    const count = 4000;
    const chain = Array.from({ length: count }, (_, i) =>
      named(`d${i}`, layer("Dense", `d${i}`, { units: 2 }), i > 0 ? `d${i - 1}` : "x"),
    );
    const start = performance.now();
    kerasGraph({
      class_name: "Functional",
      config: {
        layers: [...chain.reverse(), { ...image(1), name: "x", inbound_nodes: [] }],
        input_layers: [["x", 0, 0]],
        output_layers: [[`d${count - 1}`, 0, 0]],
      },
    });
    const taken = performance.now() - start;
    assert.ok(taken < 1000, `${count} layers in reverse order took ${taken} ms`);
    assert.throws(
      () => kerasGraph(model("b")),
      /layers b, a read layers that the model does not have, or each other/,
    );
    assert.throws(
      () => kerasGraph({ class_name: "Mine", config: {} }),
      /the model is "Mine"; read are/,
    );
  });
});
