import type { EpochOptions } from "../engine/engine.ts";

/** How an L step trains: Nesterov SGD. Plain data. */
export interface Sgd {
  readonly kind: "sgd";
  /** Learning rate of the first step. The rate used is never above 1/μ, where SGD on the penalty would diverge. */
  readonly rate: number;
  /** Factor on the rate from one LC step (in `train`: one epoch) to the next. */
  readonly decay: number;
  readonly momentum: number;
  /** Epochs per L step, and in the first one, which starts farthest away. */
  readonly epochs: number;
  readonly firstEpochs: number;
  /** Examples per minibatch. */
  readonly batch: number;
  /** d ≥ 0: d w is added to the gradient of every trained parameter, biases too (PyTorch's `weight_decay`). */
  readonly weightDecay: number;
}

/**
 * Nesterov SGD; defaults momentum 0.9, decay 0.98, batch 256, `firstEpochs` = `epochs`, no weight decay.
 * @throws RangeError for values out of range.
 */
export function sgd(
  options: { readonly rate: number; readonly epochs: number } & Partial<Omit<Sgd, "kind">>,
): Sgd {
  const { momentum = 0.9 } = options;
  if (!(momentum >= 0 && momentum < 1)) {
    throw new RangeError(`sgd: momentum must be from 0 to below 1, got ${momentum}.`);
  }
  const { rate, decay, ...counts } = common("sgd", options);
  return Object.freeze({ kind: "sgd", rate, decay, momentum, ...counts });
}

/** The options that both have. */
function common(
  who: string,
  options: Pick<Sgd, "rate" | "epochs"> & Partial<Omit<Sgd, "kind" | "momentum">>,
): Omit<Sgd, "kind" | "momentum"> {
  const { rate, epochs, decay = 0.98, batch = 256, firstEpochs = epochs } = options;
  const { weightDecay = 0 } = options;
  for (const [name, value] of Object.entries({ rate, decay })) {
    if (value > 0 && value < Number.POSITIVE_INFINITY) continue;
    throw new RangeError(`${who}: ${name} must be a number above 0, got ${value}.`);
  }
  for (const [name, value] of Object.entries({ epochs, firstEpochs, batch })) {
    if (Number.isInteger(value) && value >= 1) continue;
    throw new RangeError(`${who}: ${name} must be a whole number from 1, got ${value}.`);
  }
  if (!(weightDecay >= 0 && weightDecay < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`${who}: weightDecay must be a number from 0, got ${weightDecay}.`);
  }
  return { rate, decay, epochs, firstEpochs, batch, weightDecay };
}

/** How an L step trains: Adam. Plain data. */
export interface Adam extends Omit<Sgd, "kind" | "momentum" | "rate"> {
  readonly kind: "adam";
  /**
   * Learning rate of the first step: about how far a weight moves in a minibatch. It is never clipped at 1/μ: Adam divides
   * by the size of the gradient, so a large μ lengthens no step. Weights come no nearer to their targets than about the rate, so
   * let `decay` lower it.
   */
  readonly rate: number;
  /** Decay of the running means of the gradient and of its square, 0 to below 1. */
  readonly beta1: number;
  readonly beta2: number;
  /** Added to the root of the mean square; from 1e-12. */
  readonly epsilon: number;
}

/** How an L step trains. */
export type LStep = Sgd | Adam;

/**
 * Adam (Kingma & Ba, 2015, arXiv:1412.6980) with bias correction; defaults beta1 0.9, beta2 0.999, epsilon 1e-8, decay 0.98,
 * batch 256, `firstEpochs` = `epochs`, no weight decay. Its moments start at zero in every L step, as the momentum of `sgd` does.
 * @throws RangeError for values out of range.
 */
