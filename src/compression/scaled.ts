import { bestScale } from "../math/scaled-grid.ts";
import { ascending } from "../math/sort.ts";
import { encode, type Quantized } from "./codebook.ts";
import type { Target } from "./contract.ts";

/** The exact C step for the grid a · {−steps, …, 0, …, steps} with one free scale a ≥ 0. */
export function scaledGrid(
  steps: number,
): (w: Target, context: { readonly importance?: Float64Array }) => Quantized {
  return (w, { importance }) => {
    const { sizes, weights } = sortedSizes(w.data, importance);
    return encode(w, levelsOf(Math.fround(bestScale(sizes, steps, weights)), steps));
  };
}

/** The grid with a scale, float32. */
export function levelsOf(scale: number, steps: number): Float32Array {
  if (scale === 0) return Float32Array.of(0);
  return Float32Array.from({ length: 2 * steps + 1 }, (_, k) => scale * (k - steps));
}

/** |w| in ascending order, with its weights. */
function sortedSizes(data: Float64Array, importance?: Float64Array) {
  const sizes = data.map(Math.abs);
  if (!importance) return { sizes: ascending(sizes), weights: undefined };
  const order = Uint32Array.from(sizes, (_, i) => i);
  order.sort((a, b) => (sizes[a] as number) - (sizes[b] as number) || a - b);
  return {
    sizes: Float64Array.from(order, (i) => sizes[i] as number),
    weights: Float64Array.from(order, (i) => importance[i] as number),
  };
}
