import type { Shape } from "./network.ts";
import type { GraphLayer, GraphTensor, LayerGraph } from "./tfjs-module.ts";

type Json = Readonly<Record<string, unknown>>;
type Config = Record<string, unknown>;

/** A layer that is put together: its tensors are known before its inputs are. */
interface Node extends GraphLayer {
  readonly inboundNodes: { readonly inputTensors: readonly GraphTensor[] }[];
}

/** A description that can be understood, and that no layers follow from. */
export class DescriptionError extends RangeError {}

/**
 * The layers that `model_config` of a Keras file describes, of Keras 2 and 3, Sequential or functional, as `fromTfjs` reads them.
 * @throws DescriptionError if it is neither, or describes no layers that fit together.
 */
export function kerasGraph(model: Json): LayerGraph {
  const { class_name: kind, config } = model;
  if (kind === "Sequential") return sequential(config as Json | readonly Json[]);
  if (kind === "Functional" || kind === "Model") return functional(config as Json);
  throw new DescriptionError(
    `the model is ${JSON.stringify(kind)}; read are Sequential and functional models. A model of a class of its own has no description of its layers: build it anew with keras.Model(inputs, outputs)`,
  );
}

/** A list of layers; in Keras before 2.2.3 the configuration was the list. */
function sequential(config: Json | readonly Json[]): LayerGraph {
  const {
    layers,
    name,
    build_input_shape: built,
  } = (Array.isArray(config) ? { layers: config } : config) as Json;
  const list = objects(layers, "the layers of the Sequential model");
  const [first] = list;
  const shape =
    first && (batchShape(first) ?? (Array.isArray(built) ? (built as number[]) : undefined));
  if (!shape) {
    throw new DescriptionError(
      "the Sequential model does not say the shape of its input. Begin it with keras.Input(shape=…), and save it again",
    );
  }
  const begins = first.class_name === "InputLayer";
  const input = node(begins ? nameOf(first) : "input", "InputLayer", {}, []);
  let last = tensor(input, shape);
  const [start] = [last];
  for (const layer of begins ? list.slice(1) : list) {
    last = output(node(nameOf(layer), String(layer.class_name), configOf(layer), [[last]]), [last]);
  }
  return { name: String(name ?? "sequential"), inputs: [start], outputs: [last] };
}

function functional(config: Json): LayerGraph {
  const outputs = new Map<string, GraphTensor>();
  const uses = objects(config.layers, "the layers of the model").map((layer) => {
    const nodes = Array.isArray(layer.inbound_nodes) ? layer.inbound_nodes : [];
    const calls = nodes.map((one) => readBy(one).map((from) => from.join("/")));
    return { layer, calls, missing: calls.flat().length };
  });
  /** By output, a layer as often as it reads it. */
  const readers = new Map<string, (typeof uses)[number][]>();
  for (const use of uses) {
    for (const from of use.calls.flat()) {
      const known = readers.get(from);
      if (known) known.push(use);
      else readers.set(from, [use]);
    }
  }
  /** Each layer once what it reads is there, as files need not have them in order: it grows below. */
  const ready = uses.filter(({ missing }) => missing === 0);
  for (const { layer, calls } of ready) {
    const name = nameOf(layer);
    const put = (index: number, made: GraphTensor) => {
      const from = `${name}/${index}`;
      if (!outputs.has(from)) {
        for (const use of readers.get(from) ?? []) if (--use.missing === 0) ready.push(use);
      }
      outputs.set(from, made);
    };
    const reads = calls.map((call) => call.map((from) => outputs.get(from) as GraphTensor));
    const made = node(name, String(layer.class_name), configOf(layer), reads);
    const input = batchShape(layer);
    if (layer.class_name === "InputLayer" && input) put(0, tensor(made, input));
    for (const [i, read] of reads.entries()) put(i, output(made, read, i));
  }
  const left = uses.filter(({ missing }) => missing > 0).map(({ layer }) => nameOf(layer));
  if (left.length > 0) {
    throw new DescriptionError(
      `layers ${left.join(", ")} read layers that the model does not have, or each other`,
    );
  }
  const ends = (list: unknown, what: string) =>
    histories(list).map((from) => {
      const found = outputs.get(from.join("/"));
      if (found) return found;
      throw new DescriptionError(
        `${what} of the model is ${JSON.stringify(from[0])}, which is no layer of it`,
      );
    });
  return {
    name: String(config.name ?? "model"),
    inputs: ends(config.input_layers, "an input"),
    outputs: ends(config.output_layers, "an output"),
  };
}

/** A layer and which of its uses. */
type From = readonly [string, number];

