import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { LCError } from "../../errors.ts";
import { type WasmMemory, type WasmModule, webAssembly } from "./webassembly.ts";

/** What the compiled kernels export (assembly/main.ts). */
export interface Kernels {
  step(program: number, control: number, thread: number, threads: number, scratch: number): number;
  expEach(x: number, y: number, count: number): void;
  tanhEach(x: number, y: number, count: number): void;
  log(x: number): number;
}

// Both src/engine/wasm and dist/src/engine/wasm must find dist/engine.
const location = import.meta.url.endsWith(".ts")
  ? "../../../dist/engine/kernels.wasm"
  : "../../../engine/kernels.wasm";

let compiled: Promise<WasmModule> | undefined;

/**
 * The compiled kernels, read once per process.
 * @throws LCError LC_ENGINE if the file is not there.
 */
export function kernelModule(): Promise<WasmModule> {
  compiled ??= readKernels().catch((error) => {
    compiled = undefined;
    throw error;
  });
  return compiled;
}

async function readKernels(): Promise<WasmModule> {
  const path = fileURLToPath(new URL(location, import.meta.url));
  try {
    return await webAssembly.compile(await readFile(path));
  } catch (cause) {
    throw new LCError("LC_ENGINE", `wasm engine: cannot load ${path}. Run npm run build.`, {
      cause,
    });
  }
}

/** Kernels working in `memory`. */
export function instantiate(module: WasmModule, memory: WasmMemory): Kernels {
  return new webAssembly.Instance(module, { env: { memory } }).exports as Kernels;
}
