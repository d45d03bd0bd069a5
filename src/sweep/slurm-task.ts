/** A task of a Slurm array: `slurm-task DIR LIST INDEX THREADS`. */
import { readFile } from "node:fs/promises";
import { writeDurably } from "../runs/durable.ts";
import type { AttemptEnd } from "./executor.ts";
import { comesAgain, runPoint } from "./point.ts";
import { resultFile, type SlurmTask } from "./slurm.ts";
import { stopAsked } from "./stop-file.ts";

const [dir = "", list = "", index = "0", threads = "1"] = process.argv.slice(2);
const tasks = JSON.parse(await readFile(list, "utf8")) as SlurmTask[];
const task = tasks[Number(index)] as SlurmTask;
// Requeued by Slurm it is a later attempt than it was, and an earlier one than the supervisor's next.
const attempt = task.attempt + Number(process.env.SLURM_RESTART_COUNT ?? 0) / 1e6;
const asked = stopAsked(dir, task.id, task.attempt);
const ending = new AbortController();
process.on("SIGTERM", () => ending.abort());
const signal = AbortSignal.any([asked.signal, ending.signal]);
let end: AttemptEnd | undefined;
try {
  const steps = (
    await runPoint(dir, task.id, { attempt, threads: Number(threads), signal })
  ).steps();
  for (;;) {
    const { done, value } = await steps.next();
    if (!done) continue;
    end = { status: value.status === "stopped" ? "stopped" : "finished" };
    break;
  }
} catch (error) {
  if (!comesAgain(error)) throw error;
  end = { status: "failed", message: error.message };
} finally {
  asked.release();
  if (end) await writeDurably(resultFile(dir, task), Buffer.from(JSON.stringify(end)));
}
