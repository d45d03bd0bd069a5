import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import type { Dataset } from "../../src/data/dataset.ts";
import type { EngineSession, EpochOptions } from "../../src/engine/engine.ts";
import {
  averagePool,
  conv2d,
  dense,
  dropout,
  maxPool,
  type Network,
  network,
  relu,
  tanh,
  type Weights,
} from "../../src/net/network.ts";
import { lenet5, resnet } from "../../src/net/zoo.ts";
import { hashedData, hashedWeights } from "./image-formulas.ts";
import { epoch, formulaData, formulaWeights, kernels, strided, withSession } from "./support.ts";

const net = network({
  name: "five layers",
  input: [53],
  layers: [dense("fc1", 45), tanh(), dense("fc2", 30), relu(), dense("out", 10)],
});
const data = formulaData(203, 53, 10);
const weights = formulaWeights(net, 0.25);
const targets: Weights = { "fc1.w": formulaWeights(net, 0.25, 3)["fc1.w"] as Float32Array };
const batch = 32;
const options = { rate: 0.05, momentum: 0.9, mu: 0.125 };

const lenet = lenet5().network as Network;
const residual = resnet({ depth: 20 }).network as Network;
const square = { kernel: [3, 3], padding: "same" } as const;
const mixture = network({
  name: "other layers",
  input: [14, 13, 3],
  loss: "squaredError",
  layers: [
    ...([conv2d("conv1", 12, square), relu(), { kind: "localResponseNorm", alpha: 2 }] as const),
    ...([averagePool(3, { stride: [2, 2], padding: "same" }), dropout(0.25)] as const),
    ...([conv2d("conv2", 20, { ...square, stride: [2, 1] }), { kind: "sigmoid" }] as const),
    ...([maxPool(2), dense("fc1", 30), tanh(), dropout(0.5), dense("out", 10)] as const),
  ],
}) as Network;

/** What is trained for the golden file. Of the image nets, the last minibatch is smaller and its rows no block. */
const cases: readonly Case[] = [
  {
    ...{ net, data, weights, targets, batch, threads: [1, 2, 3, 4, 7] },
    epochs: [1, 5, 8].map((step) => epoch(strided(203, step), options)),
  },
  ...[lenet, residual, mixture].map((net): Case => {
    const count = 23;
    const [weights, data] = [hashedWeights(net, 5), hashedData(net, count, 5)];
    const rate = net === mixture ? 0.005 : 0.01;
    const epochs = [1, 5].map((step) => epoch(strided(count, step), { rate, mu: 0.125 }));
    const targets = net.names.map((name) => `${name}.w`).slice(1);
    const all = hashedWeights(net, 5, 8);
    return {
      ...{ net, data, weights, batch: 9, threads: [1, 2, 4], epochs },
      targets: Object.fromEntries(targets.map((key) => [key, all[key] as Float32Array])),
    };
  }),
];

interface Case {
  readonly net: Network;
  readonly data: Dataset;
  readonly weights: Weights;
  readonly targets: Weights;
  readonly batch: number;
  readonly threads: readonly number[];
  readonly epochs: readonly EpochOptions[];
}

/** SHA-256 of weights and momentum, in the order of the parameters. */
async function digest(session: EngineSession, { parameters }: Network): Promise<string> {
  const hash = createHash("sha256");
  const { weights, velocity } = await session.read();
  for (const { key } of parameters) {
    for (const array of [weights[key], velocity[key]] as Float32Array[]) {
      hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    }
  }
  return hash.digest("hex");
}

/** The epochs with `threads`, and what they gave. */
function trained({ net, data, weights, targets, batch, epochs }: Case, threads: number) {
  return withSession(net, data, { batch, threads }, async (session) => {
    await session.write(weights);
    await session.setTargets(targets);
    const sums = [];
    for (const each of epochs) sums.push((await session.train(each)).lossSum);
    return { digest: await digest(session, net), sums, test: await session.evaluate("test") };
  });
}

describe("wasm engine: the same bytes", () => {
  const path = new URL("../golden/engine/bytes.json", import.meta.url);

  before(async () => {
    await kernels();
    if (!process.env.LCLAB_UPDATE_GOLDEN) return;
    const entries = [];
    for (const each of cases) entries.push([each.net.name, await trained(each, 1)]);
    await writeFile(path, `${JSON.stringify(Object.fromEntries(entries), null, 2)}\n`);
  });

  for (const each of cases) {
    const { net, threads } = each;
    it(`${net.name}: ${threads.join(", ")} threads give the bytes in the golden file, which every machine must give`, async () => {
      const golden = JSON.parse(await readFile(path, "utf8"));
      for (const count of threads) {
        const got = { threads: count, ...(await trained(each, count)) };
        assert.deepEqual(got, { threads: count, ...golden[net.name] });
      }
    });
  }

  it("read(write(state)) = state, for every shape of the network", async () => {
    await withSession(net, data, { batch }, async (session) => {
      const state = { weights, velocity: formulaWeights(net, 1, 11) };
      await session.write(state.weights, state.velocity);
      assert.deepEqual(await session.read(), state);
    });
  });

  it("evaluate(split, w) equals writing w and evaluating, and leaves training alone", async () => {
    const other = formulaWeights(net, 0.25, 9);
    await withSession(net, data, { batch }, async (session) => {
      await session.write(other);
      const expected = await session.evaluate("train");
      await session.write(weights);
      await session.train(epoch(strided(203, 1), options));
      const before = await digest(session, net);
      assert.deepEqual(await session.evaluate("train", other), expected);
      assert.equal(await digest(session, net), before);
      const own = await session.evaluate("train");
      assert.notDeepEqual(own, expected);
      assert.equal(own.count, 203);
    });
  });
});
