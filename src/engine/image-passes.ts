import { paddingBefore } from "../net/network.ts";
import type { Arena } from "./arena.ts";
import { type Augmented, augmentArgs } from "./augment.ts";
import { isImage, type Node } from "./graph.ts";
import type { KernelArgs, WindowArg } from "./kernels.ts";
import { blockedBytes, imageBytes, panels } from "./packing.ts";
import { code } from "./passes.ts";
import type { Op } from "./program.ts";
import type { Slot } from "./slots.ts";
import { size } from "./stages.ts";
import * as layout from "./wasm/assembly/layout.ts";
import { isWinograd, type Transformed, takeTransformed, transformOps } from "./winograd.ts";

/** What the passes of one network with images share. */
export interface ImageContext {
  readonly arena: Arena;
  readonly nodes: readonly Node[];
  readonly loss: "softmaxCrossEntropy" | "squaredError";
  readonly mean: number;
  /** Of training with augmented images. */
  readonly data: Augmented | undefined;
  readonly zeros: number;
  readonly slot: (key: string) => Slot;
}

/** What a forward pass fills. */
export interface ImageBuffers {
  readonly batch: number;
  readonly losses: number;
  readonly wrong: number;
  /** Output of a node. */
  readonly value: (node: Node) => number;
  /** Transformed weights of a convolution by Winograd's algorithm. */
  readonly transformed: (node: Node) => Transformed | undefined;
  /** Coefficients and sums of a batch norm (assembly/batch-norm.ts). */
  readonly norm: (node: Node) => { readonly coefficients: number; readonly sums: number };
}

/** One step of a pass: ops on rows, in order; or tiles behind a barrier, before which all rows are done. */
export type Step =
  | { readonly axis: "rows"; readonly image: boolean; readonly op: Op }
  | { readonly axis: "tiles"; readonly op: Op };

/**
 * @param training False: dropout is skipped, and a node of it is its input.
 * @param isPlain False for a node whose weights are not those of the context.
 */
export function takeImageBuffers(
  { arena, nodes }: ImageContext,
  batch: number,
  training: boolean,
  isPlain: (node: Node) => boolean = () => true,
): ImageBuffers {
  const values = new Map<Node, number>();
  const transformed = new Map<Node, Transformed>();
  const norms = new Map<Node, { coefficients: number; sums: number }>();
  for (const node of nodes) {
    const skipped = node.spec.kind === "dropout" && !training;
    const from = values.get(node.inputs[0] as Node);
    values.set(
      node,
      skipped && from ? from : arena.take(`${node.layer} activation`, bytesOf(node, batch)),
    );
    if (isPlain(node) && isWinograd(node)) {
      transformed.set(node, takeTransformed(arena, node, training));
    }
    if (node.spec.kind !== "batchNorm") continue;
    const channels = panels(node.shape[2] as number);
    norms.set(node, {
      coefficients: arena.take(`${node.layer} coefficients`, channels * 256),
      sums: training ? arena.take(`${node.layer} sums`, batch * channels * 128) : 0,
    });
  }
  return {
    batch,
    losses: arena.take("losses", batch * 8),
    wrong: arena.take("wrong", batch * 4),
    value: (node) => values.get(node) as number,
    transformed: (node) => transformed.get(node),
    norm: (node) => norms.get(node) as { coefficients: number; sums: number },
  };
}

/** Bytes of a node's output, or of its gradient. */
export function bytesOf({ shape }: Node, batch: number): number {
  return shape.length === 3 ? batch * imageBytes(shape) : blockedBytes(batch, size(shape));
}

/** Pixels and panels of an image. */
export function extent({ shape }: Node): { readonly pixels: number; readonly panels: number } {
  const [height = 0, width = 0, channels = 0] = shape;
  return { pixels: height * width, panels: panels(channels) };
}

