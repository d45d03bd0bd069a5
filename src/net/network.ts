import { LCError } from "../errors.ts";
import type { Matrix } from "../math/matrix.ts";
import { nearest } from "../text.ts";

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
  | AddSpec;

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
  readonly padding?: "same" | "valid";
  readonly bias?: boolean;
  readonly from?: string;
}

export interface PoolSpec {
  readonly kind: "maxPool" | "averagePool";
  readonly size: readonly [number, number];
  /** Default: `size`. */
  readonly stride?: readonly [number, number];
  readonly padding?: "same" | "valid";
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

/** Sum of two layers; a shortcut of fewer channels is strided and zero-padded (ResNet's option A). */
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
  return Object.freeze({ name, input, loss, layers, parameters, names });
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
  [kh, kw]: readonly [number, number],
  [down, across]: readonly [number, number],
  padding: "same" | "valid" = "valid",
  name: string,
): readonly [number, number] {
  if (padding === "same") return [Math.ceil(height / down), Math.ceil(width / across)];
  if (kh > height || kw > width) {
    throw new RangeError(
      `network: layer "${name}" has a ${kh} × ${kw} window, larger than its ${height} × ${width} input.`,
    );
  }
  return [Math.floor((height - kh) / down) + 1, Math.floor((width - kw) / across) + 1];
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
  return Object.freeze({ network, weights });
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
