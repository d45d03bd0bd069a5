import { makeUp, type Part, partsOfTheta, sliced } from "../compression/parts.ts";
import type { Solution } from "./solution.ts";

/**
 * The summands of the weight matrix of each compressed layer, by layer. A layer whose θ has no such form, or whose summands are not its
 * weights number by number, as of a compression of the user's own, is left out.
 */
export function layerParts({
  model,
  thetas,
}: Pick<Solution, "model" | "thetas">): ReadonlyMap<string, readonly Part[]> {
  const found = new Map<string, readonly Part[]>();
  const layersOf = new Map<unknown, string[]>();
  for (const [layer, theta] of Object.entries(thetas)) {
    layersOf.set(theta, [...(layersOf.get(theta) ?? []), layer]);
  }
  for (const [theta, layers] of layersOf) {
    const whole = partsOfTheta(theta);
    let at = 0;
    for (const layer of layers) {
      const weights = model.weights[`${layer}.w`] as Float32Array;
      const parts = whole && (layers.length > 1 ? sliced(whole, at, weights.length) : whole);
      if (parts && makeUp(parts, weights)) found.set(layer, parts);
      at += weights.length;
    }
  }
  return found;
}
