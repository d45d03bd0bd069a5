import { fromSpec } from "../compression/from-spec.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import { compress, type Plan, specOf } from "../lc/plan.ts";
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
  const warmStart = point.after
    ? await (await openRun(pointFolder(dir, point.after))).state()
    : undefined;
  const { model: start, tasks } = plan;
  return new RecordedRun(start, tasks, specOf(start, tasks), {
    ...{ data, lStep, mu, evaluate, seed: point.seed, signal, attempt },
    ...(warmStart ? { warmStart } : {}),
    engine: wasmEngine({ threads }),
    dir: pointFolder(dir, id),
  });
}
