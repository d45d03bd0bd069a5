import type { Network } from "../net/network.ts";
import type { Arena } from "./arena.ts";
import type { Compiled, compile } from "./compile.ts";
import { graph, type Node } from "./graph.ts";
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

/** Examples a thread takes at a time through images: few, because one alone fills the cache. */
const IMAGE_ROWS = 4;

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
  const [train, [evaluate, evaluateOther]] = arena.overlay(
    () => trainProgram({ ...context, data }, takeImageBuffers(context, batch, true)),
    () => {
      const buffers = takeImageBuffers(context, evaluationBatch, false);
      return [
        evaluateProgram("evaluate", context, buffers, "weight"),
        evaluateProgram("evaluateOther", context, buffers, "other"),
      ] as const;
    },
  );
  return {
    ...{ train, evaluate, evaluateOther, fisher: undefined, evaluationBatch, mean: context.mean },
    slots: network.parameters.map(({ key }) => context.slot(key)),
    scratch: Math.max(scratchBytes(nodes), size(network.input)),
  };
}

function evaluateProgram(
  name: string,
  context: ImageContext,
  buffers: ImageBuffers,
  from: "weight" | "other",
): Program {
  const steps = imageForward(context, buffers, { from, training: false });
  const all = [...steps, lossStep(context, buffers, 0)];
  return { name, phases: phases(all, buffers, ["loss", "advance"]) };
}

function trainProgram(context: ImageContext, buffers: ImageBuffers): Program {
  const { arena, nodes } = context;
  const forward = imageForward(context, buffers, { from: "weight", training: true });
  const last = nodes.at(-1) as Node;
  const dy = arena.take("loss gradient", blockedBytes(buffers.batch, size(last.shape)));
  const loss = lossStep(context, buffers, dy);
  const { steps, gradients, updates } = imageBackward(context, buffers, dy);
  const largestFirst = (ops: readonly Op[]) => [...ops].sort((a, b) => b.tasks - a.tasks);
  const tiles = (ops: readonly Op[], serial: Phase["serial"]): Phase => ({
    ...{ axis: "tiles", ops: largestFirst(ops), serial, losses: 0, wrong: 0 },
  });
  const rows = phases([...forward, loss, ...steps], buffers, ["loss", "guard"]);
  if (updates.length === 0) {
    return { name: "train", phases: [...rows, tiles(gradients, ["advance"])] };
  }
  return { name: "train", phases: [...rows, tiles(gradients, []), tiles(updates, ["advance"])] };
}

function lossStep({ loss, nodes }: ImageContext, buffers: ImageBuffers, dy: number): Step {
  const last = nodes.at(-1) as Node;
  const { losses, wrong, value } = buffers;
  const args = { z: value(last), classes: size(last.shape), dy, losses, wrong, mean: dy ? 1 : 0 };
  const kernel = loss === "squaredError" ? "squared" : "softmax";
  return { axis: "rows", image: false, op: { kernel, layer: "loss", tasks: 0, args } };
}

/**
 * Steps in phases: a barrier where tiles begin or end, and where rows of images change to rows of values, which are
 * taken 16 at a time. The phase with the loss ends with `serial`, and what comes after it is another phase.
 */
function phases(
  steps: readonly Step[],
  { losses, wrong }: ImageBuffers,
  serial: Phase["serial"],
): Phase[] {
  const result: Phase[] = [];
  let [ops, key]: [Op[], string] = [[], ""];
  const cut = () => {
    if (ops.length === 0) return;
    const hasLoss = ops.some(({ kernel }) => kernel === "softmax" || kernel === "squared");
    result.push({
      axis: key === "tiles" ? "tiles" : "rows",
      taskRows: key === "images" ? IMAGE_ROWS : 16,
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
function scratchBytes(nodes: readonly Node[]): number {
  const patches = nodes.map((node) => {
    const { spec, parameters } = node;
    if (spec.kind !== "conv2d") return 0;
    if (isWinograd(node)) return scratchOf(node);
    const columns = panels(parameters[0]?.cols ?? 0);
    return columns * 32 + Math.max(columns, 8 * PATCH_PANELS) * 512;
  });
  return SCRATCH + Math.max(0, ...patches);
}
