import type { WeightSummary } from "./weight-summary.ts";

/**
 * What a run reports while it goes on: one record after every epoch of an L step, and one after every C step.
 * Plain frozen data; charts and tables need nothing else.
 */
export interface Progress {
  /** "epoch": an epoch of the L step ended. "step": the C step and the multiplier update ended too. */
  readonly kind: "epoch" | "step";
  /** LC step, 1…`steps`; 0 is direct compression, before any training. */
  readonly step: number;
  readonly steps: number;
  /** Epoch within the L step, 1…`epochs`; 0 at step 0. */
  readonly epoch: number;
  readonly epochs: number;
  /** Epochs done since the start of the run; the x axis of the figures. */
  readonly epochsDone: number;
  readonly epochsTotal: number;
  /** Penalty parameter μ ≥ 0 of this step. */
  readonly mu: number;
  /** Learning rate of this epoch, after the clip at 1/μ. */
  readonly rate: number;
  /** Training loss L(w), mean over the epoch's minibatches as they were seen; NaN at step 0. */
  readonly loss: number;
  /** μ/2 ‖w − Δ(Θ) − λ/μ‖² over all compressed layers. */
  readonly penalty: number;
  /** ‖w − Δ(Θ)‖ / ‖w‖ over all compressed layers. */
  readonly distance: number;
  /** Seconds since the run (or the resumed part of it) started. */
  readonly seconds: number;
  /** ‖w − Δ(Θ)‖², steps only. */
  readonly distortion?: number;
  /** Bits of the compressed layers, steps only. */
  readonly bits?: number;
  /** Compression ratio ρ of the whole network, steps only. */
  readonly ratio?: number;
  /** L(Δ(Θ)) over the training set, steps only, if asked for (`evaluate`). */
  readonly trainLoss?: number;
  /** Test error of Δ(Θ) in percent, steps only. */
  readonly testError?: number;
  /** How the weights of each task are distributed, with its codebooks, steps only. */
  readonly weights?: readonly WeightSummary[];
}
