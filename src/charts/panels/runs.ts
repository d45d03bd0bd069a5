/** The points of an error–compression figure, grouped into its curves. */

/** A compressed network: what was done, how small it is, how well it does. */
export interface ErrorCompressionPoint {
  /** What is compressed how, without its level: "quantize + prune". One curve each. */
  readonly combination: string;
  /** How much: "1 bit", "5 %", "rank 10". Printed at the point. */
  readonly level: string;
  /** Compression ratio ρ. */
  readonly ratio: number;
  /** L(Δ(Θ)) over the training set. */
  readonly trainLoss: number;
  /** Percent. */
  readonly testError: number;
  /** True for direct compression, without training. */
  readonly direct?: boolean;
  /** The run it came from. */
  readonly id?: string;
  /** Points that differ in nothing but this are averaged, with an error bar of one standard deviation. */
  readonly seed?: number;
}

/** Points of one level: their means, and the deviations over seeds. */
export interface LevelMean {
  readonly level: string;
  readonly ratio: number;
  readonly trainLoss: number;
  readonly testError: number;
  readonly trainLossDeviation: number;
  readonly testErrorDeviation: number;
  readonly runs: number;
  readonly ids: readonly string[];
}

export interface Run {
  readonly combination: string;
  readonly direct: boolean;
  /** In order of level. */
  readonly levels: readonly LevelMean[];
}

/** One run per combination and kind, in order of first appearance, trained before direct. */
export function groupRuns(points: readonly ErrorCompressionPoint[]): Run[] {
  const key = (p: ErrorCompressionPoint): string =>
    JSON.stringify([p.combination, p.direct === true]);
  const runs = grouped(points, key).map((members): Run => {
    const levels = grouped(members, (p) => p.level).map(meanOf);
    return {
      combination: members[0]?.combination ?? "",
      direct: members[0]?.direct === true,
      levels: levels.sort((a, b) => compareLevels(a.level, b.level)),
    };
  });
  return [...runs.filter((run) => !run.direct), ...runs.filter((run) => run.direct)];
}

/** `values` in groups of equal key, both in order of first appearance. */
function grouped<T>(values: readonly T[], key: (value: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(key(value));
    if (group) group.push(value);
    else groups.set(key(value), [value]);
  }
  return [...groups.values()];
}

/** Orders levels by the numbers in them, first to last; without any difference they stay as given. */
export function compareLevels(a: string, b: string): number {
  const [p, q] = [numbersIn(a), numbersIn(b)];
  for (let i = 0; i < Math.min(p.length, q.length); i++) {
    const difference = (p[i] ?? 0) - (q[i] ?? 0);
    if (difference !== 0) return difference;
  }
  return p.length - q.length;
}

function numbersIn(text: string): number[] {
  return (text.match(/\d+(?:\.\d+)?(?:e-?\d+)?/gi) ?? []).map(Number);
}

function meanOf(points: readonly ErrorCompressionPoint[]): LevelMean {
  const losses = points.map((p) => p.trainLoss);
  const errors = points.map((p) => p.testError);
  return {
    level: points[0]?.level ?? "",
    ratio: mean(points.map((p) => p.ratio)),
    trainLoss: mean(losses),
    testError: mean(errors),
    trainLossDeviation: deviation(losses),
    testErrorDeviation: deviation(errors),
    runs: points.length,
    ids: points.flatMap((p) => (p.id === undefined ? [] : [p.id])),
  };
}

function mean(values: readonly number[]): number {
  return values.reduce((sum, v) => sum + v, 0) / values.length;
}

/** Standard deviation of a sample; 0 for a single value. */
function deviation(values: readonly number[]): number {
  if (values.length < 2) return 0;
  const center = mean(values);
  const squares = values.reduce((sum, v) => sum + (v - center) ** 2, 0);
  return Math.sqrt(squares / (values.length - 1));
}
