/** Follows a run in a figure that changes in place. */
import type { Progress } from "../lc/progress.ts";
import { type DisplayHandle, notebookDisplay } from "../notebook.ts";
import { curves, type LivePanel } from "./curves.ts";
import { figure } from "./figure.ts";
import { panels as all } from "./panels/live-panels.ts";
import { progressText, type RunView, type TextStream } from "./progress-text.ts";
import { endLine } from "./status.ts";
import { type Throttle, throttle } from "./throttle.ts";

export interface LiveOptions {
  /** Most updates of the figure per second, in (0, 10], default 2. A Jupyter server drops floods of messages. */
  readonly updatesPerSecond?: number;
  /** Where progress is written when there is no notebook, default stdout. */
  readonly stream?: TextStream;
}

/**
 * Runs `steps`, an LC run or a training, to its end and returns its result, showing loss, penalty, distance and test error, or the given
 * panels, in one figure updated in place; outside a notebook, one line of text. The last state is always shown,
 * also when the run fails; the failure is then thrown on.
 * @example
 * const solution = await live(plan.steps(options), panels.loss(), panels.testError())
 */
export function live<Result>(
  steps: AsyncGenerator<Progress, Result>,
  ...panels: readonly LivePanel[]
): Promise<Result> {
  return liveWith({}, steps, ...panels);
}

/**
 * `live` with options.
 * @throws RangeError if `updatesPerSecond` is out of range.
 */
export async function liveWith<Result>(
  { updatesPerSecond = 2, stream = process.stdout }: LiveOptions,
  steps: AsyncGenerator<Progress, Result>,
  ...panels: readonly LivePanel[]
): Promise<Result> {
  if (!(updatesPerSecond > 0 && updatesPerSecond <= 10)) {
    throw new RangeError(
      `live: updatesPerSecond must be in (0, 10], got ${updatesPerSecond}. Write 2 for two updates a second.`,
    );
  }
  const view = (await notebookView(panels)) ?? progressText(stream);
  const updates = throttle(1000 / updatesPerSecond, () => view.show());
  let last: Progress | undefined;
  let lastTested: Progress | undefined;
  try {
    for (;;) {
      const next = await steps.next();
      if (next.done) {
        end(updates, view, endLine(statusOf(next.value), last, lastTested));
        return next.value;
      }
      last = next.value;
      if (last.testError !== undefined) lastTested = last;
      view.add(last);
      updates.request();
    }
  } catch (error) {
    const name = error instanceof Error ? error.name : "error";
    end(updates, view, endLine(`failed (${name})`, last, lastTested));
    throw error;
  }
}

/** A figure in the notebook, or undefined where there is none. */
async function notebookView(panels: readonly LivePanel[]): Promise<RunView | undefined> {
  const display = notebookDisplay();
  if (!display) return undefined;
  const run = curves(
    panels.length > 0 ? panels : [all.loss(), all.penalty(), all.distance(), all.testError()],
  );
  const handle = (await display(figure(run.chart()))) as DisplayHandle | undefined;
  return {
    add: run.add,
    show: (status) => {
      handle?.update(figure(run.chart(status)));
    },
  };
}

function end(updates: Throttle, view: RunView, status: string): void {
  updates.stop();
  view.show(status);
}

/** The result's own word for how the run ended, if it has one. */
function statusOf(result: unknown): string {
  const status = (result as { status?: unknown } | undefined | null)?.status;
  return typeof status === "string" ? status : "finished";
}
