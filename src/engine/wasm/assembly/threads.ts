import { advanceDescent } from "./descent";
import {
  ABORT, ARRIVED, BATCH, COUNT, ERRORS, EXAMPLES, FIRST, GENERATION, LINE, LOSS_SUM, ROWS, SERIAL_ADVANCE,
  SERIAL_GUARD, SERIAL_LOSS, SLEEPERS, SPINS, STOP, STOP_ABORTED, STOP_FINISHED, STOP_NONFINITE,
} from "./layout";

/**
 * Next task of a phase, or −1. A thread takes its own run of the tasks first, which keeps its weights in its cache
 * from step to step, then helps the others. Which thread does a task never shows in the result.
 */
export function claim(counters: usize, tasks: i32, thread: i32, threads: i32): i32 {
  for (let i = 0; i < threads; i++) {
    let owner = thread + i;
    if (owner >= threads) owner -= threads;
    const begin = tasks * owner / threads;
    const end = tasks * (owner + 1) / threads;
    const counter = counters + <usize>owner * LINE;
    if (begin + atomic.load<i32>(counter) >= end) continue;
    const task = begin + atomic.add<i32>(counter, 1);
    if (task < end) return task;
  }
  return -1;
}

/**
 * Waits until all threads are here. The last one resets the phase's counters and does its serial part while the
 * others wait: a short spin, then sleep, so more threads than cores do not burn each other's time.
 */
export function arrive(control: usize, counters: usize, threads: i32, phase: usize): void {
  const generation = atomic.load<i32>(control, GENERATION);
  if (atomic.add<i32>(control, 1, ARRIVED) == threads - 1) {
    for (let i = 0; i < threads; i++) atomic.store<i32>(counters + <usize>i * LINE, 0);
    serial(control, phase);
    atomic.store<i32>(control, 0, ARRIVED);
    atomic.store<i32>(control, generation + 1, GENERATION);
    if (atomic.load<i32>(control, SLEEPERS) > 0) atomic.notify(control + GENERATION, threads);
    return;
  }
  for (let spins = load<i32>(control, SPINS); spins > 0; spins--) {
    if (atomic.load<i32>(control, GENERATION) != generation) return;
  }
  atomic.add<i32>(control, 1, SLEEPERS);
  while (atomic.load<i32>(control, GENERATION) == generation) {
    atomic.wait<i32>(control + GENERATION, generation, -1);
  }
  atomic.sub<i32>(control, 1, SLEEPERS);
}

/** What happens once per minibatch, on one thread: sum the losses in order, refuse a bad one, move on or stop. */
function serial(control: usize, phase: usize): void {
  const what = load<i32>(phase, 8);
  const rows = load<i32>(control, ROWS);
  if (what & SERIAL_LOSS) {
    const losses: usize = load<u32>(phase, 12);
    const wrong: usize = load<u32>(phase, 16);
    let sum: f64 = 0;
    let errors = 0;
    for (let row = 0; row < rows; row++) {
      sum += load<f64>(losses + row * 8);
      errors += load<i32>(wrong + row * 4);
    }
    if (what & SERIAL_GUARD && !(abs(sum) < Infinity)) {
      store<i32>(control, STOP_NONFINITE, STOP);
      return;
    }
    store<f64>(control, load<f64>(control, LOSS_SUM) + sum, LOSS_SUM);
    store<i32>(control, load<i32>(control, ERRORS) + errors, ERRORS);
    store<i32>(control, load<i32>(control, EXAMPLES) + rows, EXAMPLES);
  }
  if (what & SERIAL_ADVANCE) {
    advanceDescent(control);
    const first = load<i32>(control, FIRST) + rows;
    const left = load<i32>(control, COUNT) - first;
    store<i32>(control, first, FIRST);
    store<i32>(control, min(left, load<i32>(control, BATCH)), ROWS);
    if (left <= 0) store<i32>(control, STOP_FINISHED, STOP);
    else if (atomic.load<i32>(control, ABORT)) store<i32>(control, STOP_ABORTED, STOP);
  }
}
