import {
  type Conv2dSpec,
  type Layer,
  type Network,
  type Padding,
  type PoolSpec,
  type Shape,
  samePadding,
} from "./network.ts";
import { optionA } from "./tfjs-shortcut.ts";

/** A layer as tfjs and Keras have it: class name, options in tfjs' spelling, and what it reads. */
export interface TfjsLayer {
  readonly kind:
    | "Activation"
    | "Add"
    | "AveragePooling2D"
    | "BatchNormalization"
    | "Conv2D"
    | "Dense"
    | "Dropout"
    | "Flatten"
    | "GlobalAveragePooling2D"
    | "MaxPooling2D"
    | "Permute"
    | "ZeroPadding2D";
  readonly name: string;
  readonly config: Readonly<Record<string, unknown>>;
  /** Names of the layers read, or of the input. */
  readonly inputs: readonly string[];
  /** Its stored arrays, in tfjs' order. */
  readonly weights: readonly TfjsWeight[];
}

export interface TfjsWeight {
  readonly name: "kernel" | "bias" | "gamma" | "beta" | "moving_mean" | "moving_variance";
  /** Outputs are the last axis. */
  readonly shape: readonly number[];
  /** The parameter that it is, `fc1.w`; of factored weights `fc1.w.u` and `fc1.w.v`. */
  readonly of: string;
}

/** A network as layers of tfjs. */
export interface TfjsTopology {
  readonly name: string;
  /** Name and shape of the input. */
  readonly input: { readonly name: string; readonly shape: Shape };
  /** Each after those it reads. */
  readonly layers: readonly TfjsLayer[];
  /** Name of the last layer. */
  readonly output: string;
}

/** Weights that are to be two layers: U V, see `Factored`. */
export interface TwoLayers {
  readonly rank: number;
  readonly height: number;
}

type Window = readonly [number, number];

/**
 * `network` in layers of tfjs, with the same names; it gets some more where tfjs has no single layer: a flatten before
 * a dense layer that reads an image, zeros around an image, shortcuts of fewer channels, factors, the softmax.
 * @throws RangeError, as `who`, naming a layer that cannot be said in layers of tfjs.
 */
export function tfjsTopology(
  who: string,
  network: Network,
  options: {
    /** Ends in a softmax. */
    readonly softmax: boolean;
    readonly factors?: (layer: string) => TwoLayers | undefined;
  },
): TfjsTopology {
  const taken = new Set(network.layers.map(({ name }) => name));
  const free = (wanted: string): string => {
    let name = wanted;
    while (taken.has(name)) name += "_";
    taken.add(name);
    return name;
  };
  // tfjs takes letters, digits, dots, hyphens and underlines only, a letter or digit first.
  const plain = network.name.replace(/[^\w.-]/g, "_").replace(/^[^a-z0-9]/i, "n$&");
  const input = { name: free(`${plain}_input`), shape: network.input };
  const ends = new Map([["input", input.name]]);
  const layers: TfjsLayer[] = [];
  const add: Add = (layer) => {
    checkName(who, layer.name);
    layers.push({ weights: [], ...layer });
    return layer.name;
  };
  let output = input.name;
  for (const layer of network.layers) {
    const inputs = layer.inputs.map((from) => ends.get(from) as string);
    output = describe(who, network, layer, {
      ...{ inputs, free, add, factors: options.factors?.(layer.name) },
    });
    ends.set(layer.name, output);
  }
  if (options.softmax) {
    const [config, name] = [{ activation: "softmax" }, free(`${plain}_softmax`)];
    output = add({ kind: "Activation", name, config, inputs: [output] });
  }
  return { name: network.name, input, layers, output };
}

/** @throws RangeError, as `who`, for a name that tfjs does not take. */
function checkName(who: string, name: string): void {
  if (/^[A-Za-z0-9][-\w.]*$/.test(name)) return;
  throw new RangeError(
    `${who}: tfjs takes names of letters, digits, dots, hyphens and underlines only, a letter or digit first, got layer ${JSON.stringify(name)}. Rename the layer.`,
  );
}

/** Adds a layer and returns its name. */
type Add = (layer: Omit<TfjsLayer, "weights"> & Partial<Pick<TfjsLayer, "weights">>) => string;

