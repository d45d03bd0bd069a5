import { panels } from "./packing.ts";
import type { Product } from "./passes.ts";
import type { Op } from "./program.ts";
import type { Slot } from "./slots.ts";

/** Input panels per task of a weight gradient: long enough to hide the claim, short enough to share evenly. */
const RUN_PANELS = 32;

/** Where the parameters lie. */
interface Slots {
  readonly slot: (key: string) => Slot;
}

export function updateOp({ slot }: Slots, product: Product): Op {
  const { stage } = product;
  const w = slot(stage.w.key);
  const b = stage.b && slot(stage.b.key);
  const { tasks, operands } = tiles(product);
  const args = {
    ...operands,
    ...{ w: w.weight, v: w.momentum, t: w.target, wt: w.transposed, mu: w.penalty },
    ...{ b: b?.weight ?? 0, bv: b?.momentum ?? 0, bt: b?.target ?? 0, bmu: b?.penalty ?? 0 },
    ...{ h: w.importance, bh: b?.importance ?? 0 },
  };
  return { kernel: "denseUpdate", layer: stage.layer, tasks, args };
}

export function fisherOp({ slot }: Slots, product: Product): Op {
  const { stage } = product;
  const { tasks, operands } = tiles(product);
  const sums = { f: slot(stage.w.key).other, bf: stage.b ? slot(stage.b.key).other : 0 };
  return { kernel: "denseFisher", layer: stage.layer, tasks, args: { ...operands, ...sums } };
}

/** A weight gradient in tasks of one output panel × one run of input panels. */
function tiles({ stage, x, dy }: Product) {
  const [xPanels, dyPanels] = [panels(stage.inputs), panels(stage.outputs)];
  const runs = Math.ceil(xPanels / RUN_PANELS);
  return { tasks: dyPanels * runs, operands: { x, xPanels, dy, dyPanels, runs } };
}
