/** Folders of sweeps, and Redis with its workers: for the tests and the soak. */
import { type ChildProcess, execFileSync, spawn } from "node:child_process";
import { once } from "node:events";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import type { LCState } from "../../src/lc/state.ts";
import { readJournal } from "../../src/runs/journal.ts";
import { openRun } from "../../src/runs/open.ts";
import { pointFolder } from "../../src/sweep/folder.ts";
import { Follower, type SweepPoint } from "../../src/sweep/follow.ts";
import type { SweepEntry } from "../../src/sweep/journal.ts";
import type { SweepResult } from "../../src/sweep/result.ts";
import { attachSweep, openSweep } from "../../src/sweep/sweep.ts";
import { freePorts } from "../support/kernel-client.ts";

/** For `live` where nobody looks. */
export const silent = { stream: { write: () => true } };

/** The newest state of a point. */
export async function stateOf(dir: string, id: string): Promise<{ readonly state: LCState }> {
  return { state: await (await openRun(pointFolder(dir, id))).state() };
}

/** Entries of a type in a sweep's journal. */
export async function entries<Type extends SweepEntry["type"]>(
  dir: string,
  type: Type,
): Promise<Extract<SweepEntry, { type: Type }>[]> {
  const all = await readJournal<SweepEntry>(join(dir, "journal.jsonl"));
  return all.filter((entry) => entry.type === type) as Extract<SweepEntry, { type: Type }>[];
}

/** LC steps of all points together, also those under way. */
export function stepsIn(points: readonly SweepPoint[]): number {
  return points.reduce((sum, { newest }) => sum + (newest?.step ?? 0), 0);
}

/** Resolves when the points have come to `count` LC steps together. */
export async function untilSteps(dir: string, count: number): Promise<void> {
  const follower = await Follower.open(dir);
  while (stepsIn((await follower.look()).points) < count) await wait(20);
}

/** Attaches until every point has ended: a process that was killed just now may still seem to be at work. */
export async function finish(dir: string): Promise<SweepResult> {
  let found = await openSweep(dir);
  while (found.status !== "finished") found = await (await attachSweep(dir)).live(silent);
  return found;
}

/** Why there can be no Redis here, or undefined. */
export function noRedis(): string | undefined {
  try {
    execFileSync("redis-server", ["--version"], { stdio: "ignore" });
    return undefined;
  } catch {
    return "redis-server is not installed (Debian: apt-get install redis-server)";
  }
}

/** A Redis on a free port, and workers of its queue "lclab". */
export interface Services {
  readonly url: string;
  /** Starts Redis on the append-only file in `dir`, which it writes before it answers, unless `more` options of redis-server say otherwise. */
  redis(dir: string, ...more: readonly string[]): Promise<ChildProcess>;
  /** Starts a worker: one point at a time, on one thread. */
  worker(): Promise<ChildProcess>;
  /** Kills a process and waits for its end. */
  kill(child: ChildProcess | undefined): Promise<void>;
  /** Kills all. */
  close(): Promise<void>;
}

export async function services(): Promise<Services> {
  const [port] = await freePorts(1);
  const url = `redis://127.0.0.1:${port}`;
  const children = new Set<ChildProcess>();
  const start = async (command: string, args: readonly string[], ready: string) => {
    const child = spawn(command, args, { stdio: ["ignore", "pipe", "inherit"] });
    children.add(child);
    await says(child, ready);
    return child;
  };
  const kill = async (child: ChildProcess | undefined): Promise<void> => {
    if (!child) return;
    children.delete(child);
    child.kill("SIGKILL");
    if (child.exitCode === null && child.signalCode === null) await once(child, "exit");
  };
  return {
    url,
    kill,
    redis(dir, ...more) {
      const where = ["--port", String(port), "--bind", "127.0.0.1", "--dir", dir];
      const durable = ["--appendonly", "yes", "--appendfsync", "always", "--save", ""];
      return start("redis-server", [...where, ...durable, ...more], "Ready to accept connections");
    },
    worker() {
      const fixture = fileURLToPath(new URL("fixtures/worker.ts", import.meta.url));
      return start(process.execPath, ["--import=tsx", fixture, url], "ready");
    },
    async close() {
      for (const child of children) await kill(child);
    },
  };
}

/** Resolves when the process writes `text`. */
async function says(child: ChildProcess, text: string): Promise<void> {
  let seen = "";
  child.stdout?.on("data", (data) => {
    seen += data;
  });
  while (!seen.includes(text)) await once(child.stdout as NodeJS.ReadableStream, "data");
}
