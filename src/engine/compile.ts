import type { Network } from "../net/network.ts";
import type { Arena } from "./arena.ts";
import { blockedBytes, panels } from "./packing.ts";
import type { Op, Program } from "./program.ts";
import { type Slot, takeSlot } from "./slots.ts";
import { type Activation, type DenseStage, type Stage, size, stages } from "./stages.ts";
import * as layout from "./wasm/assembly/layout.ts";

/** A network compiled for one data set and batch size: programs, and where the state lies they work on. */
export interface Compiled {
  readonly train: Program;
  /** Evaluates the training weights. */
  readonly evaluate: Program;
  /** Evaluates the `other` copies. */
  readonly evaluateOther: Program;
  /** Examples per minibatch of the evaluations. */
  readonly evaluationBatch: number;
  /** In the order of `network.parameters`. */
  readonly slots: readonly Slot[];
  /** Mean image, one f32 per input value. */
  readonly mean: number;
}

/**
 * Most examples per minibatch of an evaluation. A constant, because it orders the sum of the losses; and small
 * enough for the activations to stay in the cache.
 */
const EVALUATION_ROWS = 512;

/** Input panels per update task: long enough to hide the claim, short enough to share evenly. */
const RUN_PANELS = 32;

/**
 * Compiles loss + penalty + Nesterov SGD of `network` into programs over `arena`.
 * @throws RangeError for layers this engine cannot train.
 */
export function compile(
  network: Network,
  arena: Arena,
  rows: { readonly batch: number; readonly evaluation: number },
): Compiled {
  const chain = stages(network);
  const inputs = size(network.input);
  const firstDense = chain.findIndex((stage) => stage.kind === "dense");
  const slots = new Map<string, Slot>();
  for (const [index, stage] of chain.entries()) {
    if (stage.kind !== "dense") continue;
    slots.set(stage.w.key, takeSlot(arena, stage.w, index > firstDense));
    if (stage.b) slots.set(stage.b.key, takeSlot(arena, stage.b, false));
  }
  const widest = Math.max(...chain.map((stage) => width(stage)));
  const context: Context = {
    ...{ arena, chain, inputs, firstDense },
    mean: arena.take("mean", panels(inputs) * 32),
    zeros: arena.take("zeros", panels(widest) * 32),
    slot: (key) => slots.get(key) as Slot,
  };
  const evaluationBatch = Math.min(EVALUATION_ROWS, rows.evaluation);
  // Training and evaluation never run at once: their activations share memory.
  const [train, evaluation] = arena.overlay(
    () => trainProgram(context, rows.batch),
    () => forward(context, evaluationBatch, "weight"),
  );
  const other = forward(context, evaluationBatch, "other", evaluation);
  const classes = width(chain.at(-1) as Stage);
  return {
    train,
    evaluate: evaluateProgram("evaluate", classes, evaluation),
    evaluateOther: evaluateProgram("evaluateOther", classes, other),
    evaluationBatch,
    mean: context.mean,
    slots: network.parameters.map((parameter) => context.slot(parameter.key)),
  };
}

interface Context {
  readonly arena: Arena;
  readonly chain: readonly Stage[];
  readonly inputs: number;
  readonly firstDense: number;
  readonly mean: number;
  /** The bias of layers without one. */
  readonly zeros: number;
  readonly slot: (key: string) => Slot;
}

/** Ops from the images to the logits, and the buffers they fill. */
interface Forward {
  readonly ops: readonly Op[];
  /** Blocked activations: the input, then the output of each stage. */
  readonly activations: readonly number[];
  readonly losses: number;
  readonly wrong: number;
}

