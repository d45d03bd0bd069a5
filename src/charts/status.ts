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
  const parts =
    record.step === 0
      ? ["direct compression"]
      : [
          `LC step ${record.step} of ${record.steps}`,
          `epoch ${record.epoch} of ${record.epochs}`,
          `μ ${short(record.mu)}`,
        ];
  if (Number.isFinite(rate)) {
    const left = (record.epochsTotal - record.epochsDone) / rate;
    parts.push(`${short(rate)} epochs/s`, `${duration(left)} left`);
  }
  return parts.join(" · ");
}

/** The line of a run that is over: "finished · 30 LC steps · 3 min 2 s · ρ 12.3 · test error 2.31 %". */
export function endLine(
  status: string,
  record: Progress | undefined,
  step: Progress | undefined,
): string {
  if (!record) return status;
  const parts = [status, `${record.step} of ${record.steps} LC steps`, duration(record.seconds)];
  if (step?.ratio !== undefined) parts.push(`ρ ${short(step.ratio)}`);
  if (step?.testError !== undefined) parts.push(`test error ${short(step.testError)} %`);
  return parts.join(" · ");
}
