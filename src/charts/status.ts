/** How far a run is, in words. */
import type { Progress } from "../lc/progress.ts";
import { duration, short } from "./numbers.ts";

/** Epochs per second since the start; NaN before the first epoch. */
export function speed(record: Progress, epochsBefore = 0): number {
  const epochs = record.epochsDone - epochsBefore;
  return epochs > 0 && record.seconds > 0 ? epochs / record.seconds : Number.NaN;
}

/** "LC step 7 of 30 · epoch 3 of 20 · μ 0.0107 · 2.1 epochs/s · 1 min 12 s left". */
export function statusLine(record: Progress, epochsBefore = 0): string {
  const rate = speed(record, epochsBefore);
  const parts = place(record);
  if (Number.isFinite(rate)) {
    const left = (record.epochsTotal - record.epochsDone) / rate;
    parts.push(`${short(rate)} epochs/s`, `${duration(left)} left`);
  }
  return parts.join(" · ");
}

/** True for plain training, which has no LC steps. */
export function isTraining(record: Progress | undefined): boolean {
  return record?.steps === 0;
}

function place(record: Progress): string[] {
  const epoch = `epoch ${record.epoch} of ${record.epochs}`;
  if (isTraining(record)) return [epoch];
  if (record.step === 0) return ["direct compression"];
  return [`LC step ${record.step} of ${record.steps}`, epoch, `μ ${short(record.mu)}`];
}

/** The line of a run that is over: "finished · 30 LC steps · 3 min 2 s · ρ 12.3 · test error 2.31 %". */
export function endLine(
  status: string,
  record: Progress | undefined,
  tested: Progress | undefined,
): string {
  if (!record) return status;
  const done = isTraining(record)
    ? `${record.epochsDone} of ${record.epochsTotal} epochs`
    : `${record.step} of ${record.steps} LC steps`;
  const parts = [status, done, duration(record.seconds)];
  if (tested?.ratio !== undefined) parts.push(`ρ ${short(tested.ratio)}`);
  if (tested?.testError !== undefined) parts.push(`test error ${short(tested.testError)} %`);
  return parts.join(" · ");
}
