import type { Layer, Network, Padding } from "./network.ts";
import type { Tf, TfLayer, TfLayersModel, TfSymbolicTensor } from "./tfjs-module.ts";
import { optionA, pair } from "./tfjs-shortcut.ts";

/** The model as tfjs layers, with fresh weights. */
export function buildTfjs(
  tf: Tf,
  { name, input, layers }: Network,
  softmax: boolean,
): TfLayersModel {
  // tfjs takes letters, digits, dots, hyphens and underlines only, a letter or digit first.
  const plain = name.replace(/[^\w.-]/g, "_").replace(/^[^a-z0-9]/i, "n$&");
  const start = tf.input({ shape: [...input], name: `${plain}_input` });
  const outputs = new Map<string, TfSymbolicTensor>([["input", start]]);
  let last = start;
  for (const layer of layers) {
    const [first, second] = layer.inputs.map((from) => outputs.get(from) as TfSymbolicTensor);
    last = apply(tf, layer, first as TfSymbolicTensor, second);
    outputs.set(layer.name, last);
  }
  if (softmax) {
    const end = tf.layers.activation({ activation: "softmax", name: `${plain}_softmax` });
    last = end.apply(last) as TfSymbolicTensor;
  }
  return tf.model({ inputs: start, outputs: last, name });
}

function apply(
  tf: Tf,
  { name, spec }: Layer,
  input: TfSymbolicTensor,
  shortcut: TfSymbolicTensor | undefined,
): TfSymbolicTensor {
  const on = (layer: TfLayer, x: unknown = input) => layer.apply(x) as TfSymbolicTensor;
  const { layers } = tf;
  switch (spec.kind) {
    case "dense": {
      const image = input.shape.length > 2;
      const flat = image ? on(layers.flatten({ name: `${name}_flatten` })) : input;
      return on(layers.dense({ units: spec.units, useBias: spec.bias !== false, name }), flat);
    }
    case "conv2d": {
      const { filters, kernel, stride = [1, 1], bias = true } = spec;
      const padding = paddingOf(name, spec.padding);
      const window = { kernelSize: pair(kernel), strides: pair(stride), padding };
      return on(layers.conv2d({ filters, ...window, useBias: bias, name }));
    }
    case "maxPool":
    case "averagePool": {
      const { size, stride = size } = spec;
      const padding = paddingOf(name, spec.padding);
      const args = { poolSize: pair(size), strides: pair(stride), padding, name };
      return on(
        spec.kind === "maxPool" ? layers.maxPooling2d(args) : layers.averagePooling2d(args),
      );
    }
    case "globalAveragePool":
      return on(layers.globalAveragePooling2d({ name }));
    case "flatten":
      return on(layers.flatten({ name }));
    case "batchNorm": {
      const { epsilon = 1e-5, momentum = 0.1 } = spec;
      return on(layers.batchNormalization({ epsilon, momentum: 1 - momentum, name }));
    }
    case "dropout":
      return on(layers.dropout({ rate: spec.rate, name }));
    case "add":
      return on(layers.add({ name }), [
        input,
        optionA(tf, name, shortcut as TfSymbolicTensor, input.shape),
      ]);
    case "tanh":
    case "relu":
    case "sigmoid":
      return on(layers.activation({ activation: spec.kind, name }));
    default:
      throw new RangeError(
        `toTfjs: layer "${name}" is ${(spec as { kind: string }).kind}, which has no layer in tfjs. To train it, write engine: tfjs(tf, { model: layersModel }); to put weights back into the model they came from, writeTfjs(tf, model, layersModel).`,
      );
  }
}

/** tfjs pads by name only. @throws RangeError for a number of pixels. */
function paddingOf(name: string, padding: Padding = "valid"): "same" | "valid" {
  if (padding === "same" || padding === "valid") return padding;
  throw new RangeError(
    `toTfjs: layer "${name}" pads by [${padding.join(", ")}] pixels; tfjs knows "same" and "valid" only. To train it, use the WASM engine.`,
  );
}
