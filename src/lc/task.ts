import type { Compression, Target } from "../compression/contract.ts";
import type { Geometry, Shape } from "../compression/geometry.ts";
import type { Layer, Model, Network, Parameter, Weights } from "../net/network.ts";

/** One compression of one layer, or jointly of several (one θ for all of them). */
export interface Task {
  readonly layers: readonly string[];
  readonly compression: Compression<unknown>;
}

/** The weight matrices of a task's layers, in order. */
export function parametersOf(
  model: Pick<Model, "network">,
  task: Pick<Task, "layers">,
): Parameter[] {
  const { matrices } = indexOf(model.network);
  return task.layers.map((name) => matrices.get(name) as Parameter);
}

/** Layers and weight matrices by name: a file may have thousands, each asked for several times. */
interface Index {
  readonly layers: ReadonlyMap<string, Layer>;
  readonly matrices: ReadonlyMap<string, Parameter>;
}

function indexOf(network: Network): Index {
  const known = indices.get(network);
  if (known) return known;
  const matrices = network.parameters.filter(({ compressible }) => compressible);
  const made: Index = {
    layers: new Map(network.layers.map((layer) => [layer.name, layer])),
    matrices: new Map(matrices.map((parameter) => [parameter.layer, parameter])),
  };
  indices.set(network, made);
  return made;
}
const indices = new WeakMap<Network, Index>();

/** The matrix a task's C step sees: the layer's own, or all layers joined end to end as one row. */
export function taskShape(network: Network, parameters: readonly Parameter[]): Shape {
  const [only, ...more] = parameters as [Parameter, ...Parameter[]];
  if (more.length === 0) {
    return { rows: only.rows, cols: only.cols, geometry: layerGeometry(network, only.layer) };
  }
  return { rows: 1, cols: parameters.reduce((n, { rows, cols }) => n + rows * cols, 0) };
}

/** What the weight matrix of a layer does. */
export function layerGeometry(network: Network, name: string): Geometry {
  const layer = indexOf(network).layers.get(name);
  if (layer?.spec.kind === "conv2d") {
    const [height, width, channels] = layer.inputShape as readonly [number, number, number];
    const [down, across] = layer.outputShape as readonly [number, number, number];
    return { kernel: layer.spec.kernel, channels, input: [height, width], output: [down, across] };
  }
  const channels = (layer?.inputShape ?? []).reduce((product, n) => product * n, 1);
  return { kernel: [1, 1], channels, input: [1, 1], output: [1, 1] };
}

/** How messages name a task's weights. */
export function taskPlace(
  network: Network,
  { layers }: Task,
  parameters: readonly Parameter[],
): string {
  const { rows, cols } = taskShape(network, parameters);
  return layers.length === 1
    ? `layer "${layers[0]}" (${rows} × ${cols})`
    : `layers ${layers.join(", ")} (${cols} weights)`;
}

/** Importance weights of a task in float64, 1 for parameters without; undefined if there are none at all. */
export function taskImportance(
  parameters: readonly Parameter[],
  importance: Weights | undefined,
): Float64Array | undefined {
  if (!importance || !parameters.some(({ key }) => importance[key])) return undefined;
  const data = new Float64Array(parameters.reduce((n, { rows, cols }) => n + rows * cols, 0)).fill(
    1,
  );
  let at = 0;
  for (const { key, rows, cols } of parameters) {
    const h = importance[key];
    if (h) data.set(h, at);
    at += rows * cols;
  }
  return data;
}

/** v = w − λ/(μ h) of a task, in float64; λ = 0 where it is missing, or if μ = 0; h = 1 where it is missing. */
export function taskView(
  network: Network,
  parameters: readonly Parameter[],
  weights: Weights,
  lambda: Weights,
  mu: number,
  importance: Weights = {},
): Target {
  const shape = taskShape(network, parameters);
  const data = new Float64Array(shape.rows * shape.cols);
  let at = 0;
  for (const { key } of parameters) {
    const w = weights[key] as Float32Array;
    const l = mu > 0 ? lambda[key] : undefined;
    const h = importance[key];
    for (let i = 0; i < w.length; i++) {
      const scale = h ? mu * (h[i] as number) : mu;
      data[at + i] = l ? (w[i] as number) - (l[i] as number) / scale : (w[i] as number);
    }
    at += w.length;
  }
  return { ...shape, data };
}

/** Δ(θ) of a task as float32 arrays by parameter key: the weights the compressed network really has. */
export function taskDeltas(
  parameters: readonly Parameter[],
  task: Task,
  theta: unknown,
): Record<string, Float32Array> {
  const { data } = task.compression.decompress(theta);
  const deltas: Record<string, Float32Array> = {};
  let at = 0;
  for (const { key, rows, cols } of parameters) {
    deltas[key] = Float32Array.from(data.subarray(at, at + rows * cols));
    at += rows * cols;
  }
  return deltas;
}
