import type { Part } from "../compression/parts.ts";
import { layerParts } from "../lc/layer-parts.ts";
import { type Model, model as modelOf, type Shape } from "../net/network.ts";
import { atOnce } from "../rest.ts";
import { writeDurably } from "../runs/durable.ts";
import { version } from "../runs/record.ts";
import { grouped } from "../text.ts";
import { type ExportedFile, exported, inWords, plainPart, type Stored } from "./exported.ts";
import type { CompressedModel } from "./file.ts";
import { elementType, type OnnxGraph, onnxGraph } from "./onnx-graph.ts";
import { channelsLast, emitLayer, networkInput, type Value } from "./onnx-layers.ts";

export interface OnnxOptions {
  /** True: compressed layers are written as plain float32 weights too. Default false. */
  readonly decompress?: boolean;
  /**
   * `Dataset.mean` of the data the network was trained on: the model then takes pixels, uint8, and the file has
   * x = pixel / 255 − mean in it. Default: it takes x, float32.
   */
  readonly mean?: Float32Array;
}

/**
 * A network as an ONNX file, operator set 17, IR version 8. Input `input`: [N, …the network's input], channels last as
 * everywhere here; output `output`: [N, outputs], before any softmax. N is free. Batch norm has its running statistics,
 * dropout is left out.
 *
 * The weights of a solution stay compressed in the file: codes of 1, 2, 4, 8 or 16 bits with their codebook, kept values
 * with the gaps between their positions, factors (by themselves as two layers), half precision; sums as sums. What has no
 * such form – a compression of one's own, factors or kept values that are pruned themselves – is written as plain weights; `table` says so.
 * @throws RangeError for a layer that ONNX has no form for, or a mean of the wrong length; LCError LC_MEMORY beyond 2 GB.
 * @example
 * toOnnx(lenet300()).length > 4 * 266_610   //=> true
 */
export function toOnnx(of: Model | CompressedModel, options: OnnxOptions = {}): Uint8Array {
  return written(of, options).bytes;
}

/**
 * Writes what `toOnnx` returns to `path`, as one piece: a file that is there is replaced or stays as it is.
 * @throws as `toOnnx`; LCError LC_DISK if the file cannot be written.
 */
export async function exportOnnx(
  of: Model | CompressedModel,
  path: string,
  options: OnnxOptions = {},
): Promise<ExportedFile> {
  const { bytes, layers } = written(of, options);
  await writeDurably(path, bytes);
  const words = { rest: "float32, and the graph", whole: "whole file" };
  return exported(path, bytes.length, layers, words);
}

function written(
  of: Model | CompressedModel,
  { decompress = false, mean }: OnnxOptions,
): { readonly bytes: Uint8Array; readonly layers: readonly Stored[] } {
  const solution = "tasks" in of ? of : undefined;
  const model = solution ? solution.model : (of as Model);
  const { network } = modelOf(model.network, model.weights);
  const found =
    solution && !decompress ? atOnce(layerParts(solution)) : new Map<string, readonly Part[]>();
  const parts = (layer: string) => found.get(layer) ?? [plainPart(model, layer)];
  const graph = onnxGraph();
  const values = new Map<string, Value>();
  const x = mean ? pixels(graph, mean, network.input) : "input";
  values.set("input", networkInput(graph, x, network.input));
  const layers: Stored[] = [];
  let last = values.get("input") as Value;
  for (const layer of network.layers) {
    const before = graph.constantBytes();
    const inputs = layer.inputs.map((from) => values.get(from) as Value);
    last = emitLayer({ graph, model, parts }, layer, inputs);
    values.set(layer.name, last);
    const w = layer.parameters.find(({ role }) => role === "w");
    if (!w) continue;
    const others = layer.parameters.reduce((n, p) => n + (p === w ? 0 : 4 * p.rows * p.cols), 0);
    layers.push({
      name: layer.name,
      stored: parts(layer.name).map(words).join(" + "),
      bytes: graph.constantBytes() - before - others,
      dense: 4 * w.rows * w.cols,
    });
  }
  const bytes = graph.file({
    name: network.name,
    version: version(),
    doc: solution
      ? `${network.name}, compressed by lclab${decompress ? ", with plain weights" : ""}`
      : network.name,
    input: {
      type: mean ? "uint8" : "float",
      shape: ["N", ...network.input],
      doc: mean ? "pixels 0…255, channels last" : "pixel / 255 − mean, channels last",
    },
    output: {
      type: "float",
      shape: ["N", ...last.shape],
      doc: network.loss === "softmaxCrossEntropy" ? "logits, before the softmax" : "outputs",
    },
    end: last.shape.length === 3 ? channelsLast(graph, last, "output") : last.name,
  });
  return { bytes, layers };
}

/** x = pixel / 255 − mean. */
function pixels(graph: OnnxGraph, mean: Float32Array, shape: Shape): string {
  const size = shape.reduce((product, n) => product * n, 1);
  if (mean.length !== size) {
    throw new RangeError(
      `toOnnx: mean must have a number for each of the ${shape.join(" × ")} = ${size} inputs, got ${mean.length}. Give the mean of the data set that the network was trained on: { mean: data.mean }.`,
    );
  }
  const values = graph.node("Cast", ["input"], "input.float", { to: elementType("float") });
  const most = graph.constant("input.255", Float32Array.of(255), []);
  const scaled = graph.node("Div", [values, most], "input.scaled");
  return graph.node("Sub", [scaled, graph.constant("input.mean", mean, shape)], "input.centred");
}

/** A summand as the table has it. */
function words(part: Part): string {
  if (part.kind === "lowRank") return `factors of rank ${part.rank} (${inWords(part.u)})`;
  const what = inWords(part.numbers);
  return part.kind === "all" ? what : `${grouped(part.positions.length)} kept (${what})`;
}
