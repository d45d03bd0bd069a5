import { activateInputRows, activateRows } from "./activation";
import {
  batchStatisticsTask, channelSumsRows, fixedStatisticsTask, normalizeRows, normGradientTask, normInputRows,
} from "./batch-norm";
import { convGradientTask, convInputRows, convRows, convUpdateTask } from "./conv";
import { denseInputRows, denseRows, denseUpdateTask } from "./dense";
import { beginDescent } from "./descent";
import { dropoutRows } from "./dropout";
import { convFisherTask, denseFisherTask, normFisherTask, squareRows } from "./fisher";
import { gatherRows } from "./gather";
import {
  activateImageInputRows, activateImageRows, addRows, addShortcutRows, clearPaddingRows, copyImageRows,
  flattenInputRows, flattenRows, gatherImageRows,
} from "./image";
import * as layout from "./layout";
import {
  AXIS_ROWS, COUNTERS, KERNEL_ACTIVATE, KERNEL_ACTIVATE_INPUT, KERNEL_DENSE, KERNEL_DENSE_FISHER,
  KERNEL_DENSE_INPUT, KERNEL_DENSE_UPDATE, KERNEL_GATHER, KERNEL_SOFTMAX, KERNEL_SQUARE, LINE, ROWS, STOP,
} from "./layout";
import { globalAverageInputRows, globalAverageRows, poolInputRows, poolRows } from "./pool";
import { packedConvRows, packedDenseRows } from "./packed-product";
import { responseNormInputRows, responseNormRows } from "./response-norm";
import { softmaxRows } from "./softmax";
import { squaredRows } from "./squared";
import { arrive, claim } from "./threads";
import { winogradGradientTask, winogradRows, winogradWeightsTask } from "./winograd";

export { expEach, log, tanhEach } from "./elementary";

/**
 * Runs a program once (one minibatch) as thread `thread` of `threads`; all of them call this together.
 * A program is int32 words: phase count; then per phase its bytes, axis, serial part, two offsets for it, tasks (of a row
 * phase: rows per task) and op count; then per op its bytes, kernel, tasks and arguments (program.ts writes them).
 * @returns 0 to go on, else the STOP_… reason; the same to all threads.
 */
export function step(program: usize, control: usize, thread: i32, threads: i32, scratch: usize): i32 {
  beginDescent(control);
  const phases = load<i32>(program);
  let phase = program + 4;
  for (let p = 0; p < phases; p++) {
    const counters = control + COUNTERS + <usize>(p * threads * LINE);
    if (load<i32>(phase, 4) == AXIS_ROWS) rowPhase(phase, counters, control, thread, threads, scratch);
    else tilePhase(phase, counters, control, thread, threads, scratch);
    arrive(control, counters, threads, phase);
    const stop = load<i32>(control, STOP);
    if (stop) return stop;
    phase += load<u32>(phase);
  }
  return 0;
}

/** All ops on a few rows at a time: those rows stay in the cache from op to op, with no barrier between. */
function rowPhase(
  phase: usize, counters: usize, control: usize, thread: i32, threads: i32, scratch: usize,
): void {
  const ops = load<i32>(phase, 24);
  const rows = load<i32>(control, ROWS);
  const taskRows = load<i32>(phase, 20);
  const tasks = (rows + taskRows - 1) / taskRows;
  for (;;) {
    const task = claim(counters, tasks, thread, threads);
    if (task < 0) return;
    const begin: usize = task * taskRows;
    const end: usize = min((rows + 3) & ~3, (task + 1) * taskRows);
    let op = phase + 28;
    for (let i = 0; i < ops; i++) {
      const kernel = load<i32>(op, 4);
      const args = op + 12;
      if (kernel == KERNEL_DENSE) denseRows(args, begin, end);
      else if (kernel == KERNEL_DENSE_INPUT) denseInputRows(args, begin, end);
      else if (kernel == KERNEL_GATHER) gatherRows(args, begin, end, control, scratch);
      else if (kernel == KERNEL_SOFTMAX) softmaxRows(args, begin, end, control);
      else if (kernel == KERNEL_ACTIVATE) activateRows(args, begin, end);
      else if (kernel == KERNEL_ACTIVATE_INPUT) activateInputRows(args, begin, end);
      else if (kernel == KERNEL_SQUARE) squareRows(args, begin, end);
      else imageRows(kernel, args, begin, end, control, scratch);
      op += load<u32>(op);
    }
  }
}

