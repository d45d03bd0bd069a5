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
}

/**
 * Nesterov SGD; defaults momentum 0.9, decay 0.98, batch 256, `firstEpochs` = `epochs`.
 * @throws RangeError for values out of range.
 */
export function sgd(
  options: { readonly rate: number; readonly epochs: number } & Partial<Omit<Sgd, "kind">>,
): Sgd {
  const { rate, epochs, momentum = 0.9, decay = 0.98, batch = 256, firstEpochs = epochs } = options;
  const positive = (name: string, value: number): void => {
    if (!(value > 0 && value < Number.POSITIVE_INFINITY)) {
      throw new RangeError(`sgd: ${name} must be a number above 0, got ${value}.`);
    }
  };
  const whole = (name: string, value: number): void => {
    if (!Number.isInteger(value) || value < 1) {
      throw new RangeError(`sgd: ${name} must be a whole number from 1, got ${value}.`);
    }
  };
  positive("rate", rate);
  positive("decay", decay);
  whole("epochs", epochs);
  whole("firstEpochs", firstEpochs);
  whole("batch", batch);
  if (!(momentum >= 0 && momentum < 1)) {
    throw new RangeError(`sgd: momentum must be from 0 to below 1, got ${momentum}.`);
  }
  return Object.freeze({ kind: "sgd", rate, decay, momentum, epochs, firstEpochs, batch });
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
