import { LCError } from "../errors.ts";
import type { Matrix } from "../math/matrix.ts";
import { nearest } from "../text.ts";
import { shownModel, shownNetwork } from "./describe.ts";

/** A shape without the batch axis, channels last: [features] or [height, width, channels]. */
export type Shape = readonly number[];

/** The layers a network is written in. Weighted layers must be named; others are named by kind and position. */
export type LayerSpec<Name extends string = string> =
  | DenseSpec<Name>
  | Conv2dSpec<Name>
  | PoolSpec
  | {
      readonly kind: "globalAveragePool" | "flatten";
      readonly name?: string;
      readonly from?: string;
    }
  | ActivationSpec
  | BatchNormSpec<Name>
  | {
      readonly kind: "dropout";
      readonly rate: number;
      readonly name?: string;
      readonly from?: string;
    }
  | LocalResponseNormSpec
  | AddSpec;

/**
 * Pixels of zeros around an image: "valid" none; "same" as many as keep ⌈size / stride⌉ pixels, the odd one below and
 * to the right; or [above and below, left and right].
 */
export type Padding = "same" | "valid" | readonly [number, number];

/** y = W x + b. W is `units` × inputs, row-major. */
export interface DenseSpec<Name extends string = string> {
  readonly kind: "dense";
  readonly name: Name;
  readonly units: number;
  /** Default true. */
  readonly bias?: boolean;
  /** Name of the layer this one reads; default: the one before. */
  readonly from?: string;
}

/** Convolution, NHWC. W is `filters` × (kernel height · kernel width · input channels), row-major. */
export interface Conv2dSpec<Name extends string = string> {
  readonly kind: "conv2d";
  readonly name: Name;
  readonly filters: number;
  /** [height, width] in pixels. */
  readonly kernel: readonly [number, number];
  /** [down, across] in pixels, default [1, 1]. */
  readonly stride?: readonly [number, number];
  /** Default "valid". */
  readonly padding?: Padding;
  readonly bias?: boolean;
  readonly from?: string;
}

export interface PoolSpec {
  readonly kind: "maxPool" | "averagePool";
  readonly size: readonly [number, number];
  /** Default: `size`. */
  readonly stride?: readonly [number, number];
  /** Default "valid". Padded pixels are never the largest and are not counted in an average. */
  readonly padding?: Padding;
  readonly name?: string;
  readonly from?: string;
}

export interface ActivationSpec {
  readonly kind: "tanh" | "relu" | "sigmoid";
  readonly name?: string;
  readonly from?: string;
}

export interface BatchNormSpec<Name extends string = string> {
  readonly kind: "batchNorm";
  readonly name: Name;
  /** Added to the variance; default 1e-5. */
  readonly epsilon?: number;
  /** Weight of the newest batch in the running statistics; default 0.1. */
  readonly momentum?: number;
  readonly from?: string;
}

/** y = x / (k + alpha / size · Σ x²)^beta, the sum over `size` neighbouring channels (Krizhevsky et al., 2012). */
export interface LocalResponseNormSpec {
  readonly kind: "localResponseNorm";
  /** Channels in the sum, odd; default 5. */
  readonly size?: number;
  /** Default 1e-4. */
  readonly alpha?: number;
  /** Default 0.75. */
  readonly beta?: number;
  /** Default 1. */
  readonly k?: number;
  readonly name?: string;
  readonly from?: string;
}

/** Sum of two layers; a shortcut of fewer channels is strided, and zero channels follow its own (ResNet's option A). */
export interface AddSpec {
  readonly kind: "add";
  readonly with: string;
  readonly name?: string;
  readonly from?: string;
}

export type Loss = "softmaxCrossEntropy" | "squaredError";

/** One stored array of a layer. `compressible` ones are the weight matrices compressions act on. */
export interface Parameter {
  /** `${layer}.w`, `${layer}.b`, … */
  readonly key: string;
  readonly layer: string;
  readonly role: "w" | "b" | "gamma" | "beta" | "mean" | "variance";
  readonly rows: number;
  readonly cols: number;
  readonly compressible: boolean;
}

/** A layer with everything resolved: its name, what it reads, its shapes and its parameters. */
export interface Layer {
  readonly name: string;
  readonly spec: LayerSpec;
  /** Names of the layers read; "input" is the network's input. */
  readonly inputs: readonly string[];
  readonly inputShape: Shape;
  readonly outputShape: Shape;
  readonly parameters: readonly Parameter[];
}

