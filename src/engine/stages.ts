import type { Layer, Network, Parameter } from "../net/network.ts";

export type Activation = "none" | "tanh" | "relu" | "sigmoid";

/** A dense layer and the activation right after it, if any. */
export interface DenseStage {
  readonly kind: "dense";
  readonly layer: string;
  readonly inputs: number;
  readonly outputs: number;
  readonly w: Parameter;
  readonly b: Parameter | undefined;
  readonly activation: Activation;
}

/** An activation with no dense layer right before it. */
export interface ActivationStage {
  readonly kind: "activation";
  readonly layer: string;
  readonly size: number;
  readonly activation: Activation;
}

export type Stage = DenseStage | ActivationStage;

/** True for a chain of dense layers, tanh and relu under cross-entropy: one row phase does all of it. */
export function isDenseChain({ loss, layers }: Network): boolean {
  return (
    loss === "softmaxCrossEntropy" &&
    layers.every(
      ({ spec, inputs }, i) =>
        ["dense", "tanh", "relu", "flatten"].includes(spec.kind) &&
        inputs[0] === (layers[i - 1]?.name ?? "input"),
    )
  );
}

/**
 * A dense chain as the stages the WASM engine runs, activations fused into the layer before them.
 * @throws RangeError if it has no dense layer.
 */
export function stages(network: Network): readonly Stage[] {
  const result: Stage[] = [];
  for (const layer of network.layers) {
    const kind = layer.spec.kind;
    if (kind === "dense") result.push(denseStage(layer));
    if (kind !== "tanh" && kind !== "relu") continue;
    const before = result.at(-1);
    if (before?.kind === "dense" && before.activation === "none") {
      result[result.length - 1] = { ...before, activation: kind };
    } else {
      const { name, outputShape } = layer;
      result.push({ kind: "activation", layer: name, size: size(outputShape), activation: kind });
    }
  }
  if (!result.some((stage) => stage.kind === "dense")) {
    throw new RangeError(`wasm engine: network "${network.name}" has no dense layer to train.`);
  }
  return result;
}

function denseStage(layer: Layer): DenseStage {
  const w = layer.parameters.find((parameter) => parameter.role === "w");
  if (!w) throw new RangeError(`wasm engine: layer "${layer.name}" has no weight matrix.`);
  return {
    kind: "dense",
    layer: layer.name,
    inputs: w.cols,
    outputs: w.rows,
    w,
    b: layer.parameters.find((parameter) => parameter.role === "b"),
    activation: "none",
  };
}

/** Number of values of one example. */
export function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
