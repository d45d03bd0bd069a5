import type { Part } from "../compression/parts.ts";
import { Arena, lines } from "../engine/arena.ts";
import { graph, isImage, type Node } from "../engine/graph.ts";
import { type ImageContext, imageForward, takeImageBuffers } from "../engine/image-passes.ts";
import { lossStep, phases, scratchBytes } from "../engine/image-program.ts";
import { pack, paneledBytes, panels } from "../engine/packing.ts";
import { encode, type Op, type Phase } from "../engine/program.ts";
import type { Slot } from "../engine/slots.ts";
import { size } from "../engine/stages.ts";
import { COUNTERS, LINE } from "../engine/wasm/assembly/layout.ts";
import { isWinograd, transformedBytes } from "../engine/winograd.ts";
import type { Model, Network, Parameter, Shape } from "../net/network.ts";
import { type LayerWeights, layerOps, layerWeights, widestOf } from "./layers.ts";
import { type Piece, WeightStore } from "./weights.ts";

/** A network compiled for inference: offsets in an arena, and what is put there before anything runs. Pure data. */
export interface Inference extends Passes, WeightBytes {
  readonly pieces: readonly Piece[];
  /** Bytes of all weights, and of the arena. */
  readonly weightBytes: number;
  readonly bytes: number;
}

interface WeightBytes {
  /** Bytes of the weights that a pass reads once, and once for every IMAGE_ROWS examples. */
  readonly rowBytes: number;
  readonly imageBytes: number;
  /** Bytes of the weight matrices of layers, by name; those with parts only. */
  readonly layerBytes: ReadonlyMap<string, number>;
}

/** What a pass works on. */
interface Passes {
  /** Most examples of a pass. */
  readonly chunk: number;
  /** Programs: once at the start; of a pass; of a pass with the loss. */
  readonly prepare: number;
  readonly infer: number;
  readonly evaluate: number;
  readonly control: number;
  readonly scratch: number;
  /** Blocked rows, or an image for each example (assembly/layout.ts). */
  readonly input: number;
  readonly inputShape: Shape;
  readonly labels: number;
  readonly output: number;
}

/** Most examples of a pass. */
const MOST_EXAMPLES = 128;

/** Bytes of activations beyond which a pass takes fewer examples. */
const WORK_BYTES = 2 ** 24;

/**
 * Lays out weights, activations and programs; a generator, as weights are packed here (see `resting`).
 * @param parts Summands of the compressed layers; the weights of others are taken from the model.
 * @throws RangeError for layers that the engine does not have.
 */
export function* compileInference(
  model: Model,
  parts: ReadonlyMap<string, readonly Part[]>,
): Generator<void, Inference> {
  const nodes = graph(withFlatInput(model.network), "inference");
  const arena = new Arena();
  const weights = yield* takeWeights(arena, model, nodes, parts);
  const sizes = [1, 2, 4, 8, 16, 32, 64].map((n) => MOST_EXAMPLES / n);
  const fits = (examples: number) => {
    const trial = new Arena();
    takePasses(trial, model.network, nodes, weights, examples);
    return trial.bytes <= WORK_BYTES;
  };
  const chunk = sizes.find(fits) ?? 1;
  const { programs, ...passes } = takePasses(arena, model.network, nodes, weights, chunk);
  const pieces = [...weights.pieces, ...programs];
  const { weightBytes, rowBytes, imageBytes, layerBytes } = weights;
  return { ...passes, pieces, weightBytes, rowBytes, imageBytes, layerBytes, bytes: arena.bytes };
}

/** An image that is read only as a row of values is one from the start. */
function withFlatInput(network: Network): Network {
  const readsRows = network.layers.every(
    ({ inputs, spec }) =>
      !inputs.includes("input") || spec.kind === "dense" || spec.kind === "flatten",
  );
  return readsRows ? { ...network, input: [size(network.input)] } : network;
}

interface AllWeights extends WeightBytes {
  readonly weightBytes: number;
  readonly pieces: readonly Piece[];
  /** Plain parameters, by key. */
  readonly slots: ReadonlyMap<string, Slot>;
  readonly layers: ReadonlyMap<Node, LayerWeights>;
}

