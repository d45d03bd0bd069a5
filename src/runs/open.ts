import { readdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fromSpec } from "../compression/from-spec.ts";
import type { Dataset } from "../data/dataset.ts";
import { fromRecipe } from "../data/readers.ts";
import { hashData } from "../data/recipe.ts";
import type { Engine } from "../engine/engine.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import { LCError } from "../errors.ts";
import { compress, type Plan } from "../lc/plan.ts";
import type { Progress } from "../lc/progress.ts";
import type { RunOptions } from "../lc/run-options.ts";
import type { Solution } from "../lc/solution.ts";
import type { LCState } from "../lc/state.ts";
import { model, network } from "../net/network.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { type Table, table } from "../table/table.ts";
import { escapeMarkup } from "../text.ts";
import { checkpoints } from "./checkpoints.ts";
import { files, readRecord, readStart } from "./folder.ts";
import { historyOf, type JournalEntry, readJournal } from "./journal.ts";
import { ownerOf } from "./lock.ts";
import type { RunRecord } from "./record.ts";

/** "killed": no process works on it, and the last one said no goodbye. */
export type RunStatus = "running" | "finished" | "stopped" | "failed" | "killed";

/** A run in a folder, as it was when it was opened. */
export interface SavedRun extends Displayable {
  readonly dir: string;
  readonly status: RunStatus;
  /** Why it failed. */
  readonly message?: string;
  readonly record: RunRecord;
  /** One record per epoch and step so far. */
  readonly history: readonly Progress[];
  /** How long processes have worked on it until their last record, all together. */
  readonly seconds: number;
  /**
   * The newest state that is whole; an earlier one than the run has reached where the last is damaged: see its `stepsDone`.
   * @throws LCError LC_STATE if there is none, or it is of another format.
   */
  state(): Promise<LCState>;
  /** The plan and the options it was made with, to go on: `plan.run(options)`, or `live(plan.steps(options))`. */
  reopen(options?: ReopenOptions): Promise<{
    readonly plan: Plan<never, Record<string, unknown>>;
    readonly options: RunOptions;
  }>;
}

export interface ReopenOptions {
  /** The data of the run; needed if no reader of this library made them. */
  readonly data?: Dataset;
  readonly engine?: Engine;
  readonly signal?: AbortSignal;
}

/**
 * Opens the run in folder `dir`; reads only.
 * @throws LCError LC_STATE if there is none.
 */
export async function openRun(dir: string): Promise<SavedRun> {
  const path = resolve(dir);
  const record = await readRecord(path);
  if (!record) {
    throw new LCError("LC_STATE", `${path} has no ${files.record}: no run was kept there.`);
  }
  const owner = await ownerOf(path);
  const entries = await readJournal(join(path, files.journal));
  const last = entries.at(-1);
  const busy = owner !== "none" && owner !== "dead";
  const status = busy ? "running" : last?.type === "end" ? last.status : "killed";
  const saved: SavedRun = {
    dir: path,
    status,
    ...(last?.type === "end" && last.message ? { message: last.message } : {}),
    record,
    history: historyOf(entries),
    seconds: secondsOf(entries),
    async state() {
      const { found, damaged } = await checkpoints(join(path, files.checkpoints)).newest();
      if (found) return found.state;
      throw new LCError(
        "LC_STATE",
        `${path} has no checkpoint${damaged.length > 0 ? ` that can be read: ${damaged.map(({ file, message }) => `${file}: ${message}`).join("; ")}` : " yet"}.`,
      );
    },
    reopen: (options = {}) => reopen(path, record, options),
    [displaySymbol]: () => tableOf([saved])[displaySymbol](),
  };
  return Object.freeze(saved);
}

/** The records of each process count from its start. */
function secondsOf(entries: readonly JournalEntry[]): number {
  let [before, last] = [0, 0];
  for (const entry of entries) {
    if (entry.type === "start") [before, last] = [before + last, 0];
    else if (entry.type === "record") last = entry.record.seconds;
  }
  return before + last;
}

interface Shown {
  readonly "text/plain": string;
  readonly "text/html": string;
}

/** Runs, newest first; shows itself as a table. */
export interface SavedRuns extends ReadonlyArray<SavedRun>, Displayable {
  readonly table: Table;
  /** Folders that hold something that cannot be read as a run, and why. */
  readonly unreadable: readonly { readonly dir: string; readonly message: string }[];
}

/**
 * The runs in the folders below `dir`, the newest first; reads only. Folders without a run are passed over, those whose record cannot
 * be read are told as `unreadable`.
 */
