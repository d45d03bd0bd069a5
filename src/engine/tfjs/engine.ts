import type { Tf, TfLayersModel } from "../../net/tfjs-module.ts";
import type { Engine } from "../engine.ts";
import type { TfjsLoss } from "./loss.ts";
import { repairUtil } from "./node-util.ts";
import { openSession } from "./open.ts";

const SLOW =
  "The plain cpu backend of tfjs is about 200 times slower than @tensorflow/tfjs-node; the default engine needs neither.";

/**
 * L steps with TensorFlow.js, on the backend registered in the user's own module `tf`: any network of ours, or any
 * LayersModel with one input and one output, custom layers included. Not reproducible: what a number is depends on the
 * backend.
 *
 * `model` is trained itself, between `open` and `close`, and then gets its weights back; its network comes from
 * `fromTfjs(model)`, and a result goes into it with `writeTfjs`. Its regularizers belong to the loss. Without `model`
 * the network is built from its description.
 *
 * `loss` replaces the network's: it gets one-hot labels and the model's output, both (examples × outputs), and returns
 * the mean over the examples, or one number for each.
 *
 * The plain cpu backend is about 200 times slower than `@tensorflow/tfjs-node`; a note of the solution says so. tfjs-node
 * uses oneDNN's convolutions, where TensorFlow does not by itself, if TF_ENABLE_ONEDNN_OPTS=1 is in the environment when
 * it is imported. A minibatch runs on the caller's thread, as a backend's operations do: other events come between two.
 * @example
 * import * as tf from "@tensorflow/tfjs-node";
 * const engine = tfjs(tf, { model });
 * await compress(fromTfjs(model)).layer("fc1", quantize({ bits: 1 })).run({ data, engine, … });
 */
export function tfjs(
  tf: Tf,
  options: { readonly model?: TfLayersModel; readonly loss?: TfjsLoss } = {},
): Engine {
  repairUtil(tf);
  return {
    get name() {
      return `tfjs (${tf.getBackend() ?? "no backend yet"})`;
    },
    reproducible: false,
    get notes() {
      return tf.getBackend() === "cpu" ? [SLOW] : [];
    },
    async open(network, data, openOptions) {
      await tf.ready();
      return openSession(tf, network, data, { ...openOptions, ...options });
    },
  };
}
