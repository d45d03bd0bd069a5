import assert from "node:assert/strict";
import { type Model, network, parameterCount } from "../../src/net/network.ts";
import { alexnet, lenet5, lenet300, nin, resnet, vgg16 } from "../../src/net/zoo.ts";

const published: readonly (readonly [string, () => Model, number])[] = [
  ["lenet300", () => lenet300({ activation: "relu" }), 266_610],
  ["lenet5", () => lenet5(), 431_080],
  ["nin", () => nin(), 966_986],
  ["resnet 20", () => resnet({ depth: 20 }), 269_722],
  ["resnet 32", () => resnet({ depth: 32 }), 464_154],
  ["resnet 56", () => resnet({ depth: 56 }), 853_018],
  ["resnet 110", () => resnet({ depth: 110 }), 1_727_962],
  ["vgg16", () => vgg16(), 14_990_922],
];

describe("zoo", () => {
  for (const [name, make, count] of published) {
    it(`${name} has ${count.toLocaleString("en")} parameters, and 10 outputs`, () => {
      const { network: net } = make();
      assert.equal(parameterCount(net), count);
      assert.deepEqual(net.layers.at(-1)?.outputShape, [10]);
    });
  }

  it("alexnet has 62,378,344 parameters, seeded, and 6 × 6 × 256 values before its dense layers", function () {
    this.timeout(60_000);
    const { network: net } = alexnet();
    assert.equal(parameterCount(net), 62_378_344);
    const at = net.layers.findIndex(({ name }) => name === "fc1");
    assert.deepEqual(net.layers[at]?.inputShape, [6, 6, 256]);
  });

  it("resnet halves the image and doubles the filters twice", () => {
    const { network: net } = resnet();
    const shape = (name: string) => net.layers.find((layer) => layer.name === name)?.outputShape;
    assert.deepEqual(shape("g1b3"), [32, 32, 16]);
    assert.deepEqual(shape("g2b1"), [16, 16, 32]);
    assert.deepEqual(shape("g3b3"), [8, 8, 64]);
    assert.equal(net.names.length, 20);
    assert.throws(() => resnet({ depth: 21 as 20 }), /depth must be 20, 32, 56 or 110, got 21/);
  });

  it("a shortcut must fit what it is added to", () => {
    const make = () =>
      network({
        name: "bad",
        input: [5, 5, 3],
        layers: [
          { kind: "conv2d", name: "a", filters: 2, kernel: [3, 3] },
          { kind: "add", with: "input" },
        ],
      });
    assert.throws(make, /"add2" cannot add a shortcut of \[5, 5, 3\] to \[3, 3, 2\]/);
  });
});
