/**
 * `npm run build`: everything in dist/, each part only if what it is made from changed since.
 *   wasm          the kernels of the engine and of linear algebra (build-wasm.mjs)
 *   code          src/ and kernel/ by TypeScript
 *   plotly        plotly.min.js, a classic script that defines the global Plotly
 *   labextension  JupyterLab's renderer of our figures
 */
import { existsSync, readFileSync, rmSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildLabextension, buildPlotly, labextensionInputs } from "./build-browser.mjs";
import { runQuietly } from "./run.mjs";
import { runMain } from "./say.mjs";
import { contentHash, filesBelow, readStamps, writeStamp } from "./stamp.mjs";

const root = resolve(dirname(fileURLToPath(import.meta.url)), "..");
const dist = join(root, "dist");
const stamps = join(dist, "build.json");

/** A part of the build: what it is made from, files and strings, and how; `make` returns the files it wrote. */
const parts = [
  {
    name: "wasm",
    inputs: () => [
      [
        ...["src/engine/wasm/assembly", "src/math/assembly"].flatMap((folder) =>
          filesBelow(join(root, folder)),
        ),
        join(root, "scripts/build-wasm.mjs"),
      ],
      [version("assemblyscript")],
    ],
    make: async () => {
      const { buildWasm } = await import("./build-wasm.mjs");
      return await buildWasm();
    },
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
    make: compile,
  },
  {
    name: "plotly",
    inputs: () => [
      [join(root, "scripts/build-browser.mjs")],
      [version("plotly.js-dist"), version("esbuild")],
    ],
    make: () => buildPlotly(root),
  },
  {
    name: "labextension",
    inputs: () => [
      [...labextensionInputs(root), join(root, "scripts/build-browser.mjs")],
      [version("plotly.js-dist"), version("esbuild"), version("typescript"), ownVersion()],
    ],
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
    const before = readStamps(stamps)[part.name];
    if (before?.key === key && before.written.every((file) => existsSync(join(root, file))))
      continue;
    onStart(part.name);
    const written = (await part.make()).map((file) => relative(root, file));
    // Files of sources that are gone go too.
    for (const old of before?.written ?? []) {
      if (!written.includes(old)) rmSync(join(root, old), { force: true });
    }
    writeStamp(stamps, part.name, { key, written });
    built.push(part.name);
  }
  return built;
}

/** TypeScript to dist/. */
async function compile() {
  const tsc = join(root, "node_modules/typescript/bin/tsc");
  const args = [tsc, "-p", "tsconfig.build.json", "--listEmittedFiles", "--pretty", "false"];
  const output = await runQuietly(process.execPath, args, {
    cwd: root,
    what: "TypeScript",
    hint: "Correct the errors above, then build again.",
    ofInterest: (line) => !line.startsWith("TSFILE: "),
  });
  return output
    .split(/\r?\n/)
    .filter((line) => line.startsWith("TSFILE: "))
    .map((line) => resolve(root, line.slice("TSFILE: ".length)));
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
