import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { Arena } from "../../src/engine/arena.ts";
import { compile } from "../../src/engine/compile.ts";
import type { EngineSession } from "../../src/engine/engine.ts";
import {
  averagePool,
  batchNorm,
  conv2d,
  dense,
  dropout,
  type LayerSpec,
  type Loss,
  maxPool,
  type Network,
  network,
  relu,
  type Shape,
  tanh,
  type Weights,
} from "../../src/net/network.ts";
import { imageLoss, type Keep } from "./image-reference.ts";
import { float64 } from "./reference.ts";
import {
  epoch,
  formulaData,
  formulaWeights,
  kernels,
  relative,
  strided,
  withSession,
} from "./support.ts";

interface Problem {
  readonly title: string;
  readonly input: Shape;
  readonly layers: readonly LayerSpec[];
  readonly loss?: Loss;
}

const sigmoid: LayerSpec = { kind: "sigmoid" };
const average: LayerSpec = { kind: "globalAveragePool" };
const same = { kernel: [3, 3], padding: "same" } as const;

const problems: readonly Problem[] = [
  {
    title: "conv, max pool, dense",
    input: [9, 8, 1],
    layers: [conv2d("a", 5, { kernel: [3, 3] }), relu(), maxPool(2), dense("out", 4)],
  },
  {
    title: "two convs, overlapping pools",
    input: [7, 7, 3],
    layers: [
      ...[conv2d("a", 12, { ...same, stride: [2, 2] }), tanh()],
      ...[conv2d("b", 6, { kernel: [3, 2], padding: [1, 1], stride: [1, 2] }), tanh()],
      ...[averagePool(3, { stride: [2, 2], padding: "same" }), dense("out", 3)],
    ],
  },
  {
    title: "max pool with padding, 20 channels, hidden layer",
    input: [6, 6, 2],
    layers: [
      ...[conv2d("a", 20, same), relu(), maxPool(3, { stride: [2, 2], padding: "same" })],
      ...[conv2d("b", 9, { kernel: [2, 2] }), relu(), dense("fc", 7), tanh(), dense("out", 3)],
    ],
  },
  {
    title: "3 × 3 of whole panels, same and valid, odd sizes",
    input: [7, 10, 3],
    layers: [
      ...[conv2d("a", 8, { kernel: [3, 3] }), tanh(), conv2d("b", 16, same), tanh()],
      ...[conv2d("c", 24, { kernel: [3, 3] }), tanh(), averagePool(3), dense("out", 3)],
    ],
  },
  {
    title: "3 × 3 of whole panels with 2 zeros around, many tiles, read twice",
    input: [9, 7, 8],
    layers: [
      ...[conv2d("a", 8, { kernel: [3, 3], padding: [2, 2], bias: false }), tanh()],
      ...[conv2d("b", 8, { ...same, bias: false }), conv2d("c", 8, { ...same, bias: false })],
      ...[{ kind: "add", with: "b" } as const, tanh(), average, dense("out", 3)],
    ],
  },
  {
    title: "5 × 5 and 3 × 3, valid and same, channels that fill no panels",
    input: [8, 9, 2],
    layers: [
      ...[conv2d("a", 9, same), tanh(), conv2d("b", 12, { kernel: [5, 5] }), tanh()],
      ...[conv2d("c", 10, { kernel: [5, 5], padding: "same" }), tanh()],
      ...[conv2d("d", 9, same), tanh(), averagePool(2), dense("out", 3)],
    ],
  },
  {
    title: "batch norm with and without relu",
    input: [5, 6, 3],
    layers: [
      ...[conv2d("a", 8, { ...same, bias: false }), batchNorm("an"), relu()],
      ...[conv2d("b", 10, { ...same, bias: false }), batchNorm("bn", { epsilon: 1e-3 })],
      ...[averagePool(2), dense("out", 4)],
    ],
  },
  {
    title: "residual blocks with identity and option-A shortcuts",
    input: [6, 6, 3],
    layers: [
      ...[conv2d("a", 8, same), batchNorm("an"), { kind: "relu", name: "r1" } as const],
      ...[conv2d("b", 8, same), batchNorm("bn"), relu(), conv2d("c", 8, same)],
      ...[batchNorm("cn"), { kind: "add", with: "r1" } as const],
      ...[{ kind: "relu", name: "r2" } as const, conv2d("d", 19, { ...same, stride: [2, 2] })],
      ...[tanh(), { kind: "add", with: "r2" } as const, relu(), average, dense("out", 5)],
    ],
  },
  {
    title: "a shortcut of 3 channels, read from the input and from a layer without parameters",
    input: [4, 4, 3],
    layers: [
      ...[{ kind: "sigmoid", name: "t" } as const, conv2d("a", 11, same)],
      ...[{ kind: "add", with: "t" } as const, conv2d("b", 4, { kernel: [1, 1] }), average],
    ],
  },
  {
    title: "sigmoids, squared error",
    input: [5, 5, 2],
    loss: "squaredError",
    layers: [conv2d("a", 3, same), sigmoid, maxPool(2), dense("fc", 5), sigmoid, dense("out", 3)],
  },
  {
    title: "local response norm, a conv read twice",
    input: [4, 5, 2],
    layers: [
      ...[conv2d("a", 9, same), tanh()],
      ...[{ kind: "localResponseNorm", alpha: 2, beta: 0.75, size: 3, name: "n" } as const],
      ...[conv2d("b", 9, same), { kind: "add", with: "n" } as const, dense("out", 3)],
    ],
  },
  {
    title: "12 channels of the input and of a response norm read by 3 × 3 of whole tiles",
    input: [5, 4, 12],
    layers: [
      ...[conv2d("a", 12, same), { kind: "localResponseNorm", alpha: 2, size: 3 } as const],
      ...[conv2d("b", 12, same), batchNorm("n", { epsilon: 0 }), tanh()],
      ...[conv2d("c", 12, same), tanh(), dense("out", 3)],
    ],
  },
  {
    title: "dropout on images and on rows",
    input: [5, 5, 2],
    layers: [
      ...[conv2d("a", 9, same), relu(), dropout(0.25), conv2d("b", 4, same), tanh()],
      ...[dense("fc", 11), tanh(), dropout(0.5), dense("out", 3)],
    ],
  },
];

