import { LCError } from "../errors.ts";
import { bad } from "./safetensors.ts";

/** What is used of h5wasm, whose types a plain install does not have. */
interface H5wasm {
  readonly ready: Promise<{
    readonly FS: { writeFile(path: string, bytes: Uint8Array): void };
    /** From then on the C library throws instead of printing. */
    activate_throwing_error_handler(): void;
  }>;
  readonly File: new (path: string, mode: "r") => Group & { close(): void };
}

interface Group {
  readonly attrs: Readonly<Record<string, unknown>>;
  get_attribute(name: string, json: false): unknown;
  keys(): string[];
  /** null if there is nothing. */
  get(path: string): unknown;
}

interface Dataset {
  readonly shape: readonly number[] | null;
  readonly dtype: unknown;
  readonly value: unknown;
}

/** An HDF5 file that is open. */
export interface Hdf5 {
  /** What is in a group; nothing if it is missing. */
  keys(path: string): readonly string[];
  /** An attribute of a group; undefined if either is missing. */
  attribute(path: string, name: string): unknown;
  /** The shape of a data set; undefined if it is missing. */
  shape(path: string): readonly number[] | undefined;
  /** The numbers of a data set. @throws LCError LC_FILE if it has none of floating point. */
  floats(path: string): Float32Array;
}

const SIGNATURE = [0x89, 0x48, 0x44, 0x46, 0x0d, 0x0a, 0x1a, 0x0a];

let opened = 0;

/**
 * Opens an HDF5 file in memory, and gives back what `work` makes of it. The C library runs in WebAssembly and sees no other
 * file; a damaged one may spoil it for the thread.
 * @param load Imports h5wasm.
 * @throws LCError LC_FILE if it is damaged or no such file, LC_ENGINE if h5wasm is not installed.
 */
export async function withHdf5<Result>(
  bytes: Uint8Array,
  work: (file: Hdf5) => Result,
  load: (name: string) => Promise<unknown> = (name) => import(name),
): Promise<Result> {
  // Files may begin with a block of the user's own.
  const begins = [0, 512, 1024, 2048].some((at) =>
    SIGNATURE.every((byte, i) => bytes[at + i] === byte),
  );
  if (!begins) throw bad("it is no HDF5 file (.h5)");
  const { ready, File } = await h5wasm(load);
  const module = await ready;
  // HDF5 takes a file of the same name for one that a damaged file before has left open.
  const path = `/lclab-${opened++}.h5`;
  module.FS.writeFile(path, bytes);
  module.activate_throwing_error_handler();
  try {
    const file = new File(path, "r");
    try {
      return work(reader(file));
    } finally {
      file.close();
    }
  } catch (cause) {
    if (cause instanceof LCError) throw cause;
    // Of HDF5's list the innermost reason is the last line; a trap of WebAssembly has one.
    const reason = (cause as Error).message
      .trim()
      .split("\n")
      .at(-1)
      ?.replace(/^\s*minor: /, "");
    throw bad(`it is damaged: HDF5 says ${JSON.stringify(reason)}`, { cause });
  }
}

async function h5wasm(load: (name: string) => Promise<unknown>): Promise<H5wasm> {
  try {
    return (await load("h5wasm")) as H5wasm;
  } catch (cause) {
    throw new LCError(
      "LC_ENGINE",
      "reading Keras' .h5 files needs the package h5wasm, which could not be loaded. Write: npm install h5wasm",
      { cause },
    );
  }
}

function reader(file: Group): Hdf5 {
  const dataset = (path: string): Dataset | undefined => {
    const found = file.get(path) as Dataset | null;
    return found && Array.isArray(found.shape) ? found : undefined;
  };
  return {
    keys(path) {
      const group = file.get(path) as Partial<Group> | null;
      return group?.keys?.() ?? [];
    },
    attribute(path, name) {
      const group = path === "/" ? file : (file.get(path) as Group | null);
      return group?.attrs && Object.hasOwn(group.attrs, name)
        ? group.get_attribute(name, false)
        : undefined;
    },
    shape: (path) => dataset(path)?.shape ?? undefined,
    floats(path) {
      const { dtype, value } = dataset(path) ?? {};
      if (value instanceof Float32Array) return value;
      if (value instanceof Float64Array) return Float32Array.from(value);
      throw bad(
        `${JSON.stringify(path)} is ${JSON.stringify(dtype)}; weights must be float16, float32 or float64`,
      );
    },
  };
}
