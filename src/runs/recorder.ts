import { mkdir } from "node:fs/promises";
import { join, resolve } from "node:path";
import { wasmEngine } from "../engine/wasm/engine.ts";
import { LCError } from "../errors.ts";
import { LcRun } from "../lc/algorithm.ts";
import type { Progress } from "../lc/progress.ts";
import { difference, otherRun, type RunOptions } from "../lc/run-options.ts";
import type { Solution } from "../lc/solution.ts";
import type { LCState, PlanSpec } from "../lc/state.ts";
import type { Task } from "../lc/task.ts";
import type { Model } from "../net/network.ts";
import { type Checkpoints, checkpoints, type Found } from "./checkpoints.ts";
import { type Disk, disk, removeParts } from "./durable.ts";
import { enterFolder, files } from "./folder.ts";
import { historyOf, type Journal, type JournalEntry, openJournal, readJournal } from "./journal.ts";
import { type Lock, lockFolder } from "./lock.ts";
import { recordOf, version } from "./record.ts";

/** An LC run that keeps a folder: it begins there, or goes on from the newest checkpoint that can be read. */
export class RecordedRun {
  readonly #model: Model;
  readonly #tasks: readonly Task[];
  readonly #spec: PlanSpec;
  readonly #options: RunOptions;
  readonly #dir: string;
  /** See lock.ts. */
  readonly #attempt: number;
  readonly #disk: Disk;
  #run: LcRun | undefined;
  /** The checkpoint with the least training loss of Δ(Θ). */
  #best: { readonly file: string; readonly trainLoss: number } | undefined;

  constructor(
    model: Model,
    tasks: readonly Task[],
    spec: PlanSpec,
    options: RunOptions & { readonly dir: string; readonly attempt?: number },
    on: Disk = disk,
  ) {
    const { dir, attempt = 0, ...rest } = options;
    this.#attempt = attempt;
    this.#model = model;
    this.#tasks = tasks;
    this.#spec = spec;
    this.#options = rest;
    // At once: the working directory may change before the run begins.
    this.#dir = resolve(dir);
    this.#disk = on;
  }

  get state(): LCState | undefined {
    return this.#run?.state;
  }

