import type { CStepContext, CStepResult, Target } from "../contract.ts";

/** A solution of all parts of a sum at once. */
export interface JointSolution {
  /** True if every result is exact. */
  readonly exact: boolean;
  /** Undefined if this context has no joint solution: then the parts alternate. */
  solve(
    w: Target,
    context: CStepContext<readonly unknown[]>,
  ): CStepResult<readonly unknown[]> | undefined;
}

/** Which part of the sum is which. */
export interface Roles {
  readonly codebook: number;
  readonly corrections: number;
}
