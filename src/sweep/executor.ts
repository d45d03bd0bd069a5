import type { Progress } from "../lc/progress.ts";

/** How an attempt at a point ended. "crashed": it may be tried again, from its newest checkpoint. */
export type AttemptEnd =
  | { readonly status: "finished" | "stopped" }
  | { readonly status: "failed"; readonly message: string }
  | { readonly status: "crashed"; readonly message: string };

/** One attempt at a point. */
export interface Attempt {
  /** Settles when nothing of it runs any more; never rejects. */
  readonly end: Promise<AttemptEnd>;
  /** Asks it to stop after its minibatch. */
  stop(): void;
}

/** Runs points somewhere, in the sweep's folder. */
export interface Executor {
  /** Points at a time. */
  readonly slots: number;
  /** `attempt` counts from 1 and grows: a later one takes the point over from an earlier one that may still be at work. */
  start(dir: string, id: string, attempt: number, onRecord: (record: Progress) => void): Attempt;
  close(): Promise<void>;
}
