/** The process that works through a sweep: `supervisor DIR`. Ends with the sweep, or by SIGTERM. */

import { bullExecutor } from "./bullmq.ts";
import { readSpec } from "./folder.ts";
import { poolExecutor } from "./pool.ts";
import { supervise } from "./supervise.ts";

const [dir = ""] = process.argv.slice(2);
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
const { executor } = await readSpec(dir);
await supervise(
  dir,
  executor.kind === "pool" ? poolExecutor(executor) : await bullExecutor(executor),
  stop.signal,
);
