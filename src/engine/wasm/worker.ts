import { parentPort, workerData } from "node:worker_threads";
import { EXAMPLES, FIRST, LOSS_SUM } from "./assembly/layout.ts";
import { instantiate } from "./module.ts";
import type { Command, Reply, WorkerData } from "./pool.ts";

/** Shortest time between two progress messages, in milliseconds. */
const PROGRESS_MS = 100;

// The body of a pool thread. Between commands it waits for a message, which costs nothing; during one all threads
// run the same program in lockstep, and none of them needs the caller.
const port = parentPort;
if (port) {
  const { module, memory, control, scratch, thread, threads } = workerData as WorkerData;
  const kernels = instantiate(module, memory);
  const reply = (message: Reply) => port.postMessage(message);

  port.on("message", ({ generation, program }: Command) => {
    const words = new Int32Array(memory.buffer, control);
    const loss = new Float64Array(memory.buffer, control + LOSS_SUM, 1);
    let last = performance.now();
    let stop = 0;
    while (stop === 0) {
      stop = kernels.step(program, control, thread, threads, scratch);
      // Safe to read: no thread can finish the next phase before this one has joined it.
      if (thread !== 0 || performance.now() - last < PROGRESS_MS) continue;
      last = performance.now();
      const [first, examples] = [words[FIRST / 4] ?? 0, words[EXAMPLES / 4] ?? 0];
      reply({ kind: "progress", generation, first, loss: (loss[0] ?? 0) / examples });
    }
    reply({ kind: "done", generation, stop });
  });
  reply({ kind: "ready" });
}
