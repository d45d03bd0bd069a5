import type { Dataset } from "../data/dataset.ts";
import type { Network, Weights } from "../net/network.ts";

/** Something that can do L steps: the WASM engine (default), or tfjs. */
export interface Engine {
  readonly name: string;
  /** True if the same seed gives the same bytes on every machine and thread count. */
  readonly reproducible: boolean;
  /** What the user should know of its runs, e.g. that they are slow; known once `open` has resolved. Notes of a solution. */
  readonly notes?: readonly string[];
  /**
   * Loads a network and a data set. Nothing is trained yet.
   * @throws LCError LC_MEMORY if the arena does not fit; RangeError for unsupported layers or shapes.
   */
  open(network: Network, data: Dataset, options: OpenOptions): Promise<EngineSession>;
}

export interface OpenOptions {
  /** Examples per minibatch, 1…training examples. The last minibatch of an epoch may be smaller. */
  readonly batch: number;
  /** True: `setTargets` takes importance weights, which need room for one more copy of all parameters. Default false. */
  readonly importance?: boolean;
  /** What `train` does with gradients; Adam needs room for one more copy of all parameters. Default "sgd". */
  readonly optimizer?: "sgd" | "adam";
}

/**
 * One network and one data set inside an engine, with its training weights and momentum. Commands run one after the other,
 * in the order of the calls; a failed one does not stop the next. What they are given must not change until they are done.
 */
export interface EngineSession {
  /**
   * Sets the training weights, the momentum (Adam's first moment), and Adam's second moment, ≥ 0; moments are all zeros
   * if not given.
   * @throws RangeError for a missing or unknown key, another length, or a second moment that is not a number ≥ 0.
   */
  write(weights: Weights, velocity?: Weights, secondMoments?: Weights): Promise<void>;
  /** Copies of what `write` sets, float32, row-major, as `network.parameters`; second moments with Adam only. */
  read(): Promise<Moments>;
  /**
   * Targets t of the penalty μ/2 Σ h (w − t)² by parameter key; parameters without one have no penalty.
   * `importance` has h > 0 by parameter key, float32 of the parameter's shape; h = 1 for a parameter without one.
   * With rate · μ · h above 1 the steps of that weight overshoot, and soon diverge. Copied; stays until set again.
   * @throws RangeError if an h is not a finite number > 0, or the session was opened without `importance: true`.
   */
  setTargets(targets: Weights, importance?: Weights): Promise<void>;
  /** Trains over (the rest of) one epoch. Rejects only if the engine failed. */
  train(options: EpochOptions): Promise<EpochResult>;
  /** Mean loss and number of wrong predictions; of `weights` if given, else of the training weights. */
  evaluate(split: "train" | "test", weights?: Weights, signal?: AbortSignal): Promise<Evaluation>;
  /**
   * Diagonal of the empirical Fisher information of the training set, by parameter key, float32 ≥ 0, row-major as
   * `network.parameters`: F = 1/N Σₙ (∂ℓₙ/∂w)², with ℓₙ the loss of example n and its own label, without the
   * penalty. Batch norms have their running statistics, for which F is 0; dropout drops nothing, and images are not
   * augmented. Of `weights` if given, else of the training weights; training state, targets included, stays as it is.
   * @throws LCError LC_NONFINITE if a loss or a squared gradient is NaN or infinite; the reason of `signal` if it
   * stopped the pass.
   */
  fisher(weights?: Weights, signal?: AbortSignal): Promise<Record<string, Float32Array>>;
  /** Stops within one minibatch and frees threads and memory. Safe to call twice. */
  close(): Promise<void>;
}

/** Weights and optimiser state, by parameter key. */
export interface Moments {
  readonly weights: Record<string, Float32Array>;
  readonly velocity: Record<string, Float32Array>;
  readonly secondMoments?: Record<string, Float32Array>;
}

/** Adam's constants, and where it stands. */
export interface AdamStep {
  /** Decay of the first and of the second moment, 0 to below 1. */
  readonly beta1: number;
  readonly beta2: number;
  /** Added to the root of the second moment; from 1e-12, as squares below 1e-30 count as 0. */
  readonly epsilon: number;
  /** Minibatches done since the moments were zero, this epoch's first `from` included; corrects their bias. */
  readonly steps: number;
}

/**
 * Loss L(w) + μ/2 Σ h (w − t)² with gradient g, to which weight decay adds d w of every parameter that is trained, biases
 * and batch norm's γ and β too (PyTorch's `weight_decay`). Nesterov SGD in PyTorch's form: v ← m v + g; w ← w − rate (g + m v).
 * Adam, t = steps + 1 in the first minibatch: v ← β₁ v + (1 − β₁) g; s ← β₂ s + (1 − β₂) g²;
 * w ← w − rate / (1 − β₁ᵗ) · v / (√s / √(1 − β₂ᵗ) + ε).
 */
export interface EpochOptions {
  /** Order of the training examples, a permutation of 0…count−1. */
  readonly order: Uint32Array;
  /** First minibatch to do, 0-based; > 0 continues an epoch that was stopped. */
  readonly from: number;
  readonly rate: number;
  /** 0…1; not used by Adam. */
  readonly momentum: number;
  /** d ≥ 0; default 0. */
  readonly weightDecay?: number;
  /** Needed by a session opened with `optimizer: "adam"`, refused by others. */
  readonly adam?: AdamStep;
  /** Penalty weight μ ≥ 0. */
  readonly mu: number;
  /** Seed of the dropout masks and of augmentation, an int32; one per epoch. Default: made from `order`. */
  readonly seed?: number;
  /** Stops after the current minibatch. */
  readonly signal?: AbortSignal;
  /** Called at most about every 100 ms with the minibatches done so far in this epoch. */
  readonly onProgress?: (done: { batches: number; loss: number }) => void;
}

export interface EpochResult {
  /** Index of the next minibatch to do; = number of minibatches per epoch if the epoch is complete. */
  readonly next: number;
  /** Sum over the minibatches done of (mean loss × examples), float64, without the penalty. */
  readonly lossSum: number;
  /** Examples behind `lossSum`. */
  readonly examples: number;
  /** False if the loss became NaN or infinite: training stopped at minibatch `next`. */
  readonly finite: boolean;
  readonly seconds: number;
}

export interface Evaluation {
  readonly loss: number;
  readonly errors: number;
  readonly count: number;
}
