import { type ChildProcess, fork } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { createRequire } from "node:module";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import type { AttemptEnd, Executor } from "./executor.ts";
import { files } from "./folder.ts";
import type { WorkerMessage } from "./worker.ts";

/** Without a sign of life for so long, a worker is taken to hang. Its heart beats every 5 s. */
const SILENCE_MS = 60_000;

/** How long a worker that was asked to stop may take before it is killed. */
const STOP_MS = 30_000;

/**
 * A process for each point, `workers` at a time with `threads` threads each.
 * @param stopMs How long one that was asked to stop may take before it is killed.
 */
export function poolExecutor(
  { workers, threads }: { readonly workers: number; readonly threads: number },
  [file, execArgv]: ReturnType<typeof program> = program("worker"),
  stopMs: number = STOP_MS,
): Executor {
  const running = new Set<ChildProcess>();
  return {
    slots: workers,
    start(dir, id, attempt, onRecord) {
      const log = openSync(join(dir, files.log), "a");
      const child = fork(file, [dir, id, String(attempt), String(threads)], {
        execArgv,
        stdio: ["ignore", log, log, "ipc"],
      });
      closeSync(log);
      running.add(child);
      let stopping: NodeJS.Timeout | undefined;
      let told: AttemptEnd | undefined;
      const silence = setTimeout(() => child.kill("SIGKILL"), SILENCE_MS);
      child.on("message", (message: WorkerMessage) => {
        silence.refresh();
        if (message.type === "record") onRecord(message.record);
        if (message.type === "end") told = { status: message.status };
        if (message.type === "failed") told = { status: "failed", message: message.message };
      });
      const end = new Promise<AttemptEnd>((resolve) => {
        const ended = (message: string) => {
          clearTimeout(silence);
          clearTimeout(stopping);
          running.delete(child);
          resolve(told ?? { status: "crashed", message });
        };
        child.once("error", (error) => ended(error.message));
        // After its pipes have ended: no message is lost.
        child.once("close", (code, signal) => {
          ended(`the worker ended with ${signal ?? `code ${code}`} (see ${files.log})`);
        });
      });
      return {
        end,
        stop() {
          if (child.connected) child.send("stop");
          // Its own timer: a worker whose heart beats may still not hear.
          stopping ??= setTimeout(() => child.kill("SIGKILL"), stopMs);
        },
      };
    },
    async close() {
      for (const child of running) child.kill("SIGKILL");
    },
  };
}

/** A program of this folder and the options of Node it needs, from the build or from the TypeScript sources. */
export function program(name: string): readonly [file: string, execArgv: string[]] {
  const base = import.meta.url;
  if (!base.endsWith(".ts")) return [fileURLToPath(new URL(`./${name}.js`, base)), []];
  const loader = pathToFileURL(createRequire(base).resolve("tsx")).href;
  return [fileURLToPath(new URL(`./${name}.ts`, base)), ["--import", loader]];
}
