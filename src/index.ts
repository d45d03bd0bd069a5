export { type Card, type CardOptions, card, saveCard } from "./card/card.ts";
export type { Chart } from "./charts/chart.ts";
export type { LivePanel } from "./charts/curves.ts";
export { type Figure, figure } from "./charts/figure.ts";
export type { LiveOptions } from "./charts/live.ts";
export { live, liveWith } from "./charts/live.ts";
export { offlineCharts } from "./charts/offline.ts";
export type { ErrorCompressionOptions } from "./charts/panels/error-compression.ts";
export { errorCompression } from "./charts/panels/error-compression.ts";
export { figures } from "./charts/panels/figures.ts";
export { panels } from "./charts/panels/live-panels.ts";
export type { ErrorCompressionPoint } from "./charts/panels/runs.ts";
export { binarize } from "./compression/binarize.ts";
export {
  checkLaws,
  type LawOptions,
  type LawReport,
  type LawResult,
} from "./compression/check-laws.ts";
export type { Quantized } from "./compression/codebook.ts";
export { defineCompression } from "./compression/compression.ts";
export type {
  AlternationTrace,
  Compression,
  CompressionDefinition,
  CStepContext,
  CStepResult,
  Sum,
  SumOptions,
  Target,
} from "./compression/contract.ts";
export { distortion, objective } from "./compression/contract.ts";
export type { LowRank, Scheme } from "./compression/factors.ts";
export { fixedCodebook } from "./compression/fixed-codebook.ts";
export { float16, type Half } from "./compression/float16.ts";
export type { Geometry } from "./compression/geometry.ts";
export { l0Penalty } from "./compression/l0-penalty.ts";
export { l1Constraint } from "./compression/l1-constraint.ts";
export { l1Penalty } from "./compression/l1-penalty.ts";
export { lowRank } from "./compression/low-rank.ts";
export { type PerChannel, perChannel } from "./compression/per-channel.ts";
export { powersOfTwo } from "./compression/powers-of-two.ts";
export { prune } from "./compression/prune.ts";
export {
  type PrunedGroups,
  pruneBlocks,
  pruneChannels,
  pruneColumns,
  pruneRows,
} from "./compression/prune-groups.ts";
export { pruneNM } from "./compression/prune-nm.ts";
export { quantize } from "./compression/quantize.ts";
export { type RankSelected, rankSelection } from "./compression/rank-selection.ts";
export type { Kept, Pruned } from "./compression/sparse.ts";
export { ternarize } from "./compression/ternarize.ts";
export { uniform } from "./compression/uniform.ts";
export { type Augmentation, augmented } from "./data/augment.ts";
export { type CifarCopy, cifar10 } from "./data/cifar.ts";
export type { Dataset, Split } from "./data/dataset.ts";
export type { Decode, Picture } from "./data/decode.ts";
export { digits } from "./data/digits.ts";
export { type DownloadOptions, type DownloadProgress, download } from "./data/download.ts";
export { readIdx } from "./data/idx.ts";
export { imageDataset } from "./data/image-dataset.ts";
export { type ImageBatch, type ImageFolder, imageFolder } from "./data/image-folder.ts";
export { fashionMnist, type MnistOptions, mnist, mnistOrDigits } from "./data/mnist.ts";
export { preview } from "./data/preview.ts";
export type { Engine, EngineSession, Evaluation } from "./engine/engine.ts";
export { tfjs } from "./engine/tfjs/engine.ts";
export type { TfjsLoss } from "./engine/tfjs/loss.ts";
export { memoryOf, type SessionMemory } from "./engine/wasm/memory-of.ts";
export { isLCError, LCError, type LCErrorCode } from "./errors.ts";
export type { ExportedFile } from "./files/exported.ts";
export type { CompressedModel, FileSize, StoredPart } from "./files/file.ts";
export { fromKeras, type KerasOptions } from "./files/keras.ts";
export type { NpyArray, NpyType } from "./files/npy.ts";
export { fromNpz, loadNpz, type NpzOptions, saveNpz } from "./files/npz.ts";
export { exportOnnx, type OnnxOptions, toOnnx } from "./files/onnx.ts";
export { type LoadedModel, load, save } from "./files/save.ts";
export { exportTfjs, type TfjsOptions, toTfjsFiles } from "./files/tfjs.ts";
export {
  type InferenceMemory,
  type InferenceOptions,
  inference,
  type Predictor,
} from "./inference/predictor.ts";
export { DivergenceError, type Run } from "./lc/algorithm.ts";
export { type DirectOptions, score } from "./lc/direct.ts";
export { fisher } from "./lc/fisher.ts";
export { compress, type Plan } from "./lc/plan.ts";
export type { Progress } from "./lc/progress.ts";
export type { RunOptions } from "./lc/run-options.ts";
export {
  type Adam,
  adam,
  geometric,
  type LStep,
  type Schedule,
  type Sgd,
  schedules,
  sgd,
} from "./lc/schedules.ts";
export { type Flops, flopsOf, type Size, sizeOf } from "./lc/size.ts";
export type { CStepSummary, Solution, StorageRow } from "./lc/solution.ts";
export { decodeState, encodeState, type LCState } from "./lc/state.ts";
export { type Trained, train } from "./lc/train.ts";
export type { WeightSummary } from "./lc/weight-summary.ts";
export type { Matrix } from "./math/matrix.ts";
export {
  averagePool,
  batchNorm,
  conv2d,
  dense,
  dropout,
  type Model,
  maxPool,
  model,
  type Network,
  network,
  parameterCount,
  relu,
  tanh,
  weightsOf,
} from "./net/network.ts";
export { fromTfjs, toTfjs, writeTfjs } from "./net/tfjs.ts";
export type { Tf, TfLayersModel, TfTensor } from "./net/tfjs-module.ts";
export { alexnet, initialWeights, lenet5, lenet300, nin, resnet, vgg16 } from "./net/zoo.ts";
export { show } from "./notebook.ts";
export {
  openRun,
  openRuns,
  type ReopenOptions,
  type RunStatus,
  resume,
  type SavedRun,
  type SavedRuns,
} from "./runs/open.ts";
export type { RunRecord } from "./runs/record.ts";
export { candidates } from "./sweep/candidates.ts";
export { type ChooseOptions, choose } from "./sweep/choose.ts";
export type { Choice, CombinationName, Combinations, Levels } from "./sweep/combinations.ts";
export { bull, pool, slurm } from "./sweep/executors.ts";
export type { SweepPoint } from "./sweep/follow.ts";
export type { Allocation, Budget, Front } from "./sweep/front.ts";
export type { SweepResult } from "./sweep/result.ts";
export {
  attachSweep,
  openSweep,
  type Sweep,
  type SweepOptions,
  stopSweep,
  sweep,
} from "./sweep/sweep.ts";
export { type Table, table } from "./table/table.ts";