/** A network's description: pure data, no weights. `Names` are its compressible layers. */
export interface Network<Names extends string = string> {
  readonly name: string;
  readonly input: Shape;
  readonly loss: Loss;
  readonly layers: readonly Layer[];
  /** All parameters, in layer order. */
  readonly parameters: readonly Parameter[];
  /** Layers with a compressible weight matrix, in order. */
  readonly names: readonly Names[];
}

/** Parameter arrays by key (`fc1.w`, `fc1.b`, …), float32, row-major as `Parameter` says. */
export type Weights = Readonly<Record<string, Float32Array>>;

/** A network with weights. Treat both as immutable. */
export interface Model<Names extends string = string> {
  readonly network: Network<Names>;
  readonly weights: Weights;
}

type NameOf<S> = S extends { kind: "dense" | "conv2d"; name: infer N extends string } ? N : never;

/**
 * Describes a network: resolves names, shapes and parameters of `layers`. Pure; weights come from
 * `initialWeights`, a file or a zoo function.
 * @throws RangeError for a repeated or unknown name, or shapes that do not fit; the message says where.
 * @example
 * network({ name: "tiny", input: [4], layers: [dense("fc1", 3), tanh(), dense("out", 2)] }).names  //=> ["fc1", "out"]
 */
export function network<const S extends readonly LayerSpec[]>(options: {
  readonly name: string;
  readonly input: Shape;
  readonly layers: S;
  /** Default "softmaxCrossEntropy". */
  readonly loss?: Loss;
}): Network<NameOf<S[number]>> {
  const { name, input, loss = "softmaxCrossEntropy" } = options;
  const shapes = new Map<string, Shape>([["input", input]]);
  const layers: Layer[] = [];
  let previous = "input";
  for (const [index, spec] of options.layers.entries()) {
    const layerName = spec.name ?? `${spec.kind}${index + 1}`;
    if (shapes.has(layerName)) {
      throw new RangeError(`network: two layers are called "${layerName}". Rename one of them.`);
    }
    const inputs = [spec.from ?? previous, ...(spec.kind === "add" ? [spec.with] : [])];
    for (const from of inputs) {
      if (!shapes.has(from)) {
        throw new RangeError(
          `network: layer "${layerName}" reads "${from}", which is not a layer before it. Before it are ${[...shapes.keys()].join(", ")}.`,
        );
      }
    }
    const inputShape = shapes.get(inputs[0] ?? "input") ?? input;
    if (spec.kind === "add") checkShortcut(layerName, inputShape, shapes.get(spec.with) ?? input);
    const resolved = resolve(spec, layerName, inputShape);
    shapes.set(layerName, resolved.outputShape);
    layers.push(Object.freeze({ name: layerName, spec, inputs, inputShape, ...resolved }));
    previous = layerName;
  }
  const parameters = layers.flatMap((layer) => layer.parameters);
  const names = parameters.filter((p) => p.compressible).map((p) => p.layer as NameOf<S[number]>);
  if (names.length === 0) {
    throw new RangeError(
      `network: "${name}" has no layer with weights. Add a dense or conv2d layer.`,
    );
  }
  return shownNetwork({ name, input, loss, layers, parameters, names });
}

