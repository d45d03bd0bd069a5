import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { setTimeout as wait } from "node:timers/promises";
import { LCError } from "../errors.ts";
import type { Progress } from "../lc/progress.ts";
import type { AttemptEnd, Executor } from "./executor.ts";
import { askToStop } from "./stop-file.ts";

/** What a job carries; the point is in the sweep's folder, which all machines see at the same path. */
export interface PointJob {
  readonly dir: string;
  readonly id: string;
  readonly attempt: number;
}

/** What a worker reports of a job, at most twice a second and at the end. */
export type JobProgress = Progress;

/** What a job returns. */
export type JobResult = Exclude<AttemptEnd, { readonly status: "crashed" }>;

/** The part of bullmq used here. It is the user's to install. */
export interface BullMQ {
  readonly Queue: new (name: string, options: object) => Queue;
  readonly QueueEvents: new (name: string, options: object) => QueueEvents;
  readonly Worker: new (name: string, processor: string, options: object) => Worker;
}

interface Queue {
  add(name: string, data: PointJob, options: object): Promise<{ readonly id?: string }>;
  getJob(id: string): Promise<Job | undefined>;
  close(): Promise<void>;
  on(event: "error", listener: (error: Error) => void): void;
}

interface Job {
  getState(): Promise<string>;
  remove(): Promise<void>;
  readonly returnvalue: JobResult | null;
  readonly failedReason: string;
}

interface QueueEvents {
  on(event: "progress", listener: (told: { jobId: string; data: JobProgress }) => void): void;
  on(event: "completed", listener: (told: { jobId: string; returnvalue: unknown }) => void): void;
  on(event: "failed", listener: (told: { jobId: string; failedReason: string }) => void): void;
  on(event: "error", listener: (error: Error) => void): void;
  waitUntilReady(): Promise<unknown>;
  close(): Promise<void>;
}

export interface Worker {
  on(event: "error" | "ready" | "closed", listener: (error: Error) => void): void;
  waitUntilReady(): Promise<unknown>;
  close(force?: boolean): Promise<void>;
}

/** How often jobs are asked for their state: an event can be lost while Redis is away. */
const ASK_MS = 2000;

/** How long the end of an attempt that is to stop is waited for, and that of a connection: Redis may be away for ever. */
const PATIENCE_MS = 10_000;

/** States of a job that nobody has begun. */
const waits = new Set(["waiting", "delayed", "prioritized"]);

/** @throws LCError LC_ENGINE if bullmq and ioredis are not installed. */
export async function bullmq(): Promise<BullMQ> {
  const name = "bullmq";
  try {
    createRequire(import.meta.url).resolve("ioredis");
    return (await import(name)) as BullMQ;
  } catch (cause) {
    throw new LCError(
      "LC_ENGINE",
      "the BullMQ executor needs the packages bullmq and ioredis. Write: npm install bullmq ioredis",
      { cause },
    );
  }
}

/**
 * Where Redis is, as an option of BullMQ.
 * @throws RangeError unless it is redis://… or rediss://….
 */
export function connection(url: string): object {
  if (!/^rediss?:\/\/[^/]/.test(url)) {
    throw new RangeError(
      `bull: url must be like redis://127.0.0.1:6379, got ${JSON.stringify(masked(url))}.`,
    );
  }
  return { url, maxRetriesPerRequest: null };
}

/** A URL as it may be shown: without its password. */
export function masked(url: string): string {
  return url.replace(/(\/\/[^:/@]*):.*@/, "$1:***@");
}

/**
 * Points as jobs of a queue on Redis, for `lclab worker` on any number of machines that share the folder. The supervisor counts
 * attempts; a later one takes the folder over, so a worker that was taken for dead cannot write any more.
 * @throws LCError LC_ENGINE if bullmq is not installed, or Redis may evict keys.
 */
