import { type AlternationTrace, type CStepResult, partsOf } from "../compression/contract.ts";
import { shapeOf } from "../math/matrix.ts";
import { shownModel } from "../net/describe.ts";
import type { Model, Weights } from "../net/network.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { type Table, table } from "../table/table.ts";
import { escapeMarkup, grouped } from "../text.ts";
import { distances, pick } from "./arrays.ts";
import type { Progress } from "./progress.ts";
import { flopsOf, sizeOf, storedBits } from "./size.ts";
import type { LCState } from "./state.ts";
import { parametersOf, type Task, taskPlace } from "./task.ts";

/** "direct": compressed without training. "stopped": ended by a signal or an interrupt before the last step. */
export type Status = "direct" | "finished" | "stopped";

/** What a run or direct compression gives. Immutable. */
export interface Solution<Thetas = Record<string, unknown>> extends Displayable {
  readonly status: Status;
  /** The compressed network: Δ(Θ) in the compressed layers, learned biases and other layers as they are. */
  readonly model: Model;
  /** Which layers are compressed how. */
  readonly tasks: readonly Task[];
  /** θ of each compressed layer; layers of a joint task share theirs. */
  readonly thetas: Thetas;
  /** ‖w − Δ(Θ)‖² over all compressed layers, w the learned (for direct compression: the given) weights. */
  readonly distortion: number;
  /** Bits of the compressed layers, as `save` stores them. */
  readonly bits: number;
  /** Compression ratio ρ of the whole network. */
  readonly ratio: number;
  /** Multiplications and additions of one inference, and of the uncompressed network. */
  readonly flops: { readonly after: number; readonly before: number };
  /** The last C step of each task: whether it found the optimum. */
  readonly cSteps: readonly CStepSummary[];
  /** L(Δ(Θ)) over the training set; undefined if it was not evaluated. */
  readonly trainLoss?: number;
  /** Wrong test predictions of Δ(Θ), and in percent; undefined if they were not evaluated. */
  readonly testErrors?: number;
  readonly testError?: number;
  /** Where the bits are: a row per task, and last what is not compressed. */
  readonly storage: readonly StorageRow[];
  /** A row per task: bits, ratio, error. */
  readonly table: Table;
  readonly history: readonly Progress[];
  /** Where `steps({ from })` goes on; undefined for direct compression. */
  readonly state?: LCState;
  /** What the user should know, e.g. that the learning rate was clipped. */
  readonly notes: readonly string[];
}

/** Storage of a task's layers, or of everything else. */
export interface StorageRow {
  /** Empty for everything else: biases, and layers that are not compressed. */
  readonly layers: readonly string[];
  /** Bits as float32. */
  readonly before: number;
  /** Bits of each part of the compression, by its name. */
  readonly parts: readonly { readonly name: string; readonly bits: number }[];
}

/** How a task's last C step ended. */
export interface CStepSummary {
  readonly layers: readonly string[];
  readonly compression: string;
  /** Names of the parts of a sum; of another compression its name. */
  readonly parts: readonly string[];
  /** True if θ is a global minimum of the C step's objective. */
  readonly exact: boolean;
  /** The objective is at most this far above its minimum; undefined if no bound is known. */
  readonly gap?: number;
  /** Objective after each sweep of every order and start tried; undefined for other searches, and after a resume. */
  readonly trace?: readonly AlternationTrace[];
}

/** Losses and errors of the compressed network. */
export interface Scores {
  readonly trainLoss?: number;
  readonly testErrors?: number;
  readonly testError?: number;
}

