import assert from "node:assert/strict";
import type { Dataset } from "../../src/data/dataset.ts";
import type { EngineSession } from "../../src/engine/engine.ts";
import { tfjs } from "../../src/engine/tfjs/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { isLCError } from "../../src/errors.ts";
import { fisher } from "../../src/lc/fisher.ts";
import {
  averagePool,
  batchNorm,
  conv2d,
  dense,
  dropout,
  type LayerSpec,
  type Loss,
  maxPool,
  model,
  type Network,
  network,
  relu,
  type Shape,
  tanh,
  type Weights,
} from "../../src/net/network.ts";
import { close } from "../support/close.ts";
import { tfjsModule } from "../support/tfjs.ts";
import { imageLoss } from "./image-reference.ts";
import { float64 } from "./reference.ts";
import { epoch, formulaData, formulaWeights, kernels, strided, withSession } from "./support.ts";

const sigmoid: LayerSpec = { kind: "sigmoid" };
const average: LayerSpec = { kind: "globalAveragePool" };
const same = { kernel: [3, 3], padding: "same" } as const;

const problems: readonly {
  readonly title: string;
  readonly input: Shape;
  readonly layers: readonly LayerSpec[];
  readonly loss?: Loss;
}[] = [
  {
    title: "convolutions, pools, dense layers",
    input: [9, 8, 1],
    layers: [
      ...[conv2d("a", 5, { kernel: [5, 5], padding: "same" }), relu(), maxPool(2)],
      ...[conv2d("b", 11, { ...same, stride: [2, 1] }), tanh(), averagePool(2)],
      ...[dense("fc", 7), tanh(), dense("out", 4)],
    ],
  },
  {
    title: "more than 8 panels of patches, squared error, a sigmoid",
    input: [4, 5, 9],
    loss: "squaredError",
    layers: [conv2d("a", 9, same), sigmoid, conv2d("b", 3, { kernel: [2, 2] }), dense("out", 3)],
  },
  {
    title: "batch norms, and a residual block that shortens",
    input: [6, 6, 3],
    layers: [
      ...[conv2d("a", 8, same), batchNorm("an"), { kind: "relu", name: "r1" } as const],
      ...[conv2d("b", 19, { ...same, stride: [2, 2], bias: false }), batchNorm("bn"), relu()],
      ...[conv2d("c", 19, { ...same, bias: false }), batchNorm("cn", { epsilon: 1e-3 })],
      ...[{ kind: "add", with: "r1" } as const, relu(), average, dense("out", 5)],
    ],
  },
  {
    title: "dropout, which drops nothing, on images and on rows",
    input: [5, 5, 2],
    layers: [
      ...[conv2d("a", 9, same), relu(), dropout(0.25), conv2d("b", 4, same), tanh()],
      ...[dense("fc", 11), tanh(), dropout(0.5), dense("out", 3)],
    ],
  },
  {
    title: "an image of more than 128 pixels",
    input: [13, 12, 2],
    layers: [conv2d("a", 3, same), tanh(), maxPool(2), dense("out", 3)],
  },
];

const product = (shape: Shape) => shape.reduce((a, b) => a * b, 1);

function dataOf(net: Network, examples: number): Dataset {
  const shape = net.input as [number, number, number];
  return {
    ...formulaData(examples, product(shape), product(net.layers.at(-1)?.outputShape ?? [])),
    shape,
  };
}

/** Formula weights; γ and variances around 1. */
function startOf(net: Network, salt = 0): Weights {
  const weights = { ...formulaWeights(net, 0.5, salt) };
  for (const { key, role } of net.parameters) {
    if (role === "gamma" || role === "variance")
      weights[key] = (weights[key] as Float32Array).map((w) => w / 2 + 1);
  }
  return weights;
}

