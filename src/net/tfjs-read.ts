import type { Layer, LayerSpec, Loss, Network, Padding, Shape } from "./network.ts";
import type { GraphLayer, GraphTensor, LayerGraph, TfLayer, TfLayersModel } from "./tfjs-module.ts";
import { takenOverPadding } from "./tfjs-padding.ts";
import { bindingsOf, layersOf, type Use } from "./tfjs-parameters.ts";
import { optionASource } from "./tfjs-shortcut.ts";

type Config = Readonly<Record<string, unknown>>;

/** What messages say of layers that can be described. */
export const readable =
  "It reads Dense, Conv2D, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, BatchNormalization, Activation (relu, tanh, sigmoid, softmax at the end), ReLU, Softmax, Flatten, Dropout, Add of two of the same shape, and ZeroPadding2D before a Conv2D, or before a MaxPooling2D behind a relu.";

/** The shape of a model's only input. @throws RangeError, as `who`, if it has several inputs or outputs, or axes without a size. */
export function inputShape(who: string, { inputs = [], outputs = [] }: LayerGraph): Shape {
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new RangeError(
      `${who}: the model must have one input and one output, got ${inputs.length} and ${outputs.length}. Give the first layer of a Sequential model its inputShape.`,
    );
  }
  const shape = inputs[0]?.shape.slice(1) ?? [];
  if (!shape.every((n) => n !== null)) {
    throw new RangeError(
      `${who}: every axis of the model's input must have a size, got [${shape.map((n) => n ?? "?").join(", ")}].`,
    );
  }
  return shape;
}

/** True if the model's last layer is, or ends in, a softmax. */
export function endsInSoftmax(model: LayerGraph): boolean {
  const layer = model.outputs[0]?.sourceLayer;
  const { activation } = (layer?.getConfig() ?? {}) as Config;
  return layer?.getClassName() === "Softmax" || activation === "softmax";
}

/** The model's layers as ours, and what cannot be said in them. */
export function describe(
  model: LayerGraph,
  loss: Loss,
): { specs: readonly LayerSpec[]; problems: readonly string[] } {
  const specs: LayerSpec[] = [];
  const problems: string[] = [];
  const paddings = new Map<GraphLayer, Padding>();
  const broadcasts = new Set<GraphLayer>();
  const uses = layersOf(model, (use) => {
    const { layer, inputs } = use;
    const [main, shortcut] = inputs as [GraphTensor, GraphTensor];
    if (layer.getClassName() === "Add" && inputs.length === 2) {
      const [one, other] = inputs.map(({ shape }) => shape.slice(1).join());
      if (one !== other) broadcasts.add(layer);
      return [main, optionASource(shortcut) ?? shortcut];
    }
    const taken = takenOverPadding(use);
    if (!taken) return inputs;
    paddings.set(layer, taken.padding);
    return [taken.from];
  });
  /** Name of the layer of ours that has a layer's output. */
  const names = new Map<GraphLayer, string>();
  const nodes = new Map<GraphLayer, number>();
  let previous = "input";
  const emit = (spec: LayerSpec & { readonly name: string }, from: string) => {
    specs.push(from === previous ? spec : { ...spec, from });
    previous = spec.name;
    return spec.name;
  };
  for (const use of uses) {
    const { layer, inputs, output } = use;
    const { name } = layer;
    const from = inputs.map(({ sourceLayer }) => names.get(sourceLayer) ?? "input");
    const said = (what: string) =>
      problems.push(`layer "${name}" (${layer.getClassName() ?? "custom"}) ${what}`);
    nodes.set(layer, output.nodeIndex);
    if (broadcasts.has(layer)) said("broadcasts a layer to the shape of the other");
    for (const { sourceLayer, nodeIndex } of inputs) {
      if (nodes.has(sourceLayer) && nodes.get(sourceLayer) !== nodeIndex) {
        problems.push(`layer "${sourceLayer.name}" is used more than once`);
      }
    }
    const spec = specOf(use, from, paddings.get(layer), said);
    let now = spec ? emit(spec, from[0] ?? "input") : (from[0] ?? "input");
    const activation = activationOf(layer);
    const own = ["Activation", "ReLU"].some((kind) => kind === layer.getClassName());
    if (activation === "softmax") {
      if (output !== model.outputs[0]) said("has a softmax that is not at the end");
      if (loss !== "softmaxCrossEntropy") said(`ends in a softmax, but the loss is ${loss}`);
    } else if (activation === "relu" || activation === "tanh" || activation === "sigmoid") {
      now = emit({ kind: activation, name: own ? name : `${name}_${activation}` }, now);
    } else if (activation !== "linear") {
      said(`has the activation ${activation}`);
    }
    names.set(layer, now);
  }
  return { specs, problems };
}

function activationOf(layer: GraphLayer): string {
  const kind = layer.getClassName();
  if (kind === "ReLU") return "relu";
  if (kind === "Softmax") return "softmax";
  const { activation } = layer.getConfig() as Config;
  // A layer as the activation of another, in Keras.
  return typeof activation === "object" && activation !== null
    ? JSON.stringify(activation)
    : String(activation ?? "linear");
}

