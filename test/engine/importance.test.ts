import assert from "node:assert/strict";
import { plan } from "../../src/engine/wasm/plan.ts";
import { dense, network, relu, tanh, type Weights } from "../../src/net/network.ts";
import { float64, reference } from "./reference.ts";
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
  name: "five layers",
  input: [23],
  layers: [dense("fc1", 20), tanh(), dense("fc2", 13), relu(), dense("out", 11)],
});
const count = 33;
const data = formulaData(count, 23, 11);
const weights = formulaWeights(net, 0.5);
const targets = formulaWeights(net, 0.5, 7);
const mu = 0.25;

/** Importance weights from 1/32 to 4 + 1/32 of every parameter but `without`. */
function importanceOf(without?: string): Weights {
  return Object.fromEntries(
    Object.entries(formulaWeights(net, 2, 5))
      .filter(([key]) => key !== without)
      .map(([key, values]) => [key, values.map((value) => value + 2 + 1 / 32)]),
  );
}

/** Momentum after a minibatch of all examples at rate 0 and momentum 0: the gradient of loss + penalty. */
function gradient(importance: Weights, penalized: Weights, weight: number): Promise<Weights> {
  return withSession(net, data, { batch: count, importance: true }, async (session) => {
    await session.write(weights);
    await session.setTargets(targets, importanceOf());
    await session.setTargets(penalized, importance);
    await session.train(epoch(strided(count, 1), { rate: 0, momentum: 0, mu: weight }));
    return (await session.read()).velocity;
  });
}

describe("wasm engine: importance weights of the penalty", () => {
  before(kernels);

  it("the gradient is the central difference of loss + μ/2 Σ h (w − t)², with h = 1 where it is missing", async () => {
    const importance = importanceOf("fc2.w");
    const got = await gradient(importance, targets, mu);
    const [model, point] = [reference(net, data), float64(weights)];
    const all = Array.from({ length: count }, (_, i) => i);
    const penalized = (key: string, i: number) => {
      const away = (point[key]?.[i] as number) - (targets[key]?.[i] as number);
      return model.loss(point, all) + (mu / 2) * (importance[key]?.[i] ?? 1) * away ** 2;
    };
    for (const { key } of net.parameters) {
      const w = point[key] as Float64Array;
      const chosen = strided(w.length, 1).filter((i) => i % Math.ceil(w.length / 20) === 0);
      const expected = Array.from(chosen, (i) => {
        const [old, step] = [w[i] as number, 1e-5];
        w[i] = old + step;
        const above = penalized(key, i);
        w[i] = old - step;
        const below = penalized(key, i);
        w[i] = old;
        return (above - below) / (2 * step);
      });
      const error = relative(
        Array.from(chosen, (i) => got[key]?.[i] as number),
        expected,
      );
      assert.ok(error < 2e-6, `${key}: relative error ${error}`);
    }
  });

  it("a parameter without a target has no penalty, whatever its importance", async () => {
    const { "fc1.w": _w, "fc1.b": _b, ...rest } = targets;
    const got = await gradient(importanceOf(), rest, mu);
    const plain = await gradient({}, {}, 0);
    assert.deepEqual([got["fc1.w"], got["fc1.b"]], [plain["fc1.w"], plain["fc1.b"]]);
    assert.notDeepEqual(got["fc2.w"], plain["fc2.w"]);
  });

  it("h = 1 everywhere, and no importance after some, give the bytes of a session without it", async () => {
    const trained = (importance: boolean, ...given: (Weights | undefined)[]) =>
      withSession(net, data, { batch: 8, importance }, async (session) => {
        await session.write(weights);
        for (const h of given) await session.setTargets(targets, h);
        for (const step of [1, 5]) await session.train(epoch(strided(count, step), { mu }));
        return await session.read();
      });
    const expected = await trained(false, undefined);
    const ones = Object.fromEntries(
      Object.entries(weights).map(([key, { length }]) => [key, new Float32Array(length).fill(1)]),
    );
    assert.deepEqual(await trained(true, ones), expected);
    assert.deepEqual(await trained(true, importanceOf(), undefined), expected);
    assert.notDeepEqual(await trained(true, importanceOf()), expected);
  });

  it("has the same bytes with 1, 2 and 3 threads", async () => {
    const trained = (threads: number) =>
      withSession(net, data, { batch: 8, importance: true, threads }, async (session) => {
        await session.write(weights);
        await session.setTargets(targets, importanceOf());
        await session.train(epoch(strided(count, 1), { mu }));
        return await session.read();
      });
    const expected = await trained(1);
    for (const threads of [2, 3]) assert.deepEqual(await trained(threads), expected);
  });

  it("refuses h that are not finite and positive, of a wrong shape, or without room for them", async () => {
    await withSession(net, data, { batch: 8, importance: true }, async (session) => {
      for (const h of [0, -1, Number.NaN, Infinity]) {
        const bad = { "fc1.b": new Float32Array(20).fill(1).fill(h, 3, 4) };
        await assert.rejects(
          () => session.setTargets(targets, bad),
          new RangeError(
            `setTargets: importance must be a finite number > 0, got ${h} at "fc1.b"[3].`,
          ),
        );
      }
      const short = { "fc1.b": new Float32Array(19) };
      await assert.rejects(
        () => session.setTargets(targets, short),
        /importance: "fc1.b" must have 20/,
      );
      const unknown = { fc1: new Float32Array(20) };
      await assert.rejects(() => session.setTargets(targets, unknown), /no parameter "fc1"/);
    });
    await withSession(net, data, { batch: 8 }, async (session) => {
      await assert.rejects(
        () => session.setTargets(targets, importanceOf()),
        /no room for importance weights. Open it with { batch, importance: true }/,
      );
    });
  });

  it("takes memory only where it is asked for", () => {
    const names = (importance: boolean) =>
      plan(net, data, { batch: 8, importance }, 2).regions.filter(({ name }) =>
        name.endsWith("importance"),
      ).length;
    assert.deepEqual([names(false), names(true)], [0, net.parameters.length]);
  });
});
