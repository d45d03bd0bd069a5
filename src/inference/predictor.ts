import type { Part } from "../compression/parts.ts";
import type { Split } from "../data/dataset.ts";
import { checkSplit } from "../engine/checks.ts";
import type { Evaluation } from "../engine/engine.ts";
import { IMAGE_ROWS } from "../engine/image-program.ts";
import { size } from "../engine/stages.ts";
import type { CompressedModel } from "../files/file.ts";
import { layerParts } from "../lc/layer-parts.ts";
import { type Size, sizeOf } from "../lc/size.ts";
import type { Task } from "../lc/task.ts";
import { type Model, model as modelOf, type Network } from "../net/network.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { resting } from "../rest.ts";
import { grouped } from "../text.ts";
import { compileInference, type Inference } from "./program.ts";
import { Runner } from "./runner.ts";

/** Bytes of a predictor. */
export interface InferenceMemory {
  /**
   * Resident bytes of all weights. Codes have ⌈log₂K⌉ bits, positions are gaps; each array takes up to 63 bytes more, as the next begins on a
   * cache line. Without Winograd's transformed weights of plain convolutions, which are in `workBytes`.
   */
  readonly weightBytes: number;
  /** Bytes of the data that `save` writes without entropy coding; of a plain model `denseBytes`. */
  readonly packedBytes: number;
  /** All parameters as float32. */
  readonly denseBytes: number;
  /** Activations of a pass, one unpacked tile, and programs. */
  readonly workBytes: number;
  /** Most examples of a pass, fixed by the network. */
  readonly passExamples: number;
  /**
   * Bytes of weights that a call with so many examples reads: those of dense layers once for each pass, those of convolutions (of plain
   * ones by Winograd's algorithm the transformed weights) once for every four examples of it. Batch norms are left out, and reading
   * again within these examples, which the cache serves.
   */
  readBytes(examples: number): number;
}

/** Runs a network, compressed or not. */
export interface Predictor extends Displayable {
  readonly memory: InferenceMemory;
  /** What is not as one may expect: compressions whose weights are float32 here, or take much more than in the file. */
  readonly notes: readonly string[];
  /**
   * The outputs before the softmax (of a network with squared error: its outputs), example after example. The same bytes however
   * the examples are split into calls.
   * @param x Examples one after the other, each of the network's input shape (row-major, channels last): as Float32Array
   *   x = pixel / 255 − mean, what the network sees; as Uint8Array pixels, if the predictor has a `mean`.
   * @returns Float32Array, examples × outputs.
   * @throws RangeError for another length, for NaN or an infinite number, and for pixels without `mean`; LCError LC_ENGINE once closed.
   */
  logits(x: Float32Array | Uint8Array): Promise<Float32Array>;
  /** The class of each example, that of the largest logit; of equal ones the smallest. @throws as `logits`. */
  predict(x: Float32Array | Uint8Array): Promise<Uint32Array>;
  /**
   * Mean loss and number of wrong predictions of labelled pixels, e.g. `data.test`. Needs `mean`.
   * @throws as `logits`; RangeError for another number of labels, or a label that is no output.
   */
  evaluate(split: Split): Promise<Evaluation>;
  /** Frees the memory. Safe to call twice. */
  close(): void;
}

export interface InferenceOptions {
  /** `Dataset.mean` of the data the network was trained on, finite numbers; pixels then become x = pixel / 255 − mean. */
  readonly mean?: Float32Array;
}

/**
 * A network ready to predict: in WebAssembly, on the caller's thread, with other events let in between passes, and while weights are
 * packed. The weights of a compressed network stay compressed: 8 outputs of a layer at a time have theirs unpacked into a small tile,
 * which serves many examples and is used again for the next 8. Codebooks, pruning of single weights, factors and their sums take at
 * most 10 % more than in the file, if layers are not tiny: arrays begin on cache lines. Pruned groups and `perChannel` of a pruning take
 * more, as each weight has its position here, and compressed values of channels are float32; `notes` says where it is much. Low-rank
 * matrices are two thin layers; at most 10 % kept weights of a dense layer, by themselves, are multiplied one by one. Unpacked weights are Δ(θ) to the bit, but for sums of three parts or more, which round twice.
 * @param of A solution, what `load` gave, or a plain model.
 * @throws RangeError for layers that it does not have, or a mean of the wrong length or not finite; TypeError for anything but a
 *   network or mean; LCError LC_MEMORY.
 * @example
 * const predictor = await inference(solution, { mean: data.mean });
 * await predictor.predict(data.test.images);   // Uint32Array of classes
 * predictor.memory.weightBytes;                // about solution.bits / 8, and the biases
 */
export async function inference(
  of: Model | CompressedModel,
  { mean }: InferenceOptions = {},
): Promise<Predictor> {
  const { given, compressed } = networkOf(of);
  const model = modelOf(given.network, given.weights);
  const { network } = model;
  const inputs = size(network.input);
  if (mean !== undefined) checkMean(mean, inputs, network);
  const parts = compressed
    ? await resting(layerParts(compressed))
    : new Map<string, readonly Part[]>();
  const plan = await resting(compileInference(model, parts));
  const runner = await Runner.start(plan, network, mean);
  const { tasks = [], thetas = {} } = compressed ?? {};
  const own = tasks.map(({ layers }) => thetas[layers[0] as string]);
  const stored = sizeOf(network, tasks, own);
  const notes = tasks.flatMap((task, i) =>
    notesOf(task, plan, model, (stored.tasks[i] as number) / 8),
  );
  return predictorOf(runner, network, memoryOf(plan, network, stored), notes);
}

