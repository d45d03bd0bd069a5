import type { Tf, TfTensor } from "../../net/tfjs-module.ts";
import type { Binding } from "../../net/tfjs-parameters.ts";

/** A parameter, its momentum, and what its penalty needs. Tensors have the variable's layout. */
export interface Slot extends Binding {
  velocity: TfTensor;
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
}

/** One step of Nesterov's momentum in PyTorch's form, with the penalty's gradient. */
export function update(
  tf: Tf,
  slot: Slot,
  grads: Gradients["grads"],
  { rate, momentum, mu }: Rates,
): void {
  const { variable: w, velocity, target, importance } = slot;
  const [next, v] = tf.tidy(() => {
    let g = grads[w.name] ?? tf.zerosLike(w);
    if (target) {
      const away = tf.sub(w, target);
      g = tf.add(g, tf.mul(importance ? tf.mul(away, importance) : away, mu));
    }
    const v = tf.add(tf.mul(velocity, momentum), g);
    return [tf.sub(w, tf.mul(tf.add(g, tf.mul(v, momentum)), rate)), v];
  }) as [TfTensor, TfTensor];
  w.assign(next);
  slot.velocity = v;
  tf.dispose([next, velocity]);
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