/** Assembles a solution and its table. */
export function solutionOf(parts: {
  readonly status: Status;
  readonly model: Model;
  readonly tasks: readonly Task[];
  /** θ of each task, with its certificate. */
  readonly results: readonly CStepResult<unknown>[];
  /** Δ(Θ) by parameter key. */
  readonly deltas: Weights;
  /** w by parameter key, of the compressed layers. */
  readonly learned: Weights;
  /** All other parameters. */
  readonly rest: Weights;
  readonly scores: Scores;
  readonly history: readonly Progress[];
  readonly notes: readonly string[];
  readonly state?: LCState;
}): Solution {
  const { status, model, tasks, results, deltas, learned, rest, scores, history } = parts;
  const thetas = results.map(({ theta }) => theta);
  const size = sizeOf(model.network, tasks, thetas);
  const flops = flopsOf(model, tasks, thetas);
  const notes = [...parts.notes, ...remarks(model, tasks, results)];
  const errors = tasks.map((task) =>
    distances(
      learned,
      pick(
        deltas,
        parametersOf(model, task).map(({ key }) => key),
      ),
    ),
  );
  const distortion = errors.reduce((total, { gap }) => total + gap, 0);
  const rows = tasks.map((task, i) => {
    const parameters = parametersOf(model, task);
    const count = parameters.reduce((n, { rows, cols }) => n + rows * cols, 0);
    const bits = size.tasks[i] as number;
    const { gap, norm } = errors[i] as { gap: number; norm: number };
    const shapes = parameters.map(shapeOf).join(", ");
    return [
      task.layers.join(" + "),
      shapes,
      task.compression.name,
      32 * count,
      bits,
      (32 * count) / bits,
      flops.tasks[i] as number,
      norm > 0 ? Math.sqrt(gap / norm) : 0,
      quality(results[i] as CStepResult<unknown>, norm),
    ];
  });
  const dense = 32 * model.network.parameters.reduce((n, { rows, cols }) => n + rows * cols, 0);
  const others = flops.after - flops.tasks.reduce((total, f) => total + f, 0);
  const restRow = [
    ...["everything else", "", "kept as float32"],
    ...[size.restBits, size.restBits, 1, others, 0, ""],
  ];
  const total = [
    ...["whole network", "", ""],
    ...[dense, size.bits + size.restBits, size.ratio, flops.after, null, ""],
  ];
  const details = table(
    [
      { name: "layers" },
      { name: "shape" },
      { name: "compression" },
      { name: "bits before", format: grouped },
      { name: "bits after", format: grouped },
      { name: "ratio", format: (x) => `${x.toPrecision(3)} ×` },
      { name: "FLOPs", format: grouped },
      { name: "‖w−Δ‖/‖w‖", format: (x) => x.toFixed(4) },
      { name: "C step" },
    ],
    [...rows, ...(size.restBits > 0 ? [restRow] : []), total],
  );
  const named = tasks.flatMap((task, i) => task.layers.map((layer) => [layer, thetas[i]] as const));
  const result: Solution = {
    status,
    model: shownModel(model.network, { ...rest, ...deltas }),
    tasks,
    thetas: Object.fromEntries(named),
    distortion,
    bits: size.bits,
    ratio: size.ratio,
    flops: { after: flops.after, before: flops.before },
    cSteps: tasks.map(({ layers, compression }, i) => {
      const { exact, gap, trace } = results[i] as CStepResult<unknown>;
      return {
        layers,
        compression: compression.name,
        parts: partsOf(compression).map(({ name }) => name),
        exact,
        ...(gap === undefined ? {} : { gap }),
        ...(trace ? { trace } : {}),
      };
    }),
    ...scores,
    storage: storageOf(model, tasks, thetas),
    table: details,
    history,
    ...(parts.state ? { state: parts.state } : {}),
    notes,
    [displaySymbol]: () => bundle(result),
  };
  return Object.freeze(result);
}

/** Where the bits are: a row per task, and last what is not compressed. */
export function storageOf(
  model: Model,
  tasks: readonly Task[],
  thetas: readonly unknown[],
): StorageRow[] {
  const { restBits } = sizeOf(model.network, tasks, thetas);
  const rows = tasks.map((task, i): StorageRow => {
    const { layers, compression } = task;
    const parts = partsOf(compression);
    const own = parts.length > 1 ? (thetas[i] as readonly unknown[]) : [thetas[i]];
    const weights = parametersOf(model, task).reduce((n, { rows, cols }) => n + rows * cols, 0);
    return {
      layers,
      before: 32 * weights,
      parts: parts.map((part, p) => ({ name: part.name, bits: storedBits(part, own[p]) })),
    };
  });
  if (restBits === 0) return rows;
  return [
    ...rows,
    { layers: [], before: restBits, parts: [{ name: "uncompressed", bits: restBits }] },
  ];
}

/** How good a C step is, in one word or a bound relative to ‖w‖². */
function quality({ exact, gap }: CStepResult<unknown>, norm: number): string {
  if (exact) return "exact";
  if (gap === undefined) return "local optimum";
  return norm > 0 ? `within ${(gap / norm).toExponential(0)} ‖w‖²` : "exact";
}

/** What the C steps have to say, with the place. */
function remarks(
  model: Model,
  tasks: readonly Task[],
  results: readonly CStepResult<unknown>[],
): string[] {
  return tasks.flatMap((task, i) => {
    const place = taskPlace(model.network, task, parametersOf(model, task));
    return (results[i]?.notes ?? []).map((note) => `${capital(place)}: ${note}.`);
  });
}

function capital(text: string): string {
  return text.charAt(0).toUpperCase() + text.slice(1);
}

function bundle(solution: Solution): Record<string, string> {
  const { status, ratio, trainLoss, testError, notes, model } = solution;
  const title = {
    direct: "direct compression",
    finished: "compressed by LC",
    stopped: "LC, stopped early",
  };
  const facts = [
    `${model.network.name}, ${title[status]}: ${ratio.toPrecision(3)} × smaller`,
    ...(trainLoss === undefined ? [] : [`training loss ${trainLoss.toPrecision(3)}`]),
    ...(testError === undefined ? [] : [`test error ${testError.toFixed(2)} %`]),
  ].join(" · ");
  const lines = [facts, ...notes];
  return {
    "text/plain": `${lines.join("\n")}\n${solution.table.toText()}`,
    "text/html": `<p><b>${escapeMarkup(facts)}</b></p>${solution.table.toHTML()}${notes.map((n) => `<p>${escapeMarkup(n)}</p>`).join("")}`,
  };
}
