import assert from "node:assert/strict";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { digits } from "../../src/data/digits.ts";
import { compress } from "../../src/lc/plan.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { random } from "../../src/math/random.ts";
import { dense, model, network, tanh, type Weights } from "../../src/net/network.ts";
import { initialWeights } from "../../src/net/zoo.ts";
import { close } from "../support/close.ts";
import { loss, quadraticEngine } from "../support/quadratic-engine.ts";

const net = network({ name: "tiny", input: [6], layers: [dense("a", 8), tanh(), dense("b", 4)] });
const reference = model(net, initialWeights(net, 1));
const goal = model(net, initialWeights(net, 2)).weights;
const data = digits({ trainCount: 1, testCount: 1 });
const lStep = sgd({ rate: 0.1, epochs: 1, batch: 1 });
const plan = compress(reference)
  .layer("a", quantize({ levels: 2 }).plus(prune({ count: 4 }), { starts: 0 }))
  .layer("b", lowRank({ rank: 1 }));

const squares = (a: Weights, b: Weights, keys: string[]): number =>
  keys.reduce((sum, key) => {
    const [x, y] = [a[key] as Float32Array, b[key] as Float32Array];
    return sum + x.reduce((s, v, i) => s + (v - (y[i] as number)) * (v - (y[i] as number)), 0);
  }, 0);