/** What a call of a layer reads: in Keras 2 `[["conv", 0, 0, {}], …]`, in Keras 3 tensors somewhere in its arguments. */
function readBy(call: unknown): readonly From[] {
  if (Array.isArray(call)) return histories(call);
  const { args, kwargs } = call as Json;
  return inside([args, kwargs]);
}

function inside(value: unknown): readonly From[] {
  if (typeof value !== "object" || value === null) return [];
  const { class_name: kind, config } = value as Json;
  if (kind === "__keras_tensor__") return histories([(config as Json).keras_history]);
  return Object.values(value).flatMap(inside);
}

/** `[["conv", 0, 0], …]`; Keras 3 writes a single one without the outer list. */
function histories(list: unknown): readonly From[] {
  const all = Array.isArray(list) && typeof list[0] === "string" ? [list] : list;
  return (Array.isArray(all) ? all : []).map((one): From => {
    const [name, index] = Array.isArray(one) ? one : [];
    if (typeof name === "string" && Number.isInteger(index)) return [name, index];
    throw new DescriptionError(`${JSON.stringify(one)} names no layer of the model`);
  });
}

function node(
  name: string,
  kind: string,
  config: Config,
  reads: readonly (readonly GraphTensor[])[],
): Node {
  return {
    name,
    inboundNodes: reads.map((inputTensors) => ({ inputTensors })),
    getClassName: () => kind,
    getConfig: () => config,
  };
}

function tensor(
  sourceLayer: GraphLayer,
  shape: readonly (number | null)[],
  nodeIndex = 0,
): GraphTensor {
  return { sourceLayer, shape, nodeIndex };
}

function output(layer: GraphLayer, inputs: readonly GraphTensor[], index = 0): GraphTensor {
  const [batch = null, ...shape] = inputs[0]?.shape ?? [];
  return tensor(layer, [batch, ...shapeOf(layer, shape as number[])], index);
}

/** The shape of a layer's outputs, of those that `fromTfjs` reads. */
function shapeOf(layer: GraphLayer, shape: Shape): Shape {
  const config = layer.getConfig() as Config;
  const [height = 0, width = 0, channels = 0] = shape;
  const slid = (window: unknown, outputs: unknown): Shape => {
    const [kernel, strides] = [window, config.strides] as [readonly number[], readonly number[]];
    const sides = [height, width].map((n, axis) => {
      const [k = 1, s = 1] = [kernel[axis], strides[axis]];
      return config.padding === "same" ? Math.ceil(n / s) : Math.floor((n - k) / s) + 1;
    });
    return [...sides, outputs as number];
  };
  switch (layer.getClassName()) {
    case "Dense":
      return [...shape.slice(0, -1), config.units as number];
    case "Conv2D":
      return slid(config.kernelSize, config.filters);
    case "MaxPooling2D":
    case "AveragePooling2D":
      return slid(config.poolSize, channels);
    case "GlobalAveragePooling2D":
      return [channels];
    case "Flatten":
      return [shape.reduce((product, n) => product * n, 1)];
    case "ZeroPadding2D": {
      const [[top, bottom], [left, right]] = config.padding as [[number, number], [number, number]];
      return [height + top + bottom, width + left + right, channels];
    }
    case "Permute":
      return (config.dims as readonly number[]).map((axis) => shape[axis - 1] as number);
    default:
      return shape;
  }
}

/** A layer's options in tfjs' spelling and values. */
function configOf({ config }: Json): Config {
  const entries = Object.entries((config ?? {}) as Json).map(([key, value]) => [
    key.replace(/_([a-z])/g, (_, letter: string) => letter.toUpperCase()),
    plain(key, value),
  ]);
  return Object.fromEntries(entries);
}

function plain(key: string, value: unknown): unknown {
  if (value === "channels_last") return "channelsLast";
  const { class_name: kind, config } = (value ?? {}) as Json;
  // Keras 3 says a function, or a policy of numbers, as an object.
  if (key === "activation" && typeof config === "string") return config;
  if (key === "dtype" && kind) return (config as Json).name;
  // An axis may be a list of one.
  return key === "axis" && Array.isArray(value) && value.length === 1 ? value[0] : value;
}

/** Batch axis first. */
function batchShape({ config, build_config: built }: Json): readonly (number | null)[] | undefined {
  const { batch_shape: shape, batch_input_shape: older } = (config ?? {}) as Json;
  const found = shape ?? older ?? (built as Json | undefined)?.input_shape;
  return Array.isArray(found) ? found : undefined;
}

function nameOf({ name, config }: Json): string {
  return String(name ?? (config as Json | undefined)?.name);
}

function objects(value: unknown, what: string): readonly Json[] {
  const fine =
    Array.isArray(value) && value.every((one) => typeof one === "object" && one !== null);
  if (fine) return value;
  throw new DescriptionError(`${what} must be a list of descriptions`);
}