interface Context {
  readonly inputs: readonly string[];
  /** A name that no other layer has. */
  readonly free: (name: string) => string;
  readonly add: Add;
  readonly factors: TwoLayers | undefined;
}

function describe(who: string, network: Network, layer: Layer, context: Context): string {
  const { name, spec, inputShape, outputShape } = layer;
  const { inputs, add, free } = context;
  const on = (kind: TfjsLayer["kind"], config = {}, weights: readonly TfjsWeight[] = []) =>
    add({ kind, name, config, inputs, weights });
  switch (spec.kind) {
    case "dense":
      return dense(layer, context);
    case "conv2d":
      return convolution(layer, spec, context);
    case "maxPool":
    case "averagePool": {
      const { size, stride = size } = spec;
      const { padding, zeros } = windowPadding(layer, size, stride, spec.padding);
      const from = zeros
        ? padded(who, network, layer, spec, zeros, context)
        : (inputs[0] as string);
      const kind = spec.kind === "maxPool" ? "MaxPooling2D" : "AveragePooling2D";
      const config = { poolSize: [...size], strides: [...stride], padding };
      return add({ kind, name, config, inputs: [from] });
    }
    case "globalAveragePool":
      return on("GlobalAveragePooling2D");
    case "flatten":
      return on("Flatten");
    case "batchNorm": {
      const { epsilon = 1e-5, momentum = 0.1 } = spec;
      const shape = [inputShape.at(-1) as number];
      return on("BatchNormalization", { epsilon, momentum: 1 - momentum }, [
        { name: "gamma", shape, of: `${name}.gamma` },
        { name: "beta", shape, of: `${name}.beta` },
        { name: "moving_mean", shape, of: `${name}.mean` },
        { name: "moving_variance", shape, of: `${name}.variance` },
      ]);
    }
    case "dropout":
      return on("Dropout", { rate: spec.rate });
    case "add": {
      const [main, shortcut] = inputs as readonly [string, string];
      const from = layerShape(network, layer.inputs[1] as string);
      const steps = optionA(from, outputShape);
      const end = steps.reduce(
        (input, { suffix, ...step }) =>
          add({ ...step, name: free(`${name}_${suffix}`), inputs: [input] }),
        shortcut,
      );
      return add({ kind: "Add", name, config: {}, inputs: [main, end] });
    }
    case "tanh":
    case "relu":
    case "sigmoid":
      return on("Activation", { activation: spec.kind });
    default:
      throw new RangeError(
        `${who}: layer "${name}" is ${(spec as { kind: string }).kind}, which has no layer in tfjs. To train it, write engine: tfjs(tf, { model: layersModel }); to put weights back into the model they came from, writeTfjs(tf, model, layersModel); a localResponseNorm can be written by exportOnnx.`,
      );
  }
}

function dense(layer: Layer, { inputs, add, free, factors }: Context): string {
  const { name, inputShape, parameters } = layer;
  let from = inputs[0] as string;
  if (inputShape.length > 1) {
    from = add({ kind: "Flatten", name: free(`${name}_flatten`), config: {}, inputs: [from] });
  }
  const { rows: units, cols } = parameters[0] as { rows: number; cols: number };
  const useBias = parameters.length > 1;
  const bias = useBias ? [biasOf(name, units)] : [];
  const kernel = (of: string, shape: readonly number[]) => ({ name: "kernel", shape, of }) as const;
  if (!factors) {
    const weights = [kernel(`${name}.w`, [cols, units]), ...bias];
    return add({ kind: "Dense", name, config: { units, useBias }, inputs: [from], weights });
  }
  const { rank } = factors;
  const thin = add({
    ...{ kind: "Dense", name: free(`${name}_thin`), config: { units: rank, useBias: false } },
    ...{ inputs: [from], weights: [kernel(`${name}.w.v`, [cols, rank])] },
  });
  const weights = [kernel(`${name}.w.u`, [rank, units]), ...bias];
  return add({ kind: "Dense", name, config: { units, useBias }, inputs: [thin], weights });
}

