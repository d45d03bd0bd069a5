import { type Accounting, type Compression, partsOf } from "../compression/contract.ts";
import { uses } from "../compression/geometry.ts";
import type { Model, Network } from "../net/network.ts";
import { layerGeometry, parametersOf, type Task } from "./task.ts";

/** Storage of a compressed network. */
export interface Size {
  /** Bits of each task's θ: with "packed" accounting whole bytes for each part of a sum, as a file has them (see `save`). */
  readonly tasks: readonly number[];
  /** Bits of the compressed layers together. */
  readonly bits: number;
  /** Bits of everything else (biases, uncompressed layers), 32 per number. */
  readonly restBits: number;
  /** Compression ratio ρ = 32 · (all numbers) / (`bits` + `restBits`). */
  readonly ratio: number;
}

/** Counts the bits of a compressed network. */
export function sizeOf(
  network: Network,
  tasks: readonly Task[],
  thetas: readonly unknown[],
  accounting: Accounting = "packed",
): Size {
  const compressed = new Set(tasks.flatMap((task) => task.layers));
  let all = 0;
  let rest = 0;
  for (const { layer, rows, cols, compressible } of network.parameters) {
    all += rows * cols;
    if (!(compressible && compressed.has(layer))) rest += rows * cols;
  }
  const perTask = tasks.map(({ compression }, i) =>
    accounting === "packed"
      ? storedBits(compression, thetas[i])
      : compression.bits(thetas[i], accounting),
  );
  const bits = perTask.reduce((total, b) => total + b, 0);
  return { tasks: perTask, bits, restBits: 32 * rest, ratio: (32 * all) / (bits + 32 * rest) };
}

/** Bits of θ in a file: each part of a sum begins at a whole byte. */
export function storedBits(compression: Compression<unknown>, theta: unknown): number {
  const parts = partsOf(compression);
  const thetas = parts.length > 1 ? (theta as readonly unknown[]) : [theta];
  return parts.reduce((bits, part, i) => bits + 8 * Math.ceil(part.bits(thetas[i]) / 8), 0);
}

/** Multiplications and additions of one inference. */
export interface Flops {
  /** Of each task's layers, compressed, without biases. */
  readonly tasks: readonly number[];
  /** Of the weighted layers of the whole network, compressed, and as they were. */
  readonly after: number;
  readonly before: number;
}

/**
 * Counts 2 for every weight and output pixel, and 2 for every bias of a dense layer (activations, pooling and batch norm are
 * not counted); compressed layers as their compression says, the parts of a sum added: multiplications by zero are not
 * counted, a low-rank layer is its two factors, each at its own output size.
 */
export function flopsOf(model: Model, tasks: readonly Task[], thetas: readonly unknown[]): Flops {
  const { network } = model;
  const dense = (layer: string): number => {
    const [parameter] = parametersOf(model, { layers: [layer] });
    return parameter
      ? 2 * parameter.rows * parameter.cols * uses(layerGeometry(network, layer))
      : 0;
  };
  const biases = network.layers
    .filter(({ spec }) => spec.kind === "dense" && spec.bias !== false)
    .reduce((total, { outputShape }) => total + 2 * (outputShape[0] as number), 0);
  const perTask = tasks.map((task, i) => taskFlops(model, task, thetas[i]));
  const compressed = new Set(tasks.flatMap((task) => task.layers));
  const rest = network.names.filter((name) => !compressed.has(name));
  const sum = (values: readonly number[]): number => values.reduce((a, b) => a + b, 0);
  return {
    tasks: perTask,
    after: sum(perTask) + sum(rest.map(dense)) + biases,
    before: sum(network.names.map(dense)) + biases,
  };
}

function taskFlops(model: Model, task: Task, theta: unknown): number {
  const parameters = parametersOf(model, task);
  const [only] = parameters;
  if (parameters.length === 1 && only) {
    return task.compression.flops(theta, layerGeometry(model.network, only.layer));
  }
  // Jointly compressed layers share θ, so their nonzeros are counted layer by layer.
  const parts = partsOf(task.compression);
  const thetas = parts.length > 1 ? (theta as readonly unknown[]) : [theta];
  let total = 0;
  for (const [p, part] of parts.entries()) {
    const { data } = (part as Compression<unknown>).decompress(thetas[p]);
    let at = 0;
    for (const { layer, rows, cols } of parameters) {
      const slice = data.subarray(at, at + rows * cols);
      const nonzeros = slice.reduce((count, x) => (x === 0 ? count : count + 1), 0);
      total += 2 * nonzeros * uses(layerGeometry(model.network, layer));
      at += rows * cols;
    }
  }
  return total;
}
