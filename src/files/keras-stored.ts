import { grouped } from "../text.ts";
import { startThread, type ThreadAnswer, threadResult } from "../thread.ts";
import { withHdf5 } from "./hdf5.ts";
import { bad } from "./safetensors.ts";
import { shown } from "./shown.ts";

/** What is in a Keras file. */
export interface StoredModel {
  /** The attribute `model_config`, JSON; undefined in a file of weights. */
  readonly config: unknown;
  /** Of each layer its arrays, with the names that Keras gave them. */
  readonly layers: ReadonlyMap<string, readonly StoredArray[]>;
}

export interface StoredArray {
  /** `fc1/kernel:0` of Keras 2, `sequential/fc1/kernel` of Keras 3. */
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What the thread is asked. */
export interface StoredJob {
  readonly bytes: Uint8Array;
  readonly maxBytes: number;
}

/**
 * What is in the bytes of a Keras file, read in a thread of its own: a damaged file may stop the C library, or spoil its memory,
 * and that ends with the thread; and the caller's event loop stays free.
 * @throws LCError LC_FILE if they are no HDF5 file, damaged, or their arrays have more than `maxBytes`; LC_ENGINE without h5wasm.
 */
export async function storedModel(job: StoredJob): Promise<StoredModel> {
  const thread = startThread("keras-worker", import.meta.url, { name: "lclab HDF5" });
  try {
    const answer = await new Promise<ThreadAnswer<StoredModel>>((resolve, reject) => {
      const ended = (what: string) => reject(bad(`it is damaged: the HDF5 library ${what}`));
      thread.once("message", resolve);
      thread.once("error", ({ message }) => ended(`says ${JSON.stringify(message)}`));
      thread.once("exit", () => ended("stopped at it"));
      thread.postMessage(job);
    });
    return threadResult(answer);
  } finally {
    await thread.terminate();
  }
}

/** The same on this thread. */
export function readStored({ bytes, maxBytes }: StoredJob): Promise<StoredModel> {
  return withHdf5(bytes, (file) => {
    let left = maxBytes;
    const layers = new Map<string, readonly StoredArray[]>();
    for (const layer of file.keys("model_weights")) {
      const group = `model_weights/${layer}`;
      const names = file.attribute(group, "weight_names");
      const arrays = (Array.isArray(names) ? names.map(String) : []).map((name) => {
        const shape = file.shape(`${group}/${name}`);
        if (!shape) throw bad(`${shown(`${group}/${name}`)} is missing`);
        left -= shape.reduce((product, n) => product * n, 4);
        if (!(left >= 0)) {
          throw bad(`its weights have more than maxBytes = ${grouped(maxBytes)} bytes`);
        }
        return { name, shape, data: file.floats(`${group}/${name}`) };
      });
      layers.set(layer, arrays);
    }
    return { config: file.attribute("/", "model_config"), layers };
  });
}
