import {
  type Layer,
  type LayerSpec,
  type Loss,
  type Model,
  model as modelOf,
  type Network,
  network,
} from "./network.ts";
import type { Tf, TfLayer, TfLayersModel, TfSymbolicTensor } from "./tfjs-module.ts";
import {
  bindings,
  bindingsOf,
  layersOf,
  readVariable,
  type Use,
  writeVariables,
} from "./tfjs-parameters.ts";

/**
 * Reads a Sequential or functional tf.LayersModel: names, weights, shapes. An activation inside a layer becomes a layer
 * of its own, `fc1_relu`; a softmax at the end becomes the loss softmaxCrossEntropy, and any other end squaredError
 * unless `loss` says that the outputs are logits.
 *
 * With `customLayers: true` a model that has layers, shared layers or options we cannot describe is not refused. Its
 * layers then have the kind "custom", only kernels of dense and convolution layers are compressible, and only the
 * engine `tfjs(tf, { model })` can train it.
 * @throws RangeError naming every layer and option that cannot be described.
 */
export function fromTfjs(
  model: TfLayersModel,
  options: { readonly loss?: Loss; readonly customLayers?: boolean } = {},
): Model {
  const input = inputShape(model);
  const loss = options.loss ?? (endsInSoftmax(model) ? "softmaxCrossEntropy" : "squaredError");
  const { specs, problems } = describe(model, loss);
  if (problems.length > 0 && !options.customLayers) {
    throw new RangeError(
      `fromTfjs: ${problems.join("; ")}. It reads Dense, Conv2D, MaxPooling2D, AveragePooling2D, GlobalAveragePooling2D, BatchNormalization, Activation (relu, tanh, sigmoid, softmax at the end), ReLU, Softmax, Flatten, Dropout and Add of two. To train the model as it is, write fromTfjs(model, { customLayers: true }) and engine: tfjs(tf, { model }).`,
    );
  }
  const { name } = model;
  const description =
    problems.length > 0
      ? customNetwork(model, input, loss)
      : network({ name, input, layers: specs, loss });
  const weights = bindings(model).map(
    (b) => [b.parameter.key, readVariable(b, b.variable)] as const,
  );
  return modelOf(description, Object.fromEntries(weights));
}

/**
 * A functional tf.LayersModel with the layers and weights of `model`, made with the user's own `tf`. It ends in a softmax
 * if the loss is softmaxCrossEntropy. Where a dense layer reads an image it gets a flatten layer, and a shortcut of
 * fewer channels layers that stride and pad it. To free its memory, call its `dispose()`.
 * @throws RangeError if `model` has custom layers.
 */
export function toTfjs(tf: Tf, model: Model): TfLayersModel {
  const built = buildTfjs(tf, model.network, model.network.loss === "softmaxCrossEntropy");
  writeVariables(tf, bindings(built), model.weights);
  return built;
}

/**
 * Writes the weights of `model` into the tf.LayersModel it was read from: how a compressed network gets back into a
 * model with custom layers.
 * @throws RangeError if `target` has other parameters.
 */
export function writeTfjs(tf: Tf, model: Model, target: TfLayersModel): void {
  const all = bindings(target);
  checkParameters("writeTfjs", model.network, target, all);
  writeVariables(tf, all, model.weights);
}

/** @throws RangeError if the parameters of `network` are not those of `target`. */
export function checkParameters(
  who: string,
  { name, parameters }: Network,
  target: TfLayersModel,
  all: ReturnType<typeof bindings> = bindings(target),
): void {
  const text = (list: readonly { key: string; rows: number; cols: number }[]) =>
    list.map(({ key, rows, cols }) => `${key} (${rows} × ${cols})`).sort();
  const [ours, theirs] = [text(parameters), text(all.map(({ parameter }) => parameter))];
  const other = ours.find((p) => !theirs.includes(p)) ?? theirs.find((p) => !ours.includes(p));
  if (!other) return;
  throw new RangeError(
    `${who}: network "${name}" and the LayersModel "${target.name}" have different parameters; only one has ${other}. Read the network with fromTfjs from this model.`,
  );
}

/** The model as tfjs layers, with fresh weights. */
export function buildTfjs(
  tf: Tf,
  { name, input, layers }: Network,
  softmax: boolean,
): TfLayersModel {
  const start = tf.input({ shape: [...input], name: `${name}_input` });
  const outputs = new Map<string, TfSymbolicTensor>([["input", start]]);
  let last = start;
  for (const layer of layers) {
    const [first, second] = layer.inputs.map((from) => outputs.get(from) as TfSymbolicTensor);
    last = apply(tf, layer, first as TfSymbolicTensor, second);
    outputs.set(layer.name, last);
  }
  if (softmax) {
    const end = tf.layers.activation({ activation: "softmax", name: `${name}_softmax` });
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
      const { filters, kernel, stride = [1, 1], padding = "valid", bias = true } = spec;
      const window = { kernelSize: pair(kernel), strides: pair(stride), padding };
      return on(layers.conv2d({ filters, ...window, useBias: bias, name }));
    }
    case "maxPool":
    case "averagePool": {
      const { size, stride = size, padding = "valid" } = spec;
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
        `toTfjs: layer "${name}" is ${(spec as { kind: string }).kind}, which has no layer in tfjs. To put weights back into the model they came from, write writeTfjs(tf, model, layersModel).`,
      );
  }
}

