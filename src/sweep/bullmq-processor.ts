/** What BullMQ runs in a process of its own: one point. */
import { throttle } from "../charts/throttle.ts";
import type { Progress } from "../lc/progress.ts";
import type { JobProgress, JobResult, PointJob } from "./bullmq.ts";
import { comesAgain, runPoint } from "./point.ts";
import { stopAsked } from "./stop-file.ts";

/** The part of BullMQ's job used here. */
interface SandboxedJob {
  readonly data: PointJob;
  updateProgress(progress: JobProgress): Promise<void>;
}

const UPDATE_MS = 500;

// Its worker was killed: nobody would hear of the end, and the next attempt takes the point over.
process.once("disconnect", () => process.exit(1));

export default async function process_(job: SandboxedJob): Promise<JobResult> {
  const { dir, id, attempt } = job.data;
  const threads = Number(process.env.LCLAB_WORKER_THREADS ?? "1");
  const { signal, release } = stopAsked(dir, id, attempt);
  let last: Progress | undefined;
  let telling: Promise<void> = Promise.resolve();
  const tell = (): void => {
    const record = last;
    if (record) telling = telling.then(() => job.updateProgress(record)).catch(() => undefined);
  };
  const updates = throttle(UPDATE_MS, tell);
  try {
    const steps = (await runPoint(dir, id, { attempt, threads, signal })).steps();
    for (;;) {
      const { done, value } = await steps.next();
      if (done) return { status: value.status === "stopped" ? "stopped" : "finished" };
      last = value;
      updates.request();
    }
  } catch (error) {
    // A job that fails is tried again.
    if (!comesAgain(error)) throw error;
    return { status: "failed", message: error.message };
  } finally {
    updates.stop();
    release();
    tell();
    await telling;
  }
}
