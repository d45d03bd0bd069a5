import type { Part } from "../compression/parts.ts";
import {
  type Conv2dSpec,
  type Layer,
  type Model,
  type PoolSpec,
  paddingBefore,
  type Shape,
} from "../net/network.ts";
import type { OnnxGraph } from "./onnx-graph.ts";
import { numbersValue, reordered, reshape, weightValue } from "./onnx-weights.ts";

/** A value of the graph: images are [N, channels, height, width], everything else [N, values]. */
export interface Value {
  readonly name: string;
  /** As the network has it, without the examples: [height, width, channels] or [values]. */
  readonly shape: Shape;
}

const written =
  "dense, conv2d, maxPool, averagePool, globalAveragePool, batchNorm, localResponseNorm, add, tanh, relu, sigmoid, flatten, dropout";

/** What a layer's nodes are made from. */
export interface Emitter {
  readonly graph: OnnxGraph;
  readonly model: Model;
  /** Summands of the weight matrix of a layer. */
  readonly parts: (layer: string) => readonly Part[];
}

/**
 * Adds the nodes of one layer.
 * @throws RangeError naming the layer, if it has no form in ONNX.
 */
export function emitLayer(emitter: Emitter, layer: Layer, inputs: readonly Value[]): Value {
  const { graph } = emitter;
  const { name, spec, outputShape } = layer;
  const x = inputs[0] as Value;
  const image = x.shape.length === 3;
  // A network's own shapes may have other axes; here these are rows.
  const shape = image ? outputShape : [sizeOf(outputShape)];
  const same = (kind: string, attributes = {}): Value => ({
    name: graph.node(kind, [x.name], name, attributes),
    shape,
  });
  switch (spec.kind) {
    case "dense":
      return { name: dense(emitter, layer, x), shape: outputShape };
    case "conv2d":
      return { name: convolution(emitter, layer, spec, x), shape };
    case "maxPool":
      return same("MaxPool", poolWindow(spec, layer));
    case "averagePool":
      return same("AveragePool", { ...poolWindow(spec, layer), count_include_pad: 0 });
    case "globalAveragePool": {
      const pooled = graph.node("GlobalAveragePool", [x.name], `${name}.image`);
      return { name: graph.node("Flatten", [pooled], name, { axis: 1 }), shape: outputShape };
    }
    case "flatten":
      return image
        ? { name: flat(graph, channelsLast(graph, x, name), name), shape: outputShape }
        : x;
    case "batchNorm": {
      const roles = ["gamma", "beta", "mean", "variance"] as const;
      const numbers = roles.map((role) => constant(emitter, name, role));
      if (emitter.model.weights[`${name}.gamma`]?.length !== shape.at(-1)) {
        throw new RangeError(
          `toOnnx: layer "${name}" (batchNorm) reads [${layer.inputShape.join(", ")}]; it can be written for [values] and [height, width, channels] only. Put a flatten before it.`,
        );
      }
      const epsilon = { float: spec.epsilon ?? 1e-5 };
      const read = [x.name, ...numbers];
      return { name: graph.node("BatchNormalization", read, name, { epsilon }), shape };
    }
    case "localResponseNorm": {
      const { size = 5, alpha = 1e-4, beta = 0.75, k = 1 } = spec;
      if (!image || size % 2 !== 1) {
        throw new RangeError(
          `toOnnx: layer "${name}" (localResponseNorm) needs an image [height, width, channels] and an odd size, got [${x.shape.join(", ")}] and size ${size}.`,
        );
      }
      const numbers = { alpha: { float: alpha }, beta: { float: beta }, bias: { float: k } };
      return same("LRN", { size, ...numbers });
    }
    case "add": {
      const other = shortcut(graph, name, inputs[1] as Value, x.shape);
      return { name: graph.node("Add", [x.name, other], name), shape };
    }
    case "tanh":
      return same("Tanh");
    case "relu":
      return same("Relu");
    case "sigmoid":
      return same("Sigmoid");
    case "dropout":
      return x;
    default:
      throw new RangeError(
        `toOnnx: layer "${name}" is ${(spec as { kind: string }).kind}, which cannot be written to ONNX. Layers that can: ${written}.`,
      );
  }
}

/** y = W x + b; with a low-rank W two of them, the first without b. */
function dense(emitter: Emitter, layer: Layer, x: Value): string {
  const { graph } = emitter;
  const { name, outputShape } = layer;
  const image = x.shape.length === 3;
  const [height = 1, width = 1, channels = 1] = image ? x.shape : [1, 1, sizeOf(x.shape)];
  const window = { kernel: [height, width] as const, channels };
  const inputs = height * width * channels;
  const rows = outputShape[0] as number;
  const parts = emitter.parts(name);
  const bias = constants(emitter, name, "b");
  const product = (read: string, w: string, b: readonly string[], wanted: string) =>
    graph.node("Gemm", [read, w, ...b], wanted, { transB: 1 });
  const read = image ? flat(graph, x.name, `${name}.flat`) : x.name;
  const pair = factors(parts);
  if (!pair) {
    const w = weightValue(graph, `${name}.w`, parts, { rows, ...window }, [rows, inputs]);
    return product(read, w, bias, name);
  }
  const v = numbersValue(graph, `${name}.w.v`, reordered(pair.v, window), [pair.rank, inputs]);
  const u = numbersValue(graph, `${name}.w.u`, pair.u, [rows, pair.rank]);
  return product(product(read, v, [], `${name}.thin`), u, bias, name);
}

