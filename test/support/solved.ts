import { type Solution, solutionOf } from "../../src/lc/solution.ts";
import { parametersOf, type Task, taskDeltas, taskView } from "../../src/lc/task.ts";
import type { Model } from "../../src/net/network.ts";

/** What `direct({ mu })` gives, on this thread: starting a worker takes longer than small C steps. */
export function solved(
  { model, tasks }: { readonly model: Model; readonly tasks: readonly Task[] },
  mu = 0,
): Solution {
  const results = tasks.map((task) => {
    const view = taskView(model.network, parametersOf(model, task), model.weights, {}, 0);
    return task.compression.solve(view, { mu });
  });
  const deltas = tasks.map((task, i) =>
    taskDeltas(parametersOf(model, task), task, results[i]?.theta),
  );
  return solutionOf({
    ...{ status: "direct", model, tasks, results, deltas: Object.assign({}, ...deltas) },
    ...{ learned: model.weights, rest: model.weights, scores: {}, history: [], notes: [] },
  });
}
