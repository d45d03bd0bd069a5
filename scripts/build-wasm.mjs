/**
 * Compiles src/engine/wasm/assembly to dist/engine/kernels.wasm.
 *
 *     node scripts/build-wasm.mjs
 */
import { mkdir, readdir, rename, stat } from "node:fs/promises";
import path from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("..", import.meta.url));
const source = "src/engine/wasm/assembly";
const target = path.join(root, "dist/engine/kernels.wasm");

/**
 * Builds the kernels. No runtime, no static data: the module works only on the memory and offsets it is given.
 * Relaxed SIMD stays off, it would make results differ between machines.
 * @throws Error with the compiler's output.
 */
export async function buildWasm() {
  const { default: asc } = await import("assemblyscript/asc");
  await mkdir(path.dirname(target), { recursive: true });
  // Written beside the target and renamed, so a test run that builds at the same time never reads half a module.
  const part = `dist/engine/kernels.${process.pid}.wasm`;
  const { error, stderr } = await asc.main(
    [
      `${source}/main.ts`,
      ...["-o", part, "-O3", "--runtime", "stub", "--noAssert", "--noExportMemory"],
      ...[
        "--enable",
        "simd,threads",
        "--importMemory",
        "--sharedMemory",
        "--maximumMemory",
        "65536",
      ],
    ],
    { baseDir: root },
  );
  if (error) throw new Error(`build-wasm: ${error.message}\n${stderr.toString()}`);
  await rename(path.join(root, part), target);
  return target;
}

/** Builds the kernels if they are missing or older than their sources. */
export async function ensureWasm() {
  const built = await stat(target).then(
    (file) => file.mtimeMs,
    () => 0,
  );
  const names = await readdir(path.join(root, source));
  const sources = await Promise.all(names.map((name) => stat(path.join(root, source, name))));
  if (sources.some((file) => file.mtimeMs >= built)) await buildWasm();
  return target;
}

if (process.argv[1] === fileURLToPath(import.meta.url)) {
  console.log(path.relative(process.cwd(), await buildWasm()));
}
