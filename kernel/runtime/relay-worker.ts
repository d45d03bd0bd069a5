import { createRequire } from "node:module";
import { pathToFileURL } from "node:url";
import { Worker } from "node:worker_threads";

/** Starts the relay worker; from TypeScript sources it needs tsx, which workers do not inherit on Node 20. */
export function relayWorker(): Worker {
  if (!import.meta.url.endsWith(".ts")) return new Worker(new URL("./relay.js", import.meta.url));
  const url = JSON.stringify(new URL("./relay.ts", import.meta.url).href);
  const api = createRequire(import.meta.url)
    .resolve("tsx/esm/api")
    .replace(/\.cjs$/, ".mjs");
  const load = `import(${JSON.stringify(pathToFileURL(api).href)})`;
  return new Worker(`${load}.then(({ tsImport }) => tsImport(${url}, ${url}))`, { eval: true });
}
