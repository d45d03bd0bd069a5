import type { Network } from "../net/network.ts";
import { type Arena, lines } from "./arena.ts";
import type { Compiled, compile } from "./compile.ts";
import { graph, type Node } from "./graph.ts";
import { FISHER_SCRATCH, imageFisher } from "./image-fisher.ts";
import { imageBackward, PATCH_PANELS } from "./image-gradients.ts";
import {
  type ImageBuffers,
  type ImageContext,
  imageForward,
  type Step,
  takeImageBuffers,
} from "./image-passes.ts";
import { blockedBytes, panels } from "./packing.ts";
import type { Op, Phase, Program } from "./program.ts";
import { type Slot, takeSlots } from "./slots.ts";
import { size } from "./stages.ts";
import { isWinograd, scratchOf } from "./winograd.ts";

/** Most examples per minibatch of an evaluation: a constant, because it orders the sum of the losses. */
const EVALUATION_ROWS = 64;

/**
 * Most examples per minibatch of Fisher information, whose gradients need memory too; a constant, because it orders the sums.
 */
const FISHER_ROWS = 32;

/** Examples a thread takes at a time through images: few, because one alone fills the cache. */
export const IMAGE_ROWS = 4;

/** Bytes of a gradient tile before a thread's patches (assembly/conv.ts), and a line between threads. */
const SCRATCH = 256 + 64;

/** As `compile`, for networks with images, batch norm, dropout, shortcuts or squared error. */
export function compileImages(
  network: Network,
  arena: Arena,
  options: Parameters<typeof compile>[2],
): Compiled {
  const nodes = graph(network);
  const { batch, evaluation: examples, data } = options;
  const parameters = nodes.flatMap(({ inputs, parameters }) =>
    parameters.map((parameter) => {
      const transposed = parameter.role === "w" && inputs[0]?.trains === true;
      return { ...parameter, transposed };
    }),
  );
  const slots = takeSlots(arena, parameters, options);
  const widest = Math.max(...network.parameters.map(({ rows }) => rows));
  const context: ImageContext = {
    ...{ arena, nodes, loss: network.loss, data: undefined },
    mean: arena.take("mean", panels(size(network.input)) * 32),
    zeros: arena.take("zeros", panels(widest) * 32),
    slot: (key) => slots.get(key) as Slot,
  };
  const evaluationBatch = Math.min(EVALUATION_ROWS, examples);
  const fisherBatch = Math.min(FISHER_ROWS, examples);
  const [train, [[evaluate, evaluateOther], fisher]] = arena.overlay(
    () => trainProgram({ ...context, data }, takeImageBuffers(context, batch, true)),
    () =>
      arena.overlay(
        () => {
          const buffers = takeImageBuffers(context, evaluationBatch, false);
          return [
            evaluateProgram("evaluate", context, buffers, "weight"),
            evaluateProgram("evaluateOther", context, buffers, "other"),
          ] as const;
        },
        () => fisherProgram(context, takeImageBuffers(context, fisherBatch, false)),
      ),
  );
  return {
    ...{ train, evaluate, evaluateOther, fisher, evaluationBatch, fisherBatch, mean: context.mean },
    slots: network.parameters.map(({ key }) => context.slot(key)),
    scratch: lines(Math.max(scratchBytes(nodes), data ? size(network.input) : 0, FISHER_SCRATCH)),
  };
}

function evaluateProgram(
  name: string,
  context: ImageContext,
  buffers: ImageBuffers,
  from: "weight" | "other",
): Program {
  const steps = imageForward(context, buffers, { from, training: false });
  const all = [...steps, lossStep(context, buffers, 0, "each")];
  return { name, phases: phases(all, buffers, ["loss", "advance"]) };
}

