/** The process that works through a sweep: `supervisor DIR`. Ends with the sweep, or by SIGTERM. */

import { bullExecutor } from "./bullmq.ts";
import type { Executor } from "./executor.ts";
import { type ExecutorSpec, readSpec } from "./folder.ts";
import { poolExecutor } from "./pool.ts";
import { slurmExecutor } from "./slurm.ts";
import { supervise } from "./supervise.ts";

const [dir = ""] = process.argv.slice(2);
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
const { executor } = await readSpec(dir);
await supervise(dir, await make(executor), stop.signal);

async function make(spec: ExecutorSpec): Promise<Executor> {
  if (spec.kind === "pool") return poolExecutor(spec);
  return spec.kind === "bullmq" ? bullExecutor(spec) : slurmExecutor(spec);
}