export function adam(
  options: { readonly rate: number; readonly epochs: number } & Partial<Omit<Adam, "kind">>,
): Adam {
  const { beta1 = 0.9, beta2 = 0.999, epsilon = 1e-8 } = options;
  for (const [name, value] of Object.entries({ beta1, beta2 })) {
    if (value >= 0 && value < 1) continue;
    throw new RangeError(`adam: ${name} must be from 0 to below 1, got ${value}.`);
  }
  if (!(epsilon >= 1e-12 && epsilon < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`adam: epsilon must be a number from 1e-12, got ${epsilon}.`);
  }
  return Object.freeze({ kind: "adam", ...common("adam", options), beta1, beta2, epsilon });
}

/** What an epoch of the engine needs to know, `steps` minibatches after the moments were zero. */
export function stepOptions(
  lStep: LStep,
  steps: number,
): Pick<EpochOptions, "momentum" | "weightDecay" | "adam"> {
  const { weightDecay } = lStep;
  if (lStep.kind === "sgd") return { momentum: lStep.momentum, weightDecay };
  const { beta1, beta2, epsilon } = lStep;
  return { momentum: 0, weightDecay, adam: { beta1, beta2, epsilon, steps } };
}

/** The penalty parameters μ of the LC steps, in order. */
export type Schedule = readonly number[];

/**
 * μₖ = from · factorᵏ, k = 0 … steps − 1, by repeated multiplication (the same bytes everywhere).
 * @throws RangeError if a value is out of range or μ overflows.
 * @example
 * geometric({ from: 1, factor: 2, steps: 3 })   //=> [1, 2, 4]
 */
export function geometric(options: {
  readonly from: number;
  readonly factor: number;
  readonly steps: number;
}): Schedule {
  const { from, factor, steps } = options;
  if (!(from > 0 && from < Number.POSITIVE_INFINITY)) {
    throw new RangeError(`geometric: from must be a number above 0, got ${from}.`);
  }
  if (!(factor >= 1 && factor < Number.POSITIVE_INFINITY)) {
    throw new RangeError(
      `geometric: factor must be a number from 1, got ${factor}. μ must not fall.`,
    );
  }
  if (!Number.isInteger(steps) || steps < 1) {
    throw new RangeError(`geometric: steps must be a whole number from 1, got ${steps}.`);
  }
  const values = [from];
  while (values.length < steps) {
    const next = (values[values.length - 1] as number) * factor;
    if (!Number.isFinite(next)) {
      throw new RangeError(
        `geometric: μ overflows at step ${values.length + 1} of ${steps}. Take a smaller factor (now ${factor}) or fewer steps.`,
      );
    }
    values.push(next);
  }
  return Object.freeze(values);
}

/** Schedules with a name, to spread into the options of `run` or `steps`. */
export const schedules: {
  readonly glimpse: { readonly lStep: Sgd; readonly mu: Schedule };
  readonly demo: { readonly lStep: Sgd; readonly mu: Schedule };
  readonly short: { readonly lStep: Sgd; readonly mu: Schedule };
  readonly full: { readonly lStep: Sgd; readonly mu: Schedule };
} = {
  /** 12 steps of 1 epoch, for a first look at many combinations. */
  glimpse: {
    lStep: sgd({ rate: 0.1, epochs: 1, batch: 128, decay: 0.95 }),
    mu: geometric({ from: 5e-3, factor: 1.5, steps: 12 }),
  },
  /** 10 steps of 2 epochs: seconds on 10,000 images; μ rises fast, so the result is a first impression. */
  demo: {
    lStep: sgd({ rate: 0.1, epochs: 2, batch: 128, decay: 0.95 }),
    mu: geometric({ from: 1e-3, factor: 1.9, steps: 10 }),
  },
  /** 20 steps of 7 epochs (14 in the first), large batches: for development. */
  short: {
    lStep: sgd({ rate: 0.7, epochs: 7, firstEpochs: 14, batch: 2048 }),
    mu: geometric({ from: 9e-5, factor: 1.1, steps: 20 }),
  },
  /** 40 steps of 20 epochs (40 in the first): the reference toolkit's LeNet300 runs. */
  full: {
    lStep: sgd({ rate: 0.09, epochs: 20, firstEpochs: 40 }),
    mu: geometric({ from: 9e-5, factor: 1.1, steps: 40 }),
  },
};
