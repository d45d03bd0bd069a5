/** Runs and sweeps of any size for the figures, in the cases that break drawings. */

import type { ParallelPoint } from "../../src/charts/panels/parallel-axes.ts";
import type { Timeline, TimelineAttempt } from "../../src/charts/panels/timeline.ts";
import { paretoFront } from "../../src/charts/pareto.ts";
import type { Progress } from "../../src/lc/progress.ts";
import type { CStepSummary, Solution, StorageRow } from "../../src/lc/solution.ts";
import type { WeightSummary } from "../../src/lc/weight-summary.ts";
import { random } from "../../src/math/random.ts";
import { records } from "./samples.ts";

/** `count` finished points of the paper's grid; `odd`: some with NaN, some with a loss of 0. */
export function sweepOf(
  count: number,
  odd = false,
): { points: ParallelPoint[]; front: ParallelPoint[] } {
  const rng = random(1);
  const kinds = ["Q", "P", "L", "Q+P", "Q+L", "L+P", "Q+L+P"];
  const points = Array.from({ length: count }, (_, i): ParallelPoint => {
    const combination = kinds[i % kinds.length] as string;
    const [bits, keep, rank] = [1 + (i % 4), [1, 5, 10][i % 3], [5, 10, 20][(i >> 1) % 3]];
    const level = combination
      .split("+")
      .map((kind) =>
        kind === "Q"
          ? `${bits} ${bits === 1 ? "bit" : "bits"}`
          : kind === "P"
            ? `${keep} %`
            : `rank ${rank}`,
      )
      .join(" + ");
    const ratio = 4 + 60 * rng.uniform() ** 2;
    const trainLoss = 1e-4 * ratio ** 1.5 * (0.3 + rng.uniform());
    return {
      ...{ id: `${String(i).padStart(3, "0")}-${combination}`, combination, level, seed: i % 3 },
      status: "finished",
      scores: {
        ratio,
        trainLoss: odd && i % 5 === 1 ? Number.NaN : odd && i % 5 === 2 ? 0 : trainLoss,
        testError: odd && i % 7 === 3 ? Number.NaN : 1.8 + 10 * Math.sqrt(trainLoss),
      },
    };
  });
  const front = paretoFront(
    points.map(({ scores }) => scores?.ratio ?? Number.NaN),
    points.map(({ scores }) => scores?.trainLoss ?? Number.NaN),
  ).map((i) => points[i] as ParallelPoint);
  return { points, front };
}

/** `count` compressed layers and what is left. */
export function solutionWith(
  count: number,
  rows?: readonly StorageRow[],
): Pick<Solution, "storage" | "ratio" | "model"> {
  const layers = Array.from({ length: count }, (_, i): StorageRow => {
    const n = 32 * 20_000 * (1 + ((i * 7) % 11));
    return {
      layers: [count < 4 ? (["fc1", "fc2", "out"][i] as string) : `block${i}.conv${i % 2}`],
      before: n,
      parts: [
        { name: "quantize(K = 2)", bits: n / 32 + 64 },
        ...(i % 2 === 0 ? [{ name: "prune(1 %)", bits: n / 80 }] : []),
        ...(i % 3 === 0 ? [{ name: "lowRank(r = 5)", bits: n / 40 }] : []),
      ],
    };
  });
  const storage = rows ?? [
    ...layers,
    { layers: [], before: 32 * 410, parts: [{ name: "uncompressed", bits: 32 * 410 }] },
  ];
  const bits = (of: StorageRow): number => of.parts.reduce((a, { bits }) => a + bits, 0);
  const total = (value: (row: StorageRow) => number): number =>
    storage.reduce((a, row) => a + value(row), 0);
  return {
    storage,
    ratio: total((row) => row.before) / total(bits),
    model: { network: { name: "lenet300" } } as never,
  };
}

