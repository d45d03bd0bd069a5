import type { BatchNormSpec, Layer, Network, Padding, Shape } from "../../net/network.ts";
import type { Tf, TfPadding, TfTensor, TfVariable } from "../../net/tfjs-module.ts";
import type { Binding } from "../../net/tfjs-parameters.ts";
import { pair } from "../../net/tfjs-shortcut.ts";
import type { Kernels } from "./kernels.ts";

/** Outputs (examples × outputs) of a minibatch; in training, running statistics move. */
export type Forward = (x: TfTensor, training: boolean) => TfTensor;

/**
 * The forward pass of a network of ours, by operations instead of tfjs's layers: those fuse the bias into a
 * convolution or product, whose gradient then always has that of its input too, though the first layer's is of no use.
 * @param variables The parameters, from a model that `buildTfjs` has made and so checked.
 */
export function forwardOf(
  tf: Tf,
  kernels: Kernels,
  network: Network,
  variables: readonly Binding[],
): Forward {
  const byKey = new Map(variables.map(({ parameter, variable }) => [parameter.key, variable]));
  const last = network.layers.at(-1)?.name ?? "input";
  return (x, training) => {
    const outputs = new Map([["input", x]]);
    for (const layer of network.layers) {
      const [first, second] = layer.inputs.map((name) => outputs.get(name) as TfTensor);
      const of = (role: string) => byKey.get(`${layer.name}.${role}`) as TfVariable;
      const y = apply(tf, kernels, layer, of, first as TfTensor, second, training);
      outputs.set(layer.name, y);
    }
    return outputs.get(last) as TfTensor;
  };
}

function apply(
  tf: Tf,
  kernels: Kernels,
  layer: Layer,
  of: (role: string) => TfVariable,
  x: TfTensor,
  shortcut: TfTensor | undefined,
  training: boolean,
): TfTensor {
  const { spec } = layer;
  const flat = () => (x.shape.length > 2 ? tf.reshape(x, [x.shape[0] as number, -1]) : x);
  switch (spec.kind) {
    case "dense": {
      const y = tf.matMul(flat(), of("w"));
      return spec.bias === false ? y : kernels.addBias(y, of("b"));
    }
    case "conv2d": {
      const { stride = [1, 1] } = spec;
      const y = tf.conv2d(x, of("w"), pair(stride), paddingOf(spec));
      return spec.bias === false ? y : kernels.addBias(y, of("b"));
    }
    case "maxPool":
    case "averagePool": {
      const { size, stride = size } = spec;
      const pool = spec.kind === "maxPool" ? tf.maxPool : tf.avgPool;
      return pool(x, pair(size), pair(stride), paddingOf(spec));
    }
    case "globalAveragePool":
      return tf.mean(x, [1, 2]);
    case "flatten":
      return flat();
    case "batchNorm":
      return batchNorm(tf, kernels, spec, of, x, training);
    case "dropout":
      return training && spec.rate > 0 ? tf.dropout(x, spec.rate) : x;
    case "add":
      return tf.add(x, optionA(tf, shortcut as TfTensor, layer.outputShape));
    case "tanh":
    case "relu":
    case "sigmoid":
      return kernels[spec.kind](x);
    default:
      throw new RangeError(`tfjs engine: layer "${layer.name}" is ${spec.kind}, which tfjs lacks.`);
  }
}

/** Numbers of pixels were refused when the model was built. */
function paddingOf({ padding = "valid" }: { readonly padding?: Padding }): TfPadding {
  return padding as TfPadding;
}

function batchNorm(
  tf: Tf,
  kernels: Kernels,
  { epsilon = 1e-5, momentum = 0.1 }: BatchNormSpec,
  of: (role: string) => TfVariable,
  x: TfTensor,
  training: boolean,
): TfTensor {
  const [gamma, beta, mean, variance] = ["gamma", "beta", "mean", "variance"].map(of) as [
    TfVariable,
    TfVariable,
    TfVariable,
    TfVariable,
  ];
  const image = x.shape.length > 2 ? x : tf.reshape(x, [x.shape[0] as number, 1, 1, -1]);
  const y = training
    ? kernels.batchNorm(image, gamma, beta, epsilon, (batchMean, batchVariance) => {
        move(tf, mean, batchMean, momentum);
        move(tf, variance, batchVariance, momentum);
      })
    : tf.batchNorm(image, mean, variance, beta, gamma, epsilon);
  return image === x ? y : tf.reshape(y, [...x.shape]);
}

/** Moves a running statistic towards the newest one. */
function move(tf: Tf, running: TfVariable, newest: TfTensor, momentum: number): void {
  running.assign(tf.add(tf.mul(running, 1 - momentum), tf.mul(newest, momentum)));
}

/** A shortcut strided, and with zero channels behind its own, to `shape`. A strided slice has no gradient in tfjs. */
function optionA(tf: Tf, x: TfTensor, [height = 1, , channels = 1]: Shape): TfTensor {
  const [, fromHeight = 1, , fromChannels = 1] = x.shape;
  const down = Math.ceil(fromHeight / height);
  const strided = down === 1 ? x : tf.maxPool(x, [1, 1], [down, down], "valid");
  if (fromChannels === channels || x.shape.length < 4) return strided;
  return tf.pad(strided, [pair([0, 0]), pair([0, 0]), pair([0, 0]), [0, channels - fromChannels]]);
}
