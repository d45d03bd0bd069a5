import assert from "node:assert/strict";
import { mkdir, readFile, rm, truncate, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { defineCompression } from "../../src/compression/compression.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { digits } from "../../src/data/digits.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { compress, specOf } from "../../src/lc/plan.ts";
import { sgd } from "../../src/lc/schedules.ts";
import { encodeState, type LCState } from "../../src/lc/state.ts";
import type { Matrix } from "../../src/math/matrix.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { checkpoints } from "../../src/runs/checkpoints.ts";
import { openRun, openRuns, resume } from "../../src/runs/open.ts";
import { RecordedRun } from "../../src/runs/recorder.ts";
import { failingDisk } from "./failing-disk.ts";
import { digestOf, options, plan, withFolder } from "./support.ts";

describe("a run in a folder", function () {
  this.timeout(120_000);

  it("that cannot write a checkpoint says so, keeps those before, and goes on when it can", () =>
    withFolder(async (folder) => {
      const whole = digestOf(await plan.run(options));
      const { model, tasks } = plan;
      // Files 0 and 1 are the start and the record.
      for (const [where, code, at] of [
        ["write", "ENOSPC", 3],
        ["sync", "EIO", 4],
        ["rename", "EIO", 2],
      ] as const) {
        const dir = join(folder, `${where}`);
        const on = failingDisk(where, code, at);
        const run = new RecordedRun(model, tasks, specOf(model, tasks), { ...options, dir }, on);
        const drain = async () => {
          for await (const _ of run.steps());
        };
        await assert.rejects(drain(), { code: "LC_DISK" });
        const { status, message } = await openRun(dir);
        assert.equal(status, "failed");
        assert.match(message ?? "", new RegExp(code));
        assert.equal((await checkpoints(join(dir, "checkpoints")).list()).length, at - 2);
        assert.equal(digestOf(await resume(dir)), whole);
      }
    }));

  it("keeps the newest three checkpoints and the best", () =>
    withFolder(async (folder) => {
      const state = (await plan.run({ ...options, mu: options.mu.slice(0, 1) })).state;
      const saved = checkpoints(folder);
      for (let i = 0; i < 6; i++) await saved.save(state as never, "000001.state");
      assert.deepEqual(await saved.list(), [
        ...["000005.state", "000004.state", "000003.state", "000001.state"],
      ]);
    }));

  it("counts no damaged checkpoint among the three, and takes no other failure for damage", () =>
    withFolder(async (folder) => {
      const state = (await plan.run({ ...options, mu: options.mu.slice(0, 1) })).state as LCState;
      const saved = checkpoints(folder);
      for (let i = 0; i < 4; i++) await saved.save(state, undefined);
      for (const file of ["000003.state", "000002.state"]) await truncate(join(folder, file), 5000);
      const later = checkpoints(folder);
      const { found, damaged } = await later.newest();
      assert.deepEqual(
        [found?.file, damaged.map(({ file }) => file)],
        ["000001.state", ["000003.state", "000002.state"]],
      );
      await later.save(state, undefined);
      assert.deepEqual(await later.list(), ["000004.state", "000001.state"]);
      // Another format is no damage, nor is a file that cannot be read now.
      const newer = encodeState({ ...state, version: 3 as unknown as 2 });
      await writeFile(join(folder, "000005.state"), newer);
      await assert.rejects(later.newest(), { code: "LC_STATE", message: /has version 3/ });
      await writeFile(join(folder, "000005.state"), "lclab state 2\nand more");
      await assert.rejects(later.newest(), /has the format "lclab state 2"; this lclab reads/);
      await rm(join(folder, "000005.state"));
      await mkdir(join(folder, "000005.state"));
      await assert.rejects(later.newest(), { code: "EISDIR" });
    }));

  it("run again, gives the finished solution; with a longer schedule, goes on", () =>
    withFolder(async (dir) => {
      const [short, longer] = [options.mu.slice(0, 2), options.mu];
      const first = await plan.run({ ...options, mu: short, dir });
      const again = await plan.run({ ...options, mu: short, dir });
      assert.equal(digestOf(again), digestOf(first));
      assert.deepEqual([again.status, again.testErrors], ["finished", first.testErrors]);
      assert.deepEqual(
        again.history.map(({ loss }) => loss),
        first.history.map(({ loss }) => loss),
      );
      const { state } = await plan.run({ ...options, mu: longer, dir });
      assert.equal(state?.stepsDone, longer.length);
      assert.equal((await openRun(dir)).record.run.mu.length, longer.length);
      await assert.rejects(plan.run({ ...options, mu: short, dir }), /has done 5 steps/);
    }));

  it("refuses another run's folder, naming all that differs", () =>
    withFolder(async (dir) => {
      await plan.run({ ...options, mu: options.mu.slice(0, 1), dir });
      const lStep = sgd({ rate: 0.1, epochs: 2, firstEpochs: 3, batch: 64 });
      await assert.rejects(plan.run({ ...options, lStep, seed: 4, dir }), {
        code: "LC_STATE",
        message: /holds another run: lStep was .*0\.05.*, got .*0\.1.*; seed was 3, got 4\. /,
      });
      const other = { ...options.data, mean: options.data.mean.map((x) => x + 1) };
      await assert.rejects(plan.run({ ...options, data: other, dir }), /bytes of the data/);
      const weights = { ...plan.model.weights, "out.b": new Float32Array(10).fill(1) };
      const moved = compress({ ...plan.model, weights })
        .layer("fc1", plan.tasks[0]?.compression as never)
        .layer("out", plan.tasks[1]?.compression as never);
      await assert.rejects(moved.run({ ...options, dir }), /start \(SHA-256 of the weights\)/);
      assert.throws(() => plan.steps({ ...options, dir, from: {} as never }), /dir or from/);
    }));

  it("refuses another run's checkpoint, and another engine than it began with", () =>
    withFolder(async (folder) => {
      const dir = join(folder, "a");
      const mu = options.mu.slice(0, 1);
      await plan.run({ ...options, mu, dir });
      const state = (await plan.run({ ...options, mu, seed: 9 })).state as LCState;
      const path = join(dir, "checkpoints", "000002.state");
      const refuses = async (other: LCState, message: RegExp) => {
        await writeFile(path, encodeState(other));
        await assert.rejects(plan.run({ ...options, mu, dir }), { code: "LC_STATE", message });
      };
      await refuses(state, /000002\.state is the state of another run.*seed was 9, got 3/);
      const ours = { ...state, seed: 3 };
      const lStep = sgd({ rate: 0.1, epochs: 2, batch: 64 });
      await refuses({ ...ours, run: { ...ours.run, lStep } }, /another run.*lStep was .*0\.1/);
      await refuses({ ...ours, plan: { ...ours.plan, tasks: [] } }, /another run.*task/);
      await rm(path);
      const record = JSON.parse(await readFile(join(dir, "run.json"), "utf8"));
      await writeFile(join(dir, "run.json"), JSON.stringify({ ...record, engine: "tfjs" }));
      await assert.rejects(resume(dir), {
        code: "LC_STATE",
        message: /was run on the engine tfjs; here is wasm.*resume\(dir, \{ engine \}\)/,
      });
      assert.equal((await resume(dir, { engine: wasmEngine() })).status, "finished");
    }));

  it("stays in its folder when the working directory changes before it begins", () =>
    withFolder(async (folder) => {
      const before = process.cwd();
      await mkdir(join(folder, "elsewhere"));
      process.chdir(folder);
      try {
        const steps = plan.steps({ ...options, dir: "mine" });
        process.chdir("elsewhere");
        await steps.next();
        await steps.return(undefined as never);
      } finally {
        process.chdir(before);
      }
      assert.equal((await openRun(join(folder, "mine"))).history.length, 1);
    }));

  it("left in the middle of its loop or by a signal, goes on to the same bytes", () =>
    withFolder(async (dir) => {
      const whole = digestOf(await plan.run(options));
      for await (const { step } of plan.steps({ ...options, dir })) if (step === 1) break;
      assert.equal((await openRun(dir)).status, "stopped");
      const stop = new AbortController();
      const steps = plan.steps({ ...options, dir, signal: stop.signal });
      let solution: Awaited<ReturnType<typeof resume>> | undefined;
      for (let n = 0; !solution; n++) {
        const next = steps.next();
        // Within an epoch: the abort comes while the engine works.
        if (n === 2) setImmediate(() => stop.abort());
        const { done, value } = await next;
        if (done) solution = value;
      }
      assert.equal(solution.status, "stopped");
      assert.equal((await openRun(dir)).status, "stopped");
      assert.equal(digestOf({ state: await (await openRun(dir)).state() }), digestOf(solution));
      const before = (await openRun(dir)).seconds;
      assert.equal(digestOf(await resume(dir)), whole);
      // The new process counts its records from 0.
      const { seconds, history } = await openRun(dir);
      assert.equal(seconds, before + (history.at(-1)?.seconds ?? 0));
    }));

  it("is in use while it runs", () =>
    withFolder(async (dir) => {
      const steps = plan.steps({ ...options, dir });
      await steps.next();
      assert.equal((await openRun(dir)).status, "running");
      await assert.rejects(resume(dir), /is in use by process/);
      await steps.return(undefined as never);
    }));

  it("with importance weights, or warm-started, is resumed without them being given", () =>
    withFolder(async (folder) => {
      const { rows, cols } = { rows: 20, cols: 784 };
      const h = Float32Array.from({ length: rows * cols }, (_, i) => 1 + (i % 3));
      const warmStart = (await plan.run(options)).state;
      for (const [name, more] of Object.entries({
        importance: { importance: { "fc1.w": h } },
        warm: { warmStart },
      })) {
        const dir = join(folder, name);
        const short = { ...options, ...more, mu: options.mu.slice(0, 3) };
        const whole = digestOf(await plan.run(short));
        for await (const _ of plan.steps({ ...short, dir })) break;
        assert.equal(digestOf(await resume(dir)), whole, name);
      }
    }));

  it("needs its data and its own compressions again, and takes no others", () =>
    withFolder(async (folder) => {
      const mine = { ...options.data, name: "mine" };
      const dir = join(folder, "mine");
      for await (const _ of plan.steps({ ...options, data: mine, dir })) break;
      await assert.rejects(resume(dir), { code: "LC_STATE", message: /was run on mine, which no/ });
      const other = digits({ trainCount: 300, testCount: 100, seed: 1 });
      await assert.rejects(resume(dir, { data: other }), /here has [0-9a-f]{12}….*same data/);
      assert.equal((await resume(dir, { data: mine })).status, "finished");

      const half = defineCompression<Matrix<Float64Array>>({
        name: "half",
        exact: false,
        elementwise: true,
        weighted: false,
        solve: ({ rows, cols, data }) => ({
          theta: { rows, cols, data: Float64Array.from(data, (x) => x / 2) },
          exact: false,
        }),
        decompress: (theta) => theta,
        bits: () => 1,
      });
      const own = compress(plan.model).layer("fc1", half);
      const ownDir = join(folder, "own");
      for await (const _ of own.steps({ ...options, dir: ownDir })) break;
      await assert.rejects(resume(ownDir), /fc1 has half, a compression of your own/);
      assert.equal((await own.run({ ...options, dir: ownDir })).status, "finished");
    }));

  it("is listed with the others of a folder, the newest first, and shows itself as a table", () =>
    withFolder(async (folder) => {
      const mu = options.mu.slice(0, 1);
      await plan.run({ ...options, mu, dir: join(folder, "a") });
      const one = compress(plan.model).layer("fc1", quantize({ levels: 4 }));
      for await (const _ of one.steps({ ...options, mu, dir: join(folder, "b") })) break;
      const runs = await openRuns(folder);
      assert.deepEqual(
        runs.map(({ dir, status }) => [dir, status]),
        [
          [join(folder, "b"), "stopped"],
          [join(folder, "a"), "finished"],
        ],
      );
      const { "text/plain": text } = (await runs[displaySymbol]()) as { "text/plain": string };
      assert.match(text, /fc1: quantize\(K = 4\).*stopped.*0 of 1/);
      await assert.rejects(openRun(folder), { code: "LC_STATE", message: /no run was kept there/ });
      for (const [name, record] of [
        ["bad", "{"],
        ["poor", '{"format":1}'],
      ] as const) {
        await mkdir(join(folder, name));
        await writeFile(join(folder, name, "run.json"), record);
      }
      const both = await openRuns(folder);
      assert.equal(both.length, 2);
      const unreadable = [...both.unreadable].sort((a, b) => (a.dir < b.dir ? -1 : 1));
      assert.deepEqual(
        unreadable.map(({ dir }) => dir),
        [join(folder, "bad"), join(folder, "poor")],
      );
      assert.match(
        unreadable[0]?.message ?? "",
        /is not the record of a run that this lclab reads/,
      );
      const { "text/plain": shown } = (await both[displaySymbol]()) as { "text/plain": string };
      assert.match(shown, /bad: LC_STATE/);
    }));
});
