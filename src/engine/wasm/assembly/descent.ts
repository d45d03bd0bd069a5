import { flush } from "./elementary";
import {
  ADAM_BETA1, ADAM_BETA2, ADAM_EPSILON, ADAM_POWER1, ADAM_POWER2, ADAM_SECOND, DECAY, RATE,
} from "./layout";

/** Bytes from a parameter's momentum to its second moment, the same for all; 0 for Nesterov SGD. */
let second: usize = 0;
/** rate / (1 − β₁ᵗ) and 1 / √(1 − β₂ᵗ) of this minibatch, and the constants of Adam. */
let step: f32 = 0;
let scale: f32 = 0;
let keep1: f32 = 0;
let take1: f32 = 0;
let keep2: f32 = 0;
let take2: f32 = 0;
let epsilon: f32 = 0;

/** Weight decay. */
let decay: f32 = 0;

/** Reads the optimiser's constants; once per minibatch and thread, before any update. */
export function beginDescent(control: usize): void {
  second = load<u32>(control, ADAM_SECOND);
  decay = load<f32>(control, DECAY);
  if (!second) return;
  const beta1 = load<f64>(control, ADAM_BETA1), beta2 = load<f64>(control, ADAM_BETA2);
  step = <f32>(<f64>load<f32>(control, RATE) / (1 - load<f64>(control, ADAM_POWER1)));
  scale = <f32>(1 / sqrt(1 - load<f64>(control, ADAM_POWER2)));
  keep1 = <f32>beta1;
  take1 = <f32>(1 - beta1);
  keep2 = <f32>beta2;
  take2 = <f32>(1 - beta2);
  epsilon = load<f32>(control, ADAM_EPSILON);
}

/** After a minibatch, by one thread: the powers of β of the next one. */
export function advanceDescent(control: usize): void {
  if (!load<u32>(control, ADAM_SECOND)) return;
  store<f64>(control, load<f64>(control, ADAM_POWER1) * load<f64>(control, ADAM_BETA1), ADAM_POWER1);
  store<f64>(control, load<f64>(control, ADAM_POWER2) * load<f64>(control, ADAM_BETA2), ADAM_POWER2);
}

/** g += μ h (w − t) on `bytes` of parameters; h = 1 where `h` is 0, none. */
export function addPenalty(g: usize, w: usize, t: usize, h: usize, bytes: usize, mu: f32): void {
  const penalty = f32x4.splat(mu);
  for (let i: usize = 0; i < bytes; i += 16) {
    const away = f32x4.sub(v128.load(w + i), v128.load(t + i));
    const weight = h ? f32x4.mul(penalty, v128.load(h + i)) : penalty;
    v128.store(g + i, f32x4.add(v128.load(g + i), f32x4.mul(weight, away)));
  }
}

/** One step of the optimiser on 8 parameters with gradient g, weights w and momentum v. */
// @ts-ignore: decorator
@inline
export function descend(g: usize, w: usize, v: usize, momentum: v128, rate: v128): void {
  if (decay != 0) addDecay(g, w);
  if (second) adam(g, w, v);
  else nesterov(g, w, v, momentum, rate);
}

/** g += decay · w on 8 parameters. */
function addDecay(g: usize, w: usize): void {
  const d = f32x4.splat(decay);
  v128.store(g, f32x4.add(v128.load(g), f32x4.mul(d, v128.load(w))));
  v128.store(g, f32x4.add(v128.load(g, 16), f32x4.mul(d, v128.load(w, 16))), 16);
}

/** v = m v + g; w −= rate (g + m v). */
// @ts-ignore: decorator
@inline
function nesterov(g: usize, w: usize, v: usize, momentum: v128, rate: v128): void {
  const g0 = v128.load(g);
  const g1 = v128.load(g, 16);
  const v0 = flush(f32x4.add(f32x4.mul(momentum, v128.load(v)), g0));
  const v1 = flush(f32x4.add(f32x4.mul(momentum, v128.load(v, 16)), g1));
  v128.store(v, v0);
  v128.store(v, v1, 16);
  const move0 = f32x4.mul(rate, f32x4.add(g0, f32x4.mul(momentum, v0)));
  const move1 = f32x4.mul(rate, f32x4.add(g1, f32x4.mul(momentum, v1)));
  v128.store(w, f32x4.sub(v128.load(w), move0));
  v128.store(w, f32x4.sub(v128.load(w, 16), move1), 16);
}

/** m = β₁ m + (1 − β₁) g; v = β₂ v + (1 − β₂) g²; w −= rate / (1 − β₁ᵗ) · m / (√v / √(1 − β₂ᵗ) + ε). */
function adam(g: usize, w: usize, m: usize): void {
  for (let i: usize = 0; i < 32; i += 16) {
    const gradient = v128.load(g + i);
    const first = flush(f32x4.add(
      f32x4.mul(f32x4.splat(keep1), v128.load(m + i)),
      f32x4.mul(f32x4.splat(take1), gradient),
    ));
    const square = flush(f32x4.add(
      f32x4.mul(f32x4.splat(keep2), v128.load(m + second + i)),
      f32x4.mul(f32x4.mul(f32x4.splat(take2), gradient), gradient),
    ));
    v128.store(m + i, first);
    v128.store(m + second + i, square);
    const size = f32x4.add(f32x4.mul(f32x4.sqrt(square), f32x4.splat(scale)), f32x4.splat(epsilon));
    const move = f32x4.div(f32x4.mul(f32x4.splat(step), first), size);
    v128.store(w + i, f32x4.sub(v128.load(w + i), move));
  }
}
