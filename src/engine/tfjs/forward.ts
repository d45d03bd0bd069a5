import type { BatchNormSpec, Layer, Network, Shape } from "../../net/network.ts";
import type { Tf, TfTensor, TfVariable } from "../../net/tfjs-module.ts";
import type { Binding } from "../../net/tfjs-parameters.ts";
import { pair } from "../../net/tfjs-shortcut.ts";
import type { Kernels } from "./kernels.ts";
import { type Window, windowOf } from "./windows.ts";

/**
 * Outputs (examples × outputs) of a minibatch. With `masks`, the seed of the dropout masks, it is for training: running
 * statistics move.
 */
export type Forward = (x: TfTensor, masks: string | undefined) => TfTensor;

/** A layer's output, from what it reads. */
type Step = (x: TfTensor, shortcut: TfTensor | undefined, masks: string | undefined) => TfTensor;

/**
 * The variables of a network of ours, all zeros: a dense layer's matrix as (inputs × units), a convolution's as (height,
 * width, channels, filters).
 * @throws RangeError if a layer is custom.
 */
export function variablesOf(tf: Tf, { layers }: Network): readonly Binding[] {
  const custom = layers.find(({ spec }) => (spec.kind as string) === "custom");
  if (custom) {
    throw new RangeError(
      `tfjs engine: layer "${custom.name}" is custom: only the model it was read from can train it. Write engine: tfjs(tf, { model: layersModel }).`,
    );
  }
  return layers.flatMap(({ spec, inputShape, parameters }) =>
    parameters.map((parameter): Binding => {
      const { role, rows, cols } = parameter;
      const window = spec.kind === "conv2d" ? [...spec.kernel, inputShape[2] as number] : [cols];
      const shape = role === "w" ? [...window, rows] : [rows];
      const trainable = role !== "mean" && role !== "variance";
      const zeros = tf.tensor(new Float32Array(rows * cols), shape);
      const variable = tf.variable(zeros, trainable);
      zeros.dispose();
      return { parameter, variable, trainable };
    }),
  );
}

/**
 * The forward pass of a network of ours, by operations instead of tfjs's layers: those fuse the bias into a
 * convolution or product, whose gradient then always has that of its input too, though the first layer's is of no use;
 * and they have no paddings in pixels.
 */
export function forwardOf(
  tf: Tf,
  kernels: Kernels,
  network: Network,
  variables: readonly Binding[],
): Forward {
  const byKey = new Map(variables.map(({ parameter, variable }) => [parameter.key, variable]));
  const steps = network.layers.map((layer) => {
    const of = (role: string) => byKey.get(`${layer.name}.${role}`) as TfVariable;
    return { ...layer, step: stepOf(tf, kernels, layer, of) };
  });
  return (x, masks) => {
    const outputs = new Map([["input", x]]);
    let y = x;
    for (const { name, inputs, step } of steps) {
      const [first, second] = inputs.map((from) => outputs.get(from) as TfTensor);
      y = step(first as TfTensor, second, masks);
      outputs.set(name, y);
    }
    return y;
  };
}

