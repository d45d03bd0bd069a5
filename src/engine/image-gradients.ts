import { isImage, type Node } from "./graph.ts";
import {
  bits,
  bytesOf,
  dropoutArgs,
  extent,
  type ImageBuffers,
  type ImageContext,
  poolCode,
  responseArgs,
  type Step,
  windowOf,
} from "./image-passes.ts";
import { imageBytes, paneledBytes, panels } from "./packing.ts";
import { code } from "./passes.ts";
import type { Op } from "./program.ts";
import { size } from "./stages.ts";
import { updateOp } from "./updates.ts";
import { turnedWindow } from "./winograd.ts";

/** Ops of a backward pass, and those that need all of it. */
export interface ImageBackward {
  readonly steps: readonly Step[];
  /** Weight gradients: dense ones with their update, convolutions' in chunks. Independent tiles. */
  readonly gradients: readonly Op[];
  /** Updates of convolutions, after all `gradients`. */
  readonly updates: readonly Op[];
}

/** Most pieces the examples are cut into for a convolution's weight gradient. */
const CHUNKS = 16;

/** Most bytes for the sums of all chunks of one convolution: beyond, runs of columns give enough tasks. */
const CHUNK_BYTES = 2 ** 22;

/** Patch panels per run: with 128 pixels of them, half of the first-level cache. */
export const PATCH_PANELS = 8;

/** Weight panels per task of an update. */
const UPDATE_PANELS = 32;

/** Gradients of the mean loss of a minibatch; `dy` is that of the last node's output. */
export function imageBackward(
  context: ImageContext,
  buffers: ImageBuffers,
  dy: number,
): ImageBackward {
  const { arena, nodes, slot } = context;
  const { batch, value, norm, transformed } = buffers;
  const steps: Step[] = [];
  const gradients: Op[] = [];
  const updates: Op[] = [];
  const gradient = new Map<Node, number>([[nodes.at(-1) as Node, dy]]);
  /** Where to put, or to add, a gradient of `node`. */
  const into = (node: Node): { readonly offset: number; readonly add: number } => {
    const there = gradient.get(node);
    if (there) return { offset: there, add: 1 };
    const offset = arena.take(`${node.layer} gradient`, bytesOf(node, batch));
    gradient.set(node, offset);
    return { offset, add: 0 };
  };
  for (const node of [...nodes].reverse()) {
    const dy = gradient.get(node);
    if (!dy || !node.trains) continue;
    const { layer, spec } = node;
    const image = isImage(node);
    const row = (op: Op, images: boolean = image) =>
      steps.push({ axis: "rows", image: images, op });
    const source = node.inputs[0] as Node;
    const [x, y] = [value(source), value(node)];
    const tasks = 0;
    const isActivation = spec.kind === "tanh" || spec.kind === "relu" || spec.kind === "sigmoid";
    const activation = code(isActivation ? spec.kind : node.activation);
    if (activation && image) {
      const args = { dy, y, bytes: imageBytes(node.shape), activation };
      row({ kernel: "activateImageInput", layer, tasks, args });
    } else if (activation) {
      const args = { dy, y, dx: dy, panels: panels(size(node.shape)), activation };
      row({ kernel: "activateInput", layer, tasks, args });
    }
    if (isActivation) {
      if (!source.trains) continue;
      if (gradient.has(source)) {
        const { offset: to, add } = into(source);
        row({
          kernel: "copyImage",
          layer,
          tasks,
          args: { from: dy, to, bytes: imageBytes(node.shape), add },
        });
      } else {
        gradient.set(source, dy);
      }
      continue;
    }
    switch (spec.kind) {
      case "dense": {
        const [inputs, outputs] = [size(source.shape), size(node.shape)];
        const [w, b] = node.parameters;
        if (!w) break;
        const stage = { kind: "dense", layer, inputs, outputs, w, b, activation: "none" } as const;
        gradients.push(updateOp(context, { stage, x, dy }));
        if (!source.trains) break;
        const { offset: dx } = into(source);
        const args = { dy, dyPanels: panels(outputs), wt: slot(w.key).transposed, y: x, dx };
        const xPanels = panels(inputs);
        const op = { ...args, xPanels, activation: 0 };
        row({ kernel: "denseInput", layer, tasks, args: op });
        break;
      }
      case "conv2d": {
        const u = transformed(node);
        const { gradientOp, update } = convolution(context, node, { x, dy, batch, winograd: !!u });
        gradients.push(gradientOp);
        updates.push(update);
        if (!source.trains) break;
        const { offset: dx, add } = into(source);
        if (u?.backward) {
          const window = turnedWindow(windowOf(node), spec.filters);
          const args = { x: dy, u: u.backward, b: 0, y: dx, activation: 0, add };
          const filters = source.shape[2] as number;
          row({ kernel: "winograd", layer, tasks, args: { ...window, ...args, filters } });
          break;
        }
        const wt = slot(node.parameters[0]?.key ?? "").transposed;
        const args = { ...windowOf(node), dy, wt, dx, filters: spec.filters, add };
        row({ kernel: "convInput", layer, tasks, args });
        break;
      }
      case "batchNorm": {
        const { coefficients, sums } = norm(node);
        const size = extent(node);
        row({ kernel: "channelSums", layer, tasks, args: { a: dy, b: x, ...size, sums } });
        const [gamma, beta, mean, variance] = node.parameters.map(({ key }) => slot(key));
        if (!gamma || !beta || !mean || !variance) break;
        const args = {
          ...{ sums, ...size, coefficients, momentum: bits(spec.momentum ?? 0.1) },
          ...{ w: gamma.weight, v: gamma.momentum, t: gamma.target, mu: gamma.penalty },
          ...{ b: beta.weight, bv: beta.momentum, bt: beta.target, bmu: beta.penalty },
          ...{ h: gamma.importance, bh: beta.importance },
          ...{ mean: mean.weight, variance: variance.weight },
        };
        const op: Op = { kernel: "normGradient", layer, tasks: size.panels, args };
        steps.push({ axis: "tiles", op });
        if (!source.trains) break;
        const { offset: dz, add } = into(source);
        row({
          ...{ kernel: "normInput", layer, tasks },
          args: { dy, z: x, dz, ...size, coefficients, add },
        });
        break;
      }
      case "add": {
        const shortcut = node.inputs[1] as Node;
        if (source.trains) {
          const { offset: to, add } = into(source);
          const args = { from: dy, to, bytes: imageBytes(node.shape), add };
          row({ kernel: "copyImage", layer, tasks, args });
        }
        if (shortcut.trains) {
          const { offset: ds, add } = into(shortcut);
          const args = { ...windowOf(node, shortcut), dy, ds, panels: extent(node).panels, add };
          row({ kernel: "addShortcut", layer, tasks, args });
        }
        break;
      }
      default:
        if (source.trains)
          row(simple(context, node, { x, y, dy, ...into(source) }), image || isImage(source));
    }
  }
  return { steps, gradients, updates };
}