describe("wasm engine: the Fisher diagonal of image networks", () => {
  before(kernels);

  for (const { title, input, layers, loss } of problems) {
    const net = network({ name: "small", input, layers, ...(loss && { loss }) }) as Network;
    const weights = startOf(net);

    it(`${title}: is the mean of the squared differences of each example's float64 loss`, async () => {
      const examples = 7;
      const data = dataOf(net, examples);
      const point = float64(weights);
      const lossOf = (n: number) => imageLoss(net, data, point, [n], undefined).loss;
      await withSession(net, data, { batch: 3 }, async (session) => {
        await session.write(weights);
        const diagonal = await session.fisher();
        for (const { key, role } of net.parameters) {
          const f = diagonal[key] as Float32Array;
          if (role === "mean" || role === "variance") {
            assert.ok(
              f.every((value) => value === 0),
              `${key}: running statistics are not trained`,
            );
            continue;
          }
          const w = point[key] as Float64Array;
          const step = Math.max(1, Math.floor(w.length / 25));
          const [got, expected]: [number[], number[]] = [[], []];
          for (let i = 0; i < w.length; i += step) {
            const [old, h] = [w[i] as number, 1e-6];
            let sum = 0;
            for (let n = 0; n < examples; n++) {
              w[i] = old + h;
              const above = lossOf(n);
              w[i] = old - h;
              sum += ((above - lossOf(n)) / (2 * h)) ** 2 / examples;
            }
            w[i] = old;
            expected.push(sum);
            got.push(f[i] as number);
          }
          const largest = Math.max(...expected);
          assert.ok(largest > 0, key);
          close(got, expected, { rtol: 1e-4, atol: 1e-5 * largest });
        }
      });
    });

    it(`${title}: 1, 2 and 4 threads give the same bytes, whatever the minibatches of training`, async () => {
      const data = dataOf(net, 40);
      const diagonal = (threads: number, batch: number) =>
        withSession(net, data, { batch, threads }, (session) => session.fisher(weights));
      const expected = await diagonal(1, 3);
      for (const [threads, batch] of [
        [2, 40],
        [4, 1],
      ] as const) {
        assert.deepEqual(await diagonal(threads, batch), expected);
      }
    });
  }

  const { input, layers } = problems[2] as (typeof problems)[number];
  const net = network({ name: "residual", input, layers }) as Network;
  const data = dataOf(net, 40);
  const weights = startOf(net);

  it("of more examples than it takes at a time, is the mean of its parts", async () => {
    const size = product(net.input);
    const part = (from: number, to: number) => {
      const { images, labels } = data.train;
      const train = {
        images: images.subarray(from * size, to * size),
        labels: labels.subarray(from, to),
        count: to - from,
      };
      return withSession(net, { ...data, train }, { batch: 1 }, (s) => s.fisher(weights));
    };
    const [whole, first, last] = [await part(0, 40), await part(0, 32), await part(32, 40)];
    for (const { key } of net.parameters) {
      const mean = first[key]?.map((f, i) => (32 * f + 8 * (last[key]?.[i] as number)) / 40);
      close(whole[key] as Float32Array, mean as Float32Array, { rtol: 1e-5, atol: 1e-12 });
    }
  });

  it("changes nothing of the training, and is that of the training weights if none are given", async () => {
    const trained = (between: boolean) =>
      withSession(net, data, { batch: 8 }, async (session) => {
        await session.write(weights);
        await session.setTargets({ "a.w": startOf(net, 5)["a.w"] as Float32Array });
        const options = { rate: 0.02, momentum: 0.9, mu: 0.125 };
        await session.train(epoch(strided(40, 1), options));
        const before = await session.read();
        if (between) {
          const own = await session.fisher();
          await session.fisher(weights);
          assert.deepEqual(await session.read(), before);
          assert.deepEqual(await session.fisher(before.weights), own);
          // What training left in the memory that both use does not show.
          const fresh = (s: EngineSession) => s.fisher(before.weights);
          assert.deepEqual(await withSession(net, data, { batch: 8 }, fresh), own);
        }
        const evaluation = await session.evaluate("train", weights);
        await session.train(epoch(strided(40, 7), options));
        return { ...(await session.read()), evaluation };
      });
    assert.deepEqual(await trained(true), await trained(false));
  });

  it("refuses a loss that is not finite, and leaves no trace of it", async () => {
    const broken = { ...weights, "out.b": new Float32Array(5).fill(Number.NaN) };
    await withSession(net, data, { batch: 8 }, async (session) => {
      await session.write(weights);
      const before = await session.fisher();
      await assert.rejects(session.fisher(broken), (error) => isLCError(error, "LC_NONFINITE"));
      assert.deepEqual(await session.fisher(), before);
    });
  });

  it("makes importance weights of mean 1 + damping for every convolution", async () => {
    const importance = await fisher(model(net, weights), data, { damping: 0.5 });
    assert.deepEqual(Object.keys(importance), ["a.w", "b.w", "c.w", "out.w"]);
    const all = Object.values(importance).flatMap((h) => [...h]);
    const mean = all.reduce((a, b) => a + b) / all.length;
    assert.ok(Math.abs(mean - 1.5) < 1e-4 && all.every((h) => h >= 0.5), `${mean}`);
  });

  it("agrees with tfjs, one backward pass for each example", async function () {
    const tf = await tfjsModule();
    if (!tf) return this.skip();
    const { warn } = console;
    console.warn = () => {};
    try {
      const few = dataOf(net, 5);
      const both = [];
      for (const engine of [wasmEngine({ threads: 1 }), tfjs(tf)]) {
        const session = await engine.open(net, few, { batch: 2 });
        both.push(await session.fisher(weights));
        await session.close();
      }
      for (const { key } of net.parameters) {
        const [got, expected] = both.map((of) => of[key] as Float32Array);
        const largest = (expected ?? []).reduce((a, b) => Math.max(a, b), 0);
        close(got ?? [], expected ?? [], { rtol: 1e-3, atol: 1e-5 * largest });
      }
    } finally {
      console.warn = warn;
    }
  });
});
