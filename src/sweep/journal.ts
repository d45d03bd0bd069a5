import type { ExecutorSpec } from "./folder.ts";

/** One line of a sweep's journal. */
export type SweepEntry =
  /** A supervisor began or went on. */
  | {
      readonly type: "supervisor";
      readonly time: string;
      readonly pid: number;
      readonly host: string;
      /** Where its points run. */
      readonly executor?: ExecutorSpec;
    }
  | {
      readonly type: "attempt";
      readonly time: string;
      readonly id: string;
      readonly attempt: number;
      /** Of warm-started points: the one whose learned weights it starts from; null: the reference. */
      readonly from?: string | null;
    }
  /** An attempt crashed; another follows. */
  | { readonly type: "crash"; readonly time: string; readonly id: string; readonly message: string }
  /** Nothing more happens to the point. */
  | {
      readonly type: "end";
      readonly time: string;
      readonly id: string;
      readonly status: PointEnd;
      readonly message?: string;
    }
  /** The supervisor ended: everything is done, or it was told to, or every point crashed. */
  | {
      readonly type: "stop";
      readonly time: string;
      readonly status: "finished" | "stopped" | "crashed";
      readonly message?: string;
    };

/**
 * "failed": it would fail again. "hopeless": given up, as a finished point is as small and much better. "crashed": several attempts
 * ended without a word; the next supervisor tries again.
 */
export type PointEnd = "finished" | "failed" | "hopeless" | "crashed";

export function now(): string {
  return new Date().toISOString();
}
