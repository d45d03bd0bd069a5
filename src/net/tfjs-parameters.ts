import type { Parameter, Weights } from "./network.ts";
import type {
  GraphLayer,
  GraphTensor,
  LayerGraph,
  Tf,
  TfLayer,
  TfLayersModel,
  TfTensor,
  TfVariable,
} from "./tfjs-module.ts";

/** A stored array of a tf.LayersModel, and the parameter of ours that it is. */
export interface Binding {
  readonly parameter: Parameter;
  readonly variable: TfVariable;
  readonly trainable: boolean;
}

/** Layers whose kernel is a weight matrix with one column of it per output: last axis = outputs. */
const WITH_MATRIX: readonly string[] = ["Dense", "Conv1D", "Conv2D"];

const ROLES: Readonly<Record<string, Parameter["role"]>> = {
  bias: "b",
  gamma: "gamma",
  beta: "beta",
  moving_mean: "mean",
  moving_variance: "variance",
};

/**
 * The stored arrays of `layer`. Trainable kernels of dense and convolution layers are compressible matrices
 * (outputs × the rest); any other array of a layer we do not know is one column, with the role "b" if it is trained
 * and "mean" if not.
 */
export function bindingsOf(layer: TfLayer): readonly Binding[] {
  const known = WITH_MATRIX.includes(layer.getClassName() ?? "custom");
  const taken = new Set<string>();
  return layer.weights.map((weight): Binding => {
    const variable = weight.read() as TfVariable;
    const trainable = layer.trainable && layer.trainableWeights.includes(weight);
    const what = weight.originalName.split("/").at(-1) as string;
    const matrix = known && what === "kernel";
    const role = matrix && trainable ? "w" : (ROLES[what] ?? (trainable ? "b" : "mean"));
    const short = matrix ? "w" : (ROLES[what] ?? what);
    let key = `${layer.name}.${short}`;
    for (let copy = 2; taken.has(key); copy++) key = `${layer.name}.${short}${copy}`;
    taken.add(key);
    const { shape } = variable;
    const size = shape.reduce((product, n) => product * n, 1);
    const rows = matrix ? (shape.at(-1) as number) : size;
    const compressible = role === "w";
    const parameter = { key, layer: layer.name, role, rows, cols: size / rows, compressible };
    return { parameter: Object.freeze(parameter), variable, trainable };
  });
}

/** The stored arrays of the whole model, inputs first. */
export function bindings(model: TfLayersModel): readonly Binding[] {
  return layersOf(model).flatMap(({ layer }) => bindingsOf(layer as TfLayer));
}

/** A layer of a model and the tensors it reads there. */
export interface Use {
  readonly layer: GraphLayer;
  readonly inputs: readonly GraphTensor[];
  readonly output: GraphTensor;
}

/**
 * The layers between a model's inputs and its first output, each after those it reads; a layer once, even if it is used
 * twice. `through` may replace the tensors a layer reads.
 */
export function layersOf(
  model: LayerGraph,
  through: (use: Use) => readonly GraphTensor[] = ({ inputs }) => inputs,
): readonly Use[] {
  const uses: Use[] = [];
  const seen = new Set<GraphLayer>();
  const visit = (output: GraphTensor): void => {
    const layer = output.sourceLayer;
    if (seen.has(layer)) return;
    seen.add(layer);
    const inputs = layer.inboundNodes[output.nodeIndex]?.inputTensors ?? [];
    const use = { layer, inputs, output };
    const replaced = { ...use, inputs: through(use) };
    for (const input of replaced.inputs) visit(input);
    if (layer.getClassName() !== "InputLayer") uses.push(replaced);
  };
  for (const output of model.outputs) visit(output);
  return uses;
}

/** A copy of `tensor`, which has the shape of the binding's variable, in our layout: outputs first. */
export function readVariable(
  { parameter: { rows, cols } }: Pick<Binding, "parameter">,
  tensor: TfTensor,
): Float32Array {
  return transposed(tensor.dataSync(), new Float32Array(rows * cols), rows, cols);
}

/** A tensor of the variable's shape with `values`, which are in our layout. */
export function toTensor(tf: Tf, { parameter, variable }: Binding, values: Float32Array): TfTensor {
  const { rows, cols } = parameter;
  const there = transposed(values, new Float32Array(rows * cols), cols, rows);
  return tf.tensor(there, [...variable.shape]);
}

/** Writes `weights` (by parameter key, our layout) into the variables. */
export function writeVariables(tf: Tf, all: readonly Binding[], weights: Weights): void {
  for (const binding of all) {
    const value = toTensor(tf, binding, weights[binding.parameter.key] as Float32Array);
    binding.variable.assign(value);
    value.dispose();
  }
}

/** (cols, rows) to (rows, cols), row-major: tfjs has outputs as the last axis. Fills `to`. */
export function transposed<Values extends Float32Array | Uint8Array | Uint16Array>(
  from: ArrayLike<number>,
  to: Values,
  rows: number,
  cols: number,
): Values {
  for (let i = 0, row = 0; row < rows; row++) {
    for (let at = row, col = 0; col < cols; col++, at += rows) to[i++] = from[at] as number;
  }
  return to;
}