function trainProgram(context: ImageContext, buffers: ImageBuffers): Program {
  const { arena, nodes } = context;
  const forward = imageForward(context, buffers, { from: "weight", training: true });
  const last = nodes.at(-1) as Node;
  const dy = arena.take("loss gradient", blockedBytes(buffers.batch, size(last.shape)));
  const loss = lossStep(context, buffers, dy, "mean");
  const { steps, gradients, updates } = imageBackward(context, buffers, dy);
  const rows = phases([...forward, loss, ...steps], buffers, ["loss", "guard"]);
  if (updates.length === 0) {
    return { name: "train", phases: [...rows, tiles(gradients, ["advance"])] };
  }
  return { name: "train", phases: [...rows, tiles(gradients, []), tiles(updates, ["advance"])] };
}

/** Independent tiles, largest ops first: the last tasks claimed are then short. */
function tiles(ops: readonly Op[], serial: Phase["serial"]): Phase {
  const largestFirst = [...ops].sort((a, b) => b.tasks - a.tasks);
  return { axis: "tiles", ops: largestFirst, serial, losses: 0, wrong: 0 };
}

/** The evaluation's forward pass, the gradients of each example's own loss, and the sums of their squares. */
function fisherProgram(context: ImageContext, buffers: ImageBuffers): Program {
  const { arena, nodes } = context;
  const forward = imageForward(context, buffers, { from: "weight", training: false });
  const dy = arena.take(
    "loss gradient",
    blockedBytes(buffers.batch, size((nodes.at(-1) as Node).shape)),
  );
  const loss = lossStep(context, buffers, dy, "each");
  const { steps, sums } = imageFisher(context, buffers, dy);
  const rows = phases([...forward, loss, ...steps], buffers, ["loss", "guard"]);
  return { name: "fisher", phases: [...rows, tiles(sums, ["advance"])] };
}

export function lossStep(
  { loss, nodes }: ImageContext,
  buffers: ImageBuffers,
  dy: number,
  of: "mean" | "each",
): Step {
  const last = nodes.at(-1) as Node;
  const { losses, wrong, value } = buffers;
  const args = {
    z: value(last),
    classes: size(last.shape),
    dy,
    losses,
    wrong,
    mean: of === "mean" ? 1 : 0,
  };
  const kernel = loss === "squaredError" ? "squared" : "softmax";
  return { axis: "rows", image: false, op: { kernel, layer: "loss", tasks: 0, args } };
}

/**
 * Steps in phases: a barrier where tiles begin or end, and where rows of images change to rows of values, which are
 * taken `valueRows` (a multiple of 4) at a time. The phase with the loss ends with `serial`, and what comes after it is another phase.
 */
export function phases(
  steps: readonly Step[],
  { losses, wrong }: ImageBuffers,
  serial: Phase["serial"],
  valueRows = 16,
): Phase[] {
  const result: Phase[] = [];
  let [ops, key]: [Op[], string] = [[], ""];
  const cut = () => {
    if (ops.length === 0) return;
    const hasLoss = ops.some(({ kernel }) => kernel === "softmax" || kernel === "squared");
    result.push({
      axis: key === "tiles" ? "tiles" : "rows",
      taskRows: key === "images" ? IMAGE_ROWS : valueRows,
      ops,
      ...(hasLoss ? { serial, losses, wrong } : { serial: [], losses: 0, wrong: 0 }),
    });
    ops = [];
  };
  for (const step of steps) {
    const next = step.axis === "tiles" ? "tiles" : step.image ? "images" : "values";
    if (next !== key) cut();
    key = next;
    ops.push(step.op);
  }
  cut();
  return result;
}

/** Scratch for the sources and patches of 16 pixels, and for those a weight gradient packs at a time. */
export function scratchBytes(nodes: readonly Node[]): number {
  const patches = nodes.map((node) => {
    const { spec, parameters } = node;
    if (spec.kind !== "conv2d") return 0;
    if (isWinograd(node)) return scratchOf(node);
    const columns = panels(parameters[0]?.cols ?? 0);
    return columns * 32 + Math.max(columns, 8 * PATCH_PANELS) * 512;
  });
  return SCRATCH + Math.max(0, ...patches);
}
