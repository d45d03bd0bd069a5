import type { Layer, Network, Parameter } from "../net/network.ts";
import { isSameOrder, order, type Window } from "./onnx-weights.ts";

/**
 * A parameter as PyTorch has it: kernels are [outputs, channels, height, width], and images are channels first, also when
 * they have become rows.
 */
export interface TorchParameter {
  readonly shape: readonly number[];
  /** How the numbers of a row of ours, or of a column vector, are numbered; rows stay rows. */
  readonly window: Window;
}

const plain: Window = { kernel: [1, 1], channels: 1 };

/** PyTorch's shape and order of a parameter. */
export function torchParameter(network: Network, parameter: Parameter): TorchParameter {
  const layer = network.layers.find(({ name }) => name === parameter.layer) as Layer;
  const { rows, cols, role } = parameter;
  if (layer.spec.kind === "conv2d" && role === "w") {
    const { kernel } = layer.spec;
    const channels = layer.inputShape[2] as number;
    return { shape: [rows, channels, ...kernel], window: { kernel, channels } };
  }
  const image = imageOf(network, layer.inputs[0] as string);
  const window = image ? { kernel: [image[0], image[1]] as const, channels: image[2] } : plain;
  if (layer.spec.kind === "dense" && role === "w") return { shape: [rows, cols], window };
  // Of an image, batch norm has one number per channel; of its values in a row, one for each.
  const each = layer.spec.kind === "batchNorm" && layer.inputShape.length === 1;
  return { shape: [rows], window: each ? window : plain };
}

/** PyTorch's order to ours; a copy. */
export function fromTorch(data: ArrayLike<number>, window: Window): Float32Array {
  if (isSameOrder(window)) return Float32Array.from(data);
  const to = order(window);
  const ours = new Float32Array(data.length);
  for (let i = 0; i < ours.length; i++) ours[i] = data[to(i)] as number;
  return ours;
}

/** The image that a layer's outputs are, or the values of in a row. */
function imageOf(
  { input, layers }: Network,
  name: string,
): readonly [number, number, number] | undefined {
  const layer = layers.find((one) => one.name === name);
  const shape = layer?.outputShape ?? input;
  if (shape.length === 3) return shape as readonly [number, number, number];
  const passes = ["flatten", "dropout", "tanh", "relu", "sigmoid", "batchNorm", "add"];
  if (!layer || !passes.includes(layer.spec.kind)) return undefined;
  return imageOf({ input, layers } as Network, layer.inputs[0] as string);
}