const seed = 12345;
const [examples, batch] = [11, 7];

describe("wasm engine: images", () => {
  before(kernels);

  for (const { title, input, layers, loss } of problems) {
    const net = network({ name: "small", input, layers, ...(loss && { loss }) }) as Network;
    const data = { ...formulaData(examples, inputsOf(net), classesOf(net)) };
    const weights = startOf(net);
    const keep = keepOf(net);

    it(`${title}: the momentum is the central difference of the float64 loss`, async () => {
      const last = [7, 8, 9, 10];
      const { velocity, lossSum, after } = await withSession(net, data, { batch }, async (s) => {
        await s.write(weights);
        const run = await s.train(epoch(strided(examples, 1), { rate: 0, momentum: 0, seed }));
        const { velocity, weights: after } = await s.read();
        return { velocity, after, lossSum: run.lossSum };
      });
      const point = float64(weights);
      const lossAt = (batch: readonly number[]) =>
        imageLoss(net, data, point, batch, { keep }).loss;
      const expected = lossAt([0, 1, 2, 3, 4, 5, 6]) * 7 + lossAt(last) * 4;
      assert.ok(Math.abs(lossSum - expected) < 1e-5 * expected, `${lossSum}, not ${expected}`);
      // Biases before a batch norm have gradient 0: what is left of sums of the whole gradient's size is rounding.
      const scale = Math.max(...Object.values(velocity).map((v) => norm(v) / Math.sqrt(v.length)));
      for (const { key, role } of net.parameters) {
        if (role === "mean" || role === "variance") continue;
        const w = point[key] as Float64Array;
        const step = Math.max(1, Math.floor(w.length / 40));
        const [got, difference]: [number[], number[]] = [[], []];
        for (let i = 0; i < w.length; i += step) {
          const [old, h] = [w[i] as number, 1e-6];
          w[i] = old + h;
          const above = lossAt(last);
          w[i] = old - h;
          const below = lossAt(last);
          w[i] = old;
          difference.push((above - below) / (2 * h));
          got.push(velocity[key]?.[i] as number);
        }
        const error = norm(got.map((g, i) => g - (difference[i] as number)));
        const size = norm(difference) + 0.1 * scale * Math.sqrt(got.length);
        assert.ok(error < 1e-5 * size, `${key}: error ${error / size}`);
        assert.deepEqual(after[key], weights[key]);
      }
    });

    it(`${title}: evaluation is the float64 reference to 1e-5`, async () => {
      const all = Array.from({ length: examples }, (_, i) => i);
      const { loss: expected } = imageLoss(net, data, float64(weights), all, undefined);
      await withSession(net, data, { batch }, async (session) => {
        await session.write(startOf(net, 5));
        const other = await session.evaluate("train", weights);
        await session.write(weights);
        const own = await session.evaluate("train");
        assert.deepEqual(own, other);
        assert.ok(Math.abs(own.loss - expected) < 1e-5 * expected, `${own.loss}, not ${expected}`);
        assert.equal(own.count, examples);
      });
    });

    it(`${title}: what an evaluation left behind does not matter`, async () => {
      // More than an evaluation takes at a time: images lie where that had something else.
      const many = formulaData(80, inputsOf(net), classesOf(net));
      const order = strided(80, 3);
      await withSession(net, many, { batch: 80 }, async (session) => {
        await session.write(weights);
        await session.train(epoch(order, { rate: 1e-3, seed }));
        const expected = await digest(session, net);
        const nan = Object.entries(weights).map(([key, w]) => [key, w.map(() => Number.NaN)]);
        await session.evaluate("train", Object.fromEntries(nan));
        await session.write(weights);
        await session.train(epoch(order, { rate: 1e-3, seed }));
        assert.equal(await digest(session, net), expected);
      });
    });

    it(`${title}: 1, 2 and 4 threads give the same bytes`, async () => {
      const run = (threads: number) =>
        withSession(net, data, { batch, threads }, async (session) => {
          await session.write(weights);
          const target = weights[`${net.names[0]}.w`] as Float32Array;
          await session.setTargets({ [`${net.names[0]}.w`]: target.map((w) => w / 2) });
          for (const step of [1, 3, 4]) {
            const order = strided(examples, step);
            const options = { rate: 0.02, mu: 0.1, seed };
            assert.equal((await session.train(epoch(order, options))).finite, true);
          }
          return { digest: await digest(session, net), test: await session.evaluate("test") };
        });
      const expected = await run(1);
      for (const threads of [2, 4]) assert.deepEqual(await run(threads), expected);
    });
  }

  it("running statistics move by `momentum` towards the minibatch's", async () => {
    const net = network({
      name: "bn",
      input: [4, 4, 3],
      layers: [
        ...([conv2d("a", 6, same), batchNorm("n", { momentum: 0.25 }), relu()] as const),
        dense("out", 3),
      ],
    });
    const data = formulaData(6, 48, 3);
    const weights = startOf(net);
    const { statistics } = imageLoss(net, data, float64(weights), [0, 1, 2, 3, 4, 5], {});
    await withSession(net, data, { batch: 6 }, async (session) => {
      await session.write(weights);
      await session.train(epoch(strided(6, 1)));
      const { weights: after } = await session.read();
      for (const role of ["mean", "variance"] as const) {
        const old = weights[`n.${role}`] as Float32Array;
        const found = statistics.get("n")?.[role] as Float64Array;
        const expected = old.map((value, c) => 0.75 * value + 0.25 * (found[c] as number));
        assert.ok(relative(after[`n.${role}`] as Float32Array, expected) < 1e-6, role);
      }
    });
  });

  it("a loss that is not finite changes nothing, running statistics included", async () => {
    const { input, layers } = problemOf("batch norm with and without relu");
    const net = network({ name: "bn", input, layers }) as Network;
    const data = formulaData(examples, inputsOf(net), classesOf(net));
    const weights = { ...startOf(net) };
    weights["out.b"] = (weights["out.b"] as Float32Array).map(() => Number.NaN);
    await withSession(net, data, { batch }, async (session) => {
      await session.write(weights);
      const { finite, next } = await session.train(epoch(strided(examples, 1)));
      assert.deepEqual([finite, next], [false, 0]);
      assert.deepEqual((await session.read()).weights, weights);
    });
  });

  it("an abort stops after the minibatch it came in, and going on gives the bytes of not stopping", async () => {
    const { input, layers } = problemOf("dropout on images and on rows");
    const net = network({ name: "stop", input, layers }) as Network;
    const data = formulaData(4000, inputsOf(net), classesOf(net));
    const order = strided(4000, 3);
    const options = { rate: 0.01, seed };
    await withSession(net, data, { batch }, async (session) => {
      await session.write(startOf(net));
      await session.train(epoch(order, options));
      const expected = await digest(session, net);
      await session.write(startOf(net));
      const abort = new AbortController();
      const running = session.train(epoch(order, { ...options, signal: abort.signal }));
      setTimeout(() => abort.abort(), 5);
      const { next } = await running;
      assert.ok(next < Math.ceil(4000 / batch), `stopped at ${next}`);
      await session.train(epoch(order, { ...options, from: next }));
      assert.equal(await digest(session, net), expected);
    });
  });
});

