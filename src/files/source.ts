import { stat } from "node:fs/promises";
import { fromSpec } from "../compression/from-spec.ts";
import { LCError } from "../errors.ts";
import { deltasOf } from "../lc/direct.ts";
import type { Scores } from "../lc/solution.ts";
import type { LCState } from "../lc/state.ts";
import { model, network } from "../net/network.ts";
import { openRun } from "../runs/open.ts";
import type { CompressedModel } from "./file.ts";
import { load } from "./save.ts";

/** A compressed network that a command works on, and what a run found of it: its weights w, too. */
export type Source = CompressedModel & Scores & { readonly state?: Pick<LCState, "weights"> };

/**
 * The network in a file that `save` wrote, or of a run's folder the one of its last C step.
 * @throws LCError LC_FILE or LC_DISK as `load`; LC_STATE if the folder has no run, or one with a compression of the user's own.
 */
export async function openSource(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<Source> {
  return (await isFolder(path)) ? ofRun(path) : load(path, options);
}

/** Whether `path` is a folder, as those of runs are. */
export function isFolder(path: string): Promise<boolean> {
  return stat(path).then(
    (info) => info.isDirectory(),
    () => false,
  );
}

async function ofRun(dir: string): Promise<Source> {
  const { record, history, ...run } = await openRun(dir);
  const tasks = record.plan.tasks.map(({ layers, compression }) => {
    if (typeof compression !== "string") return { layers, compression: fromSpec(compression) };
    throw new LCError(
      "LC_STATE",
      `${dir}: ${layers.join(", ")} has ${compression}, a compression of your own, which its record does not hold.`,
    );
  });
  const { rest, thetas, weights, stepsDone } = await run.state();
  const reference = model(network(record.network), weights);
  const deltas = deltasOf(reference, tasks, thetas);
  const named = tasks.flatMap(({ layers }, i) =>
    layers.map((layer) => [layer, thetas[i]] as const),
  );
  const last = history.findLast(({ kind, step }) => kind === "step" && step === stepsDone);
  return {
    model: model(reference.network, { ...rest, ...deltas }),
    tasks,
    thetas: Object.fromEntries(named),
    state: { weights },
    ...(last?.trainLoss === undefined ? {} : { trainLoss: last.trainLoss }),
    ...(last?.testError === undefined ? {} : { testError: last.testError }),
  };
}
