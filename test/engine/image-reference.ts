import type { Dataset } from "../../src/data/dataset.ts";
import {
  type Layer,
  type LayerSpec,
  type Network,
  paddingBefore,
  type Shape,
} from "../../src/net/network.ts";
import type { Weights64 } from "./reference.ts";

/** Values by example, row-major, channels last. */
type Batch = readonly Float64Array[];

/** Decides whether dropout keeps value `i` of `example`. */
export type Keep = (layer: Layer, example: number, i: number) => boolean;

/**
 * Mean loss of `examples` in float64, plainly and independently of the engine: one loop per layer. With `training`,
 * batch norm uses the examples' own statistics and dropout drops; else the running ones, and nothing.
 */
export function imageLoss(
  network: Network,
  data: Dataset,
  weights: Weights64,
  examples: readonly number[],
  training: { readonly keep?: Keep } | undefined,
): { readonly loss: number; readonly statistics: ReadonlyMap<string, Statistics> } {
  const { images, labels } = data.train;
  const size = data.mean.length;
  const pixel = (example: number, i: number) => (images[example * size + i] as number) / 255;
  const x = examples.map((example) =>
    Float64Array.from(data.mean, (m, i) => pixel(example, i) - m),
  );
  const keep = training?.keep;
  const { outputs: last, statistics } = imageOutputs(
    network,
    weights,
    x,
    training && {
      ...(keep ? { keep: (layer, n, i) => keep(layer, examples[n] as number, i) } : {}),
    },
  );
  let sum = 0;
  for (const [n, z] of last.entries()) {
    const label = labels[examples[n] as number] as number;
    if (network.loss === "squaredError") {
      sum += z.reduce((total, v, c) => total + (v - (c === label ? 1 : 0)) ** 2, 0) / 2;
    } else {
      const most = Math.max(...z);
      sum += most + Math.log(z.reduce((t, v) => t + Math.exp(v - most), 0)) - (z[label] as number);
    }
  }
  return { loss: sum / examples.length, statistics };
}

/** The network's outputs for inputs x, in float64, and the statistics of its batch norms. */
export function imageOutputs(
  network: Network,
  weights: Weights64,
  inputs: Batch,
  training?: { readonly keep?: Keep },
): { readonly outputs: Batch; readonly statistics: ReadonlyMap<string, Statistics> } {
  const values = new Map<string, Batch>([["input", inputs]]);
  const statistics = new Map<string, Statistics>();
  for (const layer of network.layers) {
    const [x, s] = layer.inputs.map((name) => values.get(name) as Batch) as [Batch, Batch];
    values.set(layer.name, apply(layer, x, s));
  }
  return { outputs: values.get(network.layers.at(-1)?.name ?? "") as Batch, statistics };

  function apply(layer: Layer, x: Batch, s: Batch): Batch {
    const { spec, inputShape, outputShape } = layer;
    const get = (role: string) => weights[`${layer.name}.${role}`];
    if (spec.kind === "batchNorm") {
      const { y, ...found } = normalize(layer, x, get as Get, training !== undefined);
      statistics.set(layer.name, found);
      return y;
    }
    if (spec.kind === "dropout") {
      const keep = training?.keep;
      if (!keep) return x;
      return x.map((v, n) =>
        v.map((value, i) => (keep(layer, n, i) ? value / (1 - spec.rate) : 0)),
      );
    }
    if (spec.kind === "add") {
      const from = network.layers.find(({ name }) => name === spec.with)?.outputShape;
      return x.map((v, n) =>
        addShortcut(v, outputShape, s[n] as Float64Array, from ?? network.input),
      );
    }
    return x.map((v) => one(spec, v, inputShape, outputShape, get as Get));
  }
}

type Get = (role: string) => Float64Array;

/** Of one batch norm: mean and unbiased variance by channel. */
export interface Statistics {
  readonly mean: Float64Array;
  readonly variance: Float64Array;
}

function normalize(
  { spec, outputShape }: Layer,
  x: Batch,
  get: Get,
  training: boolean,
): Statistics & { readonly y: Batch } {
  const channels = outputShape.at(-1) as number;
  const count = (x.length * (x[0]?.length ?? 0)) / channels;
  const mean = new Float64Array(channels);
  const variance = new Float64Array(channels);
  const each = (visit: (value: number, c: number) => void) => {
    for (const v of x) v.forEach((value, i) => void visit(value, i % channels));
  };
  each((value, c) => {
    mean[c] = (mean[c] as number) + value / count;
  });
  each((value, c) => {
    variance[c] = (variance[c] as number) + (value - (mean[c] as number)) ** 2 / count;
  });
  const epsilon = spec.kind === "batchNorm" ? (spec.epsilon ?? 1e-5) : 0;
  const [m, s] = training ? [mean, variance] : [get("mean"), get("variance")];
  const [gamma, beta] = [get("gamma"), get("beta")];
  const y = x.map((v) =>
    v.map((value, i) => {
      const c = i % channels;
      const scaled = (value - (m[c] as number)) / Math.sqrt((s[c] as number) + epsilon);
      return (gamma[c] as number) * scaled + (beta[c] as number);
    }),
  );
  return { y, mean, variance: variance.map((v) => (v * count) / (count - 1)) };
}