function stepOf(tf: Tf, kernels: Kernels, layer: Layer, of: (role: string) => TfVariable): Step {
  const { spec, outputShape } = layer;
  switch (spec.kind) {
    case "dense": {
      const { bias = true } = spec;
      return (x) => {
        const y = tf.matMul(flat(tf, x), of("w"));
        return bias ? kernels.addBias(y, of("b")) : y;
      };
    }
    case "conv2d": {
      const { bias = true } = spec;
      const window = windowOf(layer, spec.kernel, spec.stride, spec.padding);
      return (x) => {
        const y = tf.conv2d(padded(tf, x, window, 0), of("w"), window.stride, window.padding);
        return bias ? kernels.addBias(y, of("b")) : y;
      };
    }
    case "maxPool": {
      const window = windowOf(layer, spec.size, spec.stride ?? spec.size, spec.padding);
      const { size, stride, padding } = window;
      return (x) => tf.maxPool(padded(tf, x, window, -Infinity), size, stride, padding);
    }
    case "averagePool":
      return averagePool(tf, windowOf(layer, spec.size, spec.stride ?? spec.size, spec.padding));
    case "globalAveragePool":
      return (x) => tf.mean(x, [1, 2]);
    case "flatten":
      return (x) => flat(tf, x);
    case "batchNorm":
      return batchNorm(tf, kernels, spec, of);
    case "dropout": {
      const { rate } = spec;
      return (x, _, masks) =>
        masks && rate > 0 ? tf.dropout(x, rate, undefined, `${masks} ${layer.name}`) : x;
    }
    case "localResponseNorm": {
      const { size = 5, alpha = 1e-4, beta = 0.75, k = 1 } = spec;
      return (x) => tf.localResponseNormalization(x, (size - 1) / 2, k, alpha / size, beta);
    }
    case "add":
      return (x, shortcut) => tf.add(x, optionA(tf, shortcut as TfTensor, outputShape));
    case "tanh":
    case "relu":
    case "sigmoid": {
      const activation = kernels[spec.kind];
      return (x) => activation(x);
    }
  }
}

function flat(tf: Tf, x: TfTensor): TfTensor {
  return x.shape.length > 2 ? tf.reshape(x, [x.shape[0] as number, -1]) : x;
}

function padded(tf: Tf, x: TfTensor, { pads }: Window, value: number): TfTensor {
  return pads ? tf.pad(x, [pair([0, 0]), ...pads, pair([0, 0])], value) : x;
}

/** Padded pixels are not counted; with "same", tfjs's cpu backend would count them in the gradient. */
function averagePool(tf: Tf, window: Window): Step {
  const { size, stride, allPads, counts } = window;
  const [height, width] = window.output;
  if (!counts) return (x) => tf.avgPool(x, size, stride, "valid");
  const scale = counts.map((count) => (size[0] * size[1]) / count);
  return (x) => {
    const mean = tf.avgPool(padded(tf, x, { ...window, pads: allPads }, 0), size, stride, "valid");
    return tf.mul(mean, tf.tensor(scale, [1, height, width, 1]));
  };
}

function batchNorm(
  tf: Tf,
  kernels: Kernels,
  { epsilon = 1e-5, momentum = 0.1 }: BatchNormSpec,
  of: (role: string) => TfVariable,
): Step {
  const [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "variance"].map(of) as [
    TfVariable,
    TfVariable,
    TfVariable,
    TfVariable,
  ];
  const move = (running: TfVariable, newest: TfTensor) =>
    running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(newest, momentum)));
  return (x, _, masks) => {
    const image = x.shape.length > 2 ? x : tf.reshape(x, [x.shape[0] as number, 1, 1, -1]);
    const y = masks
      ? kernels.batchNorm(image, gamma, beta, epsilon, (batchMean, batchVariance) => {
          move(mean, batchMean);
          move(variance, batchVariance);
        })
      : tf.batchNorm(image, mean, variance, beta, gamma, epsilon);
    return image === x ? y : tf.reshape(y, [...x.shape]);
  };
}

/** A shortcut strided, and with zero channels behind its own, to `shape`. A strided slice has no gradient in tfjs. */
function optionA(tf: Tf, x: TfTensor, [height = 1, , channels = 1]: Shape): TfTensor {
  if (x.shape.length < 4) return x;
  const [, fromHeight = 1, , fromChannels = 1] = x.shape;
  const down = fromHeight / height;
  const strided = down === 1 ? x : tf.maxPool(x, [1, 1], [down, down], "valid");
  if (fromChannels === channels) return strided;
  const none = pair([0, 0]);
  return tf.pad(strided, [none, none, none, pair([0, channels - fromChannels])]);
}
