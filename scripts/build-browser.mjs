/** The parts of dist/ that run in a browser: Plotly, and JupyterLab's renderer of our figures. */
import { createHash } from "node:crypto";
import { mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { runQuietly } from "./run.mjs";
import { filesBelow } from "./stamp.mjs";

// Browsers that can run JupyterLab 4.
const target = "es2022";

/** Files that dist/labextension is made from. */
export function labextensionInputs(root) {
  return filesBelow(join(root, "kernel", "labextension"));
}

/** dist/plotly.min.js: the whole of Plotly, minified; as a classic script it defines the global Plotly. */
export async function buildPlotly(root) {
  const { stop, transform } = await import("esbuild");
  const source = readFileSync(join(root, "node_modules/plotly.js-dist/plotly.js"), "utf8");
  const { code } = await transform(source, {
    minify: true,
    target,
    legalComments: "none",
    charset: "utf8",
  });
  await stop();
  const { version } = JSON.parse(
    readFileSync(join(root, "node_modules/plotly.js-dist/package.json"), "utf8"),
  );
  const licence = `/* plotly.js v${version}, copyright Plotly, Inc., MIT licence */\n`;
  return [replace(join(root, "dist"), "plotly.min.js", licence + code)];
}

/** dist/labextension: a prebuilt extension as JupyterLab's loader expects it. Its types are checked first. */
export async function buildLabextension(root) {
  const source = join(root, "kernel", "labextension");
  const folder = join(root, "dist", "labextension");
  await runQuietly(
    process.execPath,
    [join(root, "node_modules/typescript/bin/tsc"), "-p", source, "--pretty", "false"],
    { cwd: root, what: "TypeScript in kernel/labextension" },
  );
  const { build, stop } = await import("esbuild");
  const plotly = readFileSync(join(root, "dist/plotly.min.js"));
  const { outputFiles } = await build({
    entryPoints: [join(source, "entry.ts")],
    bundle: true,
    write: false,
    format: "iife",
    minify: true,
    target,
    define: { PLOTLY_FILE: JSON.stringify(`plotly.${shortHash(plotly)}.js`) },
    logLevel: "warning",
  });
  // Its service would stay beside JupyterLab.
  await stop();
  const entry = outputFiles[0].contents;
  // Jupyter lets browsers keep static files for ever, so a name stands for one content.
  const load = `static/remoteEntry.${shortHash(entry)}.js`;
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, "static"), { recursive: true });
  writeFileSync(join(folder, load), entry);
  writeFileSync(join(folder, "static", `plotly.${shortHash(plotly)}.js`), plotly);
  const { version, license } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  const manifest = JSON.parse(readFileSync(join(source, "manifest.json"), "utf8"));
  manifest.jupyterlab._build.load = load;
  replace(
    folder,
    "package.json",
    `${JSON.stringify({ ...manifest, version, license }, null, 2)}\n`,
  );
  return filesBelow(folder);
}

function shortHash(bytes) {
  return createHash("sha256").update(bytes).digest("hex").slice(0, 12);
}

function replace(folder, name, text) {
  mkdirSync(folder, { recursive: true });
  const temporary = join(folder, `.${name}.${process.pid}`);
  writeFileSync(temporary, text);
  rmSync(join(folder, name), { force: true });
  renameSync(temporary, join(folder, name));
  return join(folder, name);
}
