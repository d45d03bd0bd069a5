import { relative } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { sweepsAtWork } from "./at-work.ts";
import { masked } from "./bullmq.ts";
import { bullWorker } from "./bullmq-worker.ts";
import { attachSweep, openSweep, stopSweep } from "./sweep.ts";

/** What `lclab sweep` can do. */
export const sweepActions = ["status", "attach", "stop"] as const;

/** `lclab sweep`: says where a sweep stands, follows it, or stops it. @returns The exit code. */
export async function sweepCommand(
  action: (typeof sweepActions)[number],
  dir: string,
): Promise<number> {
  switch (action) {
    case "status": {
      const { figure, table } = await openSweep(dir);
      console.log(`${figure.chart.subtitle}\n${table.toText()}`);
      return 0;
    }
    case "attach": {
      const { status, table } = await (await attachSweep(dir)).live();
      console.log(table.toText());
      return status === "finished" ? 0 : 1;
    }
    case "stop":
      console.log((await stopSweep(dir)) ? "Stopped." : "No supervisor was at work.");
      return 0;
  }
}

/** For `lclab doctor`: a line for each sweep at work in `folder` and up to three folders below. */
export async function sweepLines(folder: string): Promise<string[]> {
  return (await sweepsAtWork(folder)).map(({ dir, supervisor, figure }) => {
    const who = supervisor ? ` (process ${supervisor.pid} on ${supervisor.host})` : "";
    return `${relative(folder, dir) || "."} ${figure.chart.subtitle}${who}`;
  });
}

/** `lclab worker`: takes points from a BullMQ queue until it is interrupted. */
export async function workerCommand(options: {
  readonly url: string;
  readonly queue: string;
  readonly concurrency: number;
  readonly threads: number;
}): Promise<number> {
  const worker = await bullWorker(options);
  const { url, queue, concurrency, threads } = options;
  console.log(
    `Waiting for points of queue ${queue} at ${masked(url)}, ${concurrency} at a time with ${threads} threads each. Ctrl+C ends it.`,
  );
  let told = "";
  worker.on("error", ({ message }) => {
    if (message !== told) console.error(`lclab worker: ${message}`);
    told = message;
  });
  await new Promise<void>((resolve) => {
    for (const signal of ["SIGINT", "SIGTERM"] as const) process.once(signal, () => resolve());
  });
  console.log("Ending; what is under way goes on from its checkpoint elsewhere.");
  await Promise.race([worker.close(true), wait(5000, undefined, { ref: false })]);
  return 0;
}