function resolve(
  spec: LayerSpec,
  name: string,
  input: Shape,
): { outputShape: Shape; parameters: readonly Parameter[] } {
  const size = input.reduce((product, n) => product * n, 1);
  const image = (): readonly [number, number, number] => {
    const [height, width, channels] = input;
    if (height === undefined || width === undefined || channels === undefined) {
      throw new RangeError(
        `network: layer "${name}" (${spec.kind}) needs an input of [height, width, channels], got [${input.join(", ")}].`,
      );
    }
    return [height, width, channels];
  };
  const parameter = (role: Parameter["role"], rows: number, cols: number): Parameter =>
    Object.freeze({
      key: `${name}.${role}`,
      layer: name,
      role,
      rows,
      cols,
      compressible: role === "w",
    });
  switch (spec.kind) {
    case "dense": {
      positive(spec.units, `layer "${name}": units`);
      const parameters = [parameter("w", spec.units, size)];
      if (spec.bias !== false) parameters.push(parameter("b", spec.units, 1));
      return { outputShape: [spec.units], parameters };
    }
    case "conv2d": {
      positive(spec.filters, `layer "${name}": filters`);
      const [height, width, channels] = image();
      const [kh, kw] = spec.kernel;
      const window = slide([height, width], spec.kernel, spec.stride ?? [1, 1], spec.padding, name);
      const parameters = [parameter("w", spec.filters, kh * kw * channels)];
      if (spec.bias !== false) parameters.push(parameter("b", spec.filters, 1));
      return { outputShape: [...window, spec.filters], parameters };
    }
    case "maxPool":
    case "averagePool": {
      const [height, width, channels] = image();
      const window = slide(
        [height, width],
        spec.size,
        spec.stride ?? spec.size,
        spec.padding,
        name,
      );
      return { outputShape: [...window, channels], parameters: [] };
    }
    case "globalAveragePool":
      return { outputShape: [image()[2]], parameters: [] };
    case "flatten":
      return { outputShape: [size], parameters: [] };
    case "batchNorm": {
      const channels = input.at(-1) ?? 0;
      const { epsilon = 1e-5, momentum: share = 0.1 } = spec;
      if (!(epsilon >= 0 && epsilon < Number.POSITIVE_INFINITY && share >= 0 && share <= 1)) {
        throw new RangeError(
          `network: layer "${name}" (batchNorm) needs epsilon from 0 and momentum from 0 to 1, got ${epsilon} and ${share}.`,
        );
      }
      const roles = ["gamma", "beta", "mean", "variance"] as const;
      return { outputShape: input, parameters: roles.map((role) => parameter(role, channels, 1)) };
    }
    default:
      return { outputShape: input, parameters: [] };
  }
}

/** Output [height, width] of a sliding window. */
function slide(
  [height, width]: readonly [number, number],
  kernel: readonly [number, number],
  stride: readonly [number, number],
  padding: Padding = "valid",
  name: string,
): readonly [number, number] {
  for (const value of [...kernel, ...stride]) positive(value, `layer "${name}": kernel and stride`);
  if (padding === "same") return [Math.ceil(height / stride[0]), Math.ceil(width / stride[1])];
  const [top, left] = padding === "valid" ? [0, 0] : padding;
  for (const [i, value] of [top, left].entries()) {
    if (Number.isInteger(value) && value >= 0 && value < (kernel[i] ?? 0)) continue;
    throw new RangeError(
      `network: layer "${name}": padding must be whole numbers from 0, smaller than the window, got ${value}.`,
    );
  }
  const [h, w] = [height + 2 * top, width + 2 * left];
  if (kernel[0] > h || kernel[1] > w) {
    throw new RangeError(
      `network: layer "${name}" has a ${kernel[0]} × ${kernel[1]} window, larger than its ${h} × ${w} input.`,
    );
  }
  return [Math.floor((h - kernel[0]) / stride[0]) + 1, Math.floor((w - kernel[1]) / stride[1]) + 1];
}

/** Zeros [above, left] of the first pixel of a sliding window. */
export function paddingBefore(
  [height, width]: readonly [number, number],
  [kh, kw]: readonly [number, number],
  [down, across]: readonly [number, number],
  padding: Padding = "valid",
): readonly [number, number] {
  if (padding === "valid") return [0, 0];
  if (padding !== "same") return padding;
  const before = (size: number, window: number, stride: number) =>
    Math.max((Math.ceil(size / stride) - 1) * stride + window - size, 0) >> 1;
  return [before(height, kh, down), before(width, kw, across)];
}

/** True if `padding`, in pixels, gives a sliding window the same places as "same". */
export function samePadding(
  size: readonly [number, number],
  window: readonly [number, number],
  stride: readonly [number, number],
  padding: readonly [number, number],
): boolean {
  const before = paddingBefore(size, window, stride, "same");
  return [0, 1].every((axis) => {
    const [n, k, s, p] = [size, window, stride, padding].map((pair) => pair[axis]) as number[];
    return before[axis] === p && Math.floor((n + 2 * p - k) / s) + 1 === Math.ceil(n / s);
  });
}

/** @throws RangeError unless `shortcut` is `shape`, or an image with no more channels and a whole number of times its size. */
function checkShortcut(name: string, shape: Shape, shortcut: Shape): void {
  const [h = 0, w = 0, c = 0] = shape;
  const [hs = 0, ws = 0, cs = 0] = shortcut;
  if (shape.length === shortcut.length) {
    if (shape.every((n, i) => n === shortcut[i])) return;
    if (shape.length === 3 && cs <= c && hs % h === 0 && ws % w === 0 && hs / h === ws / w) return;
  }
  throw new RangeError(
    `network: layer "${name}" cannot add a shortcut of [${shortcut.join(", ")}] to [${shape.join(", ")}]. It must have no more channels, and the same size or a multiple of it.`,
  );
}

