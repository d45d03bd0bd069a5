import { mkdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import type { Dataset } from "../data/dataset.ts";
import { fromRecipe } from "../data/readers.ts";
import { hashData, type Recipe, recipeOf } from "../data/recipe.ts";
import { LCError } from "../errors.ts";
import { decodeSlowly, encodeSlowly } from "../lc/container.ts";
import type { LStep, Schedule } from "../lc/schedules.ts";
import type { PlanSpec } from "../lc/state.ts";
import type { LayerSpec, Loss, Shape, Weights } from "../net/network.ts";
import { writeDurably } from "../runs/durable.ts";

/**
 * A sweep's folder:
 *
 *     sweep.json        what is to be done (below); never changes
 *     start.weights     the reference weights
 *     data.bin          the data, if no reader of this library made them
 *     points/ID/        each point's run (runs/folder.ts)
 *     journal.jsonl     attempts and ends of points, and of the supervisor (journal.ts)
 *     lock              the supervisor at work
 *     stop              asks the supervisor that it names to stop
 */
export const files = {
  spec: "sweep.json",
  start: "start.weights",
  data: "data.bin",
  journal: "journal.jsonl",
  points: "points",
  log: "supervisor.log",
  lock: "lock",
  stop: "stop",
} as const;

/** One point of a sweep. */
export interface PointSpec {
  /** Unique, and a name of a folder. */
  readonly id: string;
  readonly combination: string;
  readonly level: string;
  readonly seed: number;
  readonly tasks: PlanSpec["tasks"];
  /** The point whose learned weights it starts from; it waits for that one. */
  readonly after?: string;
}

export interface SweepSpec {
  readonly format: 1;
  readonly created: string;
  readonly network: {
    readonly name: string;
    readonly input: Shape;
    readonly loss: Loss;
    readonly layers: readonly LayerSpec[];
  };
  /** SHA-256 of the reference weights. */
  readonly start: string;
  readonly data: { readonly name: string; readonly sha256: string; readonly recipe: Recipe | null };
  readonly reference: { readonly trainLoss: number; readonly testError: number };
  readonly lStep: LStep;
  readonly mu: Schedule;
  readonly evaluate: "every" | "ends" | "last";
  /** A point is given up when a finished one is at least as small and has a training loss this many times smaller; null: never. */
  readonly hopeless: number | null;
  readonly executor: ExecutorSpec;
  readonly points: readonly PointSpec[];
}

/** Where points run. Plain data: the supervisor, a process of its own, makes the executor from it. */
export type ExecutorSpec =
  | {
      readonly kind: "pool";
      /** Processes at a time. */
      readonly workers: number;
      /** Threads of each. */
      readonly threads: number;
    }
  | {
      readonly kind: "bullmq";
      /** Of Redis, redis://… */
      readonly url: string;
      readonly queue: string;
      /** Points in the queue at a time. */
      readonly slots: number;
    }
  | {
      readonly kind: "slurm";
      readonly threads: number;
      readonly slots: number;
      /** Options of sbatch. */
      readonly sbatch: readonly string[];
    };

const startMagic = "lclab sweep start 1\n";
const dataMagic = "lclab data 1\n";

/** Writes everything but the points' runs; `sweep.json` last, so that with it the rest is there. */
export async function createFolder(
  dir: string,
  spec: SweepSpec,
  weights: Weights,
  data: Dataset,
): Promise<void> {
  await mkdir(join(dir, files.points), { recursive: true });
  await writeDurably(join(dir, files.start), await encodeSlowly(startMagic, weights));
  if (!recipeOf(data))
    await writeDurably(join(dir, files.data), await encodeSlowly(dataMagic, data));
  await writeDurably(join(dir, files.spec), Buffer.from(`${JSON.stringify(spec, undefined, 2)}\n`));
}

/** @throws LCError LC_STATE if there is no sweep, or one of another format. */
export async function readSpec(dir: string): Promise<SweepSpec> {
  const path = join(dir, files.spec);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code !== "ENOENT") throw error;
    throw new LCError("LC_STATE", `${dir} has no ${files.spec}: no sweep was kept there.`);
  });
  const spec = JSON.parse(text) as SweepSpec;
  if (spec.format !== 1) {
    throw new LCError(
      "LC_STATE",
      `${path} has format ${spec.format}; this lclab reads format 1. Use the version that made it.`,
    );
  }
  return spec;
}

export async function readWeights(dir: string): Promise<Weights> {
  return (await decodeSlowly(
    startMagic,
    "sweep's start",
    await readFile(join(dir, files.start)),
  )) as Weights;
}

/** The data of a sweep, made or read again. @throws LCError LC_DATA if they are not the same bytes. */
export async function readData(dir: string, { data }: SweepSpec): Promise<Dataset> {
  const found = data.recipe
    ? await fromRecipe(data.recipe)
    : ((await decodeSlowly(
        dataMagic,
        "data set",
        await readFile(join(dir, files.data)),
      )) as Dataset);
  const sha256 = await hashData(found);
  if (sha256 === data.sha256) return found;
  throw new LCError(
    "LC_DATA",
    `${dir}: ${data.name} has other bytes than when the sweep began (SHA-256 ${sha256.slice(0, 12)}…, then ${data.sha256.slice(0, 12)}…). Put the same files where they were.`,
  );
}

export function pointFolder(dir: string, id: string): string {
  return join(dir, files.points, id);
}
