import type { Tf, TfTensor } from "../../net/tfjs-module.ts";
import type { Binding } from "../../net/tfjs-parameters.ts";
import type { AdamStep, EpochOptions } from "../engine.ts";

/** A parameter, its momentum, and what its penalty needs. Tensors have the variable's layout. */
export interface Slot extends Binding {
  velocity: TfTensor;
  /** Second moment of Adam. */
  second: TfTensor | undefined;
  target: TfTensor | undefined;
  importance: TfTensor | undefined;
}

export interface Gradients {
  readonly loss: number;
  /** None for variables that the loss does not depend on. */
  readonly grads: Readonly<Record<string, TfTensor>>;
}

/** The numbers of an epoch as tensors: made once, where a number would become a tensor in every operation. */
export interface Rates {
  readonly rate: TfTensor;
  readonly momentum: TfTensor;
  readonly mu: TfTensor;
  /** None if it is 0. */
  readonly weightDecay: TfTensor | undefined;
  readonly adam: (AdamStep & { readonly rate: number }) | undefined;
}

export function ratesOf(
  tf: Tf,
  { rate, momentum, mu, weightDecay = 0, adam }: EpochOptions,
): Rates {
  const scalar = (value: number) => tf.tensor(Float32Array.of(value), []);
  return {
    ...{ rate: scalar(rate), momentum: scalar(momentum), mu: scalar(mu) },
    weightDecay: weightDecay > 0 ? scalar(weightDecay) : undefined,
    adam: adam && { ...adam, rate },
  };
}

export function disposeRates(tf: Tf, { rate, momentum, mu, weightDecay }: Rates): void {
  tf.dispose([rate, momentum, mu, ...(weightDecay ? [weightDecay] : [])]);
}

/** One step of the optimiser, with the penalty's gradient; `corrections` are β₁ᵗ and β₂ᵗ of Adam's step t. */
export function update(
  tf: Tf,
  slot: Slot,
  grads: Gradients["grads"],
  { rate, momentum, mu, weightDecay, adam }: Rates,
  corrections: readonly [number, number],
): void {
  const { variable: w, velocity, second, target, importance } = slot;
  const [next, v, s] = tf.tidy(() => {
    let g = grads[w.name] ?? tf.zerosLike(w);
    if (target) {
      const away = tf.sub(w, target);
      g = tf.add(g, tf.mul(importance ? tf.mul(away, importance) : away, mu));
    }
    if (weightDecay) g = tf.add(g, tf.mul(w, weightDecay));
    if (adam && second) {
      const { beta1, beta2, epsilon } = adam;
      const v = tf.add(tf.mul(velocity, beta1), tf.mul(g, 1 - beta1));
      const s = tf.add(tf.mul(second, beta2), tf.mul(tf.square(g), 1 - beta2));
      const [first, root] = [1 - corrections[0], Math.sqrt(1 - corrections[1])];
      const size = tf.add(tf.div(tf.sqrt(s), root), epsilon);
      return [tf.sub(w, tf.mul(tf.div(v, size), adam.rate / first)), v, s];
    }
    const v = tf.add(tf.mul(velocity, momentum), g);
    return [tf.sub(w, tf.mul(tf.add(g, tf.mul(v, momentum)), rate)), v];
  }) as [TfTensor, TfTensor, TfTensor | undefined];
  w.assign(next);
  slot.velocity = v;
  tf.dispose([next, velocity]);
  if (!s || !second) return;
  slot.second = s;
  second.dispose();
}

/** The values of all variables; costs no memory until they change. */
export function snapshot(tf: Tf, slots: readonly Slot[]): readonly TfTensor[] {
  return slots.map(({ variable }) => tf.clone(variable));
}

/** Puts a snapshot back, and frees it. */
export function restore(tf: Tf, slots: readonly Slot[], values: readonly TfTensor[]): void {
  slots.forEach(({ variable }, i) => void variable.assign(values[i]));
  tf.dispose(values);
}
