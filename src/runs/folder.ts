import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { LCError } from "../errors.ts";
import { decodeSlowly, encodeSlowly } from "../lc/container.ts";
import type { Weights } from "../net/network.ts";
import { type Disk, disk, writeDurably } from "./durable.ts";
import { differenceOf, type RunRecord } from "./record.ts";

/**
 * A run's folder:
 *
 *     run.json        what the run is (record.ts)
 *     start.weights   the reference weights, and importance weights if there are any
 *     journal.jsonl   what happened: every record, checkpoint, start and end (journal.ts)
 *     checkpoints/    the newest states and the best (checkpoints.ts)
 *     lock            the process that works on it (lock.ts)
 */
export const files = {
  record: "run.json",
  start: "start.weights",
  journal: "journal.jsonl",
  checkpoints: "checkpoints",
} as const;

/** Where a run starts. */
export interface Start {
  readonly weights: Weights;
  readonly importance?: Weights;
}

const magic = "lclab start 1\n";

/**
 * Makes `dir`, which is there and locked, the folder of a run, or finds that it is this run's.
 * @throws LCError LC_STATE if it is another run's, with all that differs; LC_DISK.
 */
export async function enterFolder(
  dir: string,
  record: RunRecord,
  start: Start,
  on: Disk = disk,
): Promise<void> {
  const before = await readRecord(dir);
  const differs = before && differenceOf(before, record);
  if (differs) {
    throw new LCError(
      "LC_STATE",
      `${dir} holds another run: ${differs}. Give this run a folder of its own, or remove that one.`,
    );
  }
  // run.json comes last: with it, the rest is there.
  if (!before) await writeDurably(join(dir, files.start), await encodeSlowly(magic, start), on);
  if (before && before.run.mu.length >= record.run.mu.length) return;
  const kept = before ? { ...before, run: record.run } : record;
  await writeDurably(
    join(dir, files.record),
    Buffer.from(`${JSON.stringify(kept, undefined, 2)}\n`),
    on,
  );
}

/** What `run.json` says; undefined if there is none. @throws LCError LC_STATE if it is not one of ours. */
export async function readRecord(dir: string): Promise<RunRecord | undefined> {
  const path = join(dir, files.record);
  const text = await readFile(path, "utf8").catch((error: NodeJS.ErrnoException) => {
    if (error.code === "ENOENT") return undefined;
    throw error;
  });
  if (text === undefined) return undefined;
  let record: Partial<RunRecord> | undefined;
  try {
    record = JSON.parse(text) as Partial<RunRecord>;
  } catch {}
  if (record?.format !== 1) {
    throw new LCError(
      "LC_STATE",
      `${path} is not the record of a run that this lclab reads (format 1).`,
    );
  }
  return record as RunRecord;
}

/** @throws LCError LC_STATE if it is damaged. */
export async function readStart(dir: string): Promise<Start> {
  return (await decodeSlowly(
    magic,
    "start of a run",
    await readFile(join(dir, files.start)),
  )) as Start;
}