/** A convolution; with factors a thin one and one behind it, as their scheme says. */
function convolution(layer: Layer, spec: Conv2dSpec, { inputs, add, free, factors }: Context) {
  const { name, inputShape } = layer;
  const channels = inputShape[2] as number;
  const { filters, kernel, stride = [1, 1], bias: useBias = true } = spec;
  const { padding, zeros } = windowPadding(layer, kernel, stride, spec.padding);
  let from = inputs[0] as string;
  if (zeros) {
    const config = { padding: zeros.map((pair) => [...pair]) };
    from = add({ kind: "ZeroPadding2D", name: free(`${name}_pad`), config, inputs: [from] });
  }
  const convolve = (
    as: string,
    input: string,
    of: string,
    shape: readonly [number, number, number, number],
    strides: Window,
    biased: boolean,
  ): string => {
    const [height, width, , outputs] = shape;
    const config = { filters: outputs, kernelSize: [height, width], strides: [...strides] };
    return add({
      ...{ kind: "Conv2D", name: as, config: { ...config, padding, useBias: biased } },
      inputs: [input],
      weights: [{ name: "kernel", shape, of }, ...(biased ? [biasOf(name, outputs)] : [])],
    });
  };
  if (!factors) {
    return convolve(name, from, `${name}.w`, [...kernel, channels, filters], stride, useBias);
  }
  const { rank, height } = factors;
  const rowFirst = height > 1;
  const [first, second] = rowFirst
    ? ([
        [1, kernel[1]],
        [kernel[0], 1],
      ] as const)
    : ([kernel, [1, 1]] as const);
  const strides = rowFirst
    ? ([
        [1, stride[1]],
        [stride[0], 1],
      ] as const)
    : ([stride, [1, 1]] as const);
  const thin = free(`${name}_thin`);
  convolve(thin, from, `${name}.w.v`, [...first, channels, rank], strides[0], false);
  return convolve(name, thin, `${name}.w.u`, [...second, rank, filters], strides[1], useBias);
}

function biasOf(layer: string, units: number): TfjsWeight {
  return { name: "bias", shape: [units], of: `${layer}.b` };
}

/** tfjs pads by name only; other paddings are zeros around the image, [above, below] and [left, right]. */
function windowPadding(
  { inputShape }: Layer,
  window: Window,
  stride: Window,
  padding: Padding = "valid",
): { padding: "same" | "valid"; zeros?: readonly [Window, Window] } {
  if (padding === "same" || padding === "valid") return { padding };
  const [top, left] = padding;
  if (top === 0 && left === 0) return { padding: "valid" };
  if (samePadding(inputShape as unknown as Window, window, stride, padding)) {
    return { padding: "same" };
  }
  return {
    padding: "valid",
    zeros: [
      [top, top],
      [left, left],
    ],
  };
}

/** Zeros around a pool's image; they are the smallest values of an image without negative ones. @throws RangeError for any other. */
function padded(
  who: string,
  network: Network,
  { name, inputs: [source] }: Layer,
  { kind, padding }: PoolSpec,
  zeros: readonly [Window, Window],
  { inputs, add, free }: Context,
): string {
  if (kind !== "maxPool" || !isNonNegative(network, source as string)) {
    throw new RangeError(
      `${who}: layer "${name}" (${kind}) pads by [${String(padding)}] pixels, which are no part of its ${kind === "maxPool" ? "maximum" : "mean"}; tfjs knows "same" and "valid" only, and zeros around the image give the same result only for a maxPool behind a relu or sigmoid. Write padding: "same", or export it with exportOnnx.`,
    );
  }
  const config = { padding: zeros.map((pair) => [...pair]) };
  return add({
    ...{ kind: "ZeroPadding2D", name: free(`${name}_pad`), config },
    inputs: [inputs[0] as string],
  });
}

/** True if a layer's outputs are 0 or more whatever it reads. */
function isNonNegative({ layers }: Network, name: string): boolean {
  const layer = layers.find((one) => one.name === name);
  switch (layer?.spec.kind) {
    case "relu":
    case "sigmoid":
      return true;
    case "maxPool":
    case "averagePool":
    case "dropout":
      return isNonNegative({ layers } as Network, layer.inputs[0] as string);
    default:
      return false;
  }
}

function layerShape({ input, layers }: Network, name: string): Shape {
  return layers.find((layer) => layer.name === name)?.outputShape ?? input;
}
