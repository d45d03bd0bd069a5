import { readFileSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { LCError } from "../errors.ts";

/** Z = X A or Y = Z Aᵀ: left operand, stride, rows, A, stride, its rows, result, stride, columns (assembly/product.ts). */
type Product = (
  x: number,
  xStride: number,
  rows: number,
  a: number,
  aStride: number,
  aRows: number,
  out: number,
  outStride: number,
  cols: number,
) => void;

/** out = α x + β y + γ w. */
type Combine = (
  out: number,
  x: number,
  alpha: number,
  y: number,
  beta: number,
  w: number,
  gamma: number,
  count: number,
) => void;

/** What assembly/main.ts exports. Numbers are byte offsets into the memory, element counts and strides. */
interface Kernels {
  readonly memory: { readonly buffer: ArrayBuffer; grow(pages: number): number };
  readonly times32: Product;
  readonly times64: Product;
  readonly timesTransposed32: Product;
  readonly timesTransposed64: Product;
  readonly combine32: Combine;
  readonly combine64: Combine;
  scaleColumns(out: number, x: number, stride: number, rows: number, w: number): void;
  demote(from: number, to: number, count: number): number;
  promote(from: number, to: number, count: number): void;
  squares(x: number, count: number): number;
  orthonormalise(x: number, stride: number, from: number, rows: number, length: number): number;
  tridiagonalise(
    a: number,
    n: number,
    stride: number,
    q: number,
    d: number,
    e: number,
    work: number,
  ): void;
  tridiagonalEigen(
    d: number,
    e: number,
    n: number,
    q: number,
    stride: number,
    rotations: number,
  ): number;
}

/** Memory of the kernels during one computation. A later reservation may move the memory: take views afresh after it. */
export interface Workspace {
  readonly kernels: Kernels;
  /** Offset of so many numbers of 4 or 8 bytes, not cleared. */
  reserve(count: number, bytes: 4 | 8): number;
  singles(offset: number, count: number): Float32Array<ArrayBuffer>;
  doubles(offset: number, count: number): Float64Array<ArrayBuffer>;
}

// Both src/math and dist/src/math must find dist/math.
const location = import.meta.url.endsWith(".ts")
  ? "../../dist/math/kernels.wasm"
  : "../../math/kernels.wasm";

const PAGE = 65_536;
const LINE = 64;
/** A memory that grew beyond this is not kept: it can only grow. */
const KEPT_BYTES = 256 * 1024 * 1024;

let loaded: Kernels | undefined;

/**
 * Calls `compute` with the whole memory of this thread's kernels; not to be nested.
 * @throws LCError LC_ENGINE if the kernels were not built, LC_MEMORY if 4 GB or the machine's memory is too little.
 */
export function inWorkspace<T>(compute: (space: Workspace) => T): T {
  loaded ??= load();
  const kernels = loaded;
  let end = LINE;
  try {
    return compute({
      kernels,
      reserve(count, bytes) {
        const offset = end;
        end += Math.ceil((count * bytes) / LINE) * LINE;
        const missing = end - kernels.memory.buffer.byteLength;
        if (missing > 0) grow(kernels, Math.ceil(missing / PAGE), end);
        return offset;
      },
      singles: (offset, count) => new Float32Array(kernels.memory.buffer, offset, count),
      doubles: (offset, count) => new Float64Array(kernels.memory.buffer, offset, count),
    });
  } finally {
    if (kernels.memory.buffer.byteLength > KEPT_BYTES) loaded = undefined;
  }
}

/** Elements from row to row: whole cache lines of float32, an odd number of them, or rows would compete for few cache sets. */
export function strideOf(cols: number): number {
  return (Math.ceil(cols / 16) | 1) * 16;
}

function grow({ memory }: Kernels, pages: number, bytes: number): void {
  try {
    memory.grow(pages);
  } catch (cause) {
    const megabytes = Math.ceil(bytes / 1e6);
    throw new LCError(
      "LC_MEMORY",
      `linear algebra: the matrix needs ${megabytes} MB of WebAssembly memory, which holds 4294 MB at most. Split the layer, or free memory.`,
      { cause },
    );
  }
}

/** The part of WebAssembly used here. Its types come only with the DOM's, which this project leaves out. */
interface WebAssemblyApi {
  readonly Module: new (bytes: Uint8Array) => object;
  readonly Instance: new (module: object) => { readonly exports: unknown };
}

function load(): Kernels {
  const path = fileURLToPath(new URL(location, import.meta.url));
  const { Module, Instance } = (globalThis as unknown as { WebAssembly: WebAssemblyApi })
    .WebAssembly;
  try {
    return new Instance(new Module(readFileSync(path))).exports as Kernels;
  } catch (cause) {
    throw new LCError("LC_ENGINE", `linear algebra: cannot load ${path}. Run npm run build.`, {
      cause,
    });
  }
}
