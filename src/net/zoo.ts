import { random } from "../math/random.ts";
import {
  averagePool,
  batchNorm,
  conv2d,
  dense,
  dropout,
  type LayerSpec,
  type Model,
  maxPool,
  model,
  type Network,
  network,
  type Padding,
  relu,
  tanh,
  type Weights,
} from "./network.ts";

/**
 * LeNet300: 784-300-100-10, dense, 266,610 parameters; LeCun et al., 1998. Weights are seeded, uniform in
 * ±√(6 / (inputs + outputs)) (Glorot & Bengio, 2010); biases are zero.
 * @example
 * lenet300({ seed: 1 }).network.names   //=> ["fc1", "fc2", "out"]
 */
export function lenet300(
  options: { readonly seed?: number; readonly activation?: "tanh" | "relu" } = {},
): Model<"fc1" | "fc2" | "out"> {
  const activation = options.activation === "relu" ? relu : tanh;
  const description = network({
    name: "LeNet300",
    input: [28, 28, 1],
    layers: [dense("fc1", 300), activation(), dense("fc2", 100), activation(), dense("out", 10)],
  });
  return model(description, initialWeights(description, options.seed ?? 0));
}

/**
 * LeNet5 as Caffe has it: two 5 × 5 convolutions of 20 and 50 filters, each with a 2 × 2 max pool, then 500-10;
 * 431,080 parameters. The activation is relu; weights as in `lenet300`.
 * @see LeCun et al., 1998, doi:10.1109/5.726791
 * @example
 * lenet5({ seed: 1 }).network.names   //=> ["conv1", "conv2", "fc1", "out"]
 */
export function lenet5(
  options: { readonly seed?: number } = {},
): Model<"conv1" | "conv2" | "fc1" | "out"> {
  const description = network({
    name: "LeNet5",
    input: [28, 28, 1],
    layers: [
      ...([conv2d("conv1", 20, { kernel: [5, 5] }), relu(), maxPool(2)] as const),
      ...([conv2d("conv2", 50, { kernel: [5, 5] }), relu(), maxPool(2)] as const),
      ...([dense("fc1", 500), relu(), dense("out", 10)] as const),
    ],
  });
  return model(description, initialWeights(description, options.seed ?? 0));
}

/**
 * Network in Network for CIFAR: three blocks of a convolution and two 1 × 1 ones, dropout 0.5 between the blocks,
 * and the global average as logits; 966,986 parameters.
 * @see Lin, Chen & Yan, 2014, arXiv:1312.4400
 */
export function nin(options: { readonly seed?: number } = {}): Model {
  const pool = { stride: [2, 2], padding: "same" } as const;
  const block = (name: string, kernel: number, filters: readonly number[]): LayerSpec[] =>
    filters.flatMap((count, i) => {
      const size = i === 0 ? kernel : 1;
      return [conv2d(`${name}${"abc"[i]}`, count, square(size, "same")), relu()];
    });
  const layers: LayerSpec[] = [
    ...[...block("conv1", 5, [192, 160, 96]), maxPool(3, pool), dropout(0.5)],
    ...[...block("conv2", 5, [192, 192, 192]), averagePool(3, pool), dropout(0.5)],
    ...[...block("conv3", 3, [192, 192, 10]), { kind: "globalAveragePool" } as const],
  ];
  const description = network({ name: "NIN", input: [32, 32, 3], layers });
  return model(description as Network, initialWeights(description, options.seed ?? 0));
}

/**
 * Residual network for CIFAR with option-A shortcuts: depth 6n + 2, three groups of n blocks with 16, 32 and 64
 * filters. 269,722 parameters at depth 20, 464,154 at 32, 853,018 at 56, 1,727,962 at 110: convolutions without
 * biases, γ and β of each batch norm, and the last layer; the running statistics are not counted.
 * @see He et al., 2016, doi:10.1109/CVPR.2016.90
 */
