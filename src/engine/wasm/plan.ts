import type { Dataset } from "../../data/dataset.ts";
import type { Network } from "../../net/network.ts";
import { Arena, type Region } from "../arena.ts";
import { type Compiled, compile } from "../compile.ts";
import type { OpenOptions } from "../engine.ts";
import { encode, type Program } from "../program.ts";
import { slotBytes } from "../slots.ts";
import { size } from "../stages.ts";
import { COUNTERS, LINE } from "./assembly/layout.ts";

export type SplitName = "train" | "test";

/** Bytes of a session by what they are for. */
export interface Parts {
  /** Weights, momentum, targets, and the copies that evaluations, input gradients, importance weights and Adam need. */
  readonly parameters: number;
  /** Activations, their gradients and partial sums of a minibatch: of training or of evaluation, whichever is larger. */
  readonly activations: number;
  /** Images, labels and order. */
  readonly data: number;
  /** Programs, and the scratch and counters of the threads. */
  readonly threads: number;
}

/** Offsets of everything in a session's memory, in bytes. Pure data. */
export interface Plan {
  readonly compiled: Compiled;
  readonly programs: ReadonlyMap<Program, { readonly offset: number; readonly words: Int32Array }>;
  readonly control: number;
  /** First thread's scratch; `compiled.scratch` bytes per thread. */
  readonly scratch: number;
  /** uint32 order of the training examples. */
  readonly order: number;
  readonly splits: Readonly<
    Record<SplitName, { readonly images: number; readonly labels: number }>
  >;
  readonly regions: readonly Region[];
  /** Size of the memory, without its last page's rest. */
  readonly bytes: number;
  /** The same bytes, by what they are for. */
  readonly parts: Parts;
}

/**
 * Lays out the memory of a session. Nothing moves later, so offsets are constants of the programs.
 * @throws RangeError for layers this engine cannot train.
 */
export function plan(
  network: Network,
  data: Dataset,
  { batch, importance = false, optimizer = "sgd" }: OpenOptions,
  threads: number,
): Plan {
  const arena = new Arena();
  const most = Math.max(data.train.count, data.test.count, 1);
  const compiled = compile(network, arena, {
    ...{ batch, evaluation: most, importance, optimizer, data },
  });
  const planned = arena.bytes;
  const { train, evaluate, evaluateOther, fisher } = compiled;
  const all = [train, evaluate, evaluateOther, fisher];
  const programs = all.map((program) => {
    const words = encode(program);
    return [
      program,
      { words, offset: arena.take(`program ${program.name}`, words.byteLength) },
    ] as const;
  });
  const counters = threads * LINE * Math.max(...programs.map(([{ phases }]) => phases.length));
  const inputs = size(network.input);
  const takeSplit = (name: SplitName) => ({
    images: arena.take(`${name} images`, data[name].count * inputs),
    labels: arena.take(`${name} labels`, data[name].count),
  });
  const control = arena.take("control", COUNTERS + counters);
  const scratch = arena.take("scratch", threads * compiled.scratch);
  const beforeData = arena.bytes;
  const order = arena.take("order", data.train.count * 4);
  const splits = { train: takeSplit("train"), test: takeSplit("test") };
  const parameters = compiled.slots.reduce((sum, slot) => sum + slotBytes(slot), 0);
  return {
    ...{ compiled, programs: new Map(programs), control, scratch, order, splits },
    ...{ regions: arena.regions, bytes: arena.bytes },
    parts: {
      parameters,
      // The arena's first line, which nothing uses, is no activation.
      activations: planned - parameters - LINE,
      data: arena.bytes - beforeData,
      threads: beforeData - planned + LINE,
    },
  };
}

/** "12.3 MiB: parameters 1.2, …", for people. */
export function partsInWords(bytes: number, parts: Parts): string {
  const mib = (n: number) => (n / 2 ** 20).toFixed(1);
  const { parameters, activations, data, threads } = parts;
  return `${mib(bytes)} MiB (parameters ${mib(parameters)}, activations and gradients ${mib(activations)}, data ${mib(data)}, threads ${mib(threads)})`;
}
