import { ascending } from "./sort.ts";

/**
 * The threshold of the projection on an l1 ball: θᵢ = sign(vᵢ) max(0, |vᵢ| − τ / hᵢ) minimises Σ hᵢ (vᵢ − θᵢ)² subject to
 * Σ |θᵢ| ≤ radius. Exact: Σ |θᵢ| falls with τ, linearly between the points hᵢ |vᵢ| where a value reaches 0.
 * O(N log N). Duchi, Shalev-Shwartz, Singer & Chandra, ICML 2008 (for h = 1).
 * @returns τ ≥ 0; 0 if v is inside the ball.
 */
export function l1Threshold(v: Float64Array, radius: number, weights?: Float64Array): number {
  const n = v.length;
  const size = (i: number): number => Math.abs(v[i] as number);
  const point = (i: number): number => (weights ? (weights[i] as number) : 1) * size(i);
  let norm = 0;
  for (let i = 0; i < n; i++) norm += size(i);
  if (norm <= radius) return 0;
  // Going down from the largest point, values become active: Σ |θ| = total − τ · slope over the active ones.
  const given = Float64Array.from({ length: n }, (_, i) => point(i));
  const points = weights ? given : ascending(given);
  const order = weights
    ? Uint32Array.from(points, (_, i) => i).sort(
        (a, b) => (points[b] as number) - (points[a] as number),
      )
    : undefined;
  let [total, slope] = [0, 0];
  for (let k = 0; k < n; k++) {
    const i = order ? (order[k] as number) : n - 1 - k;
    // Without weights the points are the sizes, and only they are needed.
    total += order ? size(i) : (points[i] as number);
    slope += order ? 1 / ((weights as Float64Array)[i] as number) : 1;
    const next = order ? order[k + 1] : i - 1;
    const below = next === undefined || next < 0 ? 0 : (points[next] as number);
    // With these active, the radius is reached at τ; right if no further value is active there.
    const tau = (total - radius) / slope;
    if (tau >= below) return tau;
  }
  return 0;
}
