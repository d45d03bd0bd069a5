import type { Compression } from "../compression/contract.ts";
import type { Matrix } from "../math/matrix.ts";
import type { Model, Parameter, Weights } from "../net/network.ts";

/** One compression of one layer, or jointly of several (one θ for all of them). */
export interface Task {
  readonly layers: readonly string[];
  readonly compression: Compression<unknown>;
}

/** The weight matrices of a task's layers, in order. */
export function parametersOf(model: Model, task: Task): Parameter[] {
  return task.layers.map(
    (name) => model.network.parameters.find((p) => p.compressible && p.layer === name) as Parameter,
  );
}

/** The matrix a task's C step sees: the layer's own, or all layers joined end to end as one row. */
export function taskShape(parameters: readonly Parameter[]): { rows: number; cols: number } {
  const [only, ...more] = parameters as [Parameter, ...Parameter[]];
  if (more.length === 0) return { rows: only.rows, cols: only.cols };
  return { rows: 1, cols: parameters.reduce((n, { rows, cols }) => n + rows * cols, 0) };
}

/** v = w − λ/μ of a task, in float64; λ = 0 where it is missing, or if μ = 0. */
export function taskView(
  parameters: readonly Parameter[],
  weights: Weights,
  lambda: Weights,
  mu: number,
): Matrix<Float64Array> {
  const shape = taskShape(parameters);
  const data = new Float64Array(shape.rows * shape.cols);
  let at = 0;
  for (const { key } of parameters) {
    const w = weights[key] as Float32Array;
    const l = mu > 0 ? lambda[key] : undefined;
    if (l)
      for (let i = 0; i < w.length; i++) data[at + i] = (w[i] as number) - (l[i] as number) / mu;
    else data.set(w, at);
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
