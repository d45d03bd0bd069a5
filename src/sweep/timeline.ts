import type { Timeline, TimelineAttempt } from "../charts/panels/timeline.ts";
import type { SweepEntry } from "./journal.ts";

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
  const close = (id: string, to: number, end: TimelineAttempt["end"]): void => {
    const begun = open.get(id);
    if (!begun) return;
    open.delete(id);
    // The clock of another machine may be a little off.
    const start = starts.get(id)?.find((time) => time >= begun.from && time <= to);
    // It has not begun, or its end says nothing of it.
    if (start === undefined && ["running", "stopped", "lost"].includes(end)) return;
    attempts.push({ id, ...begun, from: start ?? begun.from, to: Math.max(begun.from, to), end });
  };
  const closeAll = (to: number, end: TimelineAttempt["end"]): void => {
    for (const id of [...open.keys()]) close(id, to, end);
  };
  let last = Number.NaN;
  let working = false;
  for (const entry of entries) {
    const time = Date.parse(entry.time);
    switch (entry.type) {
      case "supervisor":
        // The one before ended without a word.
        if (working) stops.push(last);
        closeAll(last, "lost");
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
  closeAll(now ?? last, now === undefined ? "lost" : "running");
  return { attempts: attempts.sort((a, b) => a.from - b.from), stops };
}