export async function openRuns(dir: string): Promise<SavedRuns> {
  const folders = await readdir(dir, { withFileTypes: true });
  const runs: SavedRun[] = [];
  const unreadable: { dir: string; message: string }[] = [];
  for (const folder of folders) {
    const path = join(dir, folder.name);
    if (!folder.isDirectory()) continue;
    try {
      if (!(await readRecord(path))) continue;
      const run = await openRun(path);
      // What it would be shown as: its record may be ours by its format only.
      tableOf([run]);
      runs.push(run);
    } catch (error) {
      unreadable.push({ dir: path, message: (error as Error).message });
    }
  }
  runs.sort((a, b) => (a.record.created < b.record.created ? 1 : -1));
  const all = tableOf(runs);
  return Object.freeze(
    Object.assign(runs, {
      table: all,
      unreadable,
      [displaySymbol]: () => {
        const { "text/plain": text, "text/html": html } = all[displaySymbol]() as unknown as Shown;
        const lines = unreadable.map((one) => `${one.dir}: ${one.message}`);
        return {
          "text/plain": [text, ...lines].join("\n"),
          "text/html": `${html}${lines.map((line) => `<p>${escapeMarkup(line)}</p>`).join("")}`,
        };
      },
    }),
  );
}

/**
 * Goes on with the run in folder `dir`, to the same bytes as if it had never stopped; a finished one gives its solution.
 * @throws LCError LC_STATE if the data are others, cannot be read again, or it was run on another engine than WASM and none is given, or
 * a compression is the user's own: then
 * `plan.run({ dir, … })` with the plan and the data that made it does the same.
 */
export async function resume(
  dir: string,
  options: ReopenOptions = {},
): Promise<Solution<Record<string, unknown>>> {
  const { plan, options: run } = await (await openRun(dir)).reopen(options);
  return plan.run(run);
}

async function reopen(
  dir: string,
  record: RunRecord,
  given: ReopenOptions,
): Promise<{ plan: Plan<never, Record<string, unknown>>; options: RunOptions }> {
  const { plan: spec, run, seed, tolerance, evaluate } = record;
  const { weights, importance } = await readStart(dir);
  let plan = compress(model(network(record.network), weights)) as unknown as Plan<
    string,
    Record<string, unknown>
  >;
  for (const { layers, compression } of spec.tasks) {
    if (typeof compression === "string") {
      throw new LCError(
        "LC_STATE",
        `${dir}: ${layers.join(", ")} has ${compression}, a compression of your own, which its record does not hold. Go on with plan.run({ dir, … }) and the plan that made it.`,
      );
    }
    plan = plan.joint(layers, fromSpec(compression)) as typeof plan;
  }
  const data = given.data ?? (await dataOf(dir, record));
  const sha256 = await hashData(data);
  if (sha256 !== record.data.sha256) {
    throw new LCError(
      "LC_STATE",
      `${dir} was run on ${record.run.data.name} with SHA-256 ${record.data.sha256.slice(0, 12)}…; ${data.name} here has ${sha256.slice(0, 12)}…. Give the same data: resume(dir, { data }).`,
    );
  }
  const { engine, signal } = given;
  const usual = wasmEngine().name;
  if (!engine && record.engine !== usual) {
    throw new LCError(
      "LC_STATE",
      `${dir} was run on the engine ${record.engine}; here is ${usual}, which gives other bytes. Give the engine: resume(dir, { engine }).`,
    );
  }
  const options: RunOptions = {
    ...{ data, dir, seed, tolerance, evaluate, lStep: run.lStep, mu: run.mu },
    ...(importance ? { importance } : {}),
    ...(engine ? { engine } : {}),
    ...(signal ? { signal } : {}),
  };
  return { plan: plan as unknown as Plan<never, Record<string, unknown>>, options };
}

async function dataOf(dir: string, { data, run }: RunRecord): Promise<Dataset> {
  if (data.recipe) return fromRecipe(data.recipe);
  throw new LCError(
    "LC_STATE",
    `${dir} was run on ${run.data.name}, which no reader of this library made. Give it: resume(dir, { data }).`,
  );
}

function tableOf(runs: readonly SavedRun[]): Table {
  return table(
    [
      { name: "run" },
      { name: "network" },
      { name: "compression" },
      { name: "data" },
      { name: "seed" },
      { name: "status" },
      { name: "steps" },
      { name: "ratio", format: (x) => `${x.toPrecision(3)} ×` },
      { name: "training loss", format: (x) => x.toPrecision(3) },
      { name: "test error %", format: (x) => x.toFixed(2) },
    ],
    runs.map(({ dir, status, record, history }) => {
      const last = history.findLast(({ kind }) => kind === "step");
      const tasks = record.plan.tasks.map(({ layers, compression }) => {
        const name = typeof compression === "string" ? compression : fromSpec(compression).name;
        return `${layers.join(" + ")}: ${name}`;
      });
      return [
        ...[dir, record.network.name, tasks.join("; "), record.run.data.name, record.seed, status],
        `${last?.step ?? 0} of ${record.run.mu.length}`,
        ...[last?.ratio ?? null, last?.trainLoss ?? null, last?.testError ?? null],
      ];
    }),
  );
}