/** The window with which `node` slides over (or strides through) the image it reads. */
export function windowOf(
  node: Node,
  from: Node = node.inputs[0] as Node,
): Readonly<Record<WindowArg, number>> {
  const [height = 0, width = 0, channels = 0] = from.shape;
  const [outHeight, outWidth] = isImage(node) ? (node.shape as [number, number]) : [1, 1];
  const { spec } = node;
  let [kernel, stride, before] = [[1, 1] as const, [1, 1] as readonly [number, number], [0, 0]] as [
    readonly [number, number],
    readonly [number, number],
    readonly number[],
  ];
  if (spec.kind === "conv2d") [kernel, stride] = [spec.kernel, spec.stride ?? [1, 1]];
  else if (spec.kind === "maxPool" || spec.kind === "averagePool") {
    [kernel, stride] = [spec.size, spec.stride ?? spec.size];
  } else if (spec.kind === "flatten") kernel = [height, width];
  else if (spec.kind === "add") stride = [height / outHeight, width / outWidth];
  if ("padding" in spec) before = paddingBefore([height, width], kernel, stride, spec.padding);
  return {
    ...{ height, width, channels, outHeight, outWidth },
    ...{ kernelHeight: kernel[0], kernelWidth: kernel[1], down: stride[0], across: stride[1] },
    ...{ top: before[0] ?? 0, left: before[1] ?? 0 },
  };
}

/** How a forward pass is done. */
interface Pass {
  readonly from: "weight" | "other";
  readonly training: boolean;
  /** The ops of a node that does not have the usual ones. */
  readonly instead?: (node: Node) => readonly Op[] | undefined;
}

/** Ops from the images to the outputs. */
export function imageForward(
  context: ImageContext,
  buffers: ImageBuffers,
  { from, training, instead }: Pass,
): readonly Step[] {
  const { nodes, mean, zeros, slot } = context;
  const { value, norm, transformed } = buffers;
  const steps: Step[] = [];
  const at = (node: Node, role: string) => {
    const key = node.parameters.find((parameter) => parameter.role === role)?.key;
    return key ? slot(key)[from] : 0;
  };
  for (const node of nodes) {
    const { layer, spec } = node;
    const row = (op: Op, image: boolean = isImage(node)) => steps.push({ axis: "rows", image, op });
    const source = node.inputs[0] as Node;
    const [x, y] = [source && value(source), value(node)];
    const activation = code(node.activation);
    const tasks = 0;
    const clean = () => {
      const unclean =
        node.activation === "sigmoid" ||
        spec.kind === "sigmoid" ||
        (spec.kind === "globalAveragePool" && size(node.shape) % 8 > 0);
      if (!unclean || isImage(node)) return;
      row({ kernel: "clearPadding", layer, tasks, args: { x: y, columns: size(node.shape) } });
    };
    const own = instead?.(node);
    if (own) {
      for (const op of own) row(op);
      clean();
      continue;
    }
    switch (spec.kind) {
      case "input": {
        const args = { x: y, mean, ...augmentArgs(context.data) };
        if (isImage(node)) {
          const [height = 0, width = 0, channels = 0] = node.shape;
          row({ kernel: "gatherImage", layer, tasks, args: { ...args, height, width, channels } });
        } else {
          row({ kernel: "gather", layer, tasks, args: { ...args, inputs: size(node.shape) } });
        }
        break;
      }
      case "dense": {
        const [xPanels, yPanels] = [panels(size(source.shape)), panels(size(node.shape))];
        const args = { x, xPanels, w: at(node, "w"), b: at(node, "b") || zeros, y, yPanels };
        row({ kernel: "dense", layer, tasks, args: { ...args, activation } });
        break;
      }
      case "conv2d": {
        const filters = spec.filters;
        const u = transformed(node);
        if (u) {
          const w = slot(node.parameters[0]?.key ?? "");
          const ops = transformOps(node, w, w[from], u);
          // First of all, as the statistics below.
          steps.unshift(...ops.map((op) => ({ axis: "tiles", op }) as const));
          const args = { x, u: u.forward, b: at(node, "b"), y, filters, activation, add: 0 };
          row({ kernel: "winograd", layer, tasks, args: { ...windowOf(node), ...args } });
          break;
        }
        const args = { x, w: at(node, "w"), b: at(node, "b") || zeros, y, activation };
        row({ kernel: "conv", layer, tasks, args: { ...windowOf(node), ...args, filters } });
        break;
      }
      case "maxPool":
      case "averagePool": {
        const args = { ...windowOf(node), x, y, pool: poolCode(spec.kind) };
        row({ kernel: "pool", layer, tasks, args });
        break;
      }
      case "globalAveragePool":
        row({ kernel: "globalAverage", layer, tasks, args: { x, y, ...extent(source) } }, true);
        break;
      case "flatten":
        row({ kernel: "flatten", layer, tasks, args: { ...windowOf(node), x, y } }, true);
        break;
      case "add": {
        const shortcut = node.inputs[1] as Node;
        const args = { s: value(shortcut), x, y, panels: extent(node).panels, activation };
        row({ kernel: "add", layer, tasks, args: { ...windowOf(node, shortcut), ...args } });
        break;
      }
      case "batchNorm": {
        const { coefficients, sums } = norm(node);
        const size = extent(node);
        const affine = { coefficients, gamma: at(node, "gamma"), beta: at(node, "beta") };
        const epsilon = bits(spec.epsilon ?? 1e-5);
        const tasks = size.panels;
        if (training) {
          row({ kernel: "channelSums", layer, tasks: 0, args: { a: x, b: x, ...size, sums } });
          const args = { ...affine, epsilon, sums, ...size };
          steps.push({ axis: "tiles", op: { kernel: "batchStatistics", layer, tasks, args } });
        } else {
          const args = {
            ...affine,
            epsilon,
            mean: at(node, "mean"),
            variance: at(node, "variance"),
          };
          // First of all: it needs no rows, and all of them share one phase.
          steps.unshift({ axis: "tiles", op: { kernel: "fixedStatistics", layer, tasks, args } });
        }
        const args = { z: x, y, ...size, coefficients, activation };
        row({ kernel: "normalize", layer, tasks: 0, args });
        break;
      }
      case "dropout":
        if (training) {
          row({ kernel: "dropout", layer, tasks, args: dropoutArgs(context, node, x, y, 0) });
        }
        break;
      case "localResponseNorm":
        row({ kernel: "responseNorm", layer, tasks, args: { x, y, ...responseArgs(node) } });
        break;
      default: {
        const kind = code(spec.kind);
        if (isImage(node)) {
          const args = { x, y, bytes: imageBytes(node.shape), activation: kind };
          row({ kernel: "activateImage", layer, tasks, args });
        } else {
          const args = { x, y, panels: panels(size(node.shape)), activation: kind };
          row({ kernel: "activate", layer, tasks, args });
        }
      }
    }
    clean();
  }
  return steps;
}

