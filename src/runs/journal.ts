import { open, readFile } from "node:fs/promises";
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
export interface Journal {
  /** Resolves when the line is in the file; `sync`: and on the disk. */
  append(entry: JournalEntry, options?: { readonly sync?: boolean }): Promise<void>;
  close(): Promise<void>;
}

export async function openJournal(path: string): Promise<Journal> {
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
export async function readJournal(path: string): Promise<JournalEntry[]> {
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return "";
    throw error;
  });
  return text.split("\n").flatMap((line) => {
    if (line === "") return [];
    try {
      return [JSON.parse(line, intoJson) as JournalEntry];
    } catch {
      return [];
    }
  });
}

/**
 * The history of a run: its records, without those of a process that went on from an earlier checkpoint than it had
 * reached.
 */
export function historyOf(entries: readonly JournalEntry[]): Progress[] {
  const history: Progress[] = [];
  for (const entry of entries) {
    if (entry.type === "start") history.length = Math.min(history.length, entry.records);
    if (entry.type === "record") history.push(Object.freeze(entry.record));
  }
  return history;
}

/** JSON has no NaN and no infinities. */
function outOfJson(_key: string, value: unknown): unknown {
  return typeof value === "number" && !Number.isFinite(value) ? { $number: String(value) } : value;
}

function intoJson(_key: string, value: unknown): unknown {
  if (value === null || typeof value !== "object" || !("$number" in value)) return value;
  return Number(value.$number);
}
