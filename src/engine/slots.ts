import type { Parameter } from "../net/network.ts";
import type { Arena } from "./arena.ts";
import { pack, packTransposed, paneledBytes, panels, unpack } from "./packing.ts";

/** Where one parameter of the training state lies in the arena, in bytes. */
export interface Slot {
  readonly key: string;
  /** Outputs × inputs of a weight matrix; outputs × 1 of a bias. */
  readonly rows: number;
  readonly cols: number;
  /** True: panels (assembly/layout.ts). False: one vector, padded to whole panels. */
  readonly paneled: boolean;
  /** Bytes of each of the copies below. */
  readonly bytes: number;
  readonly weight: number;
  readonly momentum: number;
  readonly target: number;
  /** Weights given to `evaluate`; the sums of `fisher`. What is in it is lost at the next command. */
  readonly other: number;
  /** Transposed weight for input gradients, 0 if none is needed. */
  readonly transposed: number;
  /** Importance weights of the penalty, 0 if the session has no room for them. */
  readonly importance: number;
  /** f32 penalty weight: μ if there is a target, else 0. */
  readonly penalty: number;
}

/** Takes the memory of a parameter; `transposed` if its layer passes gradients on, `importance` if the penalty is weighted. */
export function takeSlot(
  arena: Arena,
  { key, role, rows, cols }: Parameter,
  { transposed, importance }: { readonly transposed: boolean; readonly importance: boolean },
): Slot {
  const paneled = role === "w";
  const bytes = paneled ? paneledBytes(rows, cols) : panels(rows) * 32;
  const take = (what: string) => arena.take(`${key} ${what}`, bytes);
  return {
    ...{ key, rows, cols, paneled, bytes },
    weight: take("weight"),
    momentum: take("momentum"),
    target: take("target"),
    other: take("other"),
    transposed: transposed ? take("transposed") : 0,
    importance: importance ? take("importance") : 0,
    penalty: arena.take(`${key} penalty`, 4),
  };
}

/** Writes row-major `values` to `offset`, one of the slot's copies. */
export function store(
  memory: Float32Array,
  slot: Slot,
  offset: number,
  values: Float32Array,
): void {
  const { paneled, rows, cols, bytes, weight, transposed } = slot;
  const to = view(memory, offset, bytes);
  if (!paneled) {
    to.set(values);
    return;
  }
  pack(values, rows, cols, to);
  if (offset === weight && transposed) {
    packTransposed(values, rows, cols, view(memory, transposed, bytes));
  }
}

/** A row-major copy of what `store` wrote or training made of it. */
export function load(memory: Float32Array, slot: Slot, offset: number): Float32Array {
  const from = view(memory, offset, slot.bytes);
  return slot.paneled ? unpack(from, slot.rows, slot.cols) : from.slice(0, slot.rows);
}

function view(memory: Float32Array, offset: number, bytes: number): Float32Array {
  return memory.subarray(offset / 4, (offset + bytes) / 4);
}
