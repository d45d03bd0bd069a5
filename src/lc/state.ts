import { createHash } from "node:crypto";
import type { CompressionSpec } from "../compression/contract.ts";
import type { Augmentation } from "../data/augment.ts";
import { LCError } from "../errors.ts";
import type { LStep, Schedule } from "./schedules.ts";

/**
 * The whole state of an LC run between two minibatches: plain data, from which `steps({ from })` goes on to the same
 * bytes as if it had never stopped.
 */
export interface LCState {
  readonly version: 2;
  /** Layers and compressions of the plan, and its network; a run refuses to go on from another one's state. */
  readonly plan: PlanSpec;
  /** What the run was asked to do; going on with something else would not be the same run. */
  readonly run: {
    readonly lStep: LStep;
    readonly mu: Schedule;
    readonly data: {
      readonly name: string;
      readonly train: number;
      readonly test: number;
      readonly augment?: Augmentation;
    };
    /** SHA-256 of the importance weights, if there are any. */
    readonly importance?: string;
  };
  /** Seed of all randomness. The data order of epoch e is the permutation drawn by random(seed, 0x0bde, e). */
  readonly seed: number;
  /** LC steps done: index into the μ schedule of the step under way. */
  readonly stepsDone: number;
  /** Epochs done in the L step under way, and since the start of the run. */
  readonly epoch: number;
  readonly epochsDone: number;
  /** Minibatches done in the epoch under way, with the examples and the loss sum they had. */
  readonly batch: number;
  readonly examples: number;
  readonly lossSum: number;
  /** w and its momentum, all parameters, by key. */
  readonly weights: Readonly<Record<string, Float32Array>>;
  readonly velocity: Readonly<Record<string, Float32Array>>;
  /** Second moment of Adam; its step is counted by `epoch` and `batch`. */
  readonly secondMoments?: Readonly<Record<string, Float32Array>>;
  /** λ by key, of compressed parameters. */
  readonly lambda: Readonly<Record<string, Float32Array>>;
  /** θ of each task. */
  readonly thetas: readonly unknown[];
  /** How good the last C step's θ of each task is. */
  readonly certificates: readonly Certificate[];
  /** Parameters outside the compression as they were at the last C step: with Δ(Θ) they make the compressed net. */
  readonly rest: Readonly<Record<string, Float32Array>>;
}

/** Whether a C step found its optimum. */
export interface Certificate {
  readonly exact: boolean;
  /** How far the objective can be above its minimum; null if no bound is known. */
  readonly gap: number | null;
}

export interface PlanSpec {
  readonly network: string;
  /** Every parameter as [key, rows, cols]. */
  readonly parameters: readonly (readonly [string, number, number])[];
  readonly tasks: readonly {
    readonly layers: readonly string[];
    readonly compression: CompressionSpec | string;
  }[];
}

const arrayTypes = {
  Float32Array,
  Float64Array,
  Int8Array,
  Int16Array,
  Int32Array,
  Uint8Array,
  Uint16Array,
  Uint32Array,
};
type ArrayName = keyof typeof arrayTypes;

const magic = "lclab state 1\n";

/**
 * A state as bytes: a first line, the length of a JSON header, the header, the arrays (little-endian, each at a multiple
 * of 8), and the SHA-256 of all before. The same state gives the same bytes.
 */
export function encodeState(state: LCState): Uint8Array {
  const arrays: Uint8Array[] = [];
  let offset = 0;
  const json = JSON.stringify(state, (_key, value) => {
    if (!ArrayBuffer.isView(value)) return value;
    const type = value.constructor.name as ArrayName;
    const bytes = new Uint8Array(value.buffer, value.byteOffset, value.byteLength);
    const length = (value as unknown as ArrayLike<number>).length;
    const entry = { $array: type, offset, length };
    const padded = new Uint8Array(Math.ceil(bytes.length / 8) * 8);
    padded.set(bytes);
    arrays.push(padded);
    offset += padded.length;
    return entry;
  });
  const header = Buffer.from(json);
  const start = Buffer.alloc(magic.length + 4);
  start.write(magic, "latin1");
  start.writeUInt32LE(header.length, magic.length);
  const body = Buffer.concat([start, header, ...arrays]);
  return Buffer.concat([body, createHash("sha256").update(body).digest()]);
}

/** @throws LCError LC_STATE if the bytes are not a whole, undamaged state. */
export function decodeState(bytes: Uint8Array): LCState {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  if (buffer.toString("latin1", 0, magic.length) !== magic) {
    throw new LCError(
      "LC_STATE",
      `these ${bytes.length} bytes are not a saved state: they do not start with "${magic.trim()}".`,
    );
  }
  const body = buffer.subarray(0, Math.max(0, buffer.length - 32));
  if (!createHash("sha256").update(body).digest().equals(buffer.subarray(body.length))) {
    throw new LCError(
      "LC_STATE",
      `the saved state is damaged or cut off (${bytes.length} bytes; its checksum does not match). Use the one before.`,
    );
  }
  const from = magic.length + 4;
  const dataAt = from + body.readUInt32LE(magic.length);
  const state = JSON.parse(body.toString("utf8", from, dataAt), (_key, value) => {
    if (value === null || typeof value !== "object" || !("$array" in value)) return value;
    const ArrayType = arrayTypes[value.$array as ArrayName];
    const start = body.byteOffset + dataAt + value.offset;
    // Copied, so that the arrays are aligned and do not keep the whole file in memory.
    const copy = body.buffer.slice(start, start + value.length * ArrayType.BYTES_PER_ELEMENT);
    return new ArrayType(copy as ArrayBuffer);
  }) as LCState;
  if (state.version !== 2) {
    throw new LCError(
      "LC_STATE",
      `the saved state has version ${state.version}; this lclab reads version 2. Start the run again.`,
    );
  }
  return state;
}
