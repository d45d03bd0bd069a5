/** A run's progress as one line of text, for terminals and logs. */
import type { Progress } from "../lc/progress.ts";
import { short } from "./numbers.ts";
import { isTraining, statusLine } from "./status.ts";

/** What shows a run. */
export interface RunView {
  add(record: Progress): void;
  /** Shows what was added; with `status`, as the end of the run. */
  show(status?: string): void;
}

/** What we use of process.stdout. */
export interface TextStream {
  write(text: string): unknown;
  readonly isTTY?: boolean;
  readonly columns?: number;
}

/** Writes a line over the one before, on a terminal; with `end` it stays. In a log all stay. */
export function lineOn(stream: TextStream): (line: string, end: boolean) => void {
  let length = 0;
  return (line, end) => {
    if (!stream.isTTY) {
      stream.write(`${line}\n`);
      return;
    }
    // A line that wraps could not be overwritten.
    const cut = line.slice(0, Math.max(20, (stream.columns ?? 80) - 1));
    stream.write(`\r${cut.padEnd(length)}${end ? "\n" : ""}`);
    length = cut.length;
  };
}

/** On a terminal one line that is overwritten; in a log one line per LC step, and the last. */
export function progressText(stream: TextStream): RunView {
  let newest: Progress | undefined;
  let lastStep: Progress | undefined;
  let written: Progress | undefined;
  // A resumed run counts its seconds anew, its epochs not.
  let epochsBefore = 0;
  const put = lineOn(stream);
  return {
    add(record) {
      if (!newest) epochsBefore = record.epochsDone - (record.kind === "epoch" ? 1 : 0);
      newest = record;
      if (record.kind === "step" || isTraining(record)) lastStep = record;
    },
    show(status) {
      if (status !== undefined) {
        put(`${isTraining(newest) ? "Training" : "LC run"}: ${status}`, true);
        return;
      }
      const record = stream.isTTY ? newest : lastStep;
      if (!record || record === written) return;
      written = record;
      put(`${statusLine(record, epochsBefore)} · ${numbers(record)}`, false);
    },
  };
}

function numbers(record: Progress): string {
  const parts = [`loss ${short(record.loss)}`, `‖w−Δ‖/‖w‖ ${short(record.distance)}`];
  if (record.testError !== undefined) parts.push(`test error ${short(record.testError)} %`);
  return parts.join(" · ");
}
