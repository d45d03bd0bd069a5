import { isLCError, LCError } from "../errors.ts";
import { kerasGraph } from "../net/keras-graph.ts";
import {
  type Loss,
  type Model,
  model as modelOf,
  type Network,
  network as networkOf,
  type Parameter,
} from "../net/network.ts";
import { transposed } from "../net/tfjs-parameters.ts";
import { describe, endsInSoftmax, inputShape, readable } from "../net/tfjs-read.ts";
import { grouped } from "../text.ts";
import { type Hdf5, withHdf5 } from "./hdf5.ts";
import { readAtMost } from "./read.ts";
import { bad, object, parseJson, shown } from "./safetensors.ts";

/** 1 GiB: the file and its weights are in WebAssembly's memory, of 4 GiB, at the same time. */
const MOST_BYTES = 2 ** 30;

/**
 * Reads a model that Keras saved as HDF5, `model.save("model.h5")`: of Keras 2 (tf.keras) and 3, Sequential or functional. Layers, names
 * and losses are as with `fromTfjs`: an activation inside a layer is a layer of its own, `fc1_relu`; zeros around an image
 * become the padding of the layer behind; a softmax at the end becomes the loss softmaxCrossEntropy, and any other end squaredError
 * unless `loss` says that the outputs are logits.
 *
 * It needs the package h5wasm (npm install h5wasm), which lclab does not install.
 * @param options `maxBytes`: that the file, and its weights, may have; default 1 GiB.
 * @throws RangeError naming every layer and option that cannot be described; LCError LC_FILE for a file that is damaged or no such model, LC_ENGINE
 *   without h5wasm, LC_DISK if it cannot be read, LC_NONFINITE for weights that are not finite.
 * @example
 * const reference = await fromKeras("lenet5.h5");
 * const plan = compress(reference).each(reference.network.names, quantize({ bits: 1 }));
 */
export async function fromKeras(
  path: string,
  options: { readonly loss?: Loss; readonly maxBytes?: number } = {},
): Promise<Model> {
  const { loss, maxBytes = MOST_BYTES } = options;
  if (!(maxBytes > 0)) {
    throw new RangeError(`fromKeras: maxBytes must be a number above 0, got ${maxBytes}.`);
  }
  const bytes = await readAtMost(path, maxBytes);
  try {
    if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
      throw bad(
        'it is a zip archive, as Keras saves .keras files. In Python write model.save("model.h5")',
      );
    }
    return await withHdf5(bytes, (file) => modelIn(file, loss, maxBytes));
  } catch (cause) {
    if (!isLCError(cause, "LC_FILE")) throw cause;
    const problem = cause.message.replace(/^LC_FILE: /, "");
    throw new LCError("LC_FILE", `${path}: ${problem}`, { cause });
  }
}

function modelIn(file: Hdf5, loss: Loss | undefined, maxBytes: number): Model {
  const config = file.attribute("/", "model_config");
  if (typeof config !== "string") {
    throw bad(
      'it has no description of a model: it has weights only, or is not of Keras. In Python write model.save("model.h5") instead of model.save_weights',
    );
  }
  const network = networkIn(config, loss);
  const size = network.parameters.reduce((n, { rows, cols }) => n + 4 * rows * cols, 0);
  if (size > maxBytes) {
    throw bad(`its weights have ${grouped(size)} bytes, more than maxBytes = ${grouped(maxBytes)}`);
  }
  const weights = network.parameters.map((parameter) => [
    parameter.key,
    weightsIn(file, network, parameter),
  ]);
  return modelOf(network, Object.fromEntries(weights));
}

function networkIn(config: string, given: Loss | undefined): Network {
  const graph = understood(() => kerasGraph(object(parseJson(config), "model_config")));
  const input = inputShape("fromKeras", graph);
  const loss = given ?? (endsInSoftmax(graph) ? "softmaxCrossEntropy" : "squaredError");
  const { specs, problems } = understood(() => describe(graph, loss));
  if (problems.length > 0) {
    throw new RangeError(
      `fromKeras: ${problems.join("; ")}. ${readable} Build the model of these in Python, and save it again.`,
    );
  }
  return networkOf({ name: graph.name, input, layers: specs, loss });
}

/** Descriptions that nobody can have saved end in what JavaScript says of them. */
function understood<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    if (isLCError(cause)) throw cause;
    const { message } = cause as Error;
    throw bad(`its model_config cannot be understood: ${message.replace(/\.$/, "")}`, { cause });
  }
}

/** What Keras calls the arrays of a layer. */
const kerasNames: Readonly<Record<Parameter["role"], string>> = {
  ...{ w: "kernel", b: "bias", gamma: "gamma", beta: "beta" },
  ...{ mean: "moving_mean", variance: "moving_variance" },
};

/** A stored array in our layout. */
function weightsIn(file: Hdf5, network: Network, parameter: Parameter): Float32Array {
  const { layer, role, rows, cols } = parameter;
  const group = `model_weights/${layer}`;
  const names = file.attribute(group, "weight_names");
  const list = Array.isArray(names) ? names.map(String) : [];
  // fc1/kernel:0 of Keras 2, sequential/fc1/kernel of Keras 3.
  const name = list.find((one) => one.split("/").at(-1)?.replace(/:\d+$/, "") === kerasNames[role]);
  if (name === undefined) {
    throw bad(
      `layer ${shown(layer)} has no ${kerasNames[role]} in it; it has ${list.length > 0 ? list.map(shown).join(", ") : "no weights"}`,
    );
  }
  const path = `${group}/${name}`;
  const shape = role === "w" ? kernelShape(network, parameter) : [rows];
  const got = file.shape(path);
  if (got?.join() !== shape.join()) {
    throw bad(
      `${shown(path)} must have the shape [${shape.join(", ")}], got ${got ? `[${got.join(", ")}]` : "nothing"}`,
    );
  }
  return transposed(file.floats(path), new Float32Array(rows * cols), rows, cols);
}

/** Outputs are the last axis. */
function kernelShape({ layers }: Network, { layer, rows, cols }: Parameter): readonly number[] {
  const found = layers.find(({ name }) => name === layer);
  if (found?.spec.kind !== "conv2d") return [cols, rows];
  return [...found.spec.kernel, found.inputShape[2] as number, rows];
}
