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
