import type { Worker } from "node:worker_threads";
import type { CStepContext, CStepResult } from "../compression/contract.ts";
import { LCError } from "../errors.ts";
import type { Matrix } from "../math/matrix.ts";
import { startThread, type ThreadAnswer, threadResult } from "../thread.ts";
import type { Task } from "./task.ts";

/** Solves C steps away from the caller's thread. */
export interface CStepper {
  /** @throws the signal's reason if it is aborted first. */
  solve(
    task: Task,
    w: Matrix<Float64Array>,
    context: CStepContext<unknown>,
    signal?: AbortSignal,
  ): Promise<CStepResult<unknown>>;
  close(): Promise<void>;
}

interface Pending {
  readonly resolve: (result: CStepResult<unknown>) => void;
  readonly reject: (error: unknown) => void;
}

/**
 * Built-in compressions are solved in a worker thread, started when first needed, so that the caller's event loop stays
 * free; compressions of the user's own are closures and run on the caller's thread.
 */
export function cStepper(): CStepper {
  let worker: Worker | undefined;
  let pending: Pending | undefined;
  const start = (): Worker => {
    const started = startThread("c-step-worker", import.meta.url, { name: "lclab C step" });
    started.on("message", (answer: ThreadAnswer<CStepResult<unknown>>) => {
      try {
        pending?.resolve(threadResult(answer));
      } catch (error) {
        pending?.reject(error);
      }
      pending = undefined;
      // An idle worker must not keep the program from ending.
      started.unref();
    });
    const ended = (error: Error): void => {
      if (worker === started) worker = undefined;
      pending?.reject(error);
      pending = undefined;
    };
    started.on("error", ended);
    started.on("exit", () => {
      if (worker === started)
        ended(new LCError("LC_ENGINE", "the C step's thread ended. Run it again."));
    });
    return started;
  };
  const close = async (): Promise<void> => {
    const ending = worker;
    worker = undefined;
    await ending?.terminate();
  };
  return {
    async solve({ compression }, w, context, signal) {
      signal?.throwIfAborted();
      if (!compression.spec) return compression.solve(w, context);
      worker ??= start();
      let stop: (() => void) | undefined;
      try {
        return await new Promise((resolve, reject) => {
          pending = { resolve, reject };
          stop = () => {
            void close();
            reject(signal?.reason);
          };
          signal?.addEventListener("abort", stop);
          worker?.ref();
          worker?.postMessage({ spec: compression.spec, w, context });
        });
      } finally {
        if (stop) signal?.removeEventListener("abort", stop);
      }
    },
    close,
  };
}
