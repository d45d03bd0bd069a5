import { open } from "node:fs/promises";
import type { Progress } from "../lc/progress.ts";
import { type Disk, disk, diskError, writeAll } from "./durable.ts";

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

/**
 * @param check Asked before each line; if it throws, nothing is written.
 * @throws LCError LC_DISK, also of `append`: a part of the line may be in the file, and counts as torn.
 */
export async function openJournal<Entry = JournalEntry>(
  path: string,
  check: () => Promise<void> = async () => undefined,
  on: Disk = disk,
): Promise<Journal<Entry>> {
  const file = await on.append(path);
  const write = async (line: string, sync: boolean): Promise<void> => {
    const bytes = Buffer.from(line);
    try {
      await writeAll(file, bytes);
      if (sync) await file.sync();
    } catch (cause) {
      throw await diskError(path, bytes.length, cause);
    }
  };
  // A line torn by a kill, or by a full disk, must not swallow the next one.
  let torn = (await file.stat()).size > 0;
  let before: Promise<void> = Promise.resolve();
  return {
    append(entry, { sync = false } = {}) {
      // One after the other: a line may be written in pieces.
      const mine = before.then(async () => {
        await check();
        const line = `${torn ? "\n" : ""}${JSON.stringify(entry, outOfJson)}\n`;
        torn = true;
        await write(line, sync);
        torn = false;
      });
      before = mine.catch(() => undefined);
      return mine;
    },
    close: () => before.then(() => file.close()),
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