describe("the LC algorithm with an exact L step", () => {
  it("brings w and Δ(Θ) together as μ grows", async () => {
    const engine = quadraticEngine(goal);
    const mu = geometric({ from: 0.01, factor: 1.5, steps: 40 });
    const { history, status } = await plan.run({ data, lStep, mu, engine });
    const steps = history.filter((record) => record.kind === "step");
    assert.equal(status, "finished");
    assert.equal(steps.length, 41, "direct compression and 40 steps");
    assert.ok((steps.at(-1)?.distance as number) < 1e-4, `${steps.at(-1)?.distance}`);
  });

  it("never raises the penalised objective in an L step or a C step", async () => {
    const engine = quadraticEngine(goal);
    const mu = geometric({ from: 0.5, factor: 1, steps: 12 });
    const run = plan.steps({ data, lStep, mu, engine });
    let before: { weights: Weights; targets: Weights } | undefined;
    for await (const record of run) {
      const state = run.state;
      const call = engine.calls.at(-1);
      if (record.kind === "epoch" && call && state && before) {
        // L step: against the weights it started from, same targets.
        const keys = Object.keys(call.targets);
        const objective = (w: Weights): number =>
          loss(w, goal) + (0.5 / 2) * squares(w, call.targets, keys);
        assert.ok(objective(call.w) <= objective(before.weights) + 1e-9);
      }
      if (record.kind === "step" && state) before = { weights: state.weights, targets: {} };
    }
  });

  it("ends a C step no worse than the θ it started from", async () => {
    const rng = random(4);
    const w = Float64Array.from({ length: 48 }, () => rng.uniform() - 0.5);
    const c = plan.tasks[0]?.compression;
    assert.ok(c);
    const theta = c.cStep({ rows: 8, cols: 6, data: w });
    const moved = { rows: 8, cols: 6, data: w.map((x) => x + 0.1 * (rng.uniform() - 0.5)) };
    const error = (t: unknown): number =>
      c.decompress(t).data.reduce((s, d, i) => s + (d - (moved.data[i] as number)) ** 2, 0);
    assert.ok(error(c.cStep(moved, { warm: theta })) <= error(theta) + 1e-12);
  });

  it("updates λ ← λ − μ (w − Δ(Θ)) and aims the next L step at Δ + λ/μ", async () => {
    const engine = quadraticEngine(goal);
    const run = plan.steps({ data, lStep, mu: [0.5, 2], engine });
    const states = [];
    for await (const record of run) if (record.kind === "step") states.push(run.state);
    const [, one] = states;
    assert.ok(one);
    const delta = Float32Array.from(
      plan.tasks[1]?.compression.decompress(one.thetas[1]).data ?? [],
    );
    const expected = delta.map((d, i) => 0.5 * (d - (one.weights["b.w"]?.[i] as number)));
    close(one.lambda["b.w"] as Float32Array, expected, { atol: 1e-6 });
    const aimed = engine.calls[1]?.targets["b.w"] as Float32Array;
    close(
      aimed,
      delta.map((d, i) => d + (one.lambda["b.w"]?.[i] as number) / 2),
      { atol: 1e-7 },
    );
  });

  it("starts from direct compression", async () => {
    const engine = quadraticEngine(goal);
    const direct = await plan.direct();
    for await (const record of plan.steps({ data, lStep, mu: [1], engine })) {
      assert.deepEqual([record.kind, record.step, record.mu], ["step", 0, 0]);
      close(record.distortion as number, direct.distortion, { rtol: 1e-12 });
      assert.equal(record.ratio, direct.ratio);
      break;
    }
  });

  it("clips the learning rate at 1/μ and says so", async () => {
    const engine = quadraticEngine(goal);
    const { history, notes } = await plan.run({ data, lStep, mu: [1, 40], engine });
    assert.equal(history.at(-1)?.rate, 1 / 40);
    assert.deepEqual(notes, ["The learning rate was clipped to 1/μ from step 2 on (to 0.0250)."]);
  });

  it("ends early below the tolerance", async () => {
    const engine = quadraticEngine(goal);
    const mu = geometric({ from: 0.01, factor: 1.5, steps: 40 });
    const { history, status } = await plan.run({ data, lStep, mu, engine, tolerance: 1e-2 });
    assert.equal(status, "finished");
    assert.ok(history.length < 80);
  });

  it("that ended by its tolerance, gone on with, does no step more", async () => {
    const engine = quadraticEngine(goal);
    const mu = geometric({ from: 0.01, factor: 1.5, steps: 40 });
    const options = { data, lStep, mu, engine, tolerance: 1e-2 };
    const { state } = await plan.run(options);
    const again = await plan.run({ ...options, from: state });
    assert.equal(again.status, "finished");
    assert.deepEqual(again.state, state);
    const closer = await plan.run({ ...options, from: state, tolerance: 1e-3 });
    assert.ok((closer.state?.stepsDone ?? 0) > (state?.stepsDone ?? 0));
  });

  it("evaluates the last step before its record is made, and no other", async () => {
    const engine = quadraticEngine(goal);
    const mu = geometric({ from: 0.01, factor: 1.5, steps: 40 });
    for (const tolerance of [0, 1e-2]) {
      const options = { data, lStep, mu, engine, tolerance };
      const every = await plan.run(options);
      const last = await plan.run({ ...options, evaluate: "last" });
      const scored = last.history.filter(({ trainLoss }) => trainLoss !== undefined);
      assert.deepEqual(
        scored.map(({ step, trainLoss, testError }) => [step, trainLoss, testError]),
        [[last.state?.stepsDone, every.trainLoss, every.testError]],
      );
      assert.deepEqual(last.state, every.state);
      const ends = await plan.run({ ...options, evaluate: "ends" });
      const direct = every.history.find(({ kind, step }) => kind === "step" && step === 0);
      assert.deepEqual(
        ends.history
          .filter(({ trainLoss }) => trainLoss !== undefined)
          .map((r) => [r.step, r.trainLoss]),
        [
          [0, direct?.trainLoss],
          [ends.state?.stepsDone, every.trainLoss],
        ],
      );
    }
  });

  it("gives a stopped run its own scores, not those of direct compression", async () => {
    const engine = quadraticEngine(goal);
    const mu = geometric({ from: 0.01, factor: 1.5, steps: 6 });
    const stop = new AbortController();
    const steps = plan.steps({ data, lStep, mu, engine, evaluate: "ends", signal: stop.signal });
    for (;;) {
      const { value, done } = await steps.next();
      assert.ok(!done);
      if (value.step === 2 && value.kind === "step") break;
    }
    stop.abort();
    const { value: stopped } = await steps.next();
    const before = await plan.run({ data, lStep, mu: mu.slice(0, 2), engine });
    assert.equal((stopped as { trainLoss?: number }).trainLoss, before.trainLoss);
  });

  it("reports NaN losses with the state before and what to change", async () => {
    const engine = quadraticEngine(goal);
    const { open } = engine;
    let left = 3;
    engine.open = async (...args) => {
      const session = await open(...args);
      const bad = { next: 4, lossSum: Number.NaN, examples: 1, finite: false, seconds: 0 };
      return { ...session, train: async (o) => (left-- > 0 ? session.train(o) : bad) };
    };
    const mu = [0.1, 0.2, 0.4, 0.8, 1.6];
    await assert.rejects(
      plan.run({ data, lStep, mu, engine }),
      (error: Error & { state: unknown }) => {
        assert.match(
          error.message,
          /^LC_DIVERGED: L step 4 \(μ = 0.800\), epoch 1: loss became NaN or infinite in minibatch 5; it was .* before. The last good state is kept \(error.state\). Lower the learning rate \(now 0.0941\) or start μ lower.$/,
        );
        assert.equal((error.state as { stepsDone: number }).stepsDone, 3);
        return true;
      },
    );
  });
});
