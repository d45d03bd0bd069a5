import { mkdir, readdir, rm } from "node:fs/promises";
import { join } from "node:path";
import { type Numbers, type Part, values } from "../compression/parts.ts";
import { LCError } from "../errors.ts";
import { layerParts } from "../lc/layer-parts.ts";
import { type Model, model as modelOf, type Network } from "../net/network.ts";
import { type TfjsTopology, type TfjsWeight, tfjsTopology } from "../net/tfjs-layers.ts";
import { transposed } from "../net/tfjs-parameters.ts";
import { atOnce } from "../rest.ts";
import { writeDurably } from "../runs/durable.ts";
import { version } from "../runs/record.ts";
import { type ExportedFile, exported, inWords, plainPart, type Stored } from "./exported.ts";
import type { CompressedModel } from "./file.ts";

export interface TfjsOptions {
  /** True: compressed layers are written as plain float32 weights too. Default false. */
  readonly decompress?: boolean;
  /** True: the model ends before the softmax. Default false: it ends in one if the loss is softmaxCrossEntropy. */
  readonly logits?: boolean;
}

/** What a file of weights has at most, as in those of TensorFlow's converter. */
const SHARD_BYTES = 4 * 2 ** 20;

/**
 * A network as the files of a TensorFlow.js LayersModel, by name: `model.json` and its weights in files of at most 4 MiB.
 * `tf.loadLayersModel` of any tfjs reads them, and `fromTfjs` what that gives. TensorFlow.js is not needed to write them.
 * Input: [N, …the network's input], x = pixel / 255 − mean, channels last. Layers are those of `toTfjs`.
 *
 * Of a solution these stay compressed: low-rank layers are two layers where that is fewer numbers; weights (and factors) with
 * a codebook of at most 256 evenly spaced levels – `binarize`, `ternarize`, `uniform`, and any of two – take a byte, `float16` two,
 * if what tfjs makes of them is the same to the last bit. All else is float32, which is all that the format has.
 * @throws RangeError naming a layer that tfjs has none for: localResponseNorm, and pools padded by pixels but for a maxPool
 *   behind a relu.
 * @example
 * [...toTfjsFiles(lenet300()).keys()]   //=> ["model.json", "group1-shard1of1.bin"]
 */
export function toTfjsFiles(
  of: Model | CompressedModel,
  options: TfjsOptions = {},
): ReadonlyMap<string, Uint8Array> {
  return written(of, options).files;
}

/**
 * Writes what `toTfjsFiles` returns into the folder `dir`, which is made if it is missing; `model.json` last, so that it
 * never names weights that are not there yet. Weights of an earlier export that it does not name are removed then.
 * @returns The path of model.json, the bytes of all files, and what takes them.
 * @throws as `toTfjsFiles`; LCError LC_DISK if a file cannot be written or removed.
 */
export async function exportTfjs(
  of: Model | CompressedModel,
  dir: string,
  options: TfjsOptions = {},
): Promise<ExportedFile> {
  const { files, layers } = written(of, options);
  try {
    await mkdir(dir, { recursive: true });
  } catch (cause) {
    const { message } = cause as Error;
    throw new LCError("LC_DISK", `cannot make the folder ${dir}: ${message}.`, { cause });
  }
  let bytes = 0;
  for (const [name, content] of [...files].reverse()) {
    await writeDurably(join(dir, name), content);
    bytes += content.length;
  }
  await removeOthers(dir, files);
  const words = { rest: "float32, and model.json", whole: "all files" };
  return exported(join(dir, MODEL), bytes, layers, words);
}

const MODEL = "model.json";

/** Removes the weights that an export of other sizes left. */
async function removeOthers(dir: string, files: ReadonlyMap<string, Uint8Array>): Promise<void> {
  try {
    for (const name of await readdir(dir)) {
      const other = /^group1-shard\d+of\d+\.bin$/.test(name) && !files.has(name);
      if (other) await rm(join(dir, name));
    }
  } catch (cause) {
    const { message } = cause as Error;
    throw new LCError("LC_DISK", `cannot remove old weights in ${dir}: ${message}.`, { cause });
  }
}

