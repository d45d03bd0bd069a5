import assert from "node:assert/strict";
import type { EngineSession, EpochOptions } from "../../src/engine/engine.ts";
import { tfjs } from "../../src/engine/tfjs/engine.ts";
import { adam, sgd } from "../../src/lc/schedules.ts";
import { batchNorm, conv2d, dense, network, relu } from "../../src/net/network.ts";
import { tfjsModule } from "../support/tfjs.ts";
import {
  epoch,
  formulaData,
  formulaWeights,
  kernels,
  relative,
  strided,
  withSession,
} from "./support.ts";

const net = network({
  name: "decayed",
  input: [6, 6, 2],
  layers: [
    ...([conv2d("a", 9, { kernel: [3, 3], padding: "same" }), batchNorm("n"), relu()] as const),
    ...([conv2d("b", 5, { kernel: [2, 2] }), relu(), dense("out", 3)] as const),
  ],
});
const data = { ...formulaData(24, 72, 3), shape: [6, 6, 2] as const };
const trained = net.parameters.filter(({ role }) => role !== "mean" && role !== "variance");
const zeros = Object.fromEntries(
  trained.map(({ key, rows, cols }) => [key, new Float32Array(rows * cols)]),
);
const order = strided(24, 5);
const constants = { beta1: 0.9, beta2: 0.99, epsilon: 1e-8, steps: 0 };

async function weightsAfter(session: EngineSession, options: Partial<EpochOptions>) {
  await session.write(formulaWeights(net, 0.3));
  await session.train(epoch(order, { rate: 0.02, ...options }));
  return (await session.read()).weights;
}

describe("weight decay", () => {
  before(kernels);

  for (const optimizer of ["sgd", "adam"] as const) {
    const how = optimizer === "adam" ? { momentum: 0, adam: constants } : {};

    it(`${optimizer}: d w is the penalty's gradient with μ = d and targets 0, to the bit`, async () => {
      await withSession(net, data, { batch: 7, optimizer }, async (session) => {
        const without = await weightsAfter(session, how);
        const decayed = await weightsAfter(session, { ...how, weightDecay: 0.25 });
        await session.setTargets(zeros);
        assert.deepEqual(await weightsAfter(session, { ...how, mu: 0.25 }), decayed);
        for (const { key } of trained)
          assert.ok(relative(without[key] ?? [], decayed[key] ?? []) > 1e-4, key);
      });
    });

    it(`${optimizer}: the tfjs engine agrees`, async function () {
      const tf = await tfjsModule();
      if (!tf) return this.skip();
      const options = { ...how, weightDecay: 0.25 };
      const own = await withSession(net, data, { batch: 7, optimizer }, (s) =>
        weightsAfter(s, options),
      );
      const session = await tfjs(tf).open(net, data, { batch: 7, optimizer });
      try {
        const theirs = await weightsAfter(session, options);
        for (const { key } of trained) {
          const error = relative(theirs[key] ?? [], own[key] ?? []);
          assert.ok(error < 1e-4, `${key}: ${error}`);
        }
      } finally {
        await session.close();
      }
    });
  }

  it("is 0 by default and from 0", async () => {
    assert.equal(sgd({ rate: 0.1, epochs: 1 }).weightDecay, 0);
    assert.equal(adam({ rate: 0.1, epochs: 1, weightDecay: 1e-4 }).weightDecay, 1e-4);
    assert.throws(
      () => sgd({ rate: 0.1, epochs: 1, weightDecay: -1 }),
      /weightDecay must be a number from 0, got -1/,
    );
    await withSession(net, data, { batch: 7 }, async (session) => {
      const options = epoch(order, { weightDecay: Number.NaN });
      await assert.rejects(
        session.train(options),
        /train: weightDecay must be a number ≥ 0, got NaN/,
      );
    });
  });
});