/** The records of `steps` LC steps with histograms; `odd`: NaN and 0 in the curves. */
export function historyOf(steps: number, odd = false): Progress[] {
  return [...records(steps, 1)].map((record) => {
    if (record.kind !== "step") return record;
    const n = record.step;
    return {
      ...record,
      ...(odd && n % 4 === 2 ? { distance: Number.NaN, trainLoss: Number.NaN } : {}),
      ...(odd && n % 4 === 3 ? { distance: 0, trainLoss: 0, mu: 0 } : {}),
      weights: [
        summary("fc1", n / steps, 0.05, [
          {
            part: "quantize(K = 4)",
            values: [-0.09, -0.03, 0.03, 0.09].map((c) => c * (1 + n / steps)),
          },
        ]),
        summary("fc2", n / steps, 0.1, [
          { part: "binarize", values: [-0.08, 0.08] },
          { part: "fixedCodebook(3 values)", values: [-0.4, 0, 0.4] },
        ]),
        summary("out", n / steps, 0.3, []),
      ],
    };
  });
}

/** A normal distribution that parts into two. */
function summary(
  layer: string,
  t: number,
  sd: number,
  codebooks: WeightSummary["codebooks"],
): WeightSummary {
  const [low, high] = [-4 * sd, 4 * sd];
  const counts = Array.from({ length: 40 }, (_, i) => {
    const x = ((i + 0.5) / 40) * 8 - 4;
    const bump = (at: number): number => Math.exp(-((x - at) ** 2) / (2 * (1 - 0.7 * t) ** 2));
    return Math.round(1000 * (bump(2 * t) + bump(-2 * t)));
  });
  return { layers: [layer], low, high, counts, codebooks };
}

/** C steps of `count` layers with `starts` random starts each. */
export function cStepsOf(count: number, starts: number, end = 70): { cSteps: CStepSummary[] } {
  const rng = random(7);
  const orders = [
    [0, 1],
    [1, 0],
  ];
  return {
    cSteps: Array.from({ length: count }, (_, i) => ({
      layers: [`fc${i + 1}`],
      compression: "quantize(K = 2) + prune(1 %)",
      parts: ["quantize(K = 2)", "prune(1 %)"],
      exact: false,
      trace: [...orders.map((_, o) => -o), ...Array.from({ length: starts }, (_, s) => s + 1)].map(
        (start) => {
          const rest = end * (1 + 0.01 * rng.uniform());
          const sweeps = 3 + Math.floor(12 * rng.uniform());
          return {
            order: orders[Math.abs(start) % 2] as number[],
            start: start <= 0 ? ("zero" as const) : start,
            objective: Array.from({ length: sweeps }, (_, k) => rest + (end / 7) * 0.55 ** k),
          };
        },
      ),
    })),
  };
}

/** A sweep of `count` points on `workers` workers, with crashes, one stop, and one supervisor that was lost. */
export function timelineWith(count: number, workers = 4): { timeline: Timeline } {
  const rng = random(3);
  const free = new Array<number>(workers).fill(Date.UTC(2026, 10, 1, 12));
  const attempts: TimelineAttempt[] = [];
  for (let i = 0; i < count; i++) {
    const id = `${String(i).padStart(3, "0")}-Q-1-bit-0`;
    const w = free.indexOf(Math.min(...free));
    for (let attempt = 1; ; attempt++) {
      const from = (free[w] as number) + 500;
      const to = from + 20_000 + 40_000 * rng.uniform();
      free[w] = to;
      const crashed = count > 1 && rng.uniform() < 0.1;
      const end = crashed
        ? "crash"
        : (
            [
              "finished",
              "finished",
              "finished",
              "hopeless",
              "failed",
              "stopped",
              "lost",
              "running",
            ] as const
          )[i === count - 1 && count > 1 ? 7 : rng.uniform() < 0.8 ? 0 : 3 + (i % 4)];
      attempts.push({ id, attempt, from, to, end: end as TimelineAttempt["end"] });
      if (end !== "crash") break;
    }
  }
  const stops = count > 1 ? [Date.UTC(2026, 10, 1, 12, 2)] : [];
  return { timeline: { attempts, stops } };
}