export function resnet(
  options: { readonly depth?: 20 | 32 | 56 | 110; readonly seed?: number } = {},
): Model {
  const { depth = 20, seed = 0 } = options;
  if (![20, 32, 56, 110].includes(depth)) {
    throw new RangeError(`resnet: depth must be 20, 32, 56 or 110, got ${depth}.`);
  }
  const conv = (name: string, filters: number, down = 1): LayerSpec[] => [
    conv2d(name, filters, { ...square(3, [1, 1]), stride: [down, down], bias: false }),
    batchNorm(`${name}n`),
  ];
  const layers = [...conv("conv1", 16), { kind: "relu", name: "relu1" } as const] as LayerSpec[];
  let last = "relu1";
  for (const [group, filters] of [16, 32, 64].entries()) {
    for (let block = 0; block < (depth - 2) / 6; block++) {
      const name = `g${group + 1}b${block + 1}`;
      const down = group > 0 && block === 0 ? 2 : 1;
      layers.push(...conv(`${name}a`, filters, down), relu(), ...conv(`${name}b`, filters));
      layers.push({ kind: "add", with: last }, { kind: "relu", name });
      last = name;
    }
  }
  const description = network({
    name: `ResNet${depth}`,
    input: [32, 32, 3],
    layers: [...layers, { kind: "globalAveragePool" }, dense("out", 10)],
  });
  return model(description as Network, initialWeights(description, seed));
}

/**
 * VGG16 for CIFAR with batch norm after each convolution, and 512-512-10 behind them; 14,990,922 parameters: the
 * convolutions with biases, γ and β, the two dense layers; the running statistics are not counted.
 * @see Simonyan & Zisserman, 2015, arXiv:1409.1556
 */
export function vgg16(options: { readonly seed?: number } = {}): Model {
  const groups = [
    [64, 64],
    [128, 128],
    [256, 256, 256],
    [512, 512, 512],
    [512, 512, 512],
  ];
  const layers = groups.flatMap((filters, g): LayerSpec[] => [
    ...filters.flatMap((count, i): LayerSpec[] => {
      const name = `conv${g + 1}${"abc"[i]}`;
      return [conv2d(name, count, square(3, "same")), batchNorm(`${name}n`), relu()];
    }),
    maxPool(2),
  ]);
  const description = network({
    name: "VGG16",
    input: [32, 32, 3],
    layers: [...layers, dense("fc1", 512), relu(), dense("out", 10)],
  });
  return model(description as Network, initialWeights(description, options.seed ?? 0));
}

/**
 * AlexNet for pictures of 227 × 227, on one device: without the split of its filters into two groups it has
 * 62,378,344 parameters (with it, 60,965,224).
 * @see Krizhevsky, Sutskever & Hinton, 2012, doi:10.1145/3065386
 */
export function alexnet(options: { readonly seed?: number } = {}): Model {
  const norm = { kind: "localResponseNorm" } as const;
  const pool = maxPool(3, { stride: [2, 2] });
  const layers: LayerSpec[] = [
    ...[conv2d("conv1", 96, { kernel: [11, 11], stride: [4, 4] }), relu(), norm, pool],
    ...[conv2d("conv2", 256, square(5, "same")), relu(), norm, pool],
    ...[conv2d("conv3", 384, square(3, "same")), relu()],
    ...[conv2d("conv4", 384, square(3, "same")), relu()],
    ...[conv2d("conv5", 256, square(3, "same")), relu(), pool],
    ...[dense("fc1", 4096), relu(), dropout(0.5)],
    ...[dense("fc2", 4096), relu(), dropout(0.5), dense("out", 1000)],
  ];
  const description = network({ name: "AlexNet", input: [227, 227, 3], layers });
  return model(description as Network, initialWeights(description, options.seed ?? 0));
}

function square(size: number, padding: Padding) {
  return { kernel: [size, size] as const, padding };
}

/** Glorot-uniform weights, zero biases, unit gamma and variance; the same on every machine. */
export function initialWeights(description: Network, seed: number): Weights {
  const weights: Record<string, Float32Array> = {};
  for (const [index, { key, role, rows, cols }] of description.parameters.entries()) {
    const data = new Float32Array(rows * cols);
    if (role === "w") {
      const rng = random(seed, 0x11e7, index);
      const bound = Math.sqrt(6 / (rows + cols));
      for (let i = 0; i < data.length; i++) data[i] = (2 * rng.uniform() - 1) * bound;
    } else if (role === "gamma" || role === "variance") {
      data.fill(1);
    }
    weights[key] = data;
  }
  return weights;
}
