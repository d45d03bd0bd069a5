import type { Layer, LayerSpec, Network, Parameter, Shape } from "../net/network.ts";
import { type Activation, size } from "./stages.ts";

/** A layer, with the activation right after it where the kernels can do both at once. */
export interface Node {
  readonly layer: string;
  readonly spec: LayerSpec | { readonly kind: "input" };
  /** Nodes read. */
  readonly inputs: readonly Node[];
  /** [height, width, channels] of an image, else [values]. */
  readonly shape: Shape;
  readonly parameters: readonly Parameter[];
  /** True if something before it, or itself, has parameters: its output then has a gradient. */
  readonly trains: boolean;
  activation: Activation;
  /** Layers that read it; names it stands for count as one. */
  uses: number;
}

/** Who runs the nodes, in messages. */
type Who = "wasm engine" | "inference";

const supported =
  "dense, conv2d, maxPool, averagePool, globalAveragePool, batchNorm, add, tanh, relu, sigmoid, flatten, dropout, localResponseNorm";

/**
 * A network as the nodes the WASM engine runs, in order: a flatten before each dense layer that reads an image,
 * activations fused into what is before them, flattens of rows left out.
 * @throws RangeError, as `who`, naming the first layer it does not have.
 */
export function graph(network: Network, who: Who = "wasm engine"): readonly Node[] {
  const readers = new Map<string, number>();
  for (const name of network.layers.flatMap((layer) => layer.inputs)) {
    readers.set(name, (readers.get(name) ?? 0) + 1);
  }
  const uses = (name: string) => readers.get(name) ?? 0;
  const nodes: Node[] = [];
  const named = new Map<string, Node>();
  const push = (node: Omit<Node, "trains" | "activation">) => {
    const trains = node.parameters.length > 0 || node.inputs.some((input) => input.trains);
    const made: Node = { ...node, trains, activation: "none" };
    nodes.push(made);
    return made;
  };
  const flat = (node: Node, name: string): Node => {
    if (!isImage(node)) return node;
    const shape = [size(node.shape)];
    const spec = { kind: "flatten" } as const;
    return push({ layer: name, spec, inputs: [node], shape, parameters: [], uses: 1 });
  };
  const { input, loss } = network;
  named.set(
    "input",
    push({
      ...{ layer: "input", spec: { kind: "input" }, inputs: [], parameters: [] },
      ...{ shape: input.length === 3 ? input : [size(input)], uses: uses("input") },
    }),
  );
  for (const layer of network.layers) {
    const { name, spec, outputShape: shape, parameters } = layer;
    let inputs = layer.inputs.map((from) => named.get(from) as Node);
    const before = inputs[0] as Node;
    check(who, layer, before);
    if (spec.kind === "dense") inputs = [flat(before, name)];
    const alias = (spec.kind === "flatten" && !isImage(before)) || isIdentity(spec);
    if (alias || canFuse(spec, before)) {
      if (spec.kind === "relu" || spec.kind === "tanh" || spec.kind === "sigmoid") {
        before.activation = spec.kind;
        before.uses = uses(name);
      } else {
        before.uses += uses(name) - 1;
      }
      named.set(name, before);
      continue;
    }
    named.set(name, push({ layer: name, spec, inputs, shape, parameters, uses: uses(name) }));
  }
  const last = named.get(network.layers.at(-1)?.name ?? "input") as Node;
  last.uses++;
  flat(last, "loss");
  const twice = nodes.find((node) => !isImage(node) && node.trains && node.uses > 1);
  if (twice) {
    throw new RangeError(
      `${who}: layer "${twice.layer}" is read ${twice.uses} times, which only images can be, not rows of values.`,
    );
  }
  if (loss !== "softmaxCrossEntropy" && loss !== "squaredError") {
    throw new RangeError(`${who}: unknown loss ${loss as string}.`);
  }
  return nodes;
}

export function isImage({ shape }: Pick<Node, "shape">): boolean {
  return shape.length === 3;
}

/** A dropout that drops nothing. */
function isIdentity(spec: LayerSpec): boolean {
  return spec.kind === "dropout" && spec.rate === 0;
}

function canFuse(spec: LayerSpec, before: Node): boolean {
  return (
    (spec.kind === "relu" || spec.kind === "tanh" || spec.kind === "sigmoid") &&
    ["dense", "conv2d", "batchNorm", "add"].includes(before.spec.kind) &&
    before.activation === "none" &&
    before.uses === 1
  );
}

function check(who: Who, { name, spec }: Layer, before: Node): void {
  if (!supported.split(", ").includes(spec.kind)) {
    const others =
      who === "inference"
        ? `which it does not have. It has ${supported}; predict with the TensorFlow.js model itself.`
        : `which this engine cannot train. It trains ${supported}; for others write engine: tfjs(tf, { model }).`;
    throw new RangeError(`${who}: layer "${name}" is ${spec.kind}, ${others}`);
  }
  if (["batchNorm", "add", "localResponseNorm"].includes(spec.kind) && !isImage(before)) {
    throw new RangeError(
      `${who}: layer "${name}" (${spec.kind}) reads rows of values; it must read images [height, width, channels].`,
    );
  }
  if (spec.kind === "dropout" && !(spec.rate >= 0 && spec.rate < 1)) {
    throw new RangeError(
      `${who}: dropout "${name}": rate must be from 0 to below 1, got ${spec.rate}.`,
    );
  }
  if (spec.kind !== "localResponseNorm") return;
  const { size: channels = 5, beta = 0.75 } = spec;
  if (Number.isInteger(beta * 4) && beta > 0 && channels % 2 === 1) return;
  throw new RangeError(
    `${who}: layer "${name}": size must be odd and beta a multiple of 1/4, got ${channels} and ${beta}.`,
  );
}
