import { bullmq, connection, type Worker } from "./bullmq.ts";
import { program } from "./pool.ts";

/** Without a renewal for so long, a job's worker is taken for dead. */
const LOCK_MS = 15_000;

/**
 * Takes points from a queue, each in a process of its own, until it is closed.
 * @throws RangeError for options out of range; LCError LC_ENGINE if bullmq is not installed.
 */
export async function bullWorker(options: {
  readonly url: string;
  readonly queue: string;
  /** Points at a time. */
  readonly concurrency: number;
  /** Threads of each. */
  readonly threads: number;
}): Promise<Worker> {
  const { url, queue, concurrency, threads } = options;
  for (const [name, value] of Object.entries({ concurrency, threads })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new RangeError(`worker: ${name} must be a whole number from 1, got ${value}.`);
  }
  const { Worker } = await bullmq();
  const [file, execArgv] = program("bullmq-processor");
  const worker = new Worker(queue, file, {
    ...{ connection: connection(url), concurrency, useWorkerThreads: false },
    // A job whose worker died fails at once: the supervisor starts the next attempt, which takes the point over.
    ...{ lockDuration: LOCK_MS, stalledInterval: LOCK_MS / 3, maxStalledCount: 0 },
    workerForkOptions: {
      execArgv,
      env: { ...process.env, LCLAB_WORKER_THREADS: String(threads) },
    },
  });
  await worker.waitUntilReady();
  return worker;
}
