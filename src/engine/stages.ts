import type { Layer, Network, Parameter } from "../net/network.ts";

export type Activation = "none" | "tanh" | "relu";

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

/**
 * A network as the chain of stages the WASM engine runs, activations fused into the layer before them.
 * @throws RangeError naming the first layer, connection or loss this engine cannot train.
 */
export function stages(network: Network): readonly Stage[] {
  if (network.loss !== "softmaxCrossEntropy") {
    throw new RangeError(
      `wasm engine: network "${network.name}" has loss ${network.loss}, which this engine cannot train yet. It trains softmaxCrossEntropy.`,
    );
  }
  const result: Stage[] = [];
  let previous = "input";
  for (const layer of network.layers) {
    checkChain(layer, previous);
    previous = layer.name;
    const kind = layer.spec.kind;
    if (kind === "flatten") continue;
    if (kind === "dense") {
      result.push(denseStage(layer));
      continue;
    }
    if (kind !== "tanh" && kind !== "relu") {
      throw new RangeError(
        `wasm engine: layer "${layer.name}" is ${kind}, which this engine cannot train yet. It trains dense, tanh, relu, flatten.`,
      );
    }
    const before = result.at(-1);
    if (before?.kind === "dense" && before.activation === "none") {
      result[result.length - 1] = { ...before, activation: kind };
    } else {
      result.push({
        kind: "activation",
        layer: layer.name,
        size: size(layer.outputShape),
        activation: kind,
      });
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

function checkChain({ name, inputs }: Layer, previous: string): void {
  if (inputs.length === 1 && inputs[0] === previous) return;
  throw new RangeError(
    `wasm engine: layer "${name}" reads ${inputs.map((input) => `"${input}"`).join(" and ")}, which this engine cannot train yet: each layer must read the one before, here "${previous}".`,
  );
}

/** Number of values of one example. */
export function size(shape: readonly number[]): number {
  return shape.reduce((product, n) => product * n, 1);
}
