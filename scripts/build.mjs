/**
 * `npm run build`: everything in dist/, each part only if what it is made from changed since.
 *   wasm          the engine's kernels (build-wasm.mjs)
 *   code          src/ and kernel/ by TypeScript
 *   plotly        plotly.min.js, a classic script that defines the global Plotly
 *   labextension  JupyterLab's renderer of our figures
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { buildLabextension, buildPlotly, labextensionInputs } from "./build-browser.mjs";
import { runQuietly } from "./run.mjs";
import { runMain } from "./say.mjs";
import { contentHash, filesBelow, readStamps, writeStamp } from "./stamp.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const stamps = join(dist, "build.json");

/** A part of the build. `inputs` are files and strings; `output` is a file that must stand when it is up to date. */
const parts = [
  {
    name: "wasm",
    inputs: () => [
      [...filesBelow(join(root, "src/engine/wasm/assembly")), join(root, "scripts/build-wasm.mjs")],
      [version("assemblyscript")],
    ],
    upToDate: async () => (await wasm())?.outputsExist?.() ?? true,
    make: async () => (await wasm())?.buildWasm(),
  },
  {
    name: "code",
    inputs: () => [
      [
        ...filesBelow(join(root, "src"), isSource),
        ...filesBelow(join(root, "kernel"), isSource),
        join(root, "tsconfig.json"),
        join(root, "tsconfig.build.json"),
      ],
      [version("typescript")],
    ],
    upToDate: () =>
      (readStamps(stamps).emitted ?? ["none"]).every((file) => existsSync(join(root, file))),
    make: compile,
  },
  {
    name: "plotly",
    inputs: () => [
      [join(root, "scripts/build-browser.mjs")],
      [version("plotly.js-dist"), version("esbuild")],
    ],
    upToDate: () => existsSync(join(dist, "plotly.min.js")),
    make: () => buildPlotly(root),
  },
  {
    name: "labextension",
    inputs: () => [
      [...labextensionInputs(root), join(root, "scripts/build-browser.mjs")],
      [version("plotly.js-dist"), version("esbuild"), version("typescript"), ownVersion()],
    ],
    upToDate: () => existsSync(join(dist, "labextension/package.json")),
    make: () => buildLabextension(root),
  },
];

/** Builds the parts that are due; returns the names of those that were built. */
export async function build({ only, onStart = () => {} } = {}) {
  const built = [];
  for (const part of parts) {
    if (only && !only.includes(part.name)) continue;
    const [files, more] = part.inputs();
    const key = contentHash(root, files, more);
    if (readStamps(stamps)[part.name] === key && (await part.upToDate())) continue;
    onStart(part.name);
    await part.make();
    writeStamp(stamps, part.name, key);
    built.push(part.name);
  }
  return built;
}

/** TypeScript to dist/; files of sources that are gone go too. */
async function compile() {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", "tsconfig.build.json", "--listEmittedFiles", "--pretty", "false"];
  const output = await runQuietly(process.execPath, args, {
    cwd: root,
    what: "TypeScript",
    hint: "Nothing of it can be trusted until the errors above are gone.",
  });
  const emitted = output
    .split(/\r?\n/)
    .filter((line) => line.startsWith("TSFILE: "))
    .map((line) => resolve(root, line.slice("TSFILE: ".length)));
  const now = emitted.map((file) => file.slice(root.length + 1));
  const kept = new Set(now);
  for (const old of readStamps(stamps).emitted ?? []) {
    if (!kept.has(old)) rmSync(join(root, old), { force: true });
  }
  writeStamp(stamps, "emitted", now);
}

async function wasm() {
  const script = join(root, "scripts/build-wasm.mjs");
  return existsSync(script) ? import(pathToFileURL(script).href) : undefined;
}

function isSource(path) {
  return path.endsWith(".ts") && !/[\\/](assembly|labextension)[\\/]/.test(path);
}

function version(name) {
  const manifest = readFileSync(join(root, "node_modules", name, "package.json"), "utf8");
  return `${name} ${JSON.parse(manifest).version}`;
}

function ownVersion() {
  return JSON.parse(readFileSync(join(root, "package.json"), "utf8")).version;
}

if (process.argv[1] && resolve(process.argv[1]) === fileURLToPath(import.meta.url)) {
  await runMain(async () => {
    const start = performance.now();
    const built = await build({
      only: process.argv.length > 2 ? process.argv.slice(2) : undefined,
    });
    const seconds = ((performance.now() - start) / 1000).toFixed(1);
    const what = built.length > 0 ? `built ${built.join(", ")}` : "up to date";
    process.stdout.write(`${what} in ${seconds} s\n`);
    return 0;
  });
}
