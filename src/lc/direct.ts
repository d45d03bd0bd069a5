import type { Dataset } from "../data/dataset.ts";
import type { Engine } from "../engine/engine.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import type { Model, Weights } from "../net/network.ts";
import { cStepper } from "./c-step.ts";
import { stopSignal } from "./interrupt.ts";
import { type Scores, type Solution, solutionOf } from "./solution.ts";
import { parametersOf, type Task, taskDeltas, taskView } from "./task.ts";

export interface DirectOptions {
  /** Evaluates the compressed network on this data. */
  readonly data?: Dataset;
  readonly engine?: Engine;
}

/** Direct compression: Θ ← argmin ‖w − Δ(Θ)‖² of the given weights. */
export async function direct(
  model: Model,
  tasks: readonly Task[],
  { data, engine = wasmEngine() }: DirectOptions,
): Promise<Solution<Record<string, unknown>>> {
  const stepper = cStepper();
  const { signal, release } = stopSignal();
  try {
    const thetas: unknown[] = [];
    for (const task of tasks) {
      const view = taskView(parametersOf(model, task), model.weights, {}, 0);
      thetas.push((await stepper.solve(task, view, { mu: 0 }, signal)).theta);
    }
    const deltas = deltasOf(model, tasks, thetas);
    const weights = { ...model.weights, ...deltas };
    return solutionOf({
      status: "direct",
      model,
      tasks,
      thetas,
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
