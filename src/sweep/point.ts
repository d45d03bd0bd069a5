import { join } from "node:path";
import { fromSpec } from "../compression/from-spec.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import { isLCError, LCError } from "../errors.ts";
import { compress, type Plan, specOf } from "../lc/plan.ts";
import type { LCState } from "../lc/state.ts";
import { model, network } from "../net/network.ts";
import { readJournal } from "../runs/journal.ts";
import { openRun } from "../runs/open.ts";
import { RecordedRun } from "../runs/recorder.ts";
import { files, type PointSpec, pointFolder, readData, readSpec, readWeights } from "./folder.ts";
import type { SweepEntry } from "./journal.ts";

/**
 * Runs one point of a sweep in its folder, from its newest checkpoint if there is one. The same bytes wherever it runs, and
 * however often it is interrupted.
 */
export async function runPoint(
  dir: string,
  id: string,
  {
    attempt,
    threads,
    signal,
  }: { readonly attempt: number; readonly threads: number; readonly signal: AbortSignal },
): Promise<RecordedRun> {
  const spec = await readSpec(dir);
  const point = spec.points.find((one) => one.id === id) as PointSpec;
  const [weights, data] = await Promise.all([readWeights(dir), readData(dir, spec)]);
  let plan = compress(model(network(spec.network), weights)) as unknown as Plan<string, unknown>;
  for (const { layers, compression } of point.tasks) {
    const built = fromSpec(compression as Exclude<typeof compression, string>);
    plan = plan.joint(layers, built) as Plan<string, unknown>;
  }
  const { lStep, mu, evaluate } = spec;
  const from = point.after ? await startOf(dir, id) : null;
  const warmStart = from ? await learned(dir, from, mu.length) : undefined;
  const { model: start, tasks } = plan;
  return new RecordedRun(start, tasks, specOf(start, tasks), {
    ...{ data, lStep, mu, evaluate, seed: point.seed, signal, attempt },
    ...(warmStart ? { warmStart } : {}),
    engine: wasmEngine({ threads }),
    dir: pointFolder(dir, id),
  });
}

/** Bad input and divergence: another attempt would fail in the same way. A full disk, a lack of memory or a lock may pass. */
export function comesAgain(error: unknown): error is Error {
  if (isLCError(error, "LC_DIVERGED")) return true;
  // V8's own, when memory or the stack is full.
  return error instanceof RangeError && !/allocation failed|call stack/i.test(error.message);
}

/** What the supervisor has said that a point starts from, before its first attempt. */
async function startOf(dir: string, id: string): Promise<string | null> {
  for (const entry of await readJournal<SweepEntry>(join(dir, files.journal))) {
    if (entry.type === "attempt" && entry.id === id && entry.from !== undefined) return entry.from;
  }
  throw new LCError(
    "LC_STATE",
    `${join(dir, files.journal)} does not say what ${id} starts from. It may come late on this machine; try again.`,
  );
}

/** The state in which a point finished; any other would make this one depend on what was damaged. */
async function learned(dir: string, id: string, steps: number): Promise<LCState> {
  const state = await (await openRun(pointFolder(dir, id))).state();
  if (state.stepsDone === steps) return state;
  throw new LCError(
    "LC_STATE",
    `the last checkpoint of ${id}, from which this point starts, is damaged; the newest whole one is of step ${state.stepsDone} of ${steps}. Resume that run: resume(${JSON.stringify(pointFolder(dir, id))}).`,
  );
}
