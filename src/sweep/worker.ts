/** A process that runs one point: `worker DIR ID ATTEMPT THREADS`, with messages to its parent. */
import type { Progress } from "../lc/progress.ts";
import { comesAgain, runPoint } from "./point.ts";

/** What a worker tells. */
export type WorkerMessage =
  | { readonly type: "alive" }
  | { readonly type: "record"; readonly record: Progress }
  | { readonly type: "end"; readonly status: "finished" | "stopped" }
  /** Another attempt would fail in the same way. */
  | { readonly type: "failed"; readonly message: string };

const HEARTBEAT_MS = 5000;

const [dir = "", id = "", attempt = "1", threads = "1"] = process.argv.slice(2);
const tell = (message: WorkerMessage): void => {
  process.send?.(message);
};
const stop = new AbortController();
process.on("message", (message) => {
  if (message === "stop") stop.abort();
});
// Without its supervisor nobody would hear of the end; the checkpoints are there.
process.on("disconnect", () => process.exit(1));
const beat = setInterval(() => tell({ type: "alive" }), HEARTBEAT_MS);
try {
  const run = await runPoint(dir, id, {
    attempt: Number(attempt),
    threads: Number(threads),
    signal: stop.signal,
  });
  const steps = run.steps();
  for (;;) {
    const { done, value } = await steps.next();
    if (done) {
      tell({ type: "end", status: value.status === "stopped" ? "stopped" : "finished" });
      break;
    }
    tell({ type: "record", record: value });
  }
} catch (error) {
  if (comesAgain(error)) {
    tell({ type: "failed", message: error.message });
  } else {
    console.error(error);
    process.exitCode = 1;
  }
} finally {
  clearInterval(beat);
  if (process.connected) process.disconnect();
}
