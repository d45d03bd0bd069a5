import type { Tf, TfTensor } from "../../net/tfjs-module.ts";

/** Operations whose gradients tfjs puts together from many small ones, as functions that a gradient tape can follow. */
export interface Kernels {
  /** x + b, with b on the last axis. */
  addBias(x: TfTensor, b: TfTensor): TfTensor;
  relu(x: TfTensor): TfTensor;
  tanh(x: TfTensor): TfTensor;
  sigmoid(x: TfTensor): TfTensor;
  /** Cross-entropy of each example, from one-hot labels and logits, both (examples × outputs). */
  crossEntropy(labels: TfTensor, logits: TfTensor): TfTensor;
  /** Batch norm of an image by its own statistics; `seen` gets their mean and unbiased variance. */
  batchNorm(
    x: TfTensor,
    gamma: TfTensor,
    beta: TfTensor,
    epsilon: number,
    seen: (mean: TfTensor, variance: TfTensor) => void,
  ): TfTensor;
}

/** TensorFlow's own kernels where the backend gives access to them, else what every backend has. */
export function kernelsOf(tf: Tf): Kernels {
  const backend = tf.backend() as Partial<NativeBackend>;
  return tf.getBackend() === "tensorflow" && backend.executeMultipleOutputs && backend.binding
    ? native(tf, backend as NativeBackend)
    : plain(tf);
}

function plain(tf: Tf): Kernels {
  return {
    addBias: (x, b) => tf.add(x, b),
    relu: (x) => tf.relu(x),
    tanh: (x) => tf.tanh(x),
    sigmoid: (x) => tf.sigmoid(x),
    crossEntropy: (labels, logits) => tf.losses.softmaxCrossEntropy(labels, logits),
    batchNorm(x, gamma, beta, epsilon, seen) {
      const axes = [0, 1, 2];
      const count = axes.reduce((product, axis) => product * (x.shape[axis] as number), 1);
      const { mean, variance } = tf.moments(x, axes);
      seen(mean, tf.mul(variance, count / Math.max(count - 1, 1)));
      return tf.batchNorm(x, mean, variance, beta, gamma, epsilon);
    },
  };
}

/** What tfjs-node's backend has beyond tfjs: TensorFlow's operations by name. */
interface NativeBackend {
  readonly binding: Readonly<Record<string, number>>;
  executeMultipleOutputs(
    name: string,
    attributes: readonly Attribute[],
    inputs: readonly TfTensor[],
    outputs: number,
  ): readonly TfTensor[];
}

interface Attribute {
  readonly name: string;
  readonly type: number | undefined;
  readonly value: unknown;
}

function native(tf: Tf, backend: NativeBackend): Kernels {
  const { binding } = backend;
  const attribute = (kind: string, name: string, value: unknown): Attribute => ({
    name,
    type: binding[`TF_ATTR_${kind}`],
    value,
  });
  const float = attribute("TYPE", "T", binding.TF_FLOAT);
  const nhwc = attribute("STRING", "data_format", "NHWC");
  const typed = [float];
  const imaged = [float, nhwc];
  const run = (name: string, attributes: readonly Attribute[], ...inputs: TfTensor[]) =>
    backend.executeMultipleOutputs(name, attributes, inputs, 1)[0] as TfTensor;
  /** An activation whose gradient needs its output only. */
  const activation = (name: string, gradient: (dy: TfTensor, y: TfTensor) => TfTensor) =>
    withGradient(tf, (x: TfTensor, save: Save) => {
      const value = run(name, typed, x);
      save([value]);
      return { value, gradFunc: (dy: TfTensor, [y]: [TfTensor]) => gradient(dy, y) };
    });
  return {
    addBias: withGradient(tf, (x: TfTensor, b: TfTensor) => ({
      value: run("BiasAdd", imaged, x, b),
      gradFunc: (dy: TfTensor) => [dy, run("BiasAddGrad", imaged, dy)],
    })),
    relu: activation("Relu", (dy, y) => run("ReluGrad", typed, dy, y)),
    tanh: activation("Tanh", (dy, y) => run("TanhGrad", typed, y, dy)),
    sigmoid: activation("Sigmoid", (dy, y) => run("SigmoidGrad", typed, y, dy)),
    crossEntropy(labels, logits) {
      const loss = withGradient(tf, (x: TfTensor, save: Save) => {
        const op = "SoftmaxCrossEntropyWithLogits";
        const [value, slope] = backend.executeMultipleOutputs(op, typed, [x, labels], 2);
        save([slope as TfTensor]);
        const gradFunc = (dy: TfTensor, [g]: [TfTensor]) => tf.mul(tf.reshape(dy, [-1, 1]), g);
        return { value, gradFunc };
      });
      return loss(logits);
    },
    batchNorm(x, gamma, beta, epsilon, seen) {
      const attributes = [
        ...[float, nhwc, attribute("TYPE", "U", binding.TF_FLOAT)],
        ...[attribute("FLOAT", "epsilon", epsilon), attribute("BOOL", "is_training", true)],
      ];
      const normalised = withGradient(
        tf,
        (x: TfTensor, gamma: TfTensor, _beta: TfTensor, save: Save) => {
          // No running statistics: an empty mean and variance.
          const none = tf.tensor(new Float32Array(0), [0]);
          const inputs = [x, gamma, beta, none, none];
          const [value, mean, variance, ...kept] = backend.executeMultipleOutputs(
            "FusedBatchNormV3",
            attributes,
            inputs,
            6,
          ) as [TfTensor, TfTensor, TfTensor, ...TfTensor[]];
          seen(mean, variance);
          save([x, gamma, ...kept]);
          const gradFunc = (dy: TfTensor, saved: TfTensor[]) =>
            backend
              .executeMultipleOutputs("FusedBatchNormGradV3", attributes, [dy, ...saved], 5)
              .slice(0, 3);
          return { value, gradFunc };
        },
      );
      return normalised(x, gamma, beta);
    },
  };
}

/** A function of tensors with a gradient of its own, as `tf.customGrad` takes it. */
function withGradient(tf: Tf, body: unknown): (...inputs: TfTensor[]) => TfTensor {
  return tf.customGrad(body) as (...inputs: TfTensor[]) => TfTensor;
}

type Save = (tensors: readonly TfTensor[]) => void;
