import { availableParallelism } from "node:os";
import { connection } from "./bullmq.ts";
import type { ExecutorSpec } from "./folder.ts";

/**
 * A pool of processes on this machine, one for each point.
 * @throws RangeError unless workers and threads are whole numbers from 1.
 */
export function pool(
  options: {
    /** Points at a time; default: as many as leave two threads for each. */
    readonly workers?: number;
    /** Threads of each; default: cores ÷ workers. */
    readonly threads?: number;
  } = {},
): ExecutorSpec {
  const cores = availableParallelism();
  const { workers = Math.max(1, Math.ceil(cores / 2)) } = options;
  const { threads = Math.max(1, Math.floor(cores / workers)) } = options;
  for (const [name, value] of Object.entries({ workers, threads })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new RangeError(`pool: ${name} must be a whole number from 1, got ${value}.`);
  }
  return Object.freeze({ kind: "pool", workers, threads });
}

/**
 * Points as jobs of a BullMQ queue on Redis, done by `lclab worker` on any number of machines that see the sweep's folder at the
 * same path. Needs the packages bullmq and ioredis.
 * @throws RangeError for options out of range.
 */
export function bull(
  options: {
    /** Default redis://127.0.0.1:6379. */
    readonly url?: string;
    /** Default "lclab". */
    readonly queue?: string;
    /** Points in the queue at a time; default 1,000. */
    readonly slots?: number;
  } = {},
): ExecutorSpec {
  const { url = "redis://127.0.0.1:6379", queue = "lclab", slots = 1000 } = options;
  connection(url);
  if (!/^[\w-]+$/.test(queue)) {
    throw new RangeError(
      `bull: queue must be letters, digits, _ and -, got ${JSON.stringify(queue)}.`,
    );
  }
  if (!Number.isInteger(slots) || slots < 1) {
    throw new RangeError(`bull: slots must be a whole number from 1, got ${slots}.`);
  }
  return Object.freeze({ kind: "bullmq", url, queue, slots });
}

/**
 * Points as tasks of Slurm array jobs, whose machines see the sweep's folder at the same path. `sbatch` and `sacct` must be there
 * where the sweep is started.
 * @throws RangeError for options out of range.
 */
export function slurm(
  options: {
    /** Of each point, `--cpus-per-task`; default 4. */
    readonly threads?: number;
    /** Points given to Slurm at a time; default 1,000. */
    readonly slots?: number;
    /** Options of sbatch as they are, e.g. ["--partition=long", "--time=4:00:00"]. */
    readonly sbatch?: readonly string[];
  } = {},
): ExecutorSpec {
  const { threads = 4, slots = 1000, sbatch = [] } = options;
  for (const [name, value] of Object.entries({ threads, slots })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new RangeError(`slurm: ${name} must be a whole number from 1, got ${value}.`);
  }
  const wrong = sbatch.find((line) => !/^-[^\r\n]+$/.test(line));
  if (wrong !== undefined) {
    throw new RangeError(
      `slurm: sbatch must be options like "--partition=long", got ${JSON.stringify(wrong)}.`,
    );
  }
  return Object.freeze({ kind: "slurm", threads, slots, sbatch });
}
