import type { Loss } from "../../net/network.ts";
import type { Tf, TfTensor } from "../../net/tfjs-module.ts";
import type { Kernels } from "./kernels.ts";

/** Mean loss, or the loss of each example, from one-hot labels and outputs, both (examples × outputs). */
export type TfjsLoss = (labels: TfTensor, outputs: TfTensor) => TfTensor;

/** Below this a probability counts as this: its logarithm must be finite. */
const LEAST_PROBABILITY = 1e-30;

/**
 * The loss of a network: cross-entropy of logits, or of probabilities where the model ends in a softmax; or
 * ½ ‖outputs − one-hot label‖², as in the WASM engine. All are means over the examples.
 */
export function lossOf(tf: Tf, kernels: Kernels, loss: Loss, softmax: boolean): TfjsLoss {
  if (loss === "squaredError") {
    return (labels, outputs) => tf.mul(tf.mean(tf.sum(tf.square(tf.sub(outputs, labels)), 1)), 0.5);
  }
  if (!softmax) return kernels.crossEntropy;
  return (labels, outputs) => {
    const logs = tf.log(tf.maximum(outputs, LEAST_PROBABILITY));
    return tf.neg(tf.mean(tf.sum(tf.mul(labels, logs), 1)));
  };
}