function positive(value: number, what: string): void {
  if (!Number.isInteger(value) || value < 1) {
    throw new RangeError(`network: ${what} must be a whole number from 1, got ${value}.`);
  }
}

/** y = W x + b with `units` outputs. */
export function dense<const Name extends string>(
  name: Name,
  units: number,
  options: { readonly bias?: boolean; readonly from?: string } = {},
): DenseSpec<Name> {
  return { kind: "dense", name, units, ...options };
}

/** A convolution of `filters` output channels. */
export function conv2d<const Name extends string>(
  name: Name,
  filters: number,
  options: Omit<Conv2dSpec, "kind" | "name" | "filters">,
): Conv2dSpec<Name> {
  return { kind: "conv2d", name, filters, ...options };
}

export const tanh = (): ActivationSpec => ({ kind: "tanh" });
export const relu = (): ActivationSpec => ({ kind: "relu" });

/** Normalizes each channel over minibatch and pixels, then scales and shifts it. */
export function batchNorm<const Name extends string>(
  name: Name,
  options: Omit<BatchNormSpec, "kind" | "name"> = {},
): BatchNormSpec<Name> {
  return { kind: "batchNorm", name, ...options };
}

/** Largest value of each `size` × `size` window. */
export function maxPool(size: number, options: Partial<PoolSpec> = {}): PoolSpec {
  return { ...options, kind: "maxPool", size: [size, size] };
}

/** Mean of each `size` × `size` window. */
export function averagePool(size: number, options: Partial<PoolSpec> = {}): PoolSpec {
  return { ...options, kind: "averagePool", size: [size, size] };
}

/** Sets a fraction `rate` of the values to 0 in training, and scales the others by 1 / (1 − rate). */
export function dropout(rate: number): LayerSpec {
  return { kind: "dropout", rate };
}

/** Values that training changes by gradients: all but the running statistics of batch norm. */
export function parameterCount({ parameters }: Network): number {
  return parameters
    .filter(({ role }) => role !== "mean" && role !== "variance")
    .reduce((sum, { rows, cols }) => sum + rows * cols, 0);
}

/** The compressible weight matrix of layer `name`, as a view on `model`'s array. */
export function weightsOf(model: Model, name: string): Matrix<Float32Array> {
  const parameter = model.network.parameters.find((p) => p.compressible && p.layer === name);
  const data = parameter && model.weights[parameter.key];
  if (!parameter || !data) throw unknownLayer("weightsOf", name, model.network.names);
  return { rows: parameter.rows, cols: parameter.cols, data };
}

/** The house error for a layer name that is not there. */
export function unknownLayer(who: string, name: string, names: readonly string[]): RangeError {
  const meant = nearest(name, names);
  return new RangeError(
    `${who}: the model has no layer "${name}". Its layers are ${names.join(", ")}.${meant ? ` Did you mean "${meant}"?` : ""}`,
  );
}

/** A model with checked weights: every parameter there, of the right length, and finite. */
export function model<Names extends string>(
  network: Network<Names>,
  weights: Weights,
): Model<Names> {
  for (const { key, layer, role, rows, cols } of network.parameters) {
    const data = weights[key];
    if (!data)
      throw new RangeError(
        `model: "${network.name}" needs weights "${key}" (${rows} × ${cols}), which are missing.`,
      );
    if (data.length !== rows * cols) {
      throw new RangeError(
        `model: "${key}" must have ${rows} × ${cols} = ${rows * cols} values, got ${data.length}.`,
      );
    }
    checkFinite(
      data,
      cols,
      `layer "${layer}" (${rows} × ${cols})${role === "w" ? "" : `, ${key}`}`,
    );
  }
  return shownModel(network, weights);
}

/** @throws LCError LC_NONFINITE naming how many NaN or infinite values there are, and where the first is. */
export function checkFinite(data: ArrayLike<number>, cols: number, where: string): void {
  let count = 0;
  let first = -1;
  for (let i = 0; i < data.length; i++) {
    if (Number.isFinite(data[i])) continue;
    if (count++ === 0) first = i;
  }
  if (count === 0) return;
  const what = Number.isNaN(data[first]) ? "NaN" : "infinite";
  throw new LCError(
    "LC_NONFINITE",
    `${where} has ${count} values that are NaN or infinite, first ${what} at [${Math.floor(first / cols)}, ${first % cols}]. Retrain it or load an earlier checkpoint.`,
  );
}
