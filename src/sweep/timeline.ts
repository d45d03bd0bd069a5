import type { Timeline, TimelineAttempt } from "../charts/panels/timeline.ts";
import type { SweepEntry } from "./journal.ts";

/** A worker's clock is at most so far behind. */
const CLOCK_MS = 5000;

/**
 * What a sweep's journal, and those of its runs, say of its attempts. An attempt begins with its run: given out to a queue or a
 * cluster, it may wait for long.
 * @param starts When processes began at a point's run, in milliseconds since 1970, by the point's id.
 * @param now Until when attempts of a supervisor at work have run, in milliseconds since 1970; undefined if none is at work.
 */
export function timelineOf(
  entries: readonly SweepEntry[],
  starts: ReadonlyMap<string, readonly number[]>,
  now: number | undefined,
): Timeline {
  const attempts: TimelineAttempt[] = [];
  const stops: number[] = [];
  const open = new Map<string, Pick<TimelineAttempt, "attempt" | "from">>();
  /** Starts of each point that belong to attempts before. */
  const taken = new Map<string, number>();
  /** `before`: by when its run has begun, if it has. */
  const close = (id: string, to: number, end: TimelineAttempt["end"], before = to): void => {
    const begun = open.get(id);
    if (!begun) return;
    open.delete(id);
    const all = starts.get(id) ?? [];
    const first = taken.get(id) ?? 0;
    const found = all.findIndex(
      (time, i) => i >= first && time >= begun.from - CLOCK_MS && time <= before,
    );
    if (found >= 0) taken.set(id, found + 1);
    // It has not begun.
    else if (["running", "stopped", "lost"].includes(end)) return;
    const from = all[found] ?? begun.from;
    attempts.push({ id, attempt: begun.attempt, from, to: Math.max(from, to), end });
  };
  const closeAll = (to: number, end: TimelineAttempt["end"], before = to): void => {
    for (const id of [...open.keys()]) close(id, to, end, before);
  };
  let last = Number.NaN;
  let working = false;
  for (const entry of entries) {
    const time = Date.parse(entry.time);
    switch (entry.type) {
      case "supervisor":
        // The one before ended without a word.
        if (working) stops.push(last);
        closeAll(last, "lost", time);
        working = true;
        break;
      case "attempt":
        // Its time on a cluster was over.
        close(entry.id, time, "stopped");
        open.set(entry.id, { attempt: entry.attempt, from: time });
        break;
      case "crash":
        close(entry.id, time, "crash");
        break;
      case "end":
        close(entry.id, time, entry.status === "crashed" ? "crash" : entry.status);
        break;
      case "stop":
        closeAll(time, "stopped");
        stops.push(time);
        working = false;
    }
    last = time;
  }
  if (now === undefined && working) stops.push(last);
  if (now === undefined) closeAll(last, "lost", Number.POSITIVE_INFINITY);
  else closeAll(now, "running");
  return { attempts: attempts.sort((a, b) => a.from - b.from), stops };
}
