import type { Network } from "../net/network.ts";
import { type Arena, lines } from "./arena.ts";
import type { Augmented } from "./augment.ts";
import { compileImages } from "./image-program.ts";
import { panels } from "./packing.ts";
import { backward, type Context, type Forward, forward, softmaxOp, width } from "./passes.ts";
import type { Op, Program } from "./program.ts";
import { type Room, type Slot, takeSlots } from "./slots.ts";
import { isDenseChain, type Stage, size, stages } from "./stages.ts";
import { fisherOp, updateOp } from "./updates.ts";

/** A network compiled for one data set and batch size: programs, and where the state lies they work on. */
export interface Compiled {
  readonly train: Program;
  /** Evaluates the training weights. */
  readonly evaluate: Program;
  /** Evaluates the `other` copies. */
  readonly evaluateOther: Program;
  /** Adds squared gradients of the examples, at the training weights, to the `other` copies. */
  readonly fisher: Program;
  /** Examples per minibatch of the evaluations, and of `fisher`. */
  readonly evaluationBatch: number;
  readonly fisherBatch: number;
  /** In the order of `network.parameters`. */
  readonly slots: readonly Slot[];
  /** Mean image, one f32 per input value. */
  readonly mean: number;
  /** Bytes of scratch a thread needs. */
  readonly scratch: number;
}

/**
 * Most examples per minibatch of an evaluation. A constant, because it orders the sum of the losses; and small
 * enough for the activations to stay in the cache.
 */
const EVALUATION_ROWS = 512;

/** Bytes of a gradient tile, and a line between threads; an augmented image may need more. */
const SCRATCH = 256;

/**
 * Compiles loss + penalty + optimiser of `network` into programs over `arena`.
 * @throws RangeError for layers this engine cannot train.
 */
export function compile(
  network: Network,
  arena: Arena,
  options: Room & {
    readonly batch: number;
    /** Examples of the larger split. */
    readonly evaluation: number;
    /** Given: the images of training are augmented as it says. */
    readonly data?: Augmented;
  },
): Compiled {
  if (!isDenseChain(network)) return compileImages(network, arena, options);
  const chain = stages(network);
  const inputs = size(network.input);
  const firstDense = chain.findIndex((stage) => stage.kind === "dense");
  const { batch, evaluation: examples, data } = options;
  const parameters = chain.flatMap((stage, index) => {
    if (stage.kind !== "dense") return [];
    const w = { ...stage.w, transposed: index > firstDense };
    return stage.b ? [w, { ...stage.b, transposed: false }] : [w];
  });
  const slots = takeSlots(arena, parameters, options);
  const widest = Math.max(...chain.map((stage) => width(stage)));
  const context: Context = {
    ...{ arena, chain, inputs, firstDense },
    mean: arena.take("mean", panels(inputs) * 32),
    zeros: arena.take("zeros", panels(widest) * 32),
    slot: (key) => slots.get(key) as Slot,
  };
  const evaluationBatch = Math.min(EVALUATION_ROWS, examples);
  // Training and the rest never run at once: their activations share memory.
  const [train, [evaluation, fisher]] = arena.overlay(
    () => trainProgram(context, batch, data),
    () => {
      const run = forward(context, evaluationBatch, "weight");
      return [run, fisherProgram(context, evaluationBatch, run)] as const;
    },
  );
  const other = forward(context, evaluationBatch, "other", { buffers: evaluation });
  const classes = width(chain.at(-1) as Stage);
  return {
    train,
    evaluate: evaluateProgram("evaluate", classes, evaluation),
    evaluateOther: evaluateProgram("evaluateOther", classes, other),
    fisher,
    evaluationBatch,
    fisherBatch: evaluationBatch,
    mean: context.mean,
    scratch: lines(Math.max(SCRATCH, data ? inputs : 0)),
    slots: network.parameters.map((parameter) => context.slot(parameter.key)),
  };
}

function evaluateProgram(
  name: string,
  classes: number,
  { ops, activations, losses, wrong }: Forward,
): Program {
  const z = activations.at(-1) as number;
  const softmax = softmaxOp({ z, classes, dy: 0, losses, wrong, mean: 0 });
  return {
    name,
    phases: [{ axis: "rows", ops: [...ops, softmax], serial: ["loss", "advance"], losses, wrong }],
  };
}

/**
 * Everything up to the gradients of the activations is one row phase: the loss of an example needs only its own
 * rows. Everything that sums over examples is one tile phase. So a step has two barriers.
 */
function trainProgram(context: Context, batch: number, data: Augmented | undefined): Program {
  const run = forward(context, batch, "weight", data && { data });
  const { ops, products } = backward(context, batch, "mean", run);
  const updates = products.map((product) => updateOp(context, product));
  return gradientProgram("train", run, [...run.ops, ...ops], updates);
}

/** The same two phases, with squares of the examples' own gradients in the place of updates. */
function fisherProgram(context: Context, batch: number, run: Forward): Program {
  const { ops, products } = backward(context, batch, "each", run);
  // At the end of the row phase, when nothing needs the unsquared activations any more.
  const squares = products.flatMap(({ stage: { layer, inputs, outputs }, x, dy }): Op[] => [
    { kernel: "square", layer, tasks: 0, args: { x, panels: panels(inputs) } },
    { kernel: "square", layer, tasks: 0, args: { x: dy, panels: panels(outputs) } },
  ]);
  const sums = products.map((product) => fisherOp(context, product));
  return gradientProgram("fisher", run, [...run.ops, ...ops, ...squares], sums);
}

function gradientProgram(
  name: string,
  { losses, wrong }: Forward,
  rows: readonly Op[],
  tiles: readonly Op[],
): Program {
  return {
    name,
    phases: [
      { axis: "rows", ops: rows, serial: ["loss", "guard"], losses, wrong },
      {
        axis: "tiles",
        // Largest first: the last tasks claimed are then short.
        ops: [...tiles].sort((a, b) => b.tasks - a.tasks),
        serial: ["advance"],
        ...{ losses: 0, wrong: 0 },
      },
    ],
  };
}
