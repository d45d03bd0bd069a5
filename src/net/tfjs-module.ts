/**
 * What lclab uses of TensorFlow.js, as types of our own: the user's module is passed in, and nothing of it is imported.
 * Arguments are `unknown` where tfjs has classes, so that its own types fit these.
 */
export interface Tf {
  /** Only in @tensorflow/tfjs-node. */
  readonly node?: unknown;
  readonly layers: {
    dense(args: { units: number; useBias: boolean; name: string }): TfLayer;
    conv2d(args: {
      filters: number;
      kernelSize: [number, number];
      strides: [number, number];
      padding: TfPadding;
      useBias: boolean;
      name: string;
    }): TfLayer;
    maxPooling2d(args: TfPooling): TfLayer;
    averagePooling2d(args: TfPooling): TfLayer;
    globalAveragePooling2d(args: { name: string }): TfLayer;
    flatten(args: { name: string }): TfLayer;
    activation(args: {
      activation: "relu" | "tanh" | "sigmoid" | "softmax";
      name: string;
    }): TfLayer;
    batchNormalization(args: { epsilon: number; momentum: number; name: string }): TfLayer;
    dropout(args: { rate: number; name: string }): TfLayer;
    add(args: { name: string }): TfLayer;
    permute(args: { dims: number[]; name: string }): TfLayer;
    zeroPadding2d(args: { padding: [[number, number], [number, number]]; name: string }): TfLayer;
  };
  readonly losses: { softmaxCrossEntropy(labels: unknown, logits: unknown): TfTensor };
  input(args: { shape: number[]; name: string }): TfSymbolicTensor;
  model(args: unknown): TfLayersModel;
  ready(): Promise<void>;
  getBackend(): string | undefined;
  backend(): unknown;
  tensor(values: Float32Array, shape: number[]): TfTensor;
  zerosLike(x: unknown): TfTensor;
  clone(x: unknown): TfTensor;
  add(a: unknown, b: unknown): TfTensor;
  sub(a: unknown, b: unknown): TfTensor;
  mul(a: unknown, b: unknown): TfTensor;
  div(a: unknown, b: unknown): TfTensor;
  maximum(a: unknown, b: unknown): TfTensor;
  log(x: unknown): TfTensor;
  neg(x: unknown): TfTensor;
  square(x: unknown): TfTensor;
  sqrt(x: unknown): TfTensor;
  sum(x: unknown, axis: number): TfTensor;
  mean(x: unknown, axes?: number[]): TfTensor;
  moments(x: unknown, axes: number[]): { readonly mean: TfTensor; readonly variance: TfTensor };
  matMul(a: unknown, b: unknown): TfTensor;
  conv2d(x: unknown, w: unknown, strides: [number, number], padding: TfPadding): TfTensor;
  maxPool(
    x: unknown,
    size: [number, number],
    strides: [number, number],
    padding: TfPadding,
  ): TfTensor;
  avgPool(
    x: unknown,
    size: [number, number],
    strides: [number, number],
    padding: TfPadding,
  ): TfTensor;
  batchNorm(
    x: unknown,
    mean: unknown,
    variance: unknown,
    offset: unknown,
    scale: unknown,
    epsilon: number,
  ): TfTensor;
  localResponseNormalization(
    x: unknown,
    radius: number,
    bias: number,
    alpha: number,
    beta: number,
  ): TfTensor;
  variable(initial: unknown, trainable: boolean): TfVariable;
  dropout(x: unknown, rate: number, shape: undefined, seed: string): TfTensor;
  relu(x: unknown): TfTensor;
  tanh(x: unknown): TfTensor;
  sigmoid(x: unknown): TfTensor;
  reshape(x: unknown, shape: number[]): TfTensor;
  pad(x: unknown, paddings: [number, number][], value?: number): TfTensor;
  /** `body` returns a value and how to get the gradients of its arguments. */
  customGrad(body: unknown): (...inputs: never[]) => TfTensor;
  /** Disposes of every tensor that `body` made and does not return. */
  tidy(body: unknown): unknown;
  dispose(tensors: unknown): void;
  variableGrads(
    body: unknown,
    variables: unknown,
  ): { readonly value: TfTensor; readonly grads: Readonly<Record<string, TfTensor>> };
}

/** tfjs knows these by name; other paddings are refused when a model is built. */
export type TfPadding = "same" | "valid";

export interface TfPooling {
  readonly poolSize: [number, number];
  readonly strides: [number, number];
  readonly padding: TfPadding;
  readonly name: string;
}

export interface TfTensor {
  readonly shape: readonly number[];
  data(): Promise<ArrayLike<number>>;
  /** The plain cpu backend hands out its own array: copy it. */
  dataSync(): ArrayLike<number>;
  dispose(): void;
}

/** What `read()` of a layer's variable gives, whatever tfjs declares. */
export interface TfVariable extends TfTensor {
  readonly name: string;
  assign(value: unknown): void;
}

/** A stored array of a layer. */
export interface TfWeight {
  /** `${layer}/${what}`, e.g. `fc1/kernel`; `name` has a suffix if another model has it already. */
  readonly originalName: string;
  read(): TfTensor;
}

/** A layer as far as its description goes: one of tfjs, or of a Keras file. */
export interface GraphLayer {
  readonly name: string;
  readonly inboundNodes: readonly { readonly inputTensors: readonly GraphTensor[] }[];
  /** Undefined for a class of the user's without a `className`. */
  getClassName(): string | undefined;
  /** Options in tfjs' spelling. */
  getConfig(): unknown;
}

export interface GraphTensor {
  /** Batch axis first; null where unknown. */
  readonly shape: readonly (number | null)[];
  readonly sourceLayer: GraphLayer;
  /** Which of the source layer's uses this is. */
  readonly nodeIndex: number;
}

/** The layers of a model, from its outputs backwards. */
export interface LayerGraph {
  readonly name: string;
  readonly inputs: readonly GraphTensor[];
  readonly outputs: readonly GraphTensor[];
}

export interface TfSymbolicTensor extends GraphTensor {
  readonly sourceLayer: TfLayer;
}

export interface TfLayer extends GraphLayer {
  readonly trainable: boolean;
  readonly weights: readonly TfWeight[];
  readonly trainableWeights: readonly TfWeight[];
  readonly inboundNodes: readonly { readonly inputTensors: readonly TfSymbolicTensor[] }[];
  apply(inputs: unknown, options?: unknown): unknown;
}

/** A Sequential or functional model. */
export interface TfLayersModel extends TfLayer {
  readonly inputs: readonly TfSymbolicTensor[];
  readonly outputs: readonly TfSymbolicTensor[];
  calculateLosses(): readonly TfTensor[];
  dispose(): unknown;
}
