import assert from "node:assert/strict";
import { readFile, truncate } from "node:fs/promises";
import { join } from "node:path";
import { defineCompression } from "../../src/compression/compression.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { compress } from "../../src/lc/plan.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { checkpoints } from "../../src/runs/checkpoints.ts";
import { ownerOf } from "../../src/runs/lock.ts";
import { pool } from "../../src/sweep/executors.ts";
import { pointFolder } from "../../src/sweep/folder.ts";
import { runPoint } from "../../src/sweep/point.ts";
import {
  attachSweep,
  openSweep,
  type SweepOptions,
  stopSweep,
  sweep,
} from "../../src/sweep/sweep.ts";
import { digestOf, plan, options as run, withFolder } from "../runs/support.ts";
import { entries, finish, silent, stateOf } from "./support.ts";

const net = plan.model;
const options: Omit<SweepOptions, "dir"> = {
  net,
  data: run.data,
  combinations: ["Q", "Q+P"],
  levels: { bits: [1, 2], keep: [0.02] },
  lStep: sgd({ rate: 0.05, epochs: 1, batch: 64 }),
  mu: geometric({ from: 1e-2, factor: 1.5, steps: 3 }),
  executor: pool({ workers: 2, threads: 1 }),
};

describe("a sweep on the pool", function () {
  this.timeout(180_000);

  it("gives every point the bytes that plan.run gives, and tells each once", () =>
    withFolder(async (dir) => {
      const running = await sweep({ ...options, dir, seeds: [0, 1] });
      const told: string[] = [];
      const steps = running.points();
      for (;;) {
        const { done, value } = await steps.next();
        if (!done) {
          told.push(value.id);
          continue;
        }
        assert.equal(value.status, "finished");
        assert.equal(value.points.length, 8);
        assert.deepEqual([...told].sort(), value.points.map(({ id }) => id).sort());
        assert.ok(
          value.points.every(({ status, attempts }) => status === "finished" && attempts === 1),
        );
        assert.ok(value.front.length >= 1);
        break;
      }
      for (const [level, keep] of [
        ["1 bit", 0],
        ["2 bits + 2 %", 0.02],
      ] as const) {
        const bits = level.startsWith("1") ? 1 : 2;
        const c = quantize({ bits });
        const start = compress(net);
        const all = keep
          ? start.each(["fc1", "out"], c.plus(prune({ keep })))
          : start.each(["fc1", "out"], c);
        const { lStep, mu, data } = options;
        const expected = await all.run({ data, lStep, mu, seed: 1 });
        const point = (await openSweep(dir)).points.find((p) => p.level === level && p.seed === 1);
        assert.equal(digestOf(await stateOf(dir, point?.id ?? "")), digestOf(expected), level);
        assert.equal(point?.scores?.trainLoss, expected.trainLoss);
      }
      const again = await sweep({ ...options, dir, seeds: [0, 1] });
      assert.equal((await again.result()).status, "finished");
      assert.equal((await entries(dir, "attempt")).length, 8);
    }));

  it("goes on where workers and supervisors are killed: nothing is lost, no point counts twice", () =>
    withFolder(async (folder) => {
      const longer = { ...options, mu: geometric({ from: 1e-2, factor: 1.2, steps: 12 }) };
      const calm = await sweep({ ...longer, dir: join(folder, "calm") });
      const expected = await calm.live(silent);
      const dir = join(folder, "wild");
      await sweep({ ...longer, dir });
      // Each time it has got a step further, its supervisor or a worker dies.
      let [kills, seen] = [0, 0];
      while (kills < 6) {
        const { points, status } = await openSweep(dir);
        if (status === "finished") break;
        const steps = points.reduce((sum, { newest }) => sum + (newest?.step ?? 0), 0);
        const owner = await ownerOf(dir);
        if (steps > seen && owner !== "none" && owner !== "dead") {
          seen = steps;
          const busy = points.find((p) => p.status === "running");
          const worker = busy ? await ownerOf(pointFolder(dir, busy.id)) : "none";
          const victim = kills % 2 === 0 && typeof worker === "object" ? worker : owner;
          process.kill(victim.pid, "SIGKILL");
          kills++;
        }
        if (owner === "dead") await attachSweep(dir);
        await new Promise((next) => setTimeout(next, 20));
      }
      assert.ok(kills >= 2, `${kills} kills`);
      const found = await finish(dir);
      for (const [i, { id, scores }] of expected.points.entries()) {
        assert.deepEqual(found.points[i]?.status, "finished");
        assert.equal(found.points[i]?.scores?.trainLoss, scores?.trainLoss);
        const was = digestOf(await stateOf(join(folder, "calm"), id));
        assert.equal(digestOf(await stateOf(dir, id)), was);
      }
      const ends = (await entries(dir, "end")).map(({ id }) => id);
      assert.equal(new Set(ends).size, ends.length);
    }));

  it("is stopped by stopSweep after the minibatches under way, and attached to again", () =>
    withFolder(async (dir) => {
      const longer = { ...options, mu: geometric({ from: 1e-2, factor: 1.1, steps: 40 }) };
      const running = await sweep({ ...longer, dir });
      for (;;) {
        const { points } = await running.result();
        if (points.some(({ newest }) => (newest?.step ?? 0) > 0)) break;
        await new Promise((next) => setTimeout(next, 20));
      }
      assert.equal(await stopSweep(dir), true);
      assert.equal((await openSweep(dir)).status, "stopped");
      assert.equal(await stopSweep(dir), false);
      assert.deepEqual(
        (await entries(dir, "stop")).map(({ status }) => status),
        ["stopped"],
      );
      // An interrupt ends the waiting only.
      const stop = new AbortController();
      // What is left may run elsewhere, but not while the other is at work.
      const other = pool({ workers: 1, threads: 1 });
      const again = await attachSweep(dir, { executor: other });
      await assert.rejects(attachSweep(dir, { executor: pool({ workers: 3, threads: 1 }) }), {
        code: "LC_STATE",
        message: /is at work with another executor.*stopSweep/,
      });
      assert.deepEqual(
        (await entries(dir, "supervisor")).map(({ executor }) => executor),
        [options.executor, other],
      );
      setTimeout(() => stop.abort(), 300);
      const early = await again.live({ signal: stop.signal, stream: { write: () => true } });
      assert.equal(early.status, "running");
      await again.stop();
      assert.equal((await again.result()).status, "stopped");
    }));

  it("warm-starts each level from the learned weights of the one before", () =>
    withFolder(async (dir) => {
      const { lStep, mu, data } = options;
      const warm = { ...options, combinations: ["Q"] as const, warmStart: true, dir };
      const found = await (await sweep(warm)).live(silent);
      const q = (bits: number) => compress(net).each(["fc1", "out"], quantize({ bits }));
      const first = await q(1).run({ data, lStep, mu });
      const second = await q(2).run({ data, lStep, mu, warmStart: first.state });
      const [, point] = found.points;
      assert.equal(digestOf(await stateOf(dir, point?.id ?? "")), digestOf(second));
      assert.equal(point?.from, found.points[0]?.id);
      // Whatever is left of the first, no other state of it will do.
      const saved = join(pointFolder(dir, point?.from ?? ""), "checkpoints");
      const newest = (await checkpoints(saved).list())[0] ?? "";
      await truncate(join(saved, newest), 5000);
      const signal = new AbortController().signal;
      await assert.rejects(runPoint(dir, point?.id ?? "", { attempt: 2, threads: 1, signal }), {
        code: "LC_STATE",
        message: /the last checkpoint of 000-.* is damaged; the newest whole one is of step 2 of 3/,
      });
    }));

  it("gives up points that a smaller and better one has made hopeless", () =>
    withFolder(async (dir) => {
      const mu = geometric({ from: 1e-2, factor: 1.2, steps: 10 });
      const found = await (
        await sweep({
          ...{ ...options, mu, hopeless: 1.001, dir, executor: pool({ workers: 1, threads: 1 }) },
          combinations: {
            good: { "1 bit": quantize({ bits: 1 }) },
            // One weight of each layer is left, and two bits for it.
            bad: { none: (start) => start.layer("out", prune({ count: 1 })) },
          },
        })
      ).live(silent);
      assert.deepEqual(
        found.points.map(({ status }) => status),
        ["finished", "hopeless"],
      );
      const { newest } = found.points[1] ?? {};
      assert.ok((newest?.step ?? 0) >= 5 && (newest?.step ?? 10) < 10, `${newest?.step}`);
    }));

  it("says why points failed, after one attempt where another would fail too", () =>
    withFolder(async (dir) => {
      const combinations = {
        Q: { "1 bit": quantize({ bits: 1 }), "2 bits": quantize({ bits: 2 }) },
      };
      const lStep = sgd({ rate: 1e39, epochs: 1, batch: 300 });
      const { points, ...found } = await (
        await sweep({ ...options, combinations, lStep, mu: [1e-40], dir })
      ).live(silent);
      assert.ok(points.every(({ status, attempts }) => status === "failed" && attempts === 1));
      assert.match(points[0]?.message ?? "", /LC_DIVERGED: L step 1/);
      const { "text/plain": text, "text/html": html } = found[displaySymbol]() as Record<
        string,
        string
      >;
      assert.match(text ?? "", /2 of 2 points, 2 of them without a result/);
      assert.match(html ?? "", /LC_DIVERGED/);
    }));

  it("takes data of the user's own into its folder", () =>
    withFolder(async (dir) => {
      const data = { ...run.data, name: "mine" };
      const own = {
        ...options,
        data,
        combinations: { Q: { "1 bit": quantize({ bits: 1 }) } },
        dir,
      };
      const found = await (await sweep(own)).live(silent);
      assert.equal(found.points[0]?.status, "finished");
      assert.ok((await readFile(join(dir, "data.bin"))).length > 300 * 784);
    }));

  it("refuses what cannot be, before anything starts", () =>
    withFolder(async (dir) => {
      const refuses = (change: Partial<SweepOptions>, message: RegExp) =>
        assert.rejects(sweep({ ...options, dir, ...change }), message);
      await refuses({ levels: { bits: [1] } }, /"Q\+P" needs levels\.keep, got none/);
      await refuses({ seeds: [-1] }, /seeds must be whole numbers from 0, got -1/);
      await refuses({ combinations: [] }, /there are no points/);
      await refuses({ seeds: [1, 2, 1] }, /seeds must differ, got 1, 2, 1/);
      await refuses({ hopeless: 3, evaluate: "ends" }, /hopeless needs the scores .*"ends"/);
      await refuses({ hopeless: 1 }, /hopeless must be a number above 1, got 1/);
      await refuses({ mu: [] }, /mu has no values/);
      assert.throws(() => pool({ workers: 0 }), /workers must be a whole number from 1, got 0/);
      const mine = defineCompression<{ rows: number; cols: number; data: Float64Array }>({
        ...{ name: "mine", exact: false, elementwise: true },
        cStep: ({ rows, cols, data }) => ({ rows, cols, data }),
        decompress: (theta) => theta,
        bits: () => 1,
      });
      await refuses(
        { combinations: { own: { one: mine } } },
        /has mine on fc1, a compression of your own/,
      );
      await assert.rejects(attachSweep(dir), /no sweep was kept there/);
      await (await sweep({ ...options, dir })).stop();
      await refuses({ mu: [1e-3] }, /holds another sweep: mu differ/);
    }));
});