/** Gradients of layers with neither parameters nor a second input. */
function simple(
  context: ImageContext,
  node: Node,
  at: { x: number; y: number; dy: number; offset: number; add: number },
): Op {
  const { layer, spec } = node;
  const { x, y, dy, offset: dx, add } = at;
  const source = node.inputs[0] as Node;
  const tasks = 0;
  switch (spec.kind) {
    case "maxPool":
    case "averagePool": {
      const args = { ...windowOf(node), x, y, dy, dx, pool: poolCode(spec.kind), add };
      return { kernel: "poolInput", layer, tasks, args };
    }
    case "globalAveragePool":
      return {
        kernel: "globalAverageInput",
        layer,
        tasks,
        args: { dy, dx, ...extent(source), add },
      };
    case "dropout":
      return { kernel: "dropout", layer, tasks, args: dropoutArgs(context, node, dy, dx, add) };
    case "localResponseNorm": {
      const args = { x, y, ...responseArgs(node), dy, dx, add };
      return { kernel: "responseNormInput", layer, tasks, args };
    }
    case "flatten":
      return { kernel: "flattenInput", layer, tasks, args: { ...windowOf(node), dy, dx, add } };
    default:
      throw new RangeError(`wasm engine: layer "${layer}" (${spec.kind}) has no gradient.`);
  }
}

/** The two halves of a convolution's weight gradient: sums per chunk of examples, and the update by their sum. */
function convolution(
  { arena, slot }: ImageContext,
  node: Node,
  {
    x,
    dy,
    batch,
    winograd,
  }: {
    readonly x: number;
    readonly dy: number;
    readonly batch: number;
    readonly winograd: boolean;
  },
): { readonly gradientOp: Op; readonly update: Op } {
  const { layer } = node;
  const w = slot(node.parameters[0]?.key ?? "");
  const b = node.parameters[1] && slot(node.parameters[1].key);
  const [inputs, outputs] = [panels(w.cols), panels(w.rows)];
  const bytes = paneledBytes(w.rows, w.cols);
  const chunks = Math.max(1, Math.min(CHUNKS, batch, Math.floor(CHUNK_BYTES / bytes)));
  const sums = arena.take(`${w.key} sums`, chunks * bytes);
  const bSums = b ? arena.take(`${b.key} sums`, chunks * b.bytes) : 0;
  const runs = Math.ceil(inputs / PATCH_PANELS);
  const updateRuns = Math.ceil(inputs / UPDATE_PANELS);
  const args = { ...windowOf(node), x, dy, filters: w.rows, chunks, sums, bSums };
  return {
    gradientOp: winograd
      ? { kernel: "winogradGradient", layer, tasks: chunks, args }
      : { kernel: "convGradient", layer, tasks: chunks * runs, args: { ...args, runs } },
    update: {
      ...{ kernel: "convUpdate", layer, tasks: outputs * updateRuns },
      args: {
        ...{ inputs, outputs, runs: updateRuns, chunks, sums, bSums },
        ...{ w: w.weight, v: w.momentum, t: w.target, wt: w.transposed, mu: w.penalty },
        ...{ b: b?.weight ?? 0, bv: b?.momentum ?? 0, bt: b?.target ?? 0, bmu: b?.penalty ?? 0 },
        ...{ h: w.importance, bh: b?.importance ?? 0 },
      },
    },
  };
}
