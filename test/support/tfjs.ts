import type { Tf } from "../../src/net/tfjs-module.ts";

/** TensorFlow.js as its users have it: the types of the real module, which must fit ours. */
export type RealTf = typeof import("@tensorflow/tfjs-node");

/** Never called: compiles only if tfjs' own types fit `Tf`. */
export function fits(tf: RealTf): Tf {
  return tf;
}

/** The module on its plain cpu backend; undefined, and a line that says so, where it is not installed. */
export async function tfjsModule(): Promise<RealTf | undefined> {
  try {
    const loaded = (await import("@tensorflow/tfjs-node")) as RealTf & { default?: RealTf };
    const tf = loaded.default ?? loaded;
    // It prints an advertisement for its native backend.
    const { warn } = console;
    console.warn = () => {};
    try {
      await tf.setBackend("cpu");
      await tf.ready();
    } finally {
      console.warn = warn;
    }
    return tf;
  } catch (error) {
    console.log(`      skipped: TensorFlow.js is not installed (${(error as Error).message})`);
    return undefined;
  }
}