function forward(
  context: Context,
  batch: number,
  from: "weight" | "other",
  buffers = takeBuffers(context, batch),
): Forward {
  const { chain, inputs, mean, slot, zeros } = context;
  const { activations } = buffers;
  const x0 = activations[0] as number;
  const ops: Op[] = [{ kernel: "gather", layer: "input", tasks: 0, args: { x: x0, inputs, mean } }];
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

function takeBuffers({ arena, chain, inputs }: Context, batch: number): Omit<Forward, "ops"> {
  const take = (layer: string, columns: number) =>
    arena.take(`${layer} activation`, blockedBytes(batch, columns));
  return {
    activations: [take("input", inputs), ...chain.map((stage) => take(stage.layer, width(stage)))],
    losses: arena.take("losses", batch * 8),
    wrong: arena.take("wrong", batch * 4),
  };
}

function evaluateProgram(
  name: string,
  classes: number,
  { ops, activations, losses, wrong }: Forward,
): Program {
  const z = activations.at(-1) as number;
  const softmax = softmaxOp({ z, classes, dy: 0, losses, wrong });
  return {
    name,
    phases: [{ axis: "rows", ops: [...ops, softmax], serial: ["loss", "advance"], losses, wrong }],
  };
}

/**
 * Everything up to the gradients of the activations is one row phase: the loss of an example needs only its own
 * rows. Everything that sums over examples is one tile phase. So a step has two barriers.
 */
function trainProgram(context: Context, batch: number): Program {
  const { arena, chain, firstDense } = context;
  const run = forward(context, batch, "weight");
  const { activations, losses, wrong } = run;
  const rows = [...run.ops];
  const updates: Op[] = [];
  const classes = width(chain.at(-1) as Stage);
  let dy = arena.take("loss gradient", blockedBytes(batch, classes));
  rows.push(softmaxOp({ z: activations.at(-1) as number, classes, dy, losses, wrong }));
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
      rows.push({ kernel: "activateInput", layer: stage.layer, tasks: 0, args });
    }
    fused = false;
    if (stage.kind !== "dense") continue;
    updates.push(updateOp(context, stage, x, dy));
    if (index === firstDense) break;
    const below = chain[index - 1] as Stage;
    const dx = arena.take(`${below.layer} gradient`, blockedBytes(batch, stage.inputs));
    const [dyPanels, xPanels] = [panels(stage.outputs), panels(stage.inputs)];
    const wt = context.slot(stage.w.key).transposed;
    const args = { dy, dyPanels, wt, y: x, dx, xPanels, activation: code(below.activation) };
    rows.push({ kernel: "denseInput", layer: stage.layer, tasks: 0, args });
    dy = dx;
    fused = true;
  }
  // Largest first: the last tasks claimed are then short.
  updates.sort((a, b) => b.tasks - a.tasks);
  return {
    name: "train",
    phases: [
      { axis: "rows", ops: rows, serial: ["loss", "guard"], losses, wrong },
      { axis: "tiles", ops: updates, serial: ["advance"], losses: 0, wrong: 0 },
    ],
  };
}

function softmaxOp(args: Extract<Op, { kernel: "softmax" }>["args"]): Op {
  return { kernel: "softmax", layer: "loss", tasks: 0, args };
}

function updateOp({ slot }: Context, stage: DenseStage, x: number, dy: number): Op {
  const w = slot(stage.w.key);
  const b = stage.b && slot(stage.b.key);
  const [xPanels, dyPanels] = [panels(stage.inputs), panels(stage.outputs)];
  const runs = Math.ceil(xPanels / RUN_PANELS);
  const args = {
    ...{ x, xPanels, dy, dyPanels, runs },
    ...{ w: w.weight, v: w.momentum, t: w.target, wt: w.transposed, mu: w.penalty },
    ...{ b: b?.weight ?? 0, bv: b?.momentum ?? 0, bt: b?.target ?? 0, bmu: b?.penalty ?? 0 },
  };
  return { kernel: "denseUpdate", layer: stage.layer, tasks: dyPanels * runs, args };
}

/** Values per example a stage puts out. */
function width(stage: Stage): number {
  return stage.kind === "dense" ? stage.outputs : stage.size;
}

function code(activation: Activation): number {
  if (activation === "tanh") return layout.ACTIVATION_TANH;
  return activation === "relu" ? layout.ACTIVATION_RELU : layout.ACTIVATION_NONE;
}
