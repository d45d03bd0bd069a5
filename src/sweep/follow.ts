import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Progress } from "../lc/progress.ts";
import { files as runFiles } from "../runs/folder.ts";
import { followJournal, type JournalEntry } from "../runs/journal.ts";
import { type Owner, ownerOf } from "../runs/lock.ts";
import { type ExecutorSpec, files, pointFolder, readSpec, type SweepSpec } from "./folder.ts";
import type { PointEnd, SweepEntry } from "./journal.ts";

/** How often the folder is looked at. */
const POLL_MS = 250;

/** Where a point stands. */
export interface SweepPoint {
  readonly id: string;
  readonly combination: string;
  readonly level: string;
  readonly seed: number;
  readonly status: "waiting" | "running" | PointEnd;
  /** Why it failed or crashed. */
  readonly message?: string;
  readonly attempts: number;
  /** Of its newest process; undefined until that has told twice. */
  readonly epochsPerSecond?: number;
  /** Of warm-started points: the one it started from; null: the reference. */
  readonly from?: string | null;
  /** Newest record, and those of direct compression and of the last C step that was evaluated. */
  readonly newest?: Progress;
  readonly direct?: Progress;
  readonly scores?: Progress;
}

/** Nobody works on the point any more, nor will. */
export function hasEnded({ status }: SweepPoint): boolean {
  return status !== "waiting" && status !== "running";
}

/** A sweep as its folder tells. */
export interface SweepView {
  readonly dir: string;
  readonly spec: SweepSpec;
  readonly points: readonly SweepPoint[];
  /** "idle": no supervisor is at work, and points are left, or have crashed. */
  readonly status: "running" | "finished" | "idle";
  /** The supervisor at work. */
  readonly supervisor: Owner | null;
  /** How many there were, and where the newest runs its points. */
  readonly supervisors: number;
  /** Its journal so far. */
  readonly journal: readonly SweepEntry[];
  /** When processes began at the run of each point, in milliseconds since 1970. */
  readonly starts: ReadonlyMap<string, readonly number[]>;
  readonly executor: ExecutorSpec;
  /** How long supervisors have been at work until the journal's last line. */
  readonly seconds: number;
  /** Why the newest one gave up. */
  readonly message?: string;
}

/** Reads a sweep's folder again and again; which executor writes to it makes no difference. */
export class Follower {
  readonly #dir: string;
  readonly #spec: SweepSpec;
  readonly #journal: { more(): Promise<SweepEntry[]> };
  readonly #runs: ReadonlyMap<string, { more(): Promise<JournalEntry[]> }>;
  readonly #points = new Map<string, SweepPoint>();
  /** First record of each point's newest process. */
  readonly #first = new Map<string, Progress>();
  readonly #entries: SweepEntry[] = [];
  readonly #starts = new Map<string, number[]>();
  #supervisors = 0;
  #executor: ExecutorSpec;
  #message: string | undefined;
  /** When the newest supervisor began, and what it and those before it have worked, in ms. */
  #since = Number.NaN;
  #worked = 0;
  #workedBefore = 0;

  private constructor(dir: string, spec: SweepSpec) {
    this.#dir = dir;
    this.#spec = spec;
    this.#executor = spec.executor;
    this.#journal = followJournal<SweepEntry>(join(dir, files.journal));
    this.#runs = new Map(
      spec.points.map(({ id }) => [
        id,
        followJournal(join(pointFolder(dir, id), runFiles.journal)),
      ]),
    );
    for (const { id, combination, level, seed } of spec.points) {
      this.#points.set(id, {
        ...{ id, combination, level, seed },
        ...{ status: "waiting", attempts: 0 },
      });
    }
  }

  /** @throws LCError LC_STATE if there is no sweep. */
  static async open(dir: string): Promise<Follower> {
    return new Follower(dir, await readSpec(dir));
  }

  /** The sweep now. */
  async look(): Promise<SweepView> {
    // Asked first: a supervisor that ends in between has written before.
    const owner = await ownerOf(this.#dir);
    for (const entry of await this.#journal.more()) this.#take(entry);
    await Promise.all(this.#spec.points.map(({ id }) => this.#records(id)));
    const points = this.#spec.points.map(({ id }) => this.#points.get(id) as SweepPoint);
    const open = ["waiting", "running", "crashed"];
    const done = points.every(({ status }) => !open.includes(status));
    const busy = owner !== "none" && owner !== "dead";
    return {
      dir: this.#dir,
      spec: this.#spec,
      points,
      status: done ? "finished" : busy ? "running" : "idle",
      supervisor: busy ? owner : null,
      ...{ supervisors: this.#supervisors, executor: this.#executor },
      ...{ journal: [...this.#entries], starts: new Map(this.#starts) },
      seconds: this.#worked / 1000,
      ...(this.#message === undefined ? {} : { message: this.#message }),
    };
  }

  /** Looks until something has changed, or the sweep runs no more. */
  async *views(signal: AbortSignal): AsyncGenerator<SweepView, void, undefined> {
    let before = "";
    for (;;) {
      const view = await this.look();
      const now = JSON.stringify([view.points, view.status]);
      if (now !== before) yield view;
      before = now;
      if (view.status !== "running" || signal.aborted) return;
      await wait(POLL_MS, undefined, { signal }).catch(() => undefined);
    }
  }

  #take(entry: SweepEntry): void {
    this.#entries.push(entry);
    const time = Date.parse(entry.time);
    if (entry.type === "supervisor") {
      this.#supervisors++;
      this.#since = time;
      this.#workedBefore = this.#worked;
      if (entry.executor) this.#executor = entry.executor;
      this.#message = undefined;
    }
    this.#worked = this.#workedBefore + (time - this.#since);
    if (entry.type === "stop") this.#message = entry.message;
    if (entry.type === "attempt") {
      // What its crashes said is over.
      const { message: _, ...point } = this.#points.get(entry.id) as SweepPoint;
      this.#points.set(entry.id, point);
      this.#change(entry.id, {
        ...{ status: "running", attempts: entry.attempt },
        ...(entry.from === undefined ? {} : { from: entry.from }),
      });
    }
    if (entry.type === "end") {
      const { id, status, message } = entry;
      this.#change(id, { status, ...(message === undefined ? {} : { message }) });
    }
  }

  async #records(id: string): Promise<void> {
    for (const entry of (await this.#runs.get(id)?.more()) ?? []) {
      // Its seconds begin again with each process, its epochs do not.
      if (entry.type === "start") {
        this.#first.delete(id);
        this.#starts.set(id, [...(this.#starts.get(id) ?? []), Date.parse(entry.time)]);
      }
      if (entry.type !== "record") continue;
      // The histograms of all points would be much to compare at every look, and no figure of a sweep shows them.
      const { weights: _, ...record } = entry.record;
      const first = this.#first.get(id) ?? record;
      this.#first.set(id, first);
      const epochs = record.epochsDone - first.epochsDone;
      const speed = epochs > 0 ? epochs / (record.seconds - first.seconds) : undefined;
      const scored = record.trainLoss !== undefined;
      this.#change(id, {
        newest: record,
        ...(speed === undefined ? {} : { epochsPerSecond: speed }),
        ...(scored && record.step === 0 ? { direct: record } : {}),
        ...(scored ? { scores: record } : {}),
      });
    }
  }

  #change(id: string, change: Partial<SweepPoint>): void {
    this.#points.set(id, { ...(this.#points.get(id) as SweepPoint), ...change });
  }
}
