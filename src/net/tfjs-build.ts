import type { Network } from "./network.ts";
import { type TfjsLayer, tfjsTopology } from "./tfjs-layers.ts";
import type { Tf, TfLayer, TfLayersModel, TfSymbolicTensor } from "./tfjs-module.ts";

/** The model as tfjs layers, with fresh weights. */
export function buildTfjs(tf: Tf, network: Network, softmax: boolean): TfLayersModel {
  const { name, input, layers, output } = tfjsTopology("toTfjs", network, { softmax });
  const start = tf.input({ shape: [...input.shape], name: input.name });
  const ends = new Map<string, TfSymbolicTensor>([[input.name, start]]);
  for (const layer of layers) {
    const read = layer.inputs.map((from) => ends.get(from) as TfSymbolicTensor);
    const made = factories[layer.kind](tf.layers, { ...layer.config, name: layer.name } as never);
    ends.set(layer.name, made.apply(read.length > 1 ? read : read[0]) as TfSymbolicTensor);
  }
  return tf.model({ inputs: start, outputs: ends.get(output), name });
}

/** How tfjs makes a layer of each class. */
const factories: Readonly<
  Record<TfjsLayer["kind"], (layers: Tf["layers"], args: never) => TfLayer>
> = {
  Activation: (layers, args) => layers.activation(args),
  Add: (layers, args) => layers.add(args),
  AveragePooling2D: (layers, args) => layers.averagePooling2d(args),
  BatchNormalization: (layers, args) => layers.batchNormalization(args),
  Conv2D: (layers, args) => layers.conv2d(args),
  Dense: (layers, args) => layers.dense(args),
  Dropout: (layers, args) => layers.dropout(args),
  Flatten: (layers, args) => layers.flatten(args),
  GlobalAveragePooling2D: (layers, args) => layers.globalAveragePooling2d(args),
  MaxPooling2D: (layers, args) => layers.maxPooling2d(args),
  Permute: (layers, args) => layers.permute(args),
  ZeroPadding2D: (layers, args) => layers.zeroPadding2d(args),
};
