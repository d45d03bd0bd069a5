/** One line of a sweep's journal. */
export type SweepEntry =
  /** A supervisor began or went on. */
  | { readonly type: "supervisor"; readonly time: string; readonly pid: number }
  | {
      readonly type: "attempt";
      readonly time: string;
      readonly id: string;
      readonly attempt: number;
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
  /** The supervisor ended: everything is done, or it was told to. */
  | { readonly type: "stop"; readonly time: string; readonly status: "finished" | "stopped" };

/** "hopeless": given up, as a finished point is as small and much better. */
export type PointEnd = "finished" | "failed" | "hopeless";

export function now(): string {
  return new Date().toISOString();
}