/** A stored array: its bytes, and how they make float32 numbers. */
interface Encoded {
  readonly words: string;
  readonly bytes: Uint8Array;
  readonly quantization?: Readonly<Record<string, string | number>>;
}

function written(
  of: Model | CompressedModel,
  { decompress = false, logits = false }: TfjsOptions,
): { readonly files: ReadonlyMap<string, Uint8Array>; readonly layers: readonly Stored[] } {
  const solution = "tasks" in of ? of : undefined;
  const given = solution ? solution.model : (of as Model);
  const model = modelOf(given.network, given.weights);
  const parts =
    solution && !decompress ? atOnce(layerParts(solution)) : new Map<string, readonly Part[]>();
  const topology = tfjsTopology("exportTfjs", model.network, {
    softmax: !logits && model.network.loss === "softmaxCrossEntropy",
    factors: (layer) => factorsOf(parts.get(layer)),
  });
  const encoded = new Map<string, Encoded>();
  const weights = topology.layers.flatMap((layer) =>
    layer.weights.map((weight) => {
      const array = encodedAs(numbersOf(model, parts, weight.of), weight);
      encoded.set(weight.of, array);
      const { quantization } = array;
      return {
        ...{ name: `${layer.name}/${weight.name}`, shape: weight.shape, dtype: "float32" },
        ...(quantization ? { quantization } : {}),
      };
    }),
  );
  const shards = shardsOf([...encoded.values()].map(({ bytes }) => bytes));
  const json = {
    format: "layers-model",
    generatedBy: `lclab ${version()}`,
    convertedBy: null,
    modelTopology: kerasJson(topology),
    weightsManifest: [{ paths: [...shards.keys()], weights }],
  };
  const text = new TextEncoder().encode(JSON.stringify(json));
  return {
    files: new Map([[MODEL, text], ...shards]),
    layers: storedLayers(model.network, encoded),
  };
}

/** Factors that are worth two layers: of a low-rank matrix by itself, if they are fewer numbers than it. */
function factorsOf(parts: readonly Part[] | undefined) {
  const [part, ...more] = parts ?? [];
  if (part?.kind !== "lowRank" || more.length > 0) return undefined;
  const { rank, rows, cols, height } = part;
  const fewer = rank * (rows * height + cols / height) < rows * cols;
  return rank > 0 && fewer ? part : undefined;
}

/** The numbers of a stored array, in our layout: a parameter, or `layer.w.u` and `layer.w.v`. */
function numbersOf(
  model: Model,
  parts: ReadonlyMap<string, readonly Part[]>,
  key: string,
): Numbers {
  const data = model.weights[key];
  const layer = key.replace(/\.w(\.[uv])?$/, "");
  const found = parts.get(layer);
  if (data && (layer === key || !found)) return { kind: "floats", data };
  const factors = factorsOf(found);
  if (factors) return key.endsWith(".u") ? factors.u : factors.v;
  const [part, ...more] = found ?? [];
  const single = part?.kind === "all" && more.length === 0;
  return single ? part.numbers : plainPart(model, layer).numbers;
}

/** Numbers with outputs as the last axis; compressed where tfjs decodes them to the same float32. */
function encodedAs(numbers: Numbers, { shape }: TfjsWeight): Encoded {
  const rows = shape.length > 1 ? (shape.at(-1) as number) : 1;
  const turn = <Values extends Float32Array | Uint8Array | Uint16Array>(
    from: ArrayLike<number>,
    type: new (length: number) => Values,
  ): Uint8Array => {
    const to = transposed(from, new type(from.length), from.length / rows, rows);
    return new Uint8Array(to.buffer, to.byteOffset, to.byteLength);
  };
  const words = inWords(numbers);
  if (numbers.kind === "halves") {
    const quantization = { dtype: "float16", original_dtype: "float32" };
    return { words, bytes: turn(numbers.data, Uint16Array), quantization };
  }
  const grid = numbers.kind === "codes" && numbers.books === 1 ? gridOf(numbers.levels) : undefined;
  if (grid) {
    const quantization = { dtype: "uint8", original_dtype: "float32", ...grid };
    return { words: `${words}, a byte each`, bytes: turn(numbers.data, Uint8Array), quantization };
  }
  const stored = numbers.kind === "codes" ? `${words}, as float32` : words;
  return { words: stored, bytes: turn(values(numbers), Float32Array) };
}

