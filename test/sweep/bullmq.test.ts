import assert from "node:assert/strict";
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { createServer } from "node:net";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { readJournal } from "../../src/runs/journal.ts";
import { ownerOf } from "../../src/runs/lock.ts";
import { openRun } from "../../src/runs/open.ts";
import { bullExecutor } from "../../src/sweep/bullmq.ts";
import { bull, pool } from "../../src/sweep/executors.ts";
import { pointFolder } from "../../src/sweep/folder.ts";
import type { SweepEntry } from "../../src/sweep/journal.ts";
import { attachSweep, openSweep, type SweepOptions, sweep } from "../../src/sweep/sweep.ts";
import { digestOf, plan, options as run, withFolder } from "../runs/support.ts";

const options: Omit<SweepOptions, "dir"> = {
  net: plan.model,
  data: run.data,
  combinations: ["Q", "P"],
  levels: { bits: [1, 2], keep: [0.02, 0.1] },
  lStep: sgd({ rate: 0.05, epochs: 1, batch: 64 }),
  mu: geometric({ from: 1e-2, factor: 1.2, steps: 12 }),
};
const silent = { stream: { write: () => true } };
const fixture = fileURLToPath(new URL("fixtures/worker.ts", import.meta.url));

function hasRedis(): boolean {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
    return true;
  } catch {
    return false;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, "127.0.0.1");
  await once(server, "listening");
  const { port } = server.address() as { port: number };
  server.close();
  await once(server, "close");
  return port;
}

/** Resolves when there is no such process any more. */
async function ends(pid: number): Promise<void> {
  for (;;) {
    try {
      process.kill(pid, 0);
    } catch {
      return;
    }
    await new Promise((next) => setTimeout(next, 20));
  }
}

/** Resolves when the process writes `text`. */
async function says(child: ChildProcess, text: string): Promise<void> {
  let seen = "";
  child.stdout?.on("data", (data) => {
    seen += data;
  });
  while (!seen.includes(text)) await once(child.stdout as NodeJS.ReadableStream, "data");
}

describe("a sweep on BullMQ", function () {
  this.timeout(240_000);
  let port = 0;
  const children = new Set<ChildProcess>();
  const start = async (command: string, args: readonly string[], ready: string) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    children.add(child);
    await says(child, ready);
    return child;
  };
  const redis = (dir: string, ...more: readonly string[]) =>
    start(
      "redis-server",
      [
        "--port",
        String(port),
        "--bind",
        "127.0.0.1",
        "--dir",
        dir,
        "--appendonly",
        "yes",
        "--appendfsync",
        "always",
        "--save",
        "",
        ...more,
      ],
      "Ready to accept connections",
    );
  const worker = () =>
    start(process.execPath, ["--import=tsx", fixture, `redis://127.0.0.1:${port}`], "ready");

  before(async function () {
    if (!hasRedis()) {
      console.log(
        "      skipped: redis-server is not installed (Debian: apt-get install redis-server)",
      );
      return this.skip();
    }
    port = await freePort();
  });
  afterEach(async () => {
    for (const child of children) {
      child.kill("SIGKILL");
      if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
    }
    children.clear();
  });

  it("gives the results of the pool, with workers killed and Redis restarted in the middle", () =>
    withFolder(async (folder) => {
      const calm = {
        ...options,
        executor: pool({ workers: 2, threads: 1 }),
        dir: join(folder, "pool"),
      };
      const expected = await (await sweep(calm)).live(silent);
      let server = await redis(folder);
      const workers = [await worker(), await worker()];
      const dir = join(folder, "bull");
      const executor = bull({ url: `redis://127.0.0.1:${port}` });
      await sweep({ ...options, executor, dir });
      const steps = async () =>
        (await openSweep(dir)).points.reduce((sum, { newest }) => sum + (newest?.step ?? 0), 0);
      const until = async (count: number) => {
        while ((await steps()) < count) await new Promise((next) => setTimeout(next, 20));
      };
      await until(4);
      const owners = await Promise.all(
        expected.points.map(({ id }) => ownerOf(pointFolder(dir, id))),
      );
      workers[0]?.kill("SIGKILL");
      workers[1]?.kill("SIGKILL");
      // No process of a killed worker goes on.
      for (const owner of owners) {
        if (typeof owner === "object") await ends(owner.pid);
      }
      workers.push(await worker());
      workers.push(await worker());
      await until(12);
      server.kill("SIGKILL");
      await once(server, "exit");
      server = await redis(folder);
      await until(20);
      const busy = (await openSweep(dir)).points.find(({ status }) => status === "running");
      const owner = busy ? await ownerOf(pointFolder(dir, busy.id)) : "none";
      if (typeof owner === "object") process.kill(owner.pid, "SIGKILL");
      let found = await openSweep(dir);
      while (found.status !== "finished") found = await (await attachSweep(dir)).live(silent);
      for (const [i, { id, status }] of expected.points.entries()) {
        assert.deepEqual([status, found.points[i]?.status], ["finished", "finished"]);
        const [a, b] = await Promise.all(
          [join(folder, "pool"), dir].map(async (one) =>
            digestOf({ state: await (await openRun(pointFolder(one, id))).state() }),
          ),
        );
        assert.equal(a, b);
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
      await redis(folder);
      await worker();
      const one = pool({ workers: 1, threads: 1 });
      const queue = bull({ url: `redis://127.0.0.1:${port}` });
      const steps = async () =>
        (await openSweep(dir)).points.reduce((sum, { newest }) => sum + (newest?.step ?? 0), 0);
      let running = await sweep({ ...small, executor: one, dir });
      for (const executor of [queue, one]) {
        const before = await steps();
        while ((await steps()) <= before + 1) await new Promise((next) => setTimeout(next, 20));
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
        const [a, b] = await Promise.all(
          [calm.dir, dir].map(async (where) =>
            digestOf({ state: await (await openRun(pointFolder(where, id))).state() }),
          ),
        );
        assert.equal(a, b);
      }
    }));

  it("refuses a Redis that may evict or does not tell, and shows no password", () =>
    withFolder(async (folder) => {
      const url = `redis://default:secret@127.0.0.1:${port}`;
      const options_ = { url, queue: "lclab", slots: 1 };
      const server = await redis(
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
      server.kill("SIGKILL");
      await once(server, "exit");
      const mute = await redis(folder, "--requirepass", "secret", "--rename-command", "INFO", "");
      await assert.rejects(bullExecutor(options_), (error: Error) => {
        assert.match(error.message, /does not (tell its maxmemory-policy|answer)/);
        assert.doesNotMatch(error.message, /secret/);
        return true;
      });
      mute.kill("SIGKILL");
      await once(mute, "exit");
      await assert.rejects(bullExecutor(options_), (error: Error) => {
        assert.match(error.message, /Redis at redis:\/\/default:\*\*\*@127.* does not answer/);
        return true;
      });
    }));

  it("says when there is no Redis", () =>
    withFolder(async (dir) => {
      const executor = bull({ url: `redis://127.0.0.1:${port}` });
      const mu = [1e-2];
      await assert.rejects(
        sweep({ ...options, mu, executor, dir }),
        /supervisor did not start.*supervisor\.log/,
      );
      assert.throws(() => bull({ url: "127.0.0.1" }), /url must be like redis:\/\/127/);
      assert.throws(() => bull({ slots: 0 }), /slots must be a whole number from 1, got 0/);
    }));
});