/** Weights of dense layers and of compressed ones packed; others as the engine's own kernels read them, Winograd's among them. */
function* takeWeights(
  arena: Arena,
  { weights }: Model,
  nodes: readonly Node[],
  parts: ReadonlyMap<string, readonly Part[]>,
): Generator<void, AllWeights> {
  const store = new WeightStore(arena);
  const slots = new Map<string, Slot>();
  const layers = new Map<Node, LayerWeights>();
  const layerBytes = new Map<string, number>();
  const start = arena.bytes;
  let [rowBytes, imageBytes] = [0, 0];
  for (const node of nodes) {
    const before = arena.bytes;
    const isDense = node.spec.kind === "dense";
    for (const parameter of node.parameters) {
      const data = weights[parameter.key] as Float32Array;
      const own = parts.get(node.layer);
      if (parameter.role === "w" && (own || isDense)) {
        const plain = [{ kind: "all", numbers: { kind: "floats", data } }] as const;
        const first = arena.bytes;
        layers.set(node, yield* layerWeights(store, parameter, own ?? plain, isDense));
        if (own) layerBytes.set(node.layer, arena.bytes - first);
      } else {
        slots.set(parameter.key, plainSlot(store, parameter, data));
        // Only the transformed ones are read.
        if (parameter.role === "w" && isWinograd(node)) {
          imageBytes += transformedBytes(node) - (slots.get(parameter.key) as Slot).bytes;
        }
      }
      yield;
    }
    const bytes = arena.bytes - before;
    if (!isImage(node)) rowBytes += bytes;
    // A batch norm reads its coefficients, which are few.
    else if (node.spec.kind !== "batchNorm") imageBytes += bytes;
  }
  const weightBytes = arena.bytes - start;
  return { pieces: store.pieces, slots, layers, weightBytes, rowBytes, imageBytes, layerBytes };
}

function plainSlot(
  store: WeightStore,
  { key, role, rows, cols }: Parameter,
  values: Float32Array,
): Slot {
  const paneled = role === "w";
  const bytes = paneled ? paneledBytes(rows, cols) : panels(rows) * 32;
  const array = new Float32Array(bytes / 4);
  if (paneled) pack(values, cols, array, 0, rows);
  else array.set(values);
  return {
    ...{ key, rows, cols, paneled, bytes, weight: store.put(key, array) },
    ...{ momentum: 0, second: 0, target: 0, other: 0, transposed: 0, importance: 0, penalty: 0 },
  };
}

/** Activations of `chunk` examples, and the programs. */
function takePasses(
  arena: Arena,
  network: Network,
  nodes: readonly Node[],
  { slots, layers }: AllWeights,
  chunk: number,
): Passes & { readonly programs: readonly Piece[] } {
  const widest = Math.max(
    ...network.parameters.map(({ rows }) => rows),
    ...[...layers.values()].map(widestOf),
  );
  const zeros = arena.take("zeros", panels(widest) * 32);
  const context: ImageContext = {
    ...{ arena, nodes, loss: network.loss, mean: 0, data: undefined, zeros },
    slot: (key) => slots.get(key) as Slot,
  };
  const buffers = takeImageBuffers(context, chunk, false, (node) => !layers.has(node));
  let scratch = scratchBytes(nodes.filter((node) => !layers.has(node)));
  const instead = (node: Node): readonly Op[] | undefined => {
    // The caller writes it.
    if (node.spec.kind === "input") return [];
    const weights = layers.get(node);
    if (!weights) return undefined;
    const bias = node.parameters.find(({ role }) => role === "b")?.key;
    const made = layerOps(node, weights, {
      ...{ arena, zeros, batch: chunk, bias: bias ? (slots.get(bias)?.weight ?? zeros) : zeros },
      ...{ x: buffers.value(node.inputs[0] as Node), y: buffers.value(node) },
    });
    scratch = Math.max(scratch, made.scratch);
    return made.ops;
  };
  const steps = imageForward(context, buffers, { from: "weight", training: false, instead });
  const rows = 4 * Math.ceil(chunk / 4);
  const own = steps.filter(({ axis }) => axis === "rows");
  const loss = lossStep(context, buffers, 0, "each");
  const programs: Piece[] = [];
  let most = 0;
  const take = (name: string, parts: readonly Phase[]) => {
    const words = encode({ name, phases: parts });
    const offset = arena.take(`program ${name}`, words.byteLength);
    programs.push({ offset, bytes: new Uint8Array(words.buffer) });
    most = Math.max(most, parts.length);
    return offset;
  };
  // Coefficients of batch norms and transformed weights depend on no example.
  const tiles = steps.filter(({ axis }) => axis === "tiles");
  const prepare = take("prepare", phases(tiles, buffers, []));
  const infer = take("infer", phases(own, buffers, [], rows));
  const evaluate = take("evaluate", phases([...own, loss], buffers, ["loss"], rows));
  return {
    ...{ programs, chunk, prepare, infer, evaluate },
    control: arena.take("control", COUNTERS + LINE * most),
    scratch: arena.take("scratch", lines(scratch)),
    labels: arena.take("labels", chunk),
    input: buffers.value(nodes[0] as Node),
    inputShape: nodes[0]?.shape ?? [],
    output: buffers.value(nodes.at(-1) as Node),
  };
}