/** The grid of at most 256 levels: code · scale + min, in float64, rounds to each of them. Undefined if there is none. */
function gridOf(
  levels: Float32Array,
): { readonly scale: number; readonly min: number } | undefined {
  if (levels.length > 256) return undefined;
  const [first = 0, second = first] = levels;
  const zero = levels.indexOf(0);
  const unit = levels[zero + 1];
  const grids = [{ scale: second - first, min: first }];
  // Levels a (k − q): the products are exact in float64, where those of a rounded −a q are not.
  if (zero >= 0 && unit !== undefined) grids.push({ scale: unit, min: -zero * unit });
  return grids.find(({ scale, min }) =>
    levels.every((level, code) => Math.fround(code * scale + min) === level),
  );
}

/** All bytes, one behind the other, cut into files. */
function shardsOf(arrays: readonly Uint8Array[]): ReadonlyMap<string, Uint8Array> {
  const whole = Buffer.concat(arrays);
  const count = Math.max(1, Math.ceil(whole.length / SHARD_BYTES));
  return new Map(
    Array.from({ length: count }, (_, i) => [
      `group1-shard${i + 1}of${count}.bin`,
      whole.subarray(i * SHARD_BYTES, (i + 1) * SHARD_BYTES),
    ]),
  );
}

/** The layers as Keras 2 writes them, which is what tfjs reads. */
function kerasJson({ name, input, layers, output }: TfjsTopology): object {
  const node = (from: string) => [from, 0, 0, {}];
  const start = {
    class_name: "InputLayer",
    name: input.name,
    config: {
      ...{ batch_input_shape: [null, ...input.shape], dtype: "float32" },
      ...{ sparse: false, name: input.name },
    },
    inbound_nodes: [],
  };
  const others = layers.map((layer) => ({
    class_name: layer.kind,
    name: layer.name,
    config: { name: layer.name, trainable: true, dtype: "float32", ...pythonic(layer.config) },
    inbound_nodes: [layer.inputs.map(node)],
  }));
  return {
    keras_version: "2.2.4",
    backend: "tensorflow",
    model_config: {
      class_name: "Model",
      config: {
        name,
        layers: [start, ...others],
        input_layers: [[input.name, 0, 0]],
        output_layers: [[output, 0, 0]],
      },
    },
  };
}

/** kernelSize → kernel_size. */
function pythonic(config: Readonly<Record<string, unknown>>): Record<string, unknown> {
  const spelled = (key: string) => key.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
  return Object.fromEntries(Object.entries(config).map(([key, value]) => [spelled(key), value]));
}

/** What the weights of each layer take. */
function storedLayers(network: Network, encoded: ReadonlyMap<string, Encoded>): readonly Stored[] {
  const compressible = network.parameters.filter((parameter) => parameter.compressible);
  return compressible.map(({ key, layer, rows, cols }) => {
    const whole = encoded.get(key);
    const [u, v] = [encoded.get(`${key}.u`), encoded.get(`${key}.v`)] as [Encoded, Encoded];
    const bytes = whole ? whole.bytes.length : u.bytes.length + v.bytes.length;
    const stored = whole ? whole.words : `two layers (${v.words}; ${u.words})`;
    return { name: layer, stored, bytes, dense: 4 * rows * cols };
  });
}
