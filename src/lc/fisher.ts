import type { Dataset } from "../data/dataset.ts";
import type { Engine } from "../engine/engine.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import type { Model, Weights } from "../net/network.ts";
import { pick } from "./arrays.ts";
import { stopSignal } from "./interrupt.ts";

export interface FisherOptions {
  readonly engine?: Engine;
  /** Importance > 0 of a weight on which no example's loss depends; default 0.01, of a mean of 1 + damping. */
  readonly damping?: number;
  /** Rejects within one minibatch, as does the interrupt of a notebook cell. */
  readonly signal?: AbortSignal;
}

/**
 * Importance weights of the compressible parameters, by key: h = F / mean(F) + damping, so h > 0 with mean 1 + damping.
 * F = 1/N Σₙ (∂ℓₙ/∂w)² is the diagonal of the empirical Fisher information of the training set at the model's
 * weights, which stands for the curvature of the loss: Σ F (w − θ)² / 2 estimates what compressing w to θ costs. The mean
 * is over all compressible weights of the network, so layers keep their importance relative to each other.
 * Same bytes whenever the engine is reproducible.
 * @throws RangeError if damping is not > 0, or all F are 0; LCError LC_NONFINITE if a loss is NaN or infinite.
 * @see Hassibi & Stork, NIPS 1992 (second-order pruning); Theis et al., arXiv:1801.05787 (Fisher diagonal)
 */
export async function fisher(
  model: Model,
  data: Dataset,
  options: FisherOptions = {},
): Promise<Weights> {
  const { engine = wasmEngine(), damping = 0.01 } = options;
  if (!(damping > 0 && damping < Infinity)) {
    throw new RangeError(
      `fisher: damping must be a number > 0, got ${damping}. The default is 0.01, a hundredth of the mean importance.`,
    );
  }
  const keys = model.network.parameters.filter((p) => p.compressible).map(({ key }) => key);
  const diagonal = pick(await diagonalOf(model, data, engine, options.signal), keys);
  let [sum, count] = [0, 0];
  for (const values of Object.values(diagonal)) {
    for (const value of values) sum += value;
    count += values.length;
  }
  if (sum === 0) {
    throw new RangeError(
      `fisher: the gradients of all ${data.train.count} training examples of ${data.name} are 0, so no weight is more important than another. Compress without importance weights, or take them from a network that fits less perfectly.`,
    );
  }
  const scale = count / sum;
  const importance = Object.entries(diagonal).map(([key, values]) => [
    key,
    values.map((value) => value * scale + damping),
  ]);
  return Object.freeze(Object.fromEntries(importance));
}

async function diagonalOf(
  { network, weights }: Model,
  data: Dataset,
  engine: Engine,
  own: AbortSignal | undefined,
): Promise<Record<string, Float32Array>> {
  const { signal, release } = stopSignal(own);
  try {
    const batch = Math.min(256, data.train.count);
    const session = await engine.open(network, data, { batch });
    try {
      return await session.fisher(weights, signal);
    } finally {
      await session.close();
    }
  } finally {
    release();
  }
}
