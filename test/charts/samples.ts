/** Charts that several tests draw. */

import type { ErrorCompressionPoint } from "../../src/charts/panels/runs.ts";
import type { Progress } from "../../src/lc/progress.ts";

/** Records of a made-up run: `steps` LC steps of `epochs` epochs, 0.5 s each. */
export function* records(steps: number, epochs: number): Generator<Progress> {
  const total = steps * epochs;
  const step = (n: number, seconds: number): Progress => ({
    ...base(n, epochs, n * epochs, seconds),
    kind: "step",
    distortion: 40 / (n + 1) ** 2,
    bits: 279_000,
    ratio: 30.2,
    trainLoss: 0.4 * 0.82 ** n + 0.01,
    testError: 9 * 0.85 ** n + 2.1,
  });
  function base(n: number, epoch: number, done: number, seconds: number): Progress {
    const mu = n === 0 ? 0 : 1e-3 * 1.4 ** (n - 1);
    return {
      kind: "epoch",
      step: n,
      steps,
      epoch: n === 0 ? 0 : epoch,
      epochs,
      epochsDone: done,
      epochsTotal: total,
      mu,
      rate: 0.1,
      loss: n === 0 ? Number.NaN : 0.3 * 0.97 ** done + 0.004 * (1 + Math.sin(done)),
      penalty: n === 0 ? 0 : 0.02 * 0.96 ** done,
      distance: 0.4 * 0.93 ** n * (1 + 0.1 * (epoch / epochs)),
      seconds,
    };
  }
  yield step(0, 0.1);
  for (let n = 1; n <= steps; n++) {
    for (let epoch = 1; epoch <= epochs; epoch++) {
      const done = (n - 1) * epochs + epoch;
      yield base(n, epoch, done, done / 2);
    }
    yield step(n, (n * epochs) / 2);
  }
}

/** The records as a run that returns `result`. */
export async function* run<Result>(
  all: Iterable<Progress>,
  result: Result,
): AsyncGenerator<Progress, Result> {
  for (const record of all) yield record;
  return result;
}

/** Three combinations with direct compression, one of them with seeds. */
export const points: readonly ErrorCompressionPoint[] = [
  ...[
    ["1 bit", 30.3, 0.012, 2.4],
    ["2 bit", 15.6, 0.0021, 2.1],
    ["4 bit", 7.9, 0.0009, 2.0],
  ].flatMap(([level, ratio, trainLoss, testError]) =>
    [0, 1, 2].map((seed) => ({
      combination: "quantize",
      level: String(level),
      ratio: Number(ratio),
      trainLoss: Number(trainLoss) * (1 + 0.2 * seed),
      testError: Number(testError) + 0.05 * seed,
      id: `run-q-${level}-${seed}`,
      seed,
    })),
  ),
  { combination: "prune", level: "1 %", ratio: 62, trainLoss: 0.11, testError: 4.9 },
  { combination: "prune", level: "5 %", ratio: 14.2, trainLoss: 0.0014, testError: 2.2 },
  { combination: "prune", level: "20 %", ratio: 4.1, trainLoss: 0.0007, testError: 2.02 },
  {
    combination: "quantize + prune",
    level: "1 bit + 1 %",
    ratio: 26,
    trainLoss: 0.0033,
    testError: 2.15,
  },
  {
    combination: "quantize + prune",
    level: "1 bit + 5 %",
    ratio: 16.4,
    trainLoss: 0.0011,
    testError: 2.05,
  },
  {
    combination: "quantize",
    level: "1 bit",
    ratio: 30.3,
    trainLoss: 1.9,
    testError: 38,
    direct: true,
  },
  {
    combination: "quantize",
    level: "2 bit",
    ratio: 15.6,
    trainLoss: 0.21,
    testError: 6.4,
    direct: true,
  },
  { combination: "prune", level: "1 %", ratio: 62, trainLoss: 2.2, testError: 71, direct: true },
  { combination: "prune", level: "5 %", ratio: 14.2, trainLoss: 0.7, testError: 17, direct: true },
];

/** The uncompressed network of `points`. */
export const reference = { trainLoss: 0.0005, testError: 1.95 };