function problemOf(title: string): Problem {
  const found = problems.find((problem) => problem.title === title);
  assert.ok(found, title);
  return found;
}

function inputsOf({ input }: Network): number {
  return input.reduce((a, b) => a * b, 1);
}

function classesOf({ layers }: Network): number {
  return layers.at(-1)?.outputShape.reduce((a, b) => a * b, 1) as number;
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

/** The mask of the engine's dropout again, in integers. */
function keepOf(net: Network): Keep {
  const { train } = compile(net, new Arena(), { batch: 4, evaluation: 4 });
  const ops = train.phases.flatMap((phase) => phase.ops);
  const mix = (h: number) => {
    const a = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
    const b = Math.imul(a ^ (a >>> 13), 0xc2b2ae35);
    return (b ^ (b >>> 16)) >>> 0;
  };
  return ({ name, spec, outputShape }, example, i) => {
    const op = ops.find((each) => each.kernel === "dropout" && each.layer === name);
    const salt = op?.kernel === "dropout" ? op.args.layer : 0;
    const key = mix((mix((mix(seed) + salt) | 0) + example) | 0);
    const [c = 1, image] = [outputShape.at(-1), outputShape.length === 3];
    const [pixel, channel] = image ? [Math.floor(i / c), i % c] : [0, i];
    const block = (pixel >> 4) * Math.ceil(c / 8) + (channel >> 3);
    const unit = image ? block * 128 + (pixel & 15) * 8 + (channel & 7) : i;
    const rate = spec.kind === "dropout" ? spec.rate : 0;
    return mix((Math.imul(unit, 0x9e3779b9) + key) | 0) >>> 8 >= Math.round(rate * 2 ** 24);
  };
}

async function digest(session: EngineSession, net: Network): Promise<string> {
  const hash = createHash("sha256");
  const { weights, velocity } = await session.read();
  for (const { key } of net.parameters) {
    for (const { buffer } of [weights[key], velocity[key]] as Float32Array[]) {
      hash.update(new Uint8Array(buffer));
    }
  }
  return hash.digest("hex");
}

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
}
