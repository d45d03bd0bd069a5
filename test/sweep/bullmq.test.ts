import assert from "node:assert/strict";
import { join } from "node:path";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { readJournal } from "../../src/runs/journal.ts";
import { ownerOf } from "../../src/runs/lock.ts";
import { bullExecutor } from "../../src/sweep/bullmq.ts";
import { bull, pool } from "../../src/sweep/executors.ts";
import { pointFolder } from "../../src/sweep/folder.ts";
import type { SweepEntry } from "../../src/sweep/journal.ts";
import { attachSweep, openSweep, type SweepOptions, sweep } from "../../src/sweep/sweep.ts";
import { digestOf, plan, options as run, withFolder } from "../runs/support.ts";
import { gone } from "../support/kernel-client.ts";
import {
  finish,
  noRedis,
  type Services,
  services,
  silent,
  stateOf,
  stepsIn,
  untilSteps,
} from "./support.ts";

const options: Omit<SweepOptions, "dir"> = {
  net: plan.model,
  data: run.data,
  combinations: ["Q", "P"],
  levels: { bits: [1, 2], keep: [0.02, 0.1] },
  lStep: sgd({ rate: 0.05, epochs: 1, batch: 64 }),
  mu: geometric({ from: 1e-2, factor: 1.2, steps: 12 }),
};

describe("a sweep on BullMQ", function () {
  this.timeout(240_000);
  let backing: Services;

  before(async function () {
    const reason = noRedis();
    if (reason === undefined) {
      backing = await services();
      return;
    }
    console.log(`      skipped: ${reason}`);
    this.skip();
  });
  afterEach(() => backing?.close());

  it("gives the results of the pool, with workers killed and Redis restarted in the middle", () =>
    withFolder(async (folder) => {
      const calm = {
        ...options,
        executor: pool({ workers: 2, threads: 1 }),
        dir: join(folder, "pool"),
      };
      const expected = await (await sweep(calm)).live(silent);
      const redis = await backing.redis(folder);
      const workers = [await backing.worker(), await backing.worker()];
      const dir = join(folder, "bull");
      await sweep({ ...options, executor: bull({ url: backing.url }), dir });
      await untilSteps(dir, 4);
      const owners = await Promise.all(
        expected.points.map(({ id }) => ownerOf(pointFolder(dir, id))),
      );
      await Promise.all(workers.map(backing.kill));
      // No process of a killed worker goes on.
      await gone(owners.flatMap((owner) => (typeof owner === "object" ? [owner.pid] : [])));
      await backing.worker();
      await backing.worker();
      await untilSteps(dir, 12);
      await backing.kill(redis);
      await backing.redis(folder);
      await untilSteps(dir, 20);
      const busy = (await openSweep(dir)).points.find(({ status }) => status === "running");
      const owner = busy ? await ownerOf(pointFolder(dir, busy.id)) : "none";
      if (typeof owner === "object") process.kill(owner.pid, "SIGKILL");
      const found = await finish(dir);
      for (const [i, { id, status }] of expected.points.entries()) {
        assert.deepEqual([status, found.points[i]?.status], ["finished", "finished"]);
        assert.equal(digestOf(await stateOf(dir, id)), digestOf(await stateOf(calm.dir, id)));
      }
    }));

  it("takes over what a pool has begun, is taken over by one, and leaves its last word to it", () =>
    withFolder(async (folder) => {
      const dir = join(folder, "sweep");
      const mu = geometric({ from: 1e-2, factor: 1.02, steps: 60 });
      const small = { ...options, mu, combinations: ["Q"] as const };
      const calm = {
        ...small,
        executor: pool({ workers: 1, threads: 1 }),
        dir: join(folder, "calm"),
      };
      const expected = await (await sweep(calm)).live(silent);
      await backing.redis(folder);
      await backing.worker();
      const one = pool({ workers: 1, threads: 1 });
      const queue = bull({ url: backing.url });
      let running = await sweep({ ...small, executor: one, dir });
      for (const executor of [queue, one]) {
        await untilSteps(dir, stepsIn((await openSweep(dir)).points) + 2);
        await running.stop();
        assert.equal((await openSweep(dir)).status, "stopped");
        running = await attachSweep(dir, { executor });
      }
      const found = await running.live(silent);
      const journal = await readJournal<SweepEntry>(join(dir, "journal.jsonl"));
      assert.deepEqual(
        journal.flatMap((entry) => (entry.type === "supervisor" ? [entry.executor?.kind] : [])),
        ["pool", "bullmq", "pool"],
      );
      assert.ok(journal.every(({ type }) => type !== "crash"));
      for (const [i, { id }] of expected.points.entries()) {
        assert.equal(found.points[i]?.status, "finished");
        assert.equal(digestOf(await stateOf(dir, id)), digestOf(await stateOf(calm.dir, id)));
      }
    }));

  it("is stopped while Redis is away, and gone on with elsewhere", () =>
    withFolder(async (folder) => {
      const dir = join(folder, "sweep");
      const redis = await backing.redis(folder);
      await backing.worker();
      const small = { ...options, combinations: ["Q"] as const, dir };
      const running = await sweep({ ...small, executor: bull({ url: backing.url }) });
      await untilSteps(dir, 2);
      await backing.kill(redis);
      await running.stop();
      assert.equal((await openSweep(dir)).status, "stopped");
      const executor = pool({ workers: 2, threads: 1 });
      const { status, points } = await (await attachSweep(dir, { executor })).live(silent);
      assert.equal(status, "finished");
      assert.ok(points.every((point) => point.status === "finished"));
    }));

  it("refuses a Redis that may evict or does not tell, and shows no password", () =>
    withFolder(async (folder) => {
      const url = backing.url.replace("//", "//default:secret@");
      const options_ = { url, queue: "lclab", slots: 1 };
      const server = await backing.redis(
        folder,
        "--requirepass",
        "secret",
        "--maxmemory-policy",
        "allkeys-lru",
      );
      await assert.rejects(bullExecutor(options_), {
        code: "LC_ENGINE",
        message: /default:\*\*\*@127.* has maxmemory-policy allkeys-lru and may drop jobs/,
      });
      await backing.kill(server);
      const mute = await backing.redis(
        folder,
        "--requirepass",
        "secret",
        "--rename-command",
        "INFO",
        "",
      );
      await assert.rejects(bullExecutor(options_), (error: Error) => {
        assert.match(error.message, /does not (tell its maxmemory-policy|answer)/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
      await backing.kill(mute);
      await assert.rejects(bullExecutor(options_), (error: Error) => {
        assert.match(error.message, /Redis at redis:\/\/default:\*\*\*@127.* does not answer/);
        return true;
      });
    }));

  it("says when there is no Redis", () =>
    withFolder(async (dir) => {
      const executor = bull({ url: backing.url });
      const mu = [1e-2];
      await assert.rejects(
        sweep({ ...options, mu, executor, dir }),
        /supervisor did not start.*supervisor\.log/,
      );
      assert.throws(() => bull({ url: "127.0.0.1" }), /url must be like redis:\/\/127/);
      assert.throws(() => bull({ slots: 0 }), /slots must be a whole number from 1, got 0/);
    }));
});
