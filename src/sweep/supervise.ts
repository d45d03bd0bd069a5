import { readFile, rm } from "node:fs/promises";
import { hostname } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { isLCError, LCError } from "../errors.ts";
import type { Progress } from "../lc/progress.ts";
import { files as runFiles } from "../runs/folder.ts";
import { historyOf, type Journal, openJournal, readJournal } from "../runs/journal.ts";
import { type Lock, lockFolder } from "../runs/lock.ts";
import type { Attempt, Executor } from "./executor.ts";
import { type ExecutorSpec, files, type PointSpec, pointFolder, readSpec } from "./folder.ts";
import { now, type PointEnd, type SweepEntry } from "./journal.ts";

export interface Pace {
  /** Before each further attempt, in ms: what made one crash may pass. After as many crashes without progress a point is given up. */
  readonly pauses: readonly number[];
  /** How often the supervisor looks whether it is to stop, in ms. */
  readonly look: number;
}

const usual: Pace = { pauses: [1000, 5000, 25_000], look: 250 };

/**
 * Works through a sweep until every point has ended or `signal` or the folder's `stop` file stops it. What an earlier supervisor has
 * ended is not done again, but for points that crashed; what it has begun goes on from its checkpoints.
 * @throws LCError LC_STATE if another supervisor is at work or takes the sweep over, or there is no sweep; LC_ENGINE if every point
 * crashes.
 */
export async function supervise(
  dir: string,
  executor: Executor,
  signal: AbortSignal,
  kind: ExecutorSpec | null = null,
  pace: Pace = usual,
): Promise<void> {
  const { points, hopeless } = await readSpec(dir);
  const lock = await lockFolder(dir);
  let journal: Journal<SweepEntry> | undefined;
  const ending = new AbortController();
  try {
    const path = join(dir, files.journal);
    const before = await readJournal<SweepEntry>(path);
    journal = await openJournal<SweepEntry>(path, lock.check);
    await journal.append({
      ...{ type: "supervisor", time: now(), pid: process.pid, host: hostname() },
      ...(kind ? { executor: kind } : {}),
    });
    const stop = new AbortController();
    const told = AbortSignal.any([signal, stop.signal]);
    const supervisor = new Supervisor(dir, executor, journal, hopeless, before, pace, stop);
    await supervisor.readScores(points);
    const watching = watch(dir, lock, pace.look, stop, ending.signal);
    await Promise.race([supervisor.work(points, told), watching.then(() => never)]);
    ending.abort();
    const { message } = supervisor;
    const status = message ? "crashed" : told.aborted ? "stopped" : "finished";
    await journal.append(
      { type: "stop", time: now(), status, ...(message ? { message } : {}) },
      { sync: true },
    );
    if (message) throw new LCError("LC_ENGINE", message);
  } finally {
    ending.abort();
    await executor.close();
    await journal?.close();
    await lock.release();
  }
}

const never = new Promise<never>(() => undefined);

/** Stops when the `stop` file names this supervisor. @throws LCError LC_STATE when the sweep was taken over. */
async function watch(
  dir: string,
  lock: Lock,
  every: number,
  stop: AbortController,
  ended: AbortSignal,
): Promise<void> {
  const path = join(dir, files.stop);
  while (!ended.aborted) {
    await lock.check().catch((error) => {
      // A folder that cannot be read now may be again; what is written is checked too.
      if (isLCError(error)) throw error;
    });
    const asked = await readFile(path, "utf8").catch(() => "");
    if (asked === lock.owner.token) {
      stop.abort();
      await rm(path, { force: true });
    }
    await wait(every, undefined, { signal: ended }).catch(() => undefined);
  }
}

class Supervisor {
  /** Why the sweep was stopped, if every point crashed. */
  message: string | undefined;
  readonly #dir: string;
  readonly #executor: Executor;
  readonly #journal: Journal<SweepEntry>;
  readonly #hopeless: number | null;
  readonly #pace: Pace;
  readonly #stop: AbortController;
  readonly #ended = new Map<string, PointEnd>();
  readonly #attempts = new Map<string, number>();
  /** What each warm-started point starts from; null: the reference. The same in every attempt. */
  readonly #from = new Map<string, string | null>();
  /** Newest scores of each point. */
  readonly #scores = new Map<string, Progress>();
  /** Crashes of each point since any point has got further. */
  readonly #crashes = new Map<string, number>();
  readonly #running = new Set<string>();

  constructor(
    dir: string,
    executor: Executor,
    journal: Journal<SweepEntry>,
    hopeless: number | null,
    before: readonly SweepEntry[],
    pace: Pace,
    stop: AbortController,
  ) {
    this.#dir = dir;
    this.#executor = executor;
    this.#journal = journal;
    this.#hopeless = hopeless;
    this.#pace = pace;
    this.#stop = stop;
    for (const entry of before) {
      if (entry.type === "end" && entry.status !== "crashed") {
        this.#ended.set(entry.id, entry.status);
      }
      if (entry.type !== "attempt") continue;
      this.#attempts.set(entry.id, entry.attempt);
      if (entry.from !== undefined) this.#from.set(entry.id, entry.from);
    }
  }

