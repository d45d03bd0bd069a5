import { fromSpec } from "../compression/from-spec.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import { LCError } from "../errors.ts";
import { compress, type Plan, specOf } from "../lc/plan.ts";
import type { LCState } from "../lc/state.ts";
import { model, network } from "../net/network.ts";
import { openRun } from "../runs/open.ts";
import { RecordedRun } from "../runs/recorder.ts";
import { type PointSpec, pointFolder, readData, readSpec, readWeights } from "./folder.ts";

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
  const warmStart = point.after ? await learned(dir, point.after, mu.length) : undefined;
  const { model: start, tasks } = plan;
  return new RecordedRun(start, tasks, specOf(start, tasks), {
    ...{ data, lStep, mu, evaluate, seed: point.seed, signal, attempt },
    ...(warmStart ? { warmStart } : {}),
    engine: wasmEngine({ threads }),
    dir: pointFolder(dir, id),
  });
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
