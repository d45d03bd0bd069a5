/** `npm start`: from a clean clone to the first notebook in JupyterLab. */
import { existsSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { checkNode, checkPort } from "./checks.mjs";
import { startJupyter } from "./jupyter.mjs";
import { help, parseOptions } from "./options.mjs";
import { prepare } from "./prepare.mjs";
import { runMain } from "./say.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const firstNotebook = "notebooks/01-first-compression.ipynb";

await runMain(async () => {
  const options = parseOptions(process.argv.slice(2));
  if (options.help) {
    process.stdout.write(help);
    return 0;
  }
  checkNode("npm start");
  if (options.port !== undefined) await checkPort("npm start", options.port);
  const begun = performance.now();
  await prepare(root, "npm start", { systemNode: options.systemNode });
  const seconds = ((performance.now() - begun) / 1000).toFixed(1);
  process.stdout.write(`Ready after ${seconds} s. Starting JupyterLab …\n`);

  const asked = awaitSignal();
  const notebook = existsSync(join(root, firstNotebook)) ? firstNotebook : undefined;
  const server = await startJupyter(root, { ...options, notebook });
  process.stdout.write(`JupyterLab: ${server.url}\n`);
  process.stdout.write(`Ctrl-C ends it. Its log is ${relative(root, server.log)}.\n`);
  const ended = await Promise.race([
    server.exited.then((code) => ({ code })),
    asked.then(() => undefined),
  ]);
  if (ended) {
    process.stdout.write(`JupyterLab ended (${ended.code}).\n`);
    return ended.code === 0 ? 0 : 1;
  }
  process.stdout.write("Ending JupyterLab and its kernels …\n");
  await server.stop();
  return 0;
});

/**
 * Resolves at the first Ctrl-C or other request to end; a second one changes nothing, since the end has its time limit.
 * npm passes signals to its shell only, which may not pass them on: without that parent it is time to end, too.
 */
function awaitSignal() {
  return new Promise((resolve) => {
    for (const name of ["SIGINT", "SIGTERM", "SIGHUP"]) process.on(name, () => resolve(name));
    if (process.env.npm_lifecycle_event === undefined) return;
    const parent = process.ppid;
    const watch = setInterval(() => {
      if (process.ppid === parent) return;
      clearInterval(watch);
      resolve("orphaned");
    }, 500);
    watch.unref();
  });
}