  /** Scores that earlier supervisors have seen. */
  async readScores(points: readonly PointSpec[]): Promise<void> {
    if (this.#hopeless === null) return;
    for (const { id } of points) {
      const path = join(pointFolder(this.#dir, id), runFiles.journal);
      const scored = historyOf(await readJournal(path)).findLast(
        ({ trainLoss }) => trainLoss !== undefined,
      );
      if (scored) this.#scores.set(id, scored);
    }
  }

  async work(points: readonly PointSpec[], signal: AbortSignal): Promise<void> {
    const waiting = points.filter(({ id }) => !this.#ended.has(id));
    const running = new Set<Promise<void>>();
    const next = (): PointSpec | undefined => {
      // One that crashed may finish yet, so what starts from it waits for another supervisor.
      const at = waiting.findIndex(
        ({ after }) => !after || (this.#ended.get(after) ?? "crashed") !== "crashed",
      );
      return at < 0 ? undefined : waiting.splice(at, 1)[0];
    };
    while (!signal.aborted) {
      while (running.size < this.#executor.slots && !signal.aborted) {
        const point = next();
        if (!point) break;
        const work = this.#point(point, points, signal).finally(() => running.delete(work));
        running.add(work);
      }
      if (running.size === 0) break;
      await Promise.race(running);
    }
    await Promise.all(running);
  }

  /** Tries until the point has ended or is stopped. */
  async #point(
    { id, after }: PointSpec,
    points: readonly PointSpec[],
    signal: AbortSignal,
  ): Promise<void> {
    if (after && !this.#from.has(id)) this.#from.set(id, this.#finishedBefore(after, points));
    const from = this.#from.get(id);
    let [crashes, reached] = [0, 0];
    this.#running.add(id);
    while (!signal.aborted) {
      const attempt = (this.#attempts.get(id) ?? 0) + 1;
      this.#attempts.set(id, attempt);
      await this.#journal.append({
        ...{ type: "attempt", time: now(), id, attempt },
        ...(from === undefined ? {} : { from }),
      });
      let given = false;
      const running: Attempt = this.#executor.start(this.#dir, id, attempt, (record) => {
        if (record.step > reached) {
          reached = record.step;
          crashes = 0;
          this.#crashes.clear();
        }
        if (record.trainLoss !== undefined) this.#scores.set(id, record);
        if (!given && this.#isHopeless(id)) {
          given = true;
          running.stop();
        }
      });
      const stop = () => running.stop();
      signal.addEventListener("abort", stop);
      if (signal.aborted) stop();
      const end = await running.end.finally(() => signal.removeEventListener("abort", stop));
      if (end.status === "failed") return this.#end(id, "failed", end.message);
      if (end.status === "finished") return this.#end(id, "finished");
      if (given) return this.#end(id, "hopeless");
      if (signal.aborted) return;
      // Its time was over: it has saved what it had.
      if (end.status !== "crashed") {
        await this.#pause(0, signal);
        continue;
      }
      const { message } = end;
      await this.#journal.append({ type: "crash", time: now(), id, message });
      crashes++;
      this.#crashes.set(id, (this.#crashes.get(id) ?? 0) + 1);
      if (this.#allCrash()) {
        this.message = `every point crashes, the last with: ${message}. Mend that and attach to the sweep again.`;
        this.#stop.abort();
        return;
      }
      if (crashes > this.#pace.pauses.length) {
        return this.#end(id, "crashed", `${crashes} attempts crashed, the last: ${message}`);
      }
      await this.#pause(crashes - 1, signal);
    }
  }

  /** Two or more points have crashed twice since any has got further, and no other is at work. */
  #allCrash(): boolean {
    const often = (id: string) => (this.#crashes.get(id) ?? 0) >= 2;
    return this.#running.size >= 2 && [...this.#running].every(often);
  }

  async #pause(at: number, signal: AbortSignal): Promise<void> {
    await wait(this.#pace.pauses[at], undefined, { signal }).catch(() => undefined);
  }

  /** The nearest point before that has finished; null if there is none. */
  #finishedBefore(after: string, points: readonly PointSpec[]): string | null {
    for (let id: string | undefined = after; id !== undefined; ) {
      if (this.#ended.get(id) === "finished") return id;
      const at: string = id;
      id = points.find((point) => point.id === at)?.after;
    }
    return null;
  }

  async #end(id: string, status: PointEnd, message?: string): Promise<void> {
    this.#ended.set(id, status);
    this.#running.delete(id);
    if (status === "finished") this.#crashes.clear();
    await this.#journal.append(
      { type: "end", time: now(), id, status, ...(message === undefined ? {} : { message }) },
      { sync: true },
    );
  }

  /** After half of its steps, a finished point is at least as small with a loss `hopeless` times smaller. */
  #isHopeless(id: string): boolean {
    const own = this.#scores.get(id);
    if (this.#hopeless === null || !own || own.step < own.steps / 2) return false;
    const { ratio = Number.NaN, trainLoss = Number.NaN } = own;
    if (!Number.isFinite(ratio) || !Number.isFinite(trainLoss)) return false;
    for (const [other, scores] of this.#scores) {
      if (this.#ended.get(other) !== "finished") continue;
      const { ratio: size = Number.NaN, trainLoss: loss = Number.NaN } = scores;
      if (!Number.isFinite(size) || !Number.isFinite(loss)) continue;
      if (size >= ratio && loss * this.#hopeless <= trainLoss) return true;
    }
    return false;
  }
}
