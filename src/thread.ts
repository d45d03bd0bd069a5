import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker, type WorkerOptions } from "node:worker_threads";
import { isLCError, LCError, type LCErrorCode } from "./errors.ts";

/** Starts the worker thread in file `name` (no ending) beside `base`, from the build or from the TypeScript sources. */
export function startThread(name: string, base: string, options: WorkerOptions): Worker {
  if (!base.endsWith(".ts")) {
    return new Worker(new URL(`./${name}.js`, base), { ...options, execArgv: [] });
  }
  // From sources: threads do not inherit the TypeScript loader of the process, so this one registers its own.
  // (Its CommonJS entry, which resolve() finds, looks for its hooks in the wrong folder.)
  const entry = createRequire(base)
    .resolve("tsx/esm/api")
    .replace(/\.cjs$/, ".mjs");
  const loader = pathToFileURL(entry).href;
  const file = new URL(`./${name}.ts`, base).href;
  const load = `import(${JSON.stringify(loader)}).then(({ register }) => { register(); return import(${JSON.stringify(file)}); })`;
  return new Worker(load, { ...options, eval: true, execArgv: [] });
}

/** What a thread answers: a structured clone keeps the class of built-in errors only, so an LCError's code goes beside it. */
export type ThreadAnswer<T> =
  | { readonly result: T }
  | { readonly error: unknown; readonly code: LCErrorCode | undefined };

/** The answer that `error` was thrown. */
export function threadFailure(error: unknown): ThreadAnswer<never> {
  return { error, code: isLCError(error) ? error.code : undefined };
}

/** The result of an answer. @throws the error thrown in the thread, an LCError again if it was one. */
export function threadResult<T>(answer: ThreadAnswer<T>): T {
  if ("result" in answer) return answer.result;
  const { error, code } = answer;
  if (code === undefined || !(error instanceof Error)) throw error;
  throw new LCError(code, error.message.replace(`${code}: `, ""), { cause: error });
}
