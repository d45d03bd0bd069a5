import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import type { Progress } from "../lc/progress.ts";
import { type Journal, openJournal, readJournal } from "../runs/journal.ts";
import { lockFolder } from "../runs/lock.ts";
import type { Attempt, Executor } from "./executor.ts";
import { files, type PointSpec, readSpec } from "./folder.ts";
import { now, type PointEnd, type SweepEntry } from "./journal.ts";

/** Attempts that crash one after the other without a new LC step between them, before a point has failed. */
const ATTEMPTS = 3;

/** Before another attempt, times the attempts so far: what made it crash may pass. */
const PAUSE_MS = 500;

/**
 * Works through a sweep until every point has ended or `signal` stops it. What an earlier supervisor has ended is not done
 * again; what it has begun goes on from its checkpoints.
 * @throws LCError LC_STATE if another supervisor is at work, or there is no sweep.
 */
export async function supervise(
  dir: string,
  executor: Executor,
  signal: AbortSignal,
): Promise<void> {
  const { points, hopeless } = await readSpec(dir);
  const lock = await lockFolder(dir);
  let journal: Journal<SweepEntry> | undefined;
  try {
    const path = join(dir, files.journal);
    const before = await readJournal<SweepEntry>(path);
    journal = await openJournal<SweepEntry>(path);
    await journal.append({ type: "supervisor", time: now(), pid: process.pid });
    await new Supervisor(dir, executor, journal, hopeless, before).work(points, signal);
    const status = signal.aborted ? "stopped" : "finished";
    await journal.append({ type: "stop", time: now(), status }, { sync: true });
  } finally {
    await executor.close();
    await journal?.close();
    await lock.release();
  }
}

class Supervisor {
  readonly #dir: string;
  readonly #executor: Executor;
  readonly #journal: Journal<SweepEntry>;
  readonly #hopeless: number | null;
  readonly #ended = new Map<string, PointEnd>();
  readonly #attempts = new Map<string, number>();
  /** Newest scores of each point. */
  readonly #scores = new Map<string, Progress>();

  constructor(
    dir: string,
    executor: Executor,
    journal: Journal<SweepEntry>,
    hopeless: number | null,
    before: readonly SweepEntry[],
  ) {
    this.#dir = dir;
    this.#executor = executor;
    this.#journal = journal;
    this.#hopeless = hopeless;
    for (const entry of before) {
      if (entry.type === "end") this.#ended.set(entry.id, entry.status);
      if (entry.type === "attempt") this.#attempts.set(entry.id, entry.attempt);
    }
  }

  async work(points: readonly PointSpec[], signal: AbortSignal): Promise<void> {
    const waiting = points.filter(({ id }) => !this.#ended.has(id));
    const running = new Set<Promise<void>>();
    const next = (): PointSpec | undefined => {
      const at = waiting.findIndex(({ after }) => !after || this.#ended.has(after));
      return at < 0 ? undefined : waiting.splice(at, 1)[0];
    };
    while (!signal.aborted) {
      while (running.size < this.#executor.slots && !signal.aborted) {
        const point = next();
        if (!point) break;
        const work = this.#point(point, signal).finally(() => running.delete(work));
        running.add(work);
      }
      if (running.size === 0) break;
      await Promise.race(running);
    }
    await Promise.all(running);
  }

  /** Tries until the point has ended or is stopped. */
  async #point({ id, after }: PointSpec, signal: AbortSignal): Promise<void> {
    if (after && this.#ended.get(after) !== "finished") {
      return this.#end(id, "failed", `it starts from ${after}, which has not finished`);
    }
    let crashes = 0;
    while (!signal.aborted) {
      const attempt = (this.#attempts.get(id) ?? 0) + 1;
      this.#attempts.set(id, attempt);
      await this.#journal.append({ type: "attempt", time: now(), id, attempt });
      let given = false;
      const running: Attempt = this.#executor.start(this.#dir, id, attempt, (record) => {
        if (record.kind === "step") crashes = 0;
        if (record.trainLoss !== undefined) this.#scores.set(id, record);
        if (!given && this.#isHopeless(id)) {
          given = true;
          running.stop();
        }
      });
      const stop = () => running.stop();
      signal.addEventListener("abort", stop);
      const end = await running.end.finally(() => signal.removeEventListener("abort", stop));
      if (end.status === "failed") return this.#end(id, "failed", end.message);
      if (end.status === "finished") return this.#end(id, "finished");
      if (given) return this.#end(id, "hopeless");
      if (signal.aborted) return;
      const message = end.status === "crashed" ? end.message : "the worker was stopped";
      await this.#journal.append({ type: "crash", time: now(), id, message });
      crashes++;
      if (crashes >= ATTEMPTS) {
        return this.#end(id, "failed", `${crashes} attempts crashed, the last: ${message}`);
      }
      await wait(PAUSE_MS * crashes, undefined, { signal }).catch(() => undefined);
    }
  }

  async #end(id: string, status: PointEnd, message?: string): Promise<void> {
    this.#ended.set(id, status);
    await this.#journal.append(
      { type: "end", time: now(), id, status, ...(message === undefined ? {} : { message }) },
      { sync: true },
    );
  }

  /** After half of its steps, a finished point is at least as small with a loss `hopeless` times smaller. */
  #isHopeless(id: string): boolean {
    const own = this.#scores.get(id);
    if (this.#hopeless === null || !own || own.step < own.steps / 2) return false;
    for (const [other, scores] of this.#scores) {
      if (this.#ended.get(other) !== "finished") continue;
      const smaller = (scores.ratio ?? 0) >= (own.ratio ?? Number.POSITIVE_INFINITY);
      const better = (scores.trainLoss ?? 0) * this.#hopeless <= (own.trainLoss ?? 0);
      if (smaller && better) return true;
    }
    return false;
  }
}
