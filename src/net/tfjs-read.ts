import type { Layer, LayerSpec, Loss, Network } from "./network.ts";
import type { TfLayer, TfLayersModel, TfSymbolicTensor } from "./tfjs-module.ts";
import { bindingsOf, layersOf, type Use } from "./tfjs-parameters.ts";
import { optionASource } from "./tfjs-shortcut.ts";

type Config = Readonly<Record<string, unknown>>;

/** True if the model's last layer is, or ends in, a softmax. */
export function endsInSoftmax(model: TfLayersModel): boolean {
  const layer = model.outputs[0]?.sourceLayer;
  const { activation } = (layer?.getConfig() ?? {}) as Config;
  return layer?.getClassName() === "Softmax" || activation === "softmax";
}

/** The model's layers as ours, and what cannot be said in them. */
export function describe(
  model: TfLayersModel,
  loss: Loss,
): { specs: readonly LayerSpec[]; problems: readonly string[] } {
  const specs: LayerSpec[] = [];
  const problems: string[] = [];
  const uses = layersOf(model, ({ layer, inputs }) => {
    const [main, shortcut] = inputs;
    if (layer.getClassName() !== "Add" || inputs.length !== 2) return inputs;
    return [main, optionASource(shortcut as TfSymbolicTensor) ?? shortcut] as TfSymbolicTensor[];
  });
  /** Name of the layer of ours that has a layer's output. */
  const names = new Map<TfLayer, string>();
  const nodes = new Map<TfLayer, number>();
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
    for (const { sourceLayer, nodeIndex } of inputs) {
      if (nodes.has(sourceLayer) && nodes.get(sourceLayer) !== nodeIndex) {
        problems.push(`layer "${sourceLayer.name}" is used more than once`);
      }
    }
    const spec = specOf(use, from, said);
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

function activationOf(layer: TfLayer): string {
  const kind = layer.getClassName();
  if (kind === "ReLU") return "relu";
  if (kind === "Softmax") return "softmax";
  const { activation } = layer.getConfig() as Config;
  return typeof activation === "string" ? activation : "linear";
}

/** The layer without its activation; undefined if nothing is left, or if it cannot be described. */
function specOf(
  { layer, inputs }: Use,
  from: readonly string[],
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
        padding: config.padding as "same" | "valid",
        bias: config.useBias !== false,
      };
    case "MaxPooling2D":
    case "AveragePooling2D":
      return {
        kind: kind === "MaxPooling2D" ? "maxPool" : "averagePool",
        name,
        size: config.poolSize as [number, number],
        stride: config.strides as [number, number],
        padding: config.padding as "same" | "valid",
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
    default:
      said("is of a kind it cannot describe");
      return undefined;
  }
}

/** The layers as they are, of a kind no engine of ours knows, with their stored arrays. */
export function customNetwork(model: TfLayersModel, input: readonly number[], loss: Loss): Network {
  const layers = layersOf(model).map(({ layer, inputs, output }): Layer => {
    const shape = (tensor: TfSymbolicTensor | undefined) =>
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
      parameters: bindingsOf(layer).map(({ parameter }) => parameter),
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
