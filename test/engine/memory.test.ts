import assert from "node:assert/strict";
import type { Dataset } from "../../src/data/dataset.ts";
import type { OpenOptions } from "../../src/engine/engine.ts";
import { memoryOf } from "../../src/engine/wasm/memory-of.ts";
import type { Model, Network, Shape } from "../../src/net/network.ts";
import { lenet5, lenet300, resnet } from "../../src/net/zoo.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { formulaSplit } from "./support.ts";

const up = (n: number, to: number) => Math.ceil(n / to) * to;
/** Pieces begin on lines of 64 bytes. */
const line = (bytes: number) => up(bytes, 64);
const product = (shape: Shape) => shape.reduce((a, b) => a * b, 1);

/** Bytes of the values of `examples` at one layer: rows in sixteens, columns in eights; an image has its own rows. */
function values(shape: Shape, examples: number): number {
  const [channels = 0, pixels] = [shape.at(-1), product(shape.slice(0, -1))];
  if (shape.length === 3) return examples * up(pixels, 16) * up(channels, 8) * 4;
  return up(examples, 16) * up(channels, 8) * 4;
}

/** Outputs of what a pass computes one after another: not the flattened input, nor activations fused into a layer. */
interface Computed {
  readonly input: Shape;
  readonly layers: readonly Shape[];
}

function parameters({ parameters }: Network, copies: (key: string) => number): number {
  return parameters.reduce((sum, { key, role, rows, cols }) => {
    const bytes = role === "w" ? up(rows, 8) * up(cols, 8) * 4 : up(rows, 8) * 4;
    return sum + copies(key) * line(bytes) + 64;
  }, 0);
}

/** Input and outputs forwards, gradients of all outputs backwards, loss and wrong flag of each example. */
function training({ input, layers }: Computed, batch: number): number {
  const outputs = layers.reduce((sum, shape) => sum + values(shape, batch), 0);
  return values(input, batch) + 2 * outputs + line(8 * batch) + line(4 * batch);
}

/** Bytes of the partial sums of convolutions: up to 16, of 4 MiB together. */
function partialSums({ parameters }: Network, convolutions: RegExp, batch: number): number {
  return parameters.reduce((sum, { layer, role, rows, cols }) => {
    if (!convolutions.test(layer)) return sum;
    const w = parameters.find((p) => p.layer === layer && p.role === "w") ?? { rows, cols };
    const chunks = Math.min(16, batch, Math.floor(2 ** 22 / (up(w.rows, 8) * up(w.cols, 8) * 4)));
    const own = role === "w" ? up(rows, 8) * up(cols, 8) * 4 : up(rows, 8) * 4;
    return sum + line(chunks * own);
  }, 0);
}

/** Bytes of the weights of an r × r convolution in the (r + 1)² points of Winograd's tiles. */
function transformed(r: 3 | 5, channels: number, filters: number): number {
  return (r + 1) ** 2 * up(channels, 8) * up(filters, 8) * 4;
}

/** The mean image, and zeros for layers without biases. */
function constants(inputs: number, widest: number): number {
  return line(up(inputs, 8) * 4) + line(up(widest, 8) * 4);
}

function images(shape: readonly [number, number, number], count: number): Dataset {
  const size = product(shape);
  return {
    ...{ name: "formula images", source: "computed", shape, classes: 10 },
    ...{ train: formulaSplit(count, size, 10), test: formulaSplit(7, size, 10) },
    mean: new Float32Array(size),
  };
}

function dataBytes({ shape, train, test }: Dataset): number {
  const splits = [train, test].map(({ count }) => line(count * product(shape)) + line(count));
  return line(4 * train.count) + splits.reduce((a, b) => a + b);
}

/** Checks a plan; `expected` has parameters and activations. */
function agrees(
  model: Model,
  data: Dataset,
  options: OpenOptions,
  expected: { readonly parameters: number; readonly activations: number },
): void {
  const memory = memoryOf(model, data, { ...options, threads: 2 });
  const { bytes, parameters, activations, threads } = memory;
  assert.deepEqual({ parameters, activations }, expected);
  assert.equal(memory.data, dataBytes(data));
  assert.equal(bytes, parameters + activations + memory.data + threads);
}

