import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { type MessagePort, Worker } from "node:worker_threads";

/** What the relay worker gets of the main thread. */
export interface RelayData {
  /** Takes the answers to questions of cells. */
  answers: MessagePort;
  /** Int32[1]: how many answers have come; the main thread may wait on it. */
  arrived: SharedArrayBuffer;
}

/** Starts the relay worker; from TypeScript sources it needs tsx, which workers do not inherit on Node 20. */
export function relayWorker(data: RelayData): Worker {
  const options = { workerData: data, transferList: [data.answers] };
  if (!import.meta.url.endsWith(".ts"))
    return new Worker(new URL("./relay.js", import.meta.url), options);
  const url = JSON.stringify(new URL("./relay.ts", import.meta.url).href);
  const api = createRequire(import.meta.url)
    .resolve("tsx/esm/api")
    .replace(/\.cjs$/, ".mjs");
  const load = `import(${JSON.stringify(pathToFileURL(api).href)})`;
  const code = `${load}.then(({ tsImport }) => tsImport(${url}, ${url}))`;
  return new Worker(code, { ...options, eval: true });
}
