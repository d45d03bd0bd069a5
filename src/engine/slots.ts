import type { Parameter } from "../net/network.ts";
import { BAND, type Rest } from "../rest.ts";
import { type Arena, lines } from "./arena.ts";
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
  /** Second moment of Adam, 0 for SGD. */
  readonly second: number;
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

/** What a session needs besides weights, momentum and targets. */
export interface Room {
  /** Importance weights of the penalty. */
  readonly importance?: boolean;
  /** Default SGD; Adam has second moments. */
  readonly optimizer?: "sgd" | "adam";
}

/** Takes the memory of all parameters; `transposed` for those whose layer passes gradients on. By key. */
export function takeSlots(
  arena: Arena,
  parameters: readonly (Parameter & { readonly transposed: boolean })[],
  { importance = false, optimizer = "sgd" }: Room,
): ReadonlyMap<string, Slot> {
  const shaped = parameters.map((parameter) => {
    const { key, role, rows, cols, transposed } = parameter;
    const paneled = role === "w";
    const bytes = paneled ? paneledBytes(rows, cols) : panels(rows) * 32;
    return { ...{ key, rows, cols, paneled, bytes }, transposed };
  });
  const takeAll = (what: string) =>
    shaped.map(({ key, bytes }) => arena.take(`${key} ${what}`, bytes));
  // In two runs of the same pieces, so that a second moment is as far from its momentum for every parameter.
  const momenta = takeAll("momentum");
  const seconds = optimizer === "adam" ? takeAll("second moment") : [];
  const slots = shaped.map(({ transposed, ...shape }, i): Slot => {
    const { key, bytes } = shape;
    const take = (what: string) => arena.take(`${key} ${what}`, bytes);
    return {
      ...shape,
      weight: take("weight"),
      momentum: momenta[i] as number,
      second: seconds[i] ?? 0,
      target: take("target"),
      other: take("other"),
      transposed: transposed ? take("transposed") : 0,
      importance: importance ? take("importance") : 0,
      penalty: arena.take(`${key} penalty`, 4),
    };
  });
  return new Map(slots.map((slot) => [slot.key, slot]));
}

/** What a slot takes of the arena, with the rests of its lines. */
export function slotBytes(slot: Slot): number {
  const { weight, momentum, second, target, other, transposed, importance } = slot;
  const copies = [weight, momentum, second, target, other, transposed, importance];
  return copies.filter((offset) => offset > 0).length * lines(slot.bytes) + lines(4);
}

/** Writes row-major `values` to `offset`, one of the slot's copies, in slices. */
export async function store(
  memory: Float32Array,
  slot: Slot,
  offset: number,
  values: Float32Array,
  rest: Rest,
): Promise<void> {
  const { paneled, rows, cols, bytes, weight, transposed } = slot;
  const to = view(memory, offset, bytes);
  if (!paneled) {
    to.set(values);
    return;
  }
  const across = offset === weight && transposed ? view(memory, transposed, bytes) : undefined;
  for (const [from, end] of bands(rows, cols)) {
    pack(values, cols, to, from, end);
    if (across) packTransposed(values, rows, cols, across, from, end);
    await rest();
  }
}

/** A row-major copy of what `store` wrote or training made of it. */
export async function load(
  memory: Float32Array,
  slot: Slot,
  offset: number,
  rest: Rest,
): Promise<Float32Array> {
  const { paneled, rows, cols, bytes } = slot;
  const from = view(memory, offset, bytes);
  if (!paneled) return from.slice(0, rows);
  const matrix = new Float32Array(rows * cols);
  for (const [first, end] of bands(rows, cols)) {
    unpack(from, cols, matrix, first, end);
    await rest();
  }
  return matrix;
}

/** Zeros in one of the slot's copies. */
export async function clear(
  memory: Float32Array,
  { bytes }: Slot,
  offset: number,
  rest: Rest,
): Promise<void> {
  const to = view(memory, offset, bytes);
  for (let at = 0; at < to.length; at += BAND) {
    to.fill(0, at, at + BAND);
    await rest();
  }
}

/** First and last + 1 of the rows that are copied in one go. */
function* bands(rows: number, cols: number): Generator<readonly [number, number]> {
  const height = Math.ceil(BAND / cols);
  for (let from = 0; from < rows; from += height) yield [from, Math.min(rows, from + height)];
}

function view(memory: Float32Array, offset: number, bytes: number): Float32Array {
  return memory.subarray(offset / 4, (offset + bytes) / 4);
}