/** The layer without its activation; undefined if nothing is left, or if it cannot be described. */
function specOf(
  { layer, inputs }: Use,
  from: readonly string[],
  taken: Padding | undefined,
  said: (what: string) => void,
): (LayerSpec & { readonly name: string }) | undefined {
  const { name } = layer;
  const config = layer.getConfig() as Config;
  const kind = layer.getClassName();
  for (const [option, value] of Object.entries(config)) {
    const extra = /(Regularizer|Constraint)$/.test(option) && value !== null && value !== undefined;
    const format = option === "dataFormat" && (value ?? "channelsLast") !== "channelsLast";
    const dilated = option === "dilationRate" && !/^(1(,1)*)?$/.test(String(value ?? 1));
    const other =
      (option === "padding" && kind !== "ZeroPadding2D" && value !== "valid" && value !== "same") ||
      (option === "trainable" && value === false) ||
      (option === "keepdims" && value === true) ||
      (option === "groups" && value !== 1) ||
      (option === "dtype" && (value ?? "float32") !== "float32") ||
      ((option === "negativeSlope" || option === "threshold") && (value ?? 0) !== 0) ||
      ((option === "noiseShape" || option === "maxValue") && (value ?? null) !== null) ||
      ((option === "center" || option === "scale") && value === false);
    if (extra) said(`has a ${option}`);
    if (format || dilated || other) said(`has ${option} ${JSON.stringify(value)}`);
  }
  const rank = (inputs[0]?.shape.length ?? 1) - 1;
  switch (kind) {
    case "Dense":
      if (rank !== 1) said(`reads ${rank} axes; put a flatten layer before it`);
      return { kind: "dense", name, units: config.units as number, bias: config.useBias !== false };
    case "Conv2D":
      return {
        kind: "conv2d",
        name,
        filters: config.filters as number,
        kernel: config.kernelSize as [number, number],
        stride: config.strides as [number, number],
        padding: taken ?? (config.padding as "same" | "valid"),
        bias: config.useBias !== false,
      };
    case "MaxPooling2D":
    case "AveragePooling2D":
      return {
        kind: kind === "MaxPooling2D" ? "maxPool" : "averagePool",
        name,
        size: config.poolSize as [number, number],
        stride: config.strides as [number, number],
        padding: taken ?? (config.padding as "same" | "valid"),
      };
    case "GlobalAveragePooling2D":
      return { kind: "globalAveragePool", name };
    case "Flatten":
      return { kind: "flatten", name };
    case "BatchNormalization": {
      const axis = config.axis as number;
      if (axis !== -1 && axis !== rank) said(`has axis ${axis}`);
      const momentum = 1 - (config.momentum as number);
      return { kind: "batchNorm", name, epsilon: config.epsilon as number, momentum };
    }
    case "Dropout":
      return { kind: "dropout", name, rate: config.rate as number };
    case "Add":
      if (inputs.length !== 2) said(`adds ${inputs.length} layers`);
      return { kind: "add", name, with: from[1] ?? "input" };
    case "Softmax":
      if (config.axis !== -1 && config.axis !== rank) said(`has axis ${config.axis}`);
      return undefined;
    case "Activation":
    case "ReLU":
      return undefined;
    case "ZeroPadding2D":
      said("pads what the layer behind it cannot pad itself to the same result");
      return undefined;
    default:
      said("is of a kind it cannot describe");
      return undefined;
  }
}

/** The layers as they are, of a kind no engine of ours knows, with their stored arrays. */
export function customNetwork(model: TfLayersModel, input: readonly number[], loss: Loss): Network {
  const layers = layersOf(model).map(({ layer, inputs, output }): Layer => {
    const shape = (tensor: GraphTensor | undefined) =>
      (tensor?.shape.slice(1) ?? []).map((n) => n ?? 1);
    const { name } = layer;
    const from = inputs.map(({ sourceLayer }) =>
      sourceLayer.getClassName() === "InputLayer" ? "input" : sourceLayer.name,
    );
    return Object.freeze({
      name,
      // A kind of its own, so that whoever looks at kinds refuses the layer by name.
      spec: { kind: "custom", name } as unknown as LayerSpec,
      inputs: from,
      inputShape: shape(inputs[0]),
      outputShape: shape(output),
      parameters: bindingsOf(layer as TfLayer).map(({ parameter }) => parameter),
    });
  });
  const parameters = layers.flatMap((layer) => layer.parameters);
  const names = parameters.filter((p) => p.compressible).map((p) => p.layer);
  if (names.length === 0) {
    throw new RangeError(
      `fromTfjs: "${model.name}" has no trainable dense or convolution layer, so nothing to compress.`,
    );
  }
  return Object.freeze({ name: model.name, input, loss, layers, parameters, names });
}