export function poolCode(kind: "maxPool" | "averagePool"): number {
  return kind === "maxPool" ? layout.POOL_MAX : layout.POOL_MEAN;
}

export function dropoutArgs(
  { nodes }: ImageContext,
  node: Node,
  x: number,
  y: number,
  add: number,
): Readonly<Record<KernelArgs["dropout"], number>> {
  const rate = node.spec.kind === "dropout" ? node.spec.rate : 0;
  const size = isImage(node)
    ? extent(node)
    : { pixels: 0, panels: panels(node.shape[0] as number) };
  const least = Math.round(rate * 2 ** 24);
  return { x, y, ...size, least, scale: bits(1 / (1 - rate)), layer: nodes.indexOf(node), add };
}

export function responseArgs(
  node: Node,
): Readonly<Record<Exclude<KernelArgs["responseNorm"], "x" | "y">, number>> {
  const spec = node.spec as Extract<Node["spec"], { kind: "localResponseNorm" }>;
  const { size: width = 5, alpha = 1e-4, beta = 0.75, k = 1 } = spec;
  const { pixels } = extent(node);
  return {
    ...{ pixels, channels: node.shape[2] as number, reach: (width - 1) / 2, quarters: beta * 4 },
    ...{ k: bits(k), alpha: bits(alpha / width) },
  };
}

/** A float32 as the word of a program. */
export function bits(value: number): number {
  return new Uint32Array(Float32Array.of(value).buffer)[0] as number;
}
