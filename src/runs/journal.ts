import { open } from "node:fs/promises";
import type { Progress } from "../lc/progress.ts";

/** One line of a journal. */
export type JournalEntry =
  /** A process began or went on; `records` of the history before it count. */
  | {
      readonly type: "start";
      readonly time: string;
      readonly records: number;
      readonly checkpoint: string | null;
      readonly lclab: string;
      readonly node: string;
      readonly platform: string;
      readonly engine: string;
      readonly pid: number;
    }
  | { readonly type: "record"; readonly record: Progress }
  /** `trainLoss` of Δ(Θ), NaN where it was not evaluated. */
  | { readonly type: "checkpoint"; readonly file: string; readonly trainLoss: number }
  | {
      readonly type: "end";
      readonly time: string;
      readonly status: "finished" | "stopped" | "failed";
      readonly message?: string;
    };

/** Appends to a journal: one JSON line per entry, never rewritten. */
export interface Journal<Entry = JournalEntry> {
  /** Resolves when the line is in the file; `sync`: and on the disk. */
  append(entry: Entry, options?: { readonly sync?: boolean }): Promise<void>;
  close(): Promise<void>;
}

export async function openJournal<Entry = JournalEntry>(path: string): Promise<Journal<Entry>> {
  const file = await open(path, "a", 0o600);
  const { size } = await file.stat();
  // A line torn by a kill must not swallow the next one.
  if (size > 0) await file.write("\n");
  return {
    async append(entry, { sync = false } = {}) {
      await file.write(`${JSON.stringify(entry, outOfJson)}\n`);
      if (sync) await file.sync();
    },
    close: () => file.close(),
  };
}

/** The entries of a journal; lines that a kill has torn are left out. */
export async function readJournal<Entry = JournalEntry>(path: string): Promise<Entry[]> {
  return followJournal<Entry>(path).more();
}

/** Reads a journal that others append to: each call of `more` gives the whole lines since the last one. */
export function followJournal<Entry = JournalEntry>(path: string): { more(): Promise<Entry[]> } {
  let offset = 0;
  return {
    async more() {
      let text: string;
      try {
        const file = await open(path, "r");
        try {
          const { size } = await file.stat();
          const bytes = Buffer.alloc(Math.max(0, size - offset));
          const { bytesRead } = await file.read(bytes, 0, bytes.length, offset);
          const whole = bytes.subarray(0, bytesRead).lastIndexOf(10) + 1;
          offset += whole;
          text = bytes.toString("utf8", 0, whole);
        } finally {
          await file.close();
        }
      } catch (error) {
        if ((error as NodeJS.ErrnoException).code === "ENOENT") return [];
        throw error;
      }
      return text.split("\n").flatMap((line) => {
        if (line === "") return [];
        try {
          return [JSON.parse(line, intoJson) as Entry];
        } catch {
          return [];
        }
      });
    },
  };
}

/**
 * The history of a run: its records, without those of a process that went on from an earlier checkpoint than it had
 * reached, and without what an attempt wrote that a later one was just taking over.
 */
export function historyOf(entries: readonly JournalEntry[]): Progress[] {
  const history: Progress[] = [];
  for (const entry of entries) {
    if (entry.type === "start") history.length = Math.min(history.length, entry.records);
    if (entry.type !== "record") continue;
    const last = history.at(-1);
    if (!last || isAfter(entry.record, last)) history.push(Object.freeze(entry.record));
  }
  return history;
}

function isAfter(record: Progress, last: Progress): boolean {
  if (record.kind === "step" && last.kind === "step") return record.step > last.step;
  if (record.kind === "epoch" && last.kind === "epoch") return record.epochsDone > last.epochsDone;
  return record.kind === "step" ? record.step >= last.step : record.step > last.step;
}

/** JSON has no NaN and no infinities. */
function outOfJson(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value;
}

function intoJson(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== "object" || !("$number" in value)) return value;
  return Number(value.$number);
}
