import type { CStepResult } from "../compression/contract.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Engine } from "../engine/engine.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import type { Model, Weights } from "../net/network.ts";
import { cStepper } from "./c-step.ts";
import { stopSignal } from "./interrupt.ts";
import { checkImportance } from "./run-options.ts";
import { type Scores, type Solution, solutionOf } from "./solution.ts";
import { parametersOf, type Task, taskDeltas, taskImportance, taskView } from "./task.ts";

export interface DirectOptions {
  /** Evaluates the compressed network on this data. */
  readonly data?: Dataset;
  readonly engine?: Engine;
  /** μ > 0 for compressions with a cost (penalties, rank selection), which need one; default 0. */
  readonly mu?: number;
  /** Weights h > 0 of the compressed parameters by key: min Σ hᵢ (wᵢ − Δᵢ)². E.g. of `fisher(model, data)`. */
  readonly importance?: Weights;
  /** Rejects with its reason, as the interrupt of a notebook cell does. */
  readonly signal?: AbortSignal;
}

/** Direct compression: Θ ← argmin ‖w − Δ(Θ)‖² of the given weights. */
export async function direct(
  model: Model,
  tasks: readonly Task[],
  { data, engine = wasmEngine(), mu = 0, importance, signal: own }: DirectOptions,
): Promise<Solution<Record<string, unknown>>> {
  checkImportance(model.network, importance);
  const stepper = cStepper();
  const { signal, release } = stopSignal(own);
  try {
    const results: CStepResult<unknown>[] = [];
    for (const task of tasks) {
      const parameters = parametersOf(model, task);
      const view = taskView(model.network, parameters, model.weights, {}, 0);
      const h = taskImportance(parameters, importance);
      results.push(
        await stepper.solve(task, view, { mu, ...(h ? { importance: h } : {}) }, signal),
      );
    }
    const thetas = results.map(({ theta }) => theta);
    const deltas = deltasOf(model, tasks, thetas);
    const weights = { ...model.weights, ...deltas };
    return solutionOf({
      status: "direct",
      model,
      tasks,
      results,
      deltas,
      learned: model.weights,
      rest: model.weights,
      scores: data ? await score({ network: model.network, weights }, data, engine) : {},
      history: [],
      notes: [],
    });
  } finally {
    release();
    await stepper.close();
  }
}

/** Δ(Θ) of all tasks as float32 arrays by parameter key. */
export function deltasOf(
  model: Model,
  tasks: readonly Task[],
  thetas: readonly unknown[],
): Record<string, Float32Array> {
  const parts = tasks.map((task, i) => taskDeltas(parametersOf(model, task), task, thetas[i]));
  return Object.assign({}, ...parts);
}

/** Training loss and test errors of a network. */
export async function score(
  model: Model,
  data: Dataset,
  engine: Engine = wasmEngine(),
): Promise<Required<Scores>> {
  const session = await engine.open(model.network, data, {
    batch: Math.min(256, data.train.count),
  });
  try {
    const train = await session.evaluate("train", model.weights as Weights);
    const test = await session.evaluate("test", model.weights as Weights);
    return {
      trainLoss: train.loss,
      testErrors: test.errors,
      testError: (100 * test.errors) / test.count,
    };
  } finally {
    await session.close();
  }
}