/** A convolution; with low-rank weights a thin one and one behind it, as their scheme says. */
function convolution(emitter: Emitter, layer: Layer, spec: Conv2dSpec, x: Value): string {
  const { graph } = emitter;
  const { name, inputShape } = layer;
  const channels = inputShape[2] as number;
  const { kernel, filters, stride = [1, 1] } = spec;
  const { pads } = windowOf(layer, kernel, stride, spec.padding);
  const [top, left, bottom, right] = pads as [number, number, number, number];
  const bias = constants(emitter, name, "b");
  const parts = emitter.parts(name);
  const pair = factors(parts);
  if (!pair) {
    const shape = [filters, channels, ...kernel];
    const w = weightValue(graph, `${name}.w`, parts, { rows: filters, kernel, channels }, shape);
    const attributes = { kernel_shape: kernel, strides: stride, pads };
    return graph.node("Conv", [x.name, w, ...bias], name, attributes);
  }
  const { rank, u, v } = pair;
  const columns = pair.height > 1;
  const [first, second] = columns
    ? [[1, kernel[1]] as const, [kernel[0], 1] as const]
    : [kernel, [1, 1] as const];
  const firstWeights = reordered(v, { kernel: first, channels });
  const secondWeights = reordered(u, { kernel: second, channels: rank });
  const thin = numbersValue(graph, `${name}.w.v`, firstWeights, [rank, channels, ...first]);
  const back = numbersValue(graph, `${name}.w.u`, secondWeights, [filters, rank, ...second]);
  const middle = graph.node("Conv", [x.name, thin], `${name}.thin`, {
    kernel_shape: first,
    strides: columns ? [1, stride[1]] : stride,
    pads: columns ? [0, left, 0, right] : pads,
  });
  return graph.node("Conv", [middle, back, ...bias], name, {
    kernel_shape: second,
    strides: columns ? [stride[0], 1] : [1, 1],
    pads: columns ? [top, 0, bottom, 0] : [0, 0, 0, 0],
  });
}

/** Factors that can be layers of their own: of a low-rank matrix by itself. In a sum the matrix is dense anyway. */
function factors(parts: readonly Part[]) {
  const [part, ...more] = parts;
  return part?.kind === "lowRank" && part.rank > 0 && more.length === 0 ? part : undefined;
}

function poolWindow(spec: PoolSpec, layer: Layer) {
  const { size, stride = size } = spec;
  return windowOf(layer, size, stride, spec.padding);
}

/** Window attributes; zeros above, left, below, right. */
function windowOf(
  { inputShape, outputShape }: Layer,
  kernel: readonly [number, number],
  stride: readonly [number, number],
  padding: PoolSpec["padding"],
) {
  const size = inputShape.slice(0, 2) as unknown as readonly [number, number];
  const before = paddingBefore(size, kernel, stride, padding);
  const after = before.map((zeros, i) => {
    // "same" puts the odd one behind; numbers of pixels are the same on both sides.
    if (padding !== "same") return zeros;
    const covered =
      ((outputShape[i] as number) - 1) * (stride[i] as number) + (kernel[i] as number);
    return Math.max(0, covered - (size[i] as number) - zeros);
  });
  return { kernel_shape: kernel, strides: stride, pads: [...before, ...after] };
}

/** A shortcut in the form it is added in: strided, and zero channels behind its own (option A). */
function shortcut(graph: OnnxGraph, name: string, from: Value, to: Shape): string {
  if (from.shape.length !== 3) return from.name;
  const [height, , channels] = to as [number, number, number];
  const [fromHeight, fromWidth, fromChannels] = from.shape as [number, number, number];
  const step = fromHeight / height;
  let value = from.name;
  if (step > 1) {
    const [starts, ends] = [graph.integers([0, 0]), graph.integers([fromHeight, fromWidth])];
    const [axes, steps] = [graph.integers([2, 3]), graph.integers([step, step])];
    value = graph.node("Slice", [value, starts, ends, axes, steps], `${name}.strided`);
  }
  if (fromChannels === channels) return value;
  const pads = graph.integers([0, 0, 0, 0, 0, channels - fromChannels, 0, 0]);
  return graph.node("Pad", [value, pads], `${name}.padded`);
}

/** Rows of an image's values in the order they are in. */
function flat(graph: OnnxGraph, value: string, wanted: string): string {
  return graph.node("Flatten", [value], wanted, { axis: 1 });
}

/** An image as the network has it. */
export function channelsLast(graph: OnnxGraph, { name }: Value, wanted: string): string {
  return graph.node("Transpose", [name], `${wanted}.channelsLast`, { perm: [0, 2, 3, 1] });
}

/** The value a network's input starts from: images channels first, other shapes as rows. */
export function networkInput(graph: OnnxGraph, name: string, shape: Shape): Value {
  if (shape.length === 3) {
    const perm = [0, 3, 1, 2];
    return { name: graph.node("Transpose", [name], "input.channelsFirst", { perm }), shape };
  }
  const size = sizeOf(shape);
  return {
    name: shape.length === 1 ? name : reshape(graph, name, [-1, size], "input.row"),
    shape: [size],
  };
}

function constants(emitter: Emitter, layer: string, role: string): readonly string[] {
  return emitter.model.weights[`${layer}.${role}`] ? [constant(emitter, layer, role)] : [];
}

function constant({ graph, model }: Emitter, layer: string, role: string): string {
  const data = model.weights[`${layer}.${role}`] as Float32Array;
  return graph.constant(`${layer}.${role}`, data, [data.length]);
}

function sizeOf(shape: Shape): number {
  return shape.reduce((product, n) => product * n, 1);
}