/** The row ops that dense chains do not train with. */
function imageRows(kernel: i32, args: usize, begin: usize, end: usize, control: usize, scratch: usize): void {
  if (kernel == layout.KERNEL_CONV) convRows(args, begin, end, control, scratch);
  else if (kernel == layout.KERNEL_CONV_INPUT) convInputRows(args, begin, end, control, scratch);
  else if (kernel == layout.KERNEL_WINOGRAD) winogradRows(args, begin, end, control, scratch);
  else if (kernel == layout.KERNEL_NORMALIZE) normalizeRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_NORM_INPUT) normInputRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_CHANNEL_SUMS) channelSumsRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_POOL) poolRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_POOL_INPUT) poolInputRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_ADD) addRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_ADD_SHORTCUT) addShortcutRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_COPY_IMAGE) copyImageRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_ACTIVATE_IMAGE) activateImageRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_ACTIVATE_IMAGE_INPUT) activateImageInputRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_GATHER_IMAGE) gatherImageRows(args, begin, end, control, scratch);
  else if (kernel == layout.KERNEL_FLATTEN) flattenRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_FLATTEN_INPUT) flattenInputRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_GLOBAL_AVERAGE) globalAverageRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_GLOBAL_AVERAGE_INPUT) globalAverageInputRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_CLEAR_PADDING) clearPaddingRows(args, begin, end);
  else if (kernel == layout.KERNEL_DROPOUT) dropoutRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_RESPONSE_NORM) responseNormRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_RESPONSE_NORM_INPUT) responseNormInputRows(args, begin, end, control);
  else if (kernel == layout.KERNEL_PACKED_DENSE) packedDenseRows(args, begin, end, control, scratch);
  else if (kernel == layout.KERNEL_PACKED_CONV) packedConvRows(args, begin, end, control, scratch);
  else if (kernel == layout.KERNEL_SQUARED) squaredRows(args, begin, end, control);
  else unreachable();
}

/** Tasks of all ops in one pool; they must not depend on each other. */
function tilePhase(
  phase: usize, counters: usize, control: usize, thread: i32, threads: i32, scratch: usize,
): void {
  const tasks = load<i32>(phase, 20);
  for (;;) {
    let task = claim(counters, tasks, thread, threads);
    if (task < 0) return;
    let op = phase + 28;
    while (task >= load<i32>(op, 8)) {
      task -= load<i32>(op, 8);
      op += load<u32>(op);
    }
    const kernel = load<i32>(op, 4);
    if (kernel == KERNEL_DENSE_UPDATE) denseUpdateTask(op + 12, task, control, scratch);
    else if (kernel == KERNEL_DENSE_FISHER) denseFisherTask(op + 12, task, control, scratch);
    else if (kernel == layout.KERNEL_CONV_GRADIENT) convGradientTask(op + 12, task, control, scratch);
    else if (kernel == layout.KERNEL_CONV_UPDATE) convUpdateTask(op + 12, task, control, scratch);
    else if (kernel == layout.KERNEL_WINOGRAD_GRADIENT) winogradGradientTask(op + 12, task, control, scratch);
    else if (kernel == layout.KERNEL_WINOGRAD_WEIGHTS) winogradWeightsTask(op + 12, task, scratch);
    else if (kernel == layout.KERNEL_BATCH_STATISTICS) batchStatisticsTask(op + 12, task, control);
    else if (kernel == layout.KERNEL_NORM_GRADIENT) normGradientTask(op + 12, task, control, scratch);
    else if (kernel == layout.KERNEL_CONV_FISHER) convFisherTask(op + 12, task, control, scratch);
    else if (kernel == layout.KERNEL_NORM_FISHER) normFisherTask(op + 12, task, control);
    else if (kernel == layout.KERNEL_FIXED_STATISTICS) fixedStatisticsTask(op + 12, task);
    else unreachable();
  }
}
