export type { Chart } from "./charts/chart.ts";
export type { LivePanel } from "./charts/curves.ts";
export { type Figure, figure } from "./charts/figure.ts";
export type { LiveOptions } from "./charts/live.ts";
export { live, liveWith } from "./charts/live.ts";
export { offlineCharts } from "./charts/offline.ts";
export type { ErrorCompressionOptions } from "./charts/panels/error-compression.ts";
export { errorCompression } from "./charts/panels/error-compression.ts";
export { panels } from "./charts/panels/live-panels.ts";
export type { ErrorCompressionPoint } from "./charts/panels/runs.ts";
export { defineCompression } from "./compression/compression.ts";
export type {
  Compression,
  CompressionDefinition,
  Sum,
  SumOptions,
} from "./compression/contract.ts";
export { distortion } from "./compression/contract.ts";
export { type LowRank, lowRank } from "./compression/low-rank.ts";
export { type Pruned, prune } from "./compression/prune.ts";
export { type Quantized, quantize } from "./compression/quantize.ts";
export type { Dataset, Split } from "./data/dataset.ts";
export { digits } from "./data/digits.ts";
export { readIdx } from "./data/idx.ts";
export { mnist, mnistOrDigits } from "./data/mnist.ts";
export { preview } from "./data/preview.ts";
export type { Engine, EngineSession, Evaluation } from "./engine/engine.ts";
export { isLCError, LCError, type LCErrorCode } from "./errors.ts";
export { DivergenceError, type Run } from "./lc/algorithm.ts";
export { score } from "./lc/direct.ts";
export { compress, type Plan } from "./lc/plan.ts";
export type { Progress } from "./lc/progress.ts";
export type { RunOptions } from "./lc/run-options.ts";
export { geometric, type Schedule, type Sgd, schedules, sgd } from "./lc/schedules.ts";
export { sizeOf } from "./lc/size.ts";
export type { Solution } from "./lc/solution.ts";
export { decodeState, encodeState, type LCState } from "./lc/state.ts";
export { type Trained, train } from "./lc/train.ts";
export type { Matrix } from "./math/matrix.ts";
export {
  conv2d,
  dense,
  type Model,
  model,
  type Network,
  network,
  relu,
  tanh,
  weightsOf,
} from "./net/network.ts";
export { initialWeights, lenet300 } from "./net/zoo.ts";
export { type Table, table } from "./table/table.ts";
