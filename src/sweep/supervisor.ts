/**
 * The process that works through a sweep: `supervisor DIR`. Ends with the sweep, or by SIGTERM. Its executor is that of the
 * environment variable LCLAB_EXECUTOR, which unlike arguments only its user sees.
 */

import { bullExecutor } from "./bullmq.ts";
import type { Executor } from "./executor.ts";
import { type ExecutorSpec, readSpec } from "./folder.ts";
import { poolExecutor } from "./pool.ts";
import { slurmExecutor } from "./slurm.ts";
import { supervise } from "./supervise.ts";

const [dir = ""] = process.argv.slice(2);
const stop = new AbortController();
for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => stop.abort());
const given = process.env.LCLAB_EXECUTOR;
const executor = given ? (JSON.parse(given) as ExecutorSpec) : (await readSpec(dir)).executor;
await supervise(dir, await make(executor), stop.signal, executor);
// What is left may wait for a Redis that never answers.
process.exit();

async function make(spec: ExecutorSpec): Promise<Executor> {
  if (spec.kind === "pool") return poolExecutor(spec);
  return spec.kind === "bullmq" ? bullExecutor(spec) : slurmExecutor(spec);
}
