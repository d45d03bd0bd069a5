/**
 * Compiles the kernels, AssemblyScript to WebAssembly:
 *
 *   src/engine/wasm/assembly   dist/engine/kernels.wasm   the engine's, on memory that threads share
 *   src/math/assembly          dist/math/kernels.wasm     linear algebra, with a memory of its own
 *
 *     node scripts/build-wasm.mjs
 */
import { mkdir, readdir, rename, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const shared = ["--noExportMemory", "--importMemory", "--sharedMemory", "--maximumMemory", "65536"];
const modules = [
  {
    source: "src/engine/wasm/assembly",
    target: "dist/engine/kernels.wasm",
    flags: ["--enable", "simd,threads", ...shared],
  },
  { source: "src/math/assembly", target: "dist/math/kernels.wasm", flags: ["--enable", "simd"] },
];

/**
 * Builds all kernels. No runtime, no static data: a module works only on the memory and offsets it is given.
 * Relaxed SIMD stays off, it would make results differ between machines.
 * @returns The files.
 * @throws Error with the compiler's output.
 */
export async function buildWasm() {
  for (const module of modules) await compile(module);
  return modules.map(({ target }) => path.join(root, target));
}

async function compile({ source, target, flags }) {
  const { default: asc } = await import("assemblyscript/asc");
  await mkdir(path.dirname(path.join(root, target)), { recursive: true });
  // Written beside the target and renamed, so a test run that builds at the same time never reads half a module.
  const part = target.replace(/wasm$/, `${process.pid}.wasm`);
  const { error, stderr } = await asc.main(
    [`${source}/main.ts`, "-o", part, "-O3", "--runtime", "stub", "--noAssert", ...flags],
    { baseDir: root },
  );
  if (error) throw new Error(`build-wasm: ${error.message}\n${stderr.toString()}`);
  await rename(path.join(root, part), path.join(root, target));
}

/** Builds the kernels that are missing or older than their sources. */
export async function ensureWasm() {
  for (const module of modules) {
    const built = await stat(path.join(root, module.target)).then(
      (file) => file.mtimeMs,
      () => 0,
    );
    const folder = path.join(root, module.source);
    const sources = await Promise.all(
      (await readdir(folder)).map((name) => stat(path.join(folder, name))),
    );
    if (sources.some((file) => file.mtimeMs >= built)) await compile(module);
  }
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  for (const file of await buildWasm()) console.log(path.relative(process.cwd(), file));
}
