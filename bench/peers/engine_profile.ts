/**
 * Times each op of a network's training program on one thread, in a process of its own:
 *
 *     node --import tsx bench/peers/engine_profile.ts NET BATCH SECONDS
 *
 * NET: lenet300 | lenet5 | resnet20. The ops run as in training: in a row phase one after the other on the rows of a
 * task, so that these stay in the cache, then the next task. Only, each op is a program of its own, and JavaScript reads
 * the clock around it. Prints a `Profile` as one JSON line.
 */
import type { Op, Phase } from "../../src/engine/program.ts";
import * as layout from "../../src/engine/wasm/assembly/layout.ts";
import { median } from "../machine.ts";
import { problem } from "./engine_nets.ts";
import { library } from "./library.ts";

export interface Profile {
  /** Most GF/s of the dense tile in this process, on panels that stay in the first two caches. */
  readonly peakGflops: number;
  /** A step of the whole program, without clocks between its ops; median, as below. */
  readonly stepMs: number;
  /** In the order of the program. */
  readonly ops: readonly OpTime[];
}

export interface OpTime {
  readonly kernel: string;
  readonly layer: string;
  /** The size of its product, for people; "" of an op that has none. */
  readonly shape: string;
  readonly ms: number;
  /**
   * 2 for each product with a weight, those with padding included; 0 of an op that has none. Of a convolution they are
   * those of the direct method, so one that saves products can be above the peak.
   */
  readonly flops: number;
}

const [name = "", ...numbers] = process.argv.slice(2);
const [batch = 128, seconds = 2] = numbers.map(Number);
const { model, data } = problem(name, batch);
const { network, weights } = model;
const planned = library.plan(network, data, { batch }, 1);
const memory = await library.allocate(planned, data, name);
const module = await library.kernelModule();
const kernels = library.instantiate(module, memory.wasm);
const { compiled, control, programs, splits } = planned;
const scratch = library.scratchOf(planned, 0);
const train = programs.get(compiled.train)?.offset as number;
// Nothing is evaluated here: the program that would do it lends its place to those of single ops.
const place = programs.get(compiled.evaluateOther)?.offset as number;
const pieces = compiled.train.phases.map((phase) =>
  phase.ops.map((op) => ({ op, words: alone(phase, [op]), now: 0, times: [] as number[] })),
);

for (const slot of compiled.slots) {
  const values = weights[slot.key] as Float32Array;
  await library.store(memory.floats, slot, slot.weight, values, library.rest);
  if (!slot.paneled) continue;
  await library.store(memory.floats, slot, slot.target, values, library.rest);
  memory.floats[slot.penalty / 4] = 1e-2;
}
// The learning rate stays 0: every step computes the same.
set(layout.IMAGES, splits.train.images);
set(layout.LABELS, splits.train.labels);
memory.floats[(control + layout.MOMENTUM) / 4] = 0.9;

const steps: number[] = [];
const begin = performance.now();
while (performance.now() - begin < seconds * 1e3 || steps.length < 3) {
  steps.push(wholeStep());
  for (const piece of pieces.flat()) piece.now = 0;
  for (const [p, phase] of compiled.train.phases.entries()) phaseByOps(phase, p);
  for (const piece of pieces.flat()) piece.times.push(piece.now);
}
const ops = pieces.flat().map(({ op, times }) => ({
  ...{ kernel: op.kernel, layer: op.layer, ms: median(times) },
  ...product(op),
}));
const profile: Profile = { peakGflops: peak(), stepMs: median(steps), ops };
console.log(JSON.stringify(profile));

function set(offset: number, value: number): void {
  memory.words[(control + offset) / 4] = value;
}

/** The words of a program with these ops of a phase alone, and without its serial part. */
function alone({ axis, taskRows }: Phase, ops: readonly Op[]): Int32Array {
  const rows = taskRows === undefined ? {} : { taskRows };
  const phase: Phase = { axis, ...rows, ops, serial: [], losses: 0, wrong: 0 };
  return library.encode({ name, phases: [phase] });
}

/** One minibatch of an endless epoch; ms. */
function wholeStep(): number {
  set(layout.FIRST, 0);
  set(layout.ROWS, batch);
  set(layout.COUNT, 2 * batch);
  set(layout.BATCH, batch);
  const start = performance.now();
  const stop = kernels.step(train, control, 0, 1, scratch);
  const ms = performance.now() - start;
  if (stop !== 0) throw new Error(`engine_profile: ${name} stopped with reason ${stop}.`);
  set(layout.FIRST, 0);
  return ms;
}

/** One phase, its ops timed one by one. */
function phaseByOps({ axis, taskRows = 16 }: Phase, p: number): void {
  const tasks = axis === "rows" ? Math.ceil(batch / taskRows) : 1;
  for (let task = 0; task < tasks; task++) {
    set(layout.ROWS, axis === "rows" ? Math.min(batch, (task + 1) * taskRows) : batch);
    for (const piece of pieces[p] ?? []) {
      memory.words.set(piece.words, place / 4);
      // With the tasks before it claimed and rows up to its end, only `task` is left; the barrier clears the counter.
      if (axis === "rows") set(layout.COUNTERS, task);
      const start = performance.now();
      kernels.step(place, control, 0, 1, scratch);
      piece.now += performance.now() - start;
    }
  }
}

function product({ kernel, layer, args }: Op): { shape: string; flops: number } {
  if ("filters" in args) {
    const { kernelHeight, kernelWidth, channels, outHeight, outWidth, filters } = args;
    const patch = kernelHeight * kernelWidth * channels;
    return {
      shape: `${kernelHeight} × ${kernelWidth} × ${channels} → ${filters} at ${outHeight} × ${outWidth}`,
      flops: 2 * batch * outHeight * outWidth * filters * patch,
    };
  }
  if (kernel === "dense" || kernel === "denseInput" || kernel === "denseUpdate") {
    const w = network.parameters.find((p) => p.layer === layer && p.role === "w");
    const [rows, cols] = [w?.rows ?? 0, w?.cols ?? 0];
    return { shape: `${cols} → ${rows}`, flops: 2 * batch * rows * cols };
  }
  return { shape: "", flops: 0 };
}

/** GF/s of 16 rows times 8·`yPanels` outputs, of the best of some sizes of which x and W fit the first two caches. */
function peak(): number {
  const own = new library.webAssembly.Memory({ initial: 8, maximum: 8, shared: true });
  const words = new Int32Array(own.buffer);
  const { step } = library.instantiate(module, own);
  const [block, program, x, w, b, y] = [1 << 10, 1 << 13, 1 << 16, 1 << 17, 1 << 18, 3 << 17];
  const repeats = 50;
  words[(block + layout.ROWS) / 4] = 16;
  let best = 0;
  for (const [xPanels, yPanels] of [
    [16, 8],
    [32, 8],
    [64, 4],
    [100, 4],
  ] as const) {
    const args = { x, xPanels, w, b, y, yPanels, activation: 0 };
    const op: Op = { kernel: "dense", layer: "peak", tasks: 0, args };
    const phase: Phase = { axis: "rows", ops: [], serial: [], losses: 0, wrong: 0 };
    words.set(alone(phase, new Array(repeats).fill(op)), program / 4);
    const flops = repeats * 2 * 16 * 64 * xPanels * yPanels;
    for (const end = performance.now() + 200; performance.now() < end; ) {
      const start = performance.now();
      step(program, block, 0, 1, 0);
      best = Math.max(best, flops / (performance.now() - start) / 1e6);
    }
  }
  return best;
}
