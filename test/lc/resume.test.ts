import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { lowRank } from "../../src/compression/low-rank.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { digits } from "../../src/data/digits.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { compress } from "../../src/lc/plan.ts";
import type { RunOptions } from "../../src/lc/run-options.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import type { Solution } from "../../src/lc/solution.ts";
import { decodeState, encodeState, type LCState } from "../../src/lc/state.ts";
import { lenet300 } from "../../src/net/zoo.ts";

const data = digits({ trainCount: 300, testCount: 100 });
const plan = compress(lenet300({ seed: 1 }))
  .layer("fc1", quantize({ levels: 2 }).plus(prune({ keep: 0.01 }), { starts: 1 }))
  .layer("fc2", lowRank({ rank: 5 }))
  .layer("out", quantize({ levels: 3 }));
const options: RunOptions = {
  data,
  // 300 examples in minibatches of 64: the last one is smaller.
  lStep: sgd({ rate: 0.05, epochs: 2, firstEpochs: 3, batch: 64 }),
  mu: geometric({ from: 1e-2, factor: 1.5, steps: 5 }),
  seed: 3,
  engine: wasmEngine({ threads: 2 }),
};

const bytes = (solution: Solution<unknown>): string =>
  createHash("sha256")
    .update(encodeState(solution.state as LCState))
    .digest("hex");

describe("an LC run on LeNet300", function () {
  this.timeout(120_000);
  let whole: Solution<unknown>;
  before(async () => {
    whole = await plan.run(options);
  });

  it("learns: the training loss of Δ(Θ) falls far below that of direct compression", () => {
    const steps = whole.history.filter((record) => record.kind === "step");
    const [first, last] = [steps[0]?.trainLoss as number, steps.at(-1)?.trainLoss as number];
    assert.ok(last < first / 2, `${first} → ${last}`);
  });

  it("gives the same bytes of w and θ with 1 thread and with 2, and again", async () => {
    for (const threads of [1, 2]) {
      const again = await plan.run({ ...options, engine: wasmEngine({ threads }) });
      assert.equal(bytes(again), bytes(whole), `${threads} threads`);
    }
  });

  it("stopped after step 3, saved as bytes, read back and continued, ends in the same bytes", async () => {
    const run = plan.steps(options);
    for await (const record of run) if (record.kind === "step" && record.step === 3) break;
    const saved = encodeState(run.state as LCState);
    const state = decodeState(saved);
    assert.equal(state.stepsDone, 3);
    assert.deepEqual(encodeState(state), saved);
    const { seed: _, ...rest } = options;
    assert.equal(bytes(await plan.run({ ...rest, from: state })), bytes(whole));
  });

  it("stopped anywhere by a signal, and continued, ends in the same bytes", async () => {
    for (const records of [1, 3, 6]) {
      const controller = new AbortController();
      const run = plan.steps({ ...options, signal: controller.signal });
      let seen = 0;
      let stopped: Solution<unknown> | undefined;
      for (;;) {
        const next = run.next();
        // In the middle of an epoch: the abort comes while the engine works.
        if (seen++ === records) setImmediate(() => controller.abort());
        const { done, value } = await next;
        if (done) {
          stopped = value;
          break;
        }
      }
      assert.equal(stopped.status, "stopped");
      const again = await plan.run({ ...options, from: stopped.state as LCState });
      assert.equal(bytes(again), bytes(whole), `stopped after ${records} records`);
    }
  });

  it("refuses to go on from the state of another plan, naming the difference", () => {
    const other = compress(lenet300({ seed: 1 })).layer("fc1", quantize({ levels: 4 }));
    const from = whole.state as LCState;
    assert.throws(() => other.steps({ ...options, from }), {
      code: "LC_STATE",
      message:
        /^LC_STATE: from is the state of another plan: task 1 is .*"sum".*, not .*"levels":4.*Use the plan it was made with.$/,
    });
  });

  it("refuses to go on with other data, minibatches or μ, but takes a longer schedule", async () => {
    const from = whole.state as LCState;
    const refuses = (change: Partial<RunOptions>, message: RegExp): void =>
      assert.throws(() => plan.steps({ ...options, ...change, from }), {
        code: "LC_STATE",
        message,
      });
    refuses(
      { lStep: sgd({ rate: 0.05, epochs: 2, firstEpochs: 3, batch: 32 }) },
      /lStep was .*"batch":64.*, got .*"batch":32/,
    );
    refuses(
      { data: digits({ trainCount: 200, testCount: 100 }) },
      /data was .*"train":300.*, got .*"train":200/,
    );
    refuses(
      { mu: geometric({ from: 1, factor: 1.5, steps: 5 }) },
      /mu was \[0.01,.* write warmStart/,
    );
    const longer = await plan.run({
      ...options,
      mu: geometric({ from: 1e-2, factor: 1.5, steps: 6 }),
      from,
    });
    assert.equal(longer.state?.stepsDone, 6);
  });

  it("evaluates the network also when a resumed run has nothing left to do", async () => {
    const again = await plan.run({ ...options, from: whole.state as LCState });
    assert.deepEqual([again.status, again.testErrors], ["finished", whole.testErrors]);
  });

  it("stops with an error when weights overflow in the last update of an epoch", async () => {
    const lStep = sgd({ rate: 1e39, epochs: 1, batch: 300 });
    const mu = [1e-40];
    await assert.rejects(plan.run({ ...options, lStep, mu }), {
      code: "LC_DIVERGED",
      message: /became NaN or infinite/,
    });
  });

  it("warm-starts another level from its learned weights", async () => {
    const other = compress(lenet300({ seed: 1 })).layer("fc1", quantize({ levels: 4 }));
    const warmStart = whole.state as LCState;
    const run = other.steps({ ...options, warmStart });
    await run.next();
    assert.deepEqual(run.state?.weights, warmStart.weights);
    await run.return(undefined as never);
  });
});

describe("a saved state", () => {
  it("of another version is refused", async () => {
    const run = plan.steps(options);
    await run.next();
    const old = encodeState({ ...(run.state as LCState), version: 1 as unknown as 2 });
    await run.return(undefined as never);
    assert.throws(() => decodeState(old), {
      code: "LC_STATE",
      message: /the saved state has version 1; this lclab reads version 2/,
    });
  });

  it("that is damaged or cut off is refused", async () => {
    const run = plan.steps(options);
    await run.next();
    const saved = encodeState(run.state as LCState);
    await run.return(undefined as never);
    const damaged = saved.slice();
    damaged[5000] = (damaged[5000] as number) ^ 1;
    for (const bad of [damaged, saved.subarray(0, 9000), saved.subarray(0, 20)]) {
      assert.throws(() => decodeState(bad), { code: "LC_STATE", message: /damaged or cut off/ });
    }
    assert.throws(() => decodeState(Buffer.from("hello")), {
      code: "LC_STATE",
      message: /are not a saved state/,
    });
  });
});
