import type { CompressionSpec } from "../compression/contract.ts";
import type { Augmentation } from "../data/augment.ts";
import { LCError } from "../errors.ts";
import { decode, decodeSlowly, encode, encodeSlowly } from "./container.ts";
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

const [magic, what] = ["lclab state 1\n", "saved state"];

/** A state as bytes, with a checksum (see container.ts). The same state gives the same bytes. */
export function encodeState(state: LCState): Uint8Array {
  return encode(magic, state);
}

/** @throws LCError LC_STATE if the bytes are not a whole, undamaged state. */
export function decodeState(bytes: Uint8Array): LCState {
  return ofThisVersion(decode(magic, what, bytes) as LCState);
}

/** As `encodeState`, letting other events in; the state must not change meanwhile. */
export function encodeStateSlowly(state: LCState): Promise<Uint8Array> {
  return encodeSlowly(magic, state);
}

/** As `decodeState`, letting other events in. */
export async function decodeStateSlowly(bytes: Uint8Array): Promise<LCState> {
  return ofThisVersion((await decodeSlowly(magic, what, bytes)) as LCState);
}

function ofThisVersion(state: LCState): LCState {
  if (state.version === 2) return state;
  throw new LCError(
    "LC_STATE",
    `the saved state has version ${state.version}; this lclab reads version 2. Start the run again.`,
  );
}
