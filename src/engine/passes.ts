import type { Arena } from "./arena.ts";
import { type Augmented, augmentArgs } from "./augment.ts";
import { blockedBytes, panels } from "./packing.ts";
import type { Op } from "./program.ts";
import type { Slot } from "./slots.ts";
import type { Activation, DenseStage, Stage } from "./stages.ts";
import * as layout from "./wasm/assembly/layout.ts";

/** What the passes of one network share. */
export interface Context {
  readonly arena: Arena;
  readonly chain: readonly Stage[];
  readonly inputs: number;
  readonly firstDense: number;
  /** Mean image. */
  readonly mean: number;
  /** The bias of layers without one. */
  readonly zeros: number;
  readonly slot: (key: string) => Slot;
}

/** What a forward pass fills. */
export interface Buffers {
  /** Blocked activations: the input, then the output of each stage. */
  readonly activations: readonly number[];
  readonly losses: number;
  readonly wrong: number;
}

/** Ops from the images to the logits, and the buffers they fill. */
export interface Forward extends Buffers {
  readonly ops: readonly Op[];
}

/** The two factors of a weight gradient, blocked: the input of a dense stage, and the gradient of x Wᵀ + b. */
export interface Product {
  readonly stage: DenseStage;
  readonly x: number;
  readonly dy: number;
}

/** Ops from the logits to the gradients of the dense stages' products, last stage first. */
export interface Backward {
  readonly ops: readonly Op[];
  readonly products: readonly Product[];
}

/** @param data Given: its images are augmented. */
export function forward(
  context: Context,
  batch: number,
  from: "weight" | "other",
  { buffers = takeBuffers(context, batch), data }: { buffers?: Buffers; data?: Augmented } = {},
): Forward {
  const { chain, inputs, mean, slot, zeros } = context;
  const { activations } = buffers;
  const x0 = activations[0] as number;
  const args = { x: x0, mean, inputs, ...augmentArgs(data) };
  const ops: Op[] = [{ kernel: "gather", layer: "input", tasks: 0, args }];
  for (const [index, stage] of chain.entries()) {
    const x = activations[index] as number;
    const y = activations[index + 1] as number;
    const activation = code(stage.activation);
    const { layer } = stage;
    if (stage.kind === "dense") {
      const w = slot(stage.w.key)[from];
      const b = stage.b ? slot(stage.b.key)[from] : zeros;
      const [xPanels, yPanels] = [panels(stage.inputs), panels(stage.outputs)];
      const args = { x, xPanels, w, b, y, yPanels, activation };
      ops.push({ kernel: "dense", layer, tasks: 0, args });
    } else {
      const args = { x, y, panels: panels(stage.size), activation };
      ops.push({ kernel: "activate", layer, tasks: 0, args });
    }
  }
  return { ...buffers, ops };
}

function takeBuffers({ arena, chain, inputs }: Context, batch: number): Buffers {
  const take = (layer: string, columns: number) =>
    arena.take(`${layer} activation`, blockedBytes(batch, columns));
  return {
    activations: [take("input", inputs), ...chain.map((stage) => take(stage.layer, width(stage)))],
    losses: arena.take("losses", batch * 8),
    wrong: arena.take("wrong", batch * 4),
  };
}

/** Gradients of the "mean" loss of a minibatch, or of the losses of "each" of its examples. */
export function backward(
  context: Context,
  batch: number,
  of: "mean" | "each",
  { activations, losses, wrong }: Buffers,
): Backward {
  const { arena, chain, firstDense, slot } = context;
  const classes = width(chain.at(-1) as Stage);
  let dy = arena.take("loss gradient", blockedBytes(batch, classes));
  const z = activations.at(-1) as number;
  const mean = of === "mean" ? 1 : 0;
  const ops: Op[] = [softmaxOp({ z, classes, dy, losses, wrong, mean })];
  const products: Product[] = [];
  // What `dy` is a gradient of: the output of a stage, or already of the product before its activation.
  let fused = false;
  for (let index = chain.length - 1; index >= firstDense; index--) {
    const stage = chain[index] as Stage;
    const x = activations[index] as number;
    const y = activations[index + 1] as number;
    if (stage.activation !== "none" && !fused) {
      const args = {
        dy,
        y,
        dx: dy,
        panels: panels(width(stage)),
        activation: code(stage.activation),
      };
      ops.push({ kernel: "activateInput", layer: stage.layer, tasks: 0, args });
    }
    fused = false;
    if (stage.kind !== "dense") continue;
    products.push({ stage, x, dy });
    if (index === firstDense) break;
    const below = chain[index - 1] as Stage;
    const dx = arena.take(`${below.layer} gradient`, blockedBytes(batch, stage.inputs));
    const [dyPanels, xPanels] = [panels(stage.outputs), panels(stage.inputs)];
    const wt = slot(stage.w.key).transposed;
    const args = { dy, dyPanels, wt, y: x, dx, xPanels, activation: code(below.activation) };
    ops.push({ kernel: "denseInput", layer: stage.layer, tasks: 0, args });
    dy = dx;
    fused = true;
  }
  return { ops, products };
}

export function softmaxOp(args: Extract<Op, { kernel: "softmax" }>["args"]): Op {
  return { kernel: "softmax", layer: "loss", tasks: 0, args };
}

/** Values per example a stage puts out. */
export function width(stage: Stage): number {
  return stage.kind === "dense" ? stage.outputs : stage.size;
}

/** Number of an activation, as the kernels know it. */
export function code(activation: Activation): number {
  if (activation === "tanh") return layout.ACTIVATION_TANH;
  if (activation === "sigmoid") return layout.ACTIVATION_SIGMOID;
  return activation === "relu" ? layout.ACTIVATION_RELU : layout.ACTIVATION_NONE;
}