/** What is not as one may expect of the layers of a task, whose θ takes `stored` bytes in the file. */
function notesOf(
  { layers }: Task,
  { layerBytes }: Inference,
  { weights }: Model,
  stored: number,
): readonly string[] {
  const plain = layers.filter((layer) => !layerBytes.has(layer));
  if (plain.length > 0) {
    return plain.map((layer) => {
      const bytes = grouped(4 * (weights[`${layer}.w`]?.length ?? 0));
      return `Layer "${layer}": its compression has no packed form here; its weights are float32, ${bytes} bytes.`;
    });
  }
  const here = layers.reduce((sum, layer) => sum + (layerBytes.get(layer) as number), 0);
  if (here <= MUCH * stored + LITTLE) return [];
  const names = layers.map((layer) => `"${layer}"`).join(", ");
  const [whose, their] = layers.length > 1 ? ["Layers", "their"] : ["Layer", "its"];
  return [
    `${whose} ${names}: ${their} weights take ${grouped(here)} bytes here, ${grouped(stored)} in the file.`,
  ];
}

/** Bytes in memory over those in the file of which a note is made, beyond what arrays take that begin on cache lines. */
const MUCH = 1.25;
const LITTLE = 1024;

/** @throws TypeError for anything but what `inference` takes. */
function networkOf(of: Model | CompressedModel): {
  readonly given: Model;
  readonly compressed: CompressedModel | undefined;
} {
  const compressed = isObject(of) && "tasks" in of ? of : undefined;
  const given = compressed ? compressed.model : (of as Model);
  if (isObject(given) && isObject(given.network) && isObject(given.weights)) {
    return { given, compressed };
  }
  const got = isObject(of) ? `an object with ${Object.keys(of).join(", ") || "nothing in it"}` : of;
  throw new TypeError(
    `inference: give a solution, what load gave, or a model (a network with its weights), got ${String(got)}. Write inference(solution), inference(await load(path)) or inference(lenet300()).`,
  );
}

function isObject(value: unknown): value is object {
  return typeof value === "object" && value !== null;
}

/** @throws TypeError, RangeError. */
function checkMean(mean: Float32Array, inputs: number, { input }: Network): void {
  const remedy =
    "Give the mean of the data set that the network was trained on: { mean: data.mean }.";
  if (!(mean instanceof Float32Array)) {
    throw new TypeError(
      `inference: mean must be a Float32Array, got ${Object.prototype.toString.call(mean)}. ${remedy}`,
    );
  }
  if (mean.length !== inputs) {
    throw new RangeError(
      `inference: mean must have a number for each of the ${input.join(" × ")} = ${inputs} inputs, got ${mean.length}. ${remedy}`,
    );
  }
  const bad = mean.findIndex((value) => !Number.isFinite(value));
  if (bad < 0) return;
  throw new RangeError(
    `inference: mean must be finite numbers, got ${mean[bad]} as value ${bad}. ${remedy}`,
  );
}

function memoryOf(
  { weightBytes, rowBytes, imageBytes, bytes, chunk }: Inference,
  network: Network,
  { bits, restBits }: Size,
): InferenceMemory {
  const numbers = network.parameters.reduce((n, { rows, cols }) => n + rows * cols, 0);
  return Object.freeze({
    weightBytes,
    packedBytes: (bits + restBits) / 8,
    denseBytes: 4 * numbers,
    workBytes: bytes - weightBytes,
    passExamples: chunk,
    readBytes: (examples: number) => {
      const passes = Math.floor(examples / chunk);
      const last = examples % chunk;
      const fours = passes * Math.ceil(chunk / IMAGE_ROWS) + Math.ceil(last / IMAGE_ROWS);
      const all = passes + Math.sign(last);
      return all * rowBytes + fours * imageBytes;
    },
  });
}

function predictorOf(
  runner: Runner,
  network: Network,
  memory: InferenceMemory,
  notes: readonly string[],
): Predictor {
  const outputs = size(network.layers.at(-1)?.outputShape ?? []);
  const inputs = size(network.input);
  const { weightBytes, packedBytes, denseBytes } = memory;
  const text = [
    `${network.name}: ${grouped(weightBytes)} bytes of weights in memory; packed ${grouped(packedBytes)}, as float32 ${grouped(denseBytes)}`,
    ...notes,
  ].join("\n");
  const logits = (who: string, x: Float32Array | Uint8Array) => runner.logits(who, x);
  return Object.freeze({
    memory,
    notes,
    logits: (x: Float32Array | Uint8Array) => logits("logits", x),
    predict: async (x: Float32Array | Uint8Array) => classes(await logits("predict", x), outputs),
    evaluate: async (split: Split) => {
      checkSplit("evaluate", split, "the split", inputs, outputs);
      return await runner.evaluate(split);
    },
    close: () => runner.close(),
    [displaySymbol]: () => ({ "text/plain": text }),
  });
}

/** Index of the largest of each `outputs` numbers. */
function classes(logits: Float32Array, outputs: number): Uint32Array {
  return Uint32Array.from({ length: logits.length / outputs }, (_, n) => {
    let best = n * outputs;
    for (let i = best + 1; i < (n + 1) * outputs; i++) {
      if ((logits[i] as number) > (logits[best] as number)) best = i;
    }
    return best - n * outputs;
  });
}
