import { createRequire } from "node:module";
import { repairUtil } from "../../src/engine/tfjs/node-util.ts";
import type { Tf } from "../../src/net/tfjs-module.ts";

/** TensorFlow.js as its users have it: the types of the real module, which must fit ours. */
export type RealTf = typeof import("@tensorflow/tfjs-node");

/** Never called: compiles only if tfjs' own types fit `Tf`. */
export function fits(tf: RealTf): Tf {
  return tf;
}

/** By require: tfjs is CommonJS, and a path may be a folder. */
const load = createRequire(import.meta.url);

/**
 * The module on its plain cpu backend; undefined, and a line that says so, where it is not installed. LCLAB_TFJS is the
 * path of another module to test with, e.g. a native @tensorflow/tfjs-node, which then keeps its own backend.
 * @throws if LCLAB_TFJS is set and does not load.
 */
export async function tfjsModule(): Promise<RealTf | undefined> {
  const { LCLAB_TFJS: other } = process.env;
  // It prints an advertisement for its native backend.
  const { warn } = console;
  console.warn = () => {};
  try {
    const tf = load(other ?? "@tensorflow/tfjs-node") as RealTf;
    repairUtil(tf);
    if (!other) await tf.setBackend("cpu");
    await tf.ready();
    return tf;
  } catch (error) {
    if (other) throw error;
    console.log(`      skipped: TensorFlow.js is not installed (${(error as Error).message})`);
    return undefined;
  } finally {
    console.warn = warn;
  }
}