const pair = ([a, b]: readonly [number, number]): [number, number] => [a, b];

/**
 * A shortcut of fewer channels, strided and padded to `shape`. tfjs has no gradient for strided slices, but for a 1 × 1
 * maximum; and it pads rows and columns only, so the channels take the place of the columns meanwhile.
 */
function optionA(
  tf: Tf,
  name: string,
  shortcut: TfSymbolicTensor,
  shape: readonly (number | null)[],
): TfSymbolicTensor {
  const [, height = 1, , channels = 1] = shape as number[];
  const [, fromHeight = 1, , fromChannels = 1] = shortcut.shape as number[];
  let x = shortcut;
  if (fromHeight !== height) {
    const down = Math.ceil(fromHeight / height);
    const args = { poolSize: pair([1, 1]), strides: pair([down, down]), padding: "valid" } as const;
    const pool = tf.layers.maxPooling2d({ ...args, name: `${name}_stride` });
    x = pool.apply(x) as TfSymbolicTensor;
  }
  if (fromChannels === channels) return x;
  const before = Math.floor((channels - fromChannels) / 2);
  const padding = [pair([0, 0]), pair([before, channels - fromChannels - before])];
  const layers = [
    tf.layers.permute({ dims: [1, 3, 2], name: `${name}_channels` }),
    tf.layers.zeroPadding2d({
      padding: padding as [[number, number], [number, number]],
      name: `${name}_pad`,
    }),
    tf.layers.permute({ dims: [1, 3, 2], name: `${name}_columns` }),
  ];
  return layers.reduce((y, layer) => layer.apply(y) as TfSymbolicTensor, x);
}

/** What an option-A shortcut, as `optionA` writes it, starts from. */
function optionASource(end: TfSymbolicTensor): TfSymbolicTensor | undefined {
  const chain = ["Permute", "ZeroPadding2D", "Permute"];
  let x = end;
  for (const kind of chain) {
    const config = x.sourceLayer.getConfig() as Config;
    const before = x.sourceLayer.inboundNodes[x.nodeIndex]?.inputTensors[0];
    if (x.sourceLayer.getClassName() !== kind || !before) return undefined;
    if (kind === "Permute" && String(config.dims) !== "1,3,2") return undefined;
    if (kind === "ZeroPadding2D") {
      const missing = (x.shape[2] as number) - (before.shape[2] as number);
      const half = Math.floor(missing / 2);
      if (String(config.padding) !== `0,0,${half},${missing - half}`) return undefined;
    }
    x = before;
  }
  const { sourceLayer, nodeIndex } = x;
  const config = sourceLayer.getConfig() as Config;
  if (sourceLayer.getClassName() !== "MaxPooling2D" || String(config.poolSize) !== "1,1") return x;
  return sourceLayer.inboundNodes[nodeIndex]?.inputTensors[0];
}

type Config = Readonly<Record<string, unknown>>;

/** True if the model's last layer is, or ends in, a softmax. */
export function endsInSoftmax(model: TfLayersModel): boolean {
  const layer = model.outputs[0]?.sourceLayer;
  const { activation } = (layer?.getConfig() ?? {}) as Config;
  return layer?.getClassName() === "Softmax" || activation === "softmax";
}

function inputShape(model: TfLayersModel): readonly number[] {
  const [inputs, outputs] = [model.inputs ?? [], model.outputs ?? []];
  if (inputs.length !== 1 || outputs.length !== 1) {
    throw new RangeError(
      `fromTfjs: the model must have one input and one output, got ${inputs.length} and ${outputs.length}. Give the first layer of a Sequential model its inputShape.`,
    );
  }
  const shape = inputs[0]?.shape.slice(1) ?? [];
  if (!shape.every((n) => n !== null)) {
    throw new RangeError(
      `fromTfjs: every axis of the model's input must have a size, got [${shape.map((n) => n ?? "?").join(", ")}].`,
    );
  }
  return shape;
}

/** The model's layers as ours, and what cannot be said in them. */
function describe(
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
      problems.push(`layer "${name}" (${layer.getClassName()}) ${what}`);
    nodes.set(layer, output.nodeIndex);
    for (const { sourceLayer, nodeIndex } of inputs) {
      if (nodes.has(sourceLayer) && nodes.get(sourceLayer) !== nodeIndex) {
        problems.push(`layer "${sourceLayer.name}" is used more than once`);
      }
    }
    const spec = specOf(use, from, said);
    let now = spec ? emit(spec, from[0] ?? "input") : (from[0] ?? "input");
    const activation = activationOf(layer);
    const own = ["Activation", "ReLU", "Softmax"].includes(layer.getClassName());
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
function customNetwork(model: TfLayersModel, input: readonly number[], loss: Loss): Network {
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
