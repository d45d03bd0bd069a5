import type { Dataset, Split } from "../../src/data/dataset.ts";
import { type Stage, stages } from "../../src/engine/stages.ts";
import type { Network, Weights } from "../../src/net/network.ts";

/** Weights in float64. */
export type Weights64 = Record<string, Float64Array>;

export function float64(weights: Weights): Weights64 {
  return Object.fromEntries(Object.entries(weights).map(([key, w]) => [key, Float64Array.from(w)]));
}

/** The training problem again, in float64, plainly and independently of the engine's programs. */
export interface Reference {
  /** Mean cross-entropy of `examples`. */
  loss(weights: Weights64, examples: readonly number[]): number;
  /** Its gradient. */
  gradient(weights: Weights64, examples: readonly number[]): Weights64;
  /** Mean of the squared gradients of single examples. */
  fisher(weights: Weights64, examples: readonly number[]): Weights64;
}

export function reference(network: Network, data: Dataset): Reference {
  const chain = stages(network);
  const forward = (weights: Weights64, example: number) => {
    const values = [input(data.train, data.mean, example)];
    for (const stage of chain) values.push(apply(stage, weights, values.at(-1) as Float64Array));
    return values;
  };
  const model: Reference = {
    loss(weights, examples) {
      let sum = 0;
      for (const example of examples) {
        const z = forward(weights, example).at(-1) as Float64Array;
        sum += logSumExp(z) - (z[data.train.labels[example] as number] as number);
      }
      return sum / examples.length;
    },
    gradient(weights, examples) {
      const total: Weights64 = {};
      for (const { key, rows, cols } of network.parameters) {
        total[key] = new Float64Array(rows * cols);
      }
      for (const example of examples) {
        const values = forward(weights, example);
        const z = values.at(-1) as Float64Array;
        const log = logSumExp(z);
        let dy: Float64Array = z.map((value) => Math.exp(value - log) / examples.length);
        const label = data.train.labels[example] as number;
        dy[label] = (dy[label] as number) - 1 / examples.length;
        for (let i = chain.length - 1; i >= 0; i--) {
          const stage = chain[i] as Stage;
          dy = backward(
            stage,
            weights,
            total,
            values[i] as Float64Array,
            values[i + 1] as Float64Array,
            dy,
          );
        }
      }
      return total;
    },
    fisher(weights, examples) {
      const total: Weights64 = {};
      for (const example of examples) {
        for (const [key, gradient] of Object.entries(model.gradient(weights, [example]))) {
          const sum = total[key] ?? new Float64Array(gradient.length);
          total[key] = sum.map((f, i) => f + (gradient[i] as number) ** 2 / examples.length);
        }
      }
      return total;
    },
  };
  return model;
}

function input({ images }: Split, mean: Float32Array, example: number): Float64Array {
  const at = example * mean.length;
  return Float64Array.from(mean, (m, i) => (images[at + i] as number) / 255 - m);
}

function apply(stage: Stage, weights: Weights64, x: Float64Array): Float64Array {
  let y = x;
  if (stage.kind === "dense") {
    const w = weights[stage.w.key] as Float64Array;
    const b = stage.b && weights[stage.b.key];
    y = Float64Array.from({ length: stage.outputs }, (_, o) => {
      let sum = b ? (b[o] as number) : 0;
      for (let k = 0; k < x.length; k++) sum += (w[o * x.length + k] as number) * (x[k] as number);
      return sum;
    });
  }
  if (stage.activation === "tanh") return y.map(Math.tanh);
  return stage.activation === "relu" ? y.map((value) => Math.max(value, 0)) : y;
}

function backward(
  stage: Stage,
  weights: Weights64,
  total: Weights64,
  x: Float64Array,
  y: Float64Array,
  dy: Float64Array,
): Float64Array {
  const d = dy.map((value, i) => {
    const out = y[i] as number;
    if (stage.activation === "tanh") return value * (1 - out * out);
    return stage.activation === "relu" && out <= 0 ? 0 : value;
  });
  if (stage.kind !== "dense") return d;
  const w = weights[stage.w.key] as Float64Array;
  const gw = total[stage.w.key] as Float64Array;
  const gb = stage.b && total[stage.b.key];
  const dx = new Float64Array(x.length);
  for (const [o, value] of d.entries()) {
    if (gb) gb[o] = (gb[o] as number) + value;
    for (let k = 0; k < x.length; k++) {
      const at = o * x.length + k;
      gw[at] = (gw[at] as number) + value * (x[k] as number);
      dx[k] = (dx[k] as number) + value * (w[at] as number);
    }
  }
  return dx;
}

function logSumExp(z: Float64Array): number {
  const most = Math.max(...z);
  return most + Math.log(z.reduce((sum, value) => sum + Math.exp(value - most), 0));
}
