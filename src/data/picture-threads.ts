import type { Worker } from "node:worker_threads";
import { LCError } from "../errors.ts";
import { startThread, type ThreadAnswer, threadResult } from "../thread.ts";
import type { PictureJob } from "./picture.ts";

/** A thread that makes one picture at a time. */
export interface PictureThread {
  /** @throws LCError LC_DATA naming the file; the signal's reason as soon as it is aborted. */
  cut(job: PictureJob, signal: AbortSignal | undefined): Promise<Uint8Array>;
  /** Ends the thread, whatever it does. */
  close(): Promise<void>;
}

/** Decoding takes a tenth of a second and more: in a thread, the caller's event loop stays free. Idle, it keeps no process alive. */
export function pictureThread(): PictureThread {
  let worker: Worker | undefined;
  let ended: ((error: Error) => void) | undefined;
  const start = (): Worker => {
    const started = startThread("picture-worker", import.meta.url, { name: "lclab pictures" });
    started.on("error", (error) => ended?.(error));
    started.on("exit", (code) => {
      worker = undefined;
      ended?.(new Error(`the thread that decodes it ended with code ${code}`));
    });
    return started;
  };
  return {
    cut(job, signal) {
      worker ??= start();
      const thread = worker;
      thread.ref();
      return new Promise<Uint8Array>((resolve, reject) => {
        const settle = (done: () => void): void => {
          thread.off("message", answered);
          signal?.removeEventListener("abort", aborted);
          ended = undefined;
          thread.unref();
          done();
        };
        const answered = (answer: ThreadAnswer<Uint8Array>): void =>
          settle(() => {
            try {
              resolve(threadResult(answer));
            } catch (error) {
              reject(error);
            }
          });
        const aborted = (): void => settle(() => reject(signal?.reason));
        ended = ({ message }) => {
          const error = new LCError("LC_DATA", `cannot read the picture ${job.path}: ${message}.`);
          settle(() => reject(error));
        };
        thread.on("message", answered);
        signal?.addEventListener("abort", aborted);
        thread.postMessage(job);
      });
    },
    async close() {
      // The exit settles what is still waited for, and takes its listener off the signal.
      await worker?.terminate();
    },
  };
}
