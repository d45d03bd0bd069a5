import type { Engine, EpochOptions } from "../../src/engine/engine.ts";
import type { Network, Weights } from "../../src/net/network.ts";

/**
 * An engine with an exact L step, for the laws of the LC algorithm: L(w) = ½ ‖w − goal‖², so that
 * argmin L(w) + μ/2 Σ h (w − t)² = (goal + μ h t) / (1 + μ h) in one "epoch".
 */
export function quadraticEngine(
  goal: Weights,
): Engine & { calls: { w: Weights; targets: Weights; mu: number }[] } {
  const calls: { w: Weights; targets: Weights; mu: number }[] = [];
  return {
    name: "quadratic",
    reproducible: true,
    calls,
    async open(network: Network) {
      let w: Record<string, Float32Array> = {};
      let targets: Weights = {};
      let importance: Weights = {};
      const zeros = (): Record<string, Float32Array> =>
        Object.fromEntries(
          network.parameters.map(({ key, rows, cols }) => [key, new Float32Array(rows * cols)]),
        );
      return {
        async write(weights: Weights) {
          w = { ...weights };
        },
        read: async () => ({ weights: { ...w }, velocity: zeros() }),
        async setTargets(given: Weights, h: Weights = {}) {
          [targets, importance] = [given, h];
        },
        async train({ mu }: EpochOptions) {
          for (const [key, g] of Object.entries(goal)) {
            const t = targets[key];
            const weight = (i: number) => mu * (importance[key]?.[i] ?? 1);
            w[key] = t
              ? g.map((x, i) => (x + weight(i) * (t[i] as number)) / (1 + weight(i)))
              : g.slice();
          }
          calls.push({ w: { ...w }, targets, mu });
          return { next: 1, lossSum: loss(w, goal), examples: 1, finite: true, seconds: 0 };
        },
        async evaluate(_split: "train" | "test", weights: Weights = w) {
          return { loss: loss(weights, goal), errors: 0, count: 1 };
        },
        async fisher(weights: Weights = w) {
          const squares = Object.entries(goal).map(([key, g]) => [
            key,
            g.map((x, i) => ((weights[key]?.[i] as number) - x) ** 2),
          ]);
          return Object.fromEntries(squares);
        },
        async close() {},
      };
    },
  };
}

export function loss(w: Weights, goal: Weights): number {
  let total = 0;
  for (const [key, g] of Object.entries(goal)) {
    for (let i = 0; i < g.length; i++)
      total += ((w[key]?.[i] as number) - (g[i] as number)) ** 2 / 2;
  }
  return total;
}
