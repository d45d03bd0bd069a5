import { isLCError } from "../errors.ts";
import { DescriptionError, kerasGraph } from "../net/keras-graph.ts";
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
import { type StoredArray, type StoredJob, type StoredModel, storedModel } from "./keras-stored.ts";
import { checkLayer } from "./layer-options.ts";
import { readAtMost } from "./read.ts";
import { bad, checkMaxBytes, located, object, parseJson } from "./safetensors.ts";
import { shown } from "./shown.ts";

/** 1 GiB: the file and its weights are in WebAssembly's memory, of 4 GiB, at the same time. */
const MOST_BYTES = 2 ** 30;

/**
 * Reads a model that Keras saved as HDF5, `model.save("model.h5")`: of Keras 2 (tf.keras) and 3, Sequential or functional. Layers, names
 * and losses are as with `fromTfjs`: an activation inside a layer is a layer of its own, `fc1_relu`; zeros around an image
 * become the padding of the layer behind; a softmax at the end becomes the loss softmaxCrossEntropy, and any other end squaredError
 * unless `loss` says that the outputs are logits.
 *
 * It needs the package h5wasm (npm install h5wasm), which lclab does not install.
 * @throws RangeError naming every layer and option that cannot be described; LCError LC_FILE for a file that is damaged or no such model, LC_ENGINE
 *   without h5wasm, LC_DISK if it cannot be read, LC_NONFINITE for weights that are not finite.
 * @example
 * const reference = await fromKeras("lenet5.h5");
 * const plan = compress(reference).each(reference.network.names, quantize({ bits: 1 }));
 */
export function fromKeras(path: string, options: KerasOptions = {}): Promise<Model> {
  return kerasModel(path, options, storedModel);
}

export interface KerasOptions {
  /** Default: softmaxCrossEntropy if the model ends in a softmax, else squaredError. */
  readonly loss?: Loss;
  /** Bytes that the file, and its weights, may have; default 1 GiB. */
  readonly maxBytes?: number;
}

/** As `fromKeras`; `stored` says what is in the file. */
export async function kerasModel(
  path: string,
  { loss, maxBytes = MOST_BYTES }: KerasOptions,
  stored: (job: StoredJob) => Promise<StoredModel>,
): Promise<Model> {
  checkMaxBytes("fromKeras", maxBytes);
  const bytes = await readAtMost(path, maxBytes);
  try {
    if (bytes[0] === 0x50 && bytes[1] === 0x4b) {
      throw bad(
        'it is a zip archive, as Keras saves .keras files. In Python write model.save("model.h5")',
      );
    }
    return modelIn(await stored({ bytes, maxBytes }), loss);
  } catch (cause) {
    throw located(path, cause);
  }
}

function modelIn({ config, layers }: StoredModel, loss: Loss | undefined): Model {
  if (typeof config !== "string") {
    throw bad(
      'it has no description of a model: it has weights only, or is not of Keras. In Python write model.save("model.h5") instead of model.save_weights',
    );
  }
  const network = networkIn(config, loss);
  const weights = network.parameters.map((parameter) => [
    parameter.key,
    weightsIn(layers.get(parameter.layer) ?? [], network, parameter),
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
  for (const [i, spec] of specs.entries()) checkLayer({ ...spec }, i);
  return networkOf({ name: graph.name, input, layers: specs, loss });
}

/** Descriptions that nobody can have saved end in what JavaScript says of them. */
function understood<Result>(read: () => Result): Result {
  try {
    return read();
  } catch (cause) {
    if (isLCError(cause)) throw cause;
    if (cause instanceof DescriptionError) {
      throw new RangeError(`fromKeras: ${cause.message}.`, { cause });
    }
    const { message } = cause as Error;
    throw bad(`its model_config cannot be understood: ${message.replace(/\.$/, "")}`, { cause });
  }
}

/** What Keras calls the arrays of a layer. */
const kerasNames: Readonly<Record<Parameter["role"], string>> = {
  ...{ w: "kernel", b: "bias", gamma: "gamma", beta: "beta" },
  ...{ mean: "moving_mean", variance: "moving_variance" },
};

/** The stored array of a parameter, in our layout. */
function weightsIn(
  arrays: readonly StoredArray[],
  network: Network,
  parameter: Parameter,
): Float32Array {
  const { layer, role, rows, cols } = parameter;
  const wanted = kerasNames[role];
  const array = arrays.find(({ name }) => name.split("/").at(-1)?.replace(/:\d+$/, "") === wanted);
  if (!array) {
    const names = arrays.map(({ name }) => shown(name)).join(", ");
    throw bad(`layer ${shown(layer)} has no ${wanted} in it; it has ${names || "no weights"}`);
  }
  const shape = role === "w" ? kernelShape(network, parameter) : [rows];
  const { name, shape: got, data } = array;
  if (got.join() !== shape.join()) {
    throw bad(
      `${shown(name)} of layer ${shown(layer)} must have the shape [${shape.join(", ")}], got [${got.join(", ")}]`,
    );
  }
  return transposed(data, new Float32Array(rows * cols), rows, cols);
}

/** Outputs are the last axis. */
function kernelShape({ layers }: Network, { layer, rows, cols }: Parameter): readonly number[] {
  const found = layers.find(({ name }) => name === layer);
  if (found?.spec.kind !== "conv2d") return [cols, rows];
  return [...found.spec.kernel, found.inputShape[2] as number, rows];
}