describe("memoryOf", () => {
  it("LeNet300: the formula of its shapes, training larger than evaluation or not", () => {
    const model = lenet300();
    const data = images([28, 28, 1], 600);
    const computed = { input: [784], layers: [[300], [100], [10]] };
    for (const batch of [1, 64, 600]) {
      // Weight, momentum, target, copy to evaluate; Wᵀ of all weights but the first.
      const copies = (key: string) => (["fc2.w", "out.w"].includes(key) ? 5 : 4);
      agrees(
        model,
        data,
        { batch },
        {
          parameters: parameters(model.network, copies),
          // Fisher information takes what training 512 examples at a time would.
          activations:
            constants(784, 300) + Math.max(training(computed, batch), training(computed, 512)),
        },
      );
      agrees(
        model,
        data,
        { batch, importance: true, optimizer: "adam" },
        {
          parameters: parameters(model.network, (key) => copies(key) + 2),
          activations:
            constants(784, 300) + Math.max(training(computed, batch), training(computed, 512)),
        },
      );
    }
  });

  it("LeNet5: the formula of its shapes", () => {
    const model = lenet5();
    const data = images([28, 28, 1], 300);
    const computed = {
      input: [28, 28, 1],
      layers: [[24, 24, 20], [12, 12, 20], [8, 8, 50], [4, 4, 50], [800], [500], [10]],
    };
    for (const batch of [64, 256]) {
      agrees(
        model,
        data,
        { batch },
        {
          parameters: parameters(model.network, (key) => (/^(conv2|fc1|out)\.w/.test(key) ? 5 : 4)),
          activations:
            constants(784, 500) +
            training(computed, batch) +
            partialSums(model.network, /^conv/, batch) +
            transformed(5, 20, 50),
        },
      );
    }
  });

  it("ResNet-20: the formula of its shapes", () => {
    const model = resnet({ depth: 20 });
    const data = images([32, 32, 3], 200);
    const batch = 100;
    const layers: Shape[] = [];
    let norms = 0;
    /** A convolution and its batch norm, with coefficients of 8 rows and sums of an example in float64, twice. */
    const convolved = (shape: Shape) => {
      const channels = up(shape[2] as number, 8);
      layers.push(shape, shape);
      norms += line(channels * 32) + line(batch * channels * 16);
    };
    convolved([32, 32, 16]);
    for (const [side, channels] of [
      [32, 16],
      [16, 32],
      [8, 64],
    ] as const) {
      for (let block = 0; block < 3; block++) {
        convolved([side, side, channels]);
        convolved([side, side, channels]);
        layers.push([side, side, channels]);
      }
    }
    layers.push([64], [10]);
    agrees(
      model,
      data,
      { batch },
      {
        parameters: parameters(model.network, (key) => (/^(g.*|out)\.w/.test(key) ? 5 : 4)),
        activations:
          constants(3072, 64) +
          training({ input: [32, 32, 3], layers }, batch) +
          norms +
          partialSums(model.network, /^(conv1|g..?b.[ab])$/, batch) +
          // Forwards and turned; those with a stride are direct.
          2 *
            (6 * transformed(3, 16, 16) + 5 * transformed(3, 32, 32) + 5 * transformed(3, 64, 64)),
      },
    );
  });

  it("grows with the threads by their scratch and counters only, and shows itself", () => {
    const data = images([28, 28, 1], 300);
    const [one, four] = [1, 4].map((threads) => memoryOf(lenet5(), data, { batch: 64, threads }));
    const { threads: more, ...rest } = four as NonNullable<typeof four>;
    assert.deepEqual(
      [rest.parameters, rest.activations, rest.data],
      [one?.parameters, one?.activations, one?.data],
    );
    // 64 tiles of 20 and of 50 channels in 36 points and their sums, and less than a page of zeros and counters.
    const scratch = (more - (one?.threads ?? 0)) / 3;
    const tiles = 36 * 64 * (24 + 56) * 4 + transformed(5, 20, 50);
    assert.ok(
      scratch > tiles && scratch < tiles + 16_384,
      `${scratch} bytes, not ${tiles} and a few`,
    );
    const text = one?.[displaySymbol]()["text/plain"] as string;
    assert.equal(text, String(one));
    assert.match(
      text,
      /^LeNet5 with formula images, batch 64: \d+\.\d MiB \(parameters \d+\.\d, activations and gradients \d+\.\d, data 0\.2, threads \d\.\d\)$/,
    );
  });

  it("refuses what the engine refuses", () => {
    const data = images([28, 28, 1], 30);
    assert.throws(
      () => memoryOf(lenet300(), data, { batch: 31 }),
      /batch must be from 1 to the 30/,
    );
    assert.throws(() => memoryOf(lenet300(), data, { batch: 4, threads: 0 }), /memoryOf: threads/);
    assert.throws(
      () => memoryOf(resnet(), data, { batch: 4 }),
      /reads \[32, 32, 3\] = 3072 values/,
    );
  });
});