function addShortcut(x: Float64Array, shape: Shape, s: Float64Array, from: Shape): Float64Array {
  if (shape.length === 1) return x.map((value, i) => value + (s[i] as number));
  const [h, w, c] = shape as [number, number, number];
  const [hs, ws, cs] = from as [number, number, number];
  return x.map((value, i) => {
    const [y, column, channel] = [Math.floor(i / (w * c)), Math.floor(i / c) % w, i % c];
    const at = ((y * hs) / h) * ws + (column * ws) / w;
    return channel < cs ? value + (s[at * cs + channel] as number) : value;
  });
}

function one(spec: LayerSpec, x: Float64Array, shape: Shape, out: Shape, get: Get): Float64Array {
  const channels = shape.at(-1) as number;
  switch (spec.kind) {
    case "dense": {
      const [w, b] = [get("w"), get("b")];
      return Float64Array.from({ length: spec.units }, (_, o) =>
        x.reduce((sum, v, k) => sum + v * (w[o * x.length + k] as number), b?.[o] ?? 0),
      );
    }
    case "conv2d": {
      const [w, b] = [get("w"), get("b")];
      const [kh, kw] = spec.kernel;
      return slide(shape, out, spec.kernel, spec.stride ?? [1, 1], spec.padding, (at, f) =>
        at.reduce((sum, [pixel, tap]) => {
          let total = sum;
          for (let c = 0; c < channels; c++) {
            const weight = w[(f * kh * kw + tap) * channels + c] as number;
            total += (x[pixel * channels + c] as number) * weight;
          }
          return total;
        }, b?.[f] ?? 0),
      );
    }
    case "maxPool":
    case "averagePool":
      return slide(shape, out, spec.size, spec.stride ?? spec.size, spec.padding, (at, c) => {
        const under = at.map(([pixel]) => x[pixel * channels + c] as number);
        const sum = under.reduce((a, b) => a + b);
        return spec.kind === "maxPool" ? Math.max(...under) : sum / under.length;
      });
    case "globalAveragePool": {
      const y = new Float64Array(channels);
      for (const [i, v] of x.entries()) {
        y[i % channels] = (y[i % channels] as number) + (v * channels) / x.length;
      }
      return y;
    }
    case "localResponseNorm": {
      const { size = 5, alpha = 1e-4, beta = 0.75, k = 1 } = spec;
      return x.map((v, i) => {
        let sum = 0;
        for (let d = -(size - 1) / 2; d <= (size - 1) / 2; d++) {
          const c = (i % channels) + d;
          if (c >= 0 && c < channels) sum += (x[i + d] as number) ** 2;
        }
        return v / (k + (alpha / size) * sum) ** beta;
      });
    }
    case "tanh":
      return x.map(Math.tanh);
    case "relu":
      return x.map((v) => Math.max(v, 0));
    case "sigmoid":
      return x.map((v) => 1 / (1 + Math.exp(-v)));
    default:
      return x;
  }
}

/** Calls `value` with the [pixel, tap] pairs inside the image under each window. */
function slide(
  [h, w]: Shape,
  [oh, ow, channels]: Shape,
  kernel: readonly [number, number],
  stride: readonly [number, number],
  padding: Parameters<typeof paddingBefore>[3],
  value: (at: readonly (readonly [number, number])[], channel: number) => number,
): Float64Array {
  const size = [h as number, w as number] as const;
  const [top, left] = paddingBefore(size, kernel, stride, padding);
  const y: number[] = [];
  for (let r = 0; r < (oh as number); r++) {
    for (let c = 0; c < (ow as number); c++) {
      const at: [number, number][] = [];
      for (let i = 0; i < kernel[0]; i++) {
        for (let j = 0; j < kernel[1]; j++) {
          const [row, column] = [r * stride[0] - top + i, c * stride[1] - left + j];
          if (row < 0 || row >= size[0] || column < 0 || column >= size[1]) continue;
          at.push([row * size[1] + column, i * kernel[1] + j]);
        }
      }
      for (let f = 0; f < (channels as number); f++) y.push(value(at, f));
    }
  }
  return Float64Array.from(y);
}
