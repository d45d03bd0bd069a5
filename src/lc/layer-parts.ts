import { makeUp, type Part, partsOfTheta, sliced } from "../compression/parts.ts";
import type { Solution } from "./solution.ts";
import { layerGeometry, parametersOf } from "./task.ts";

/**
 * The summands of the weight matrix of each compressed layer, by layer. A layer whose θ has no such form, or whose summands are not its
 * weights number by number, as of a compression of the user's own, is left out. A generator, as it looks at all weights: see `resting`.
 */
export function* layerParts({
  model,
  tasks,
  thetas,
}: Pick<Solution, "model" | "tasks" | "thetas">): Generator<
  void,
  ReadonlyMap<string, readonly Part[]>
> {
  const found = new Map<string, readonly Part[]>();
  for (const task of tasks) {
    const whole = partsOfTheta(thetas[task.layers[0] as string]);
    let at = 0;
    for (const { key, layer, rows, cols } of parametersOf(model, task)) {
      const weights = model.weights[key] as Float32Array;
      const parts = whole && (task.layers.length > 1 ? sliced(whole, at, weights.length) : whole);
      const shape = { rows, cols, geometry: layerGeometry(model.network, layer) };
      if (parts && (yield* makeUp(parts, shape, weights))) found.set(layer, parts);
      at += weights.length;
    }
  }
  return found;
}
