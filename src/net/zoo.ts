import { random } from "../math/random.ts";
import {
  dense,
  type Model,
  model,
  type Network,
  network,
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