export async function bullExecutor(options: {
  readonly url: string;
  readonly queue: string;
  readonly slots: number;
}): Promise<Executor> {
  await refuseEviction(options.url);
  const { Queue, QueueEvents } = await bullmq();
  const redis = { connection: connection(options.url) };
  const queue = new Queue(options.queue, redis);
  const events = new QueueEvents(options.queue, redis);
  // Clients connect again by themselves; what matters is asked for below.
  queue.on("error", () => undefined);
  events.on("error", () => undefined);
  await events.waitUntilReady();
  const running = new Map<
    string,
    { readonly onRecord: (record: Progress) => void; readonly end: (end: AttemptEnd) => void }
  >();
  events.on("progress", ({ jobId, data }) => running.get(jobId)?.onRecord(data));
  events.on("completed", ({ jobId, returnvalue }) => {
    const value = typeof returnvalue === "string" ? JSON.parse(returnvalue) : returnvalue;
    running.get(jobId)?.end(value as JobResult);
  });
  events.on("failed", ({ jobId, failedReason }) => {
    running.get(jobId)?.end({ status: "crashed", message: failedReason });
  });
  const stopped = new AbortController();
  return {
    slots: options.slots,
    start(dir, id, attempt, onRecord) {
      const jobId = `${id}-${attempt}-${randomUUID()}`;
      let resolve: (end: AttemptEnd) => void = () => undefined;
      const ended = new Promise<AttemptEnd>((settle) => {
        resolve = settle;
      });
      const end = ended.finally(() => running.delete(jobId));
      running.set(jobId, { onRecord, end: resolve });
      let stopping = false;
      const halt = async (): Promise<void> => {
        await askToStop(dir, id, attempt);
        // One that waits can go at once; one at work is locked, and stops by the file.
        const job = await queue.getJob(jobId);
        if (!job || !waits.has(await job.getState())) return;
        await job.remove();
        resolve({ status: "stopped" });
      };
      const work = async () => {
        await queue.add(
          id,
          { dir, id, attempt },
          {
            ...{ jobId, attempts: 1 },
            // Kept for the supervisor to ask for; removed by age.
            ...{ removeOnComplete: { age: 3600 }, removeOnFail: { age: 3600 } },
          },
        );
        while (running.has(jobId) && !stopped.signal.aborted) {
          await wait(ASK_MS, undefined, { signal: stopped.signal });
          const job = await queue.getJob(jobId);
          const state = (await job?.getState()) ?? "lost";
          if (state === "completed" && job?.returnvalue) resolve(job.returnvalue);
          if (state === "failed") {
            resolve({ status: "crashed", message: job?.failedReason ?? "the job failed" });
          }
          if (state === "lost") resolve({ status: "crashed", message: "Redis lost the job" });
          // The disk or Redis may have been away.
          if (stopping) await halt().catch(() => undefined);
        }
      };
      work().catch((error: Error) => {
        if (!stopped.signal.aborted) resolve({ status: "crashed", message: error.message });
      });
      return {
        end,
        stop() {
          stopping = true;
          void halt().catch(() => undefined);
          // The file stops it without Redis too, and a later attempt takes the point over.
          const patience = wait(PATIENCE_MS, undefined, { signal: stopped.signal });
          patience.then(() => resolve({ status: "stopped" })).catch(() => undefined);
        },
      };
    },
    async close() {
      stopped.abort();
      const closed = Promise.allSettled([queue.close(), events.close()]);
      await Promise.race([closed, wait(PATIENCE_MS, undefined, { ref: false })]);
    },
  };
}

/** A queue whose keys Redis may drop when its memory is full would lose points. */
async function refuseEviction(url: string): Promise<void> {
  const name = "ioredis";
  const { Redis } = (await import(name)) as IORedis;
  const redis = new Redis(url, { maxRetriesPerRequest: 1, lazyConnect: true });
  redis.on("error", () => undefined);
  try {
    await redis.connect().catch((cause: Error) => {
      throw new LCError(
        "LC_ENGINE",
        `Redis at ${masked(url)} does not answer: ${cause.message}. Start it, e.g. redis-server --appendonly yes.`,
        { cause },
      );
    });
    // CONFIG, which tells it too, is forbidden on many servers.
    const info = await redis.info("memory").catch((cause: Error) => {
      throw new LCError(
        "LC_ENGINE",
        `Redis at ${masked(url)} does not tell its maxmemory-policy: ${cause.message}. Allow this user the command INFO.`,
        { cause },
      );
    });
    const policy = /^maxmemory_policy:(.*?)\r?$/m.exec(info)?.[1];
    if (policy === undefined || policy === "noeviction") return;
    throw new LCError(
      "LC_ENGINE",
      `Redis at ${masked(url)} has maxmemory-policy ${policy} and may drop jobs. Write in its configuration: maxmemory-policy noeviction`,
    );
  } finally {
    redis.disconnect();
  }
}

interface IORedis {
  readonly Redis: new (
    url: string,
    options: object,
  ) => {
    connect(): Promise<void>;
    info(section: "memory"): Promise<string>;
    disconnect(): void;
    on(event: "error", listener: (error: Error) => void): void;
  };
}