  /** @throws LCError LC_STATE if the folder is in use or holds another run; LC_DISK; what the run throws. */
  async *steps(): AsyncGenerator<Progress, Solution, undefined> {
    const { warmStart, importance, engine = wasmEngine() } = this.#options;
    const weights = warmStart?.weights ?? this.#model.weights;
    const record = await recordOf(this.#model, this.#spec, this.#options, engine.name, weights);
    await mkdir(this.#dir, { recursive: true });
    const lock = await lockFolder(this.#dir, this.#attempt);
    let journal: Journal | undefined;
    try {
      const start = { weights, ...(importance ? { importance } : {}) };
      await enterFolder(this.#dir, record, start, this.#disk);
      const folder = join(this.#dir, files.checkpoints);
      await Promise.all([removeParts(this.#dir), removeParts(folder)]);
      const saved = checkpoints(folder, this.#disk);
      const path = join(this.#dir, files.journal);
      const entries = await readJournal(path);
      const { found, damaged } = await saved.newest();
      if (found) this.#checkIsOurs(found, record.seed);
      const history = found ? historyOf(entries).filter((r) => isBefore(r, found.state)) : [];
      const broken = new Set(damaged.map(({ file }) => file));
      this.#best = bestOf(
        entries,
        (await saved.list()).filter((file) => !broken.has(file)),
      );
      journal = await openJournal(path, lock.check, this.#disk);
      await journal.append({
        ...{ type: "start", time: new Date().toISOString(), records: history.length },
        ...{ checkpoint: found?.file ?? null, lclab: version(), node: process.version },
        ...{ platform: `${process.platform} ${process.arch}`, engine: engine.name },
        pid: process.pid,
      });
      const from = found ? `went on from ${found.file}` : "began again";
      const notes = damaged.map(
        ({ file, message }) => `A checkpoint is damaged, so the run ${from}: ${file}: ${message}`,
      );
      const { warmStart: _, ...options } = this.#options;
      const run = new LcRun(
        this.#model,
        this.#tasks,
        this.#spec,
        found ? { ...options, from: found.state } : this.#options,
        { history, notes },
      );
      this.#run = run;
      return yield* this.#follow(run, saved, journal, lock);
    } finally {
      await journal?.close();
      await lock.release();
    }
  }

  /** A checkpoint that was copied here from another run would give neither run. */
  #checkIsOurs({ file, state }: Found, seed: number): void {
    const { mu } = this.#options;
    const path = join(this.#dir, files.checkpoints, file);
    if (state.stepsDone > mu.length) {
      throw new RangeError(
        `${this.#dir} has done ${state.stepsDone} steps of this run, but mu has only ${mu.length}.`,
      );
    }
    const differs =
      difference(state.plan, this.#spec, true) ??
      otherRun(state, this.#options) ??
      (state.seed === seed ? undefined : `seed was ${state.seed}, got ${seed}`);
    if (!differs) return;
    throw new LCError(
      "LC_STATE",
      `${path} is the state of another run than ${files.record} says: ${differs}. Remove that file to go on from the one before.`,
    );
  }

  async *#follow(
    run: LcRun,
    saved: Checkpoints,
    journal: Journal,
    lock: Lock,
  ): AsyncGenerator<Progress, Solution, undefined> {
    const steps = run.steps();
    const end = (status: "finished" | "stopped" | "failed", message?: string) =>
      journal.append(
        {
          ...{ type: "end", time: new Date().toISOString(), status },
          ...(message === undefined ? {} : { message }),
        },
        { sync: true },
      );
    let ended = false;
    try {
      for (;;) {
        const { done, value } = await steps.next();
        if (done) {
          if (value.status === "stopped") await this.#save(run, saved, journal, lock, Number.NaN);
          ended = true;
          await end(value.status === "stopped" ? "stopped" : "finished");
          return value;
        }
        await journal.append({ type: "record", record: value });
        if (value.kind === "step") {
          await this.#save(run, saved, journal, lock, value.trainLoss ?? Number.NaN);
        }
        yield value;
      }
    } catch (error) {
      ended = true;
      await end("failed", (error as Error).message).catch(() => undefined);
      throw error;
    } finally {
      // A consumer that leaves its loop ends here.
      if (!ended) await end("stopped").catch(() => undefined);
      await steps.return(undefined as never);
    }
  }

  async #save(
    run: LcRun,
    saved: Checkpoints,
    journal: Journal,
    lock: Lock,
    trainLoss: number,
  ): Promise<void> {
    await lock.check();
    const file = await saved.save(run.state as LCState, this.#best?.file);
    if (trainLoss < (this.#best?.trainLoss ?? Number.POSITIVE_INFINITY)) {
      this.#best = { file, trainLoss };
    }
    await journal.append({ type: "checkpoint", file, trainLoss }, { sync: true });
  }
}

/** A record that the state has behind it. */
function isBefore({ kind, step, epochsDone }: Progress, state: LCState): boolean {
  return kind === "step" ? step <= state.stepsDone : epochsDone <= state.epochsDone;
}

function bestOf(
  entries: readonly JournalEntry[],
  there: readonly string[],
): { readonly file: string; readonly trainLoss: number } | undefined {
  let best: { readonly file: string; readonly trainLoss: number } | undefined;
  for (const entry of entries) {
    if (entry.type !== "checkpoint" || !there.includes(entry.file)) continue;
    const { file, trainLoss } = entry;
    if (trainLoss < (best?.trainLoss ?? Number.POSITIVE_INFINITY)) best = { file, trainLoss };
  }
  return best;
}
