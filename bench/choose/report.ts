import type { LStep, Schedule } from "../../src/lc/schedules.ts";
import { type Table, table } from "../../src/table/table.ts";
import { median } from "../machine.ts";

/** One learned network. */
export interface Run {
  readonly seed: number;
  /** Real bytes of the whole network as it would be stored, after learning. */
  readonly bytes: number;
  readonly ratio: number;
  /** L(Δ(Θ)) over the training set. */
  readonly trainLoss: number;
  /** Percent. */
  readonly testError: number;
  /** Of L steps. */
  readonly epochs: number;
  readonly seconds: number;
}

/** A configuration with its runs, one a seed. */
export interface Entry {
  readonly name: string;
  readonly runs: readonly Run[];
  /** Epochs that were spent before learning. */
  readonly searchEpochs: number;
}

/** An automatic choice, made for a number of bytes. */
export interface Automatic extends Entry {
  readonly budget: number;
}

/** A hand-made combination beside the automatic choice at its size. */
export interface Comparison {
  readonly handMade: Entry;
  readonly automatic: Automatic;
  /** Least median training loss of the hand-made combinations of at most this size. */
  readonly rival: number;
  readonly holds: boolean;
}

/** Epochs of a run. */
export function epochsOf({ epochs, firstEpochs }: LStep, mu: Schedule): number {
  return firstEpochs + (mu.length - 1) * epochs;
}

/** The same L steps with one epoch in `every` less, the saved ones to be spent on something else. */
export function shortened<Step extends LStep>(lStep: Step, every: number): Step {
  const less = (epochs: number): number => epochs - epochs / every;
  const { epochs, firstEpochs } = lStep;
  if (epochs % every !== 0 || firstEpochs % every !== 0) {
    throw new RangeError(
      `shortened: every must divide ${epochs} and ${firstEpochs} epochs, got ${every}.`,
    );
  }
  return { ...lStep, epochs: less(epochs), firstEpochs: less(firstEpochs) };
}

/** The least real bytes of a configuration: what another must not exceed. */
export function bytesOf({ runs }: Entry): number {
  return Math.min(...runs.map(({ bytes }) => bytes));
}

/** Bytes to make a choice for, ascending: those of the combinations, but one for several that are within 1 %, the least. */
export function budgetsOf(handMade: readonly Entry[]): number[] {
  const budgets: number[] = [];
  for (const bytes of handMade.map(bytesOf).sort((a, b) => a - b)) {
    if (bytes > 1.01 * (budgets.at(-1) ?? 0)) budgets.push(bytes);
  }
  return budgets;
}

/**
 * Each hand-made combination beside the automatic choice of the largest budget that is not above its bytes. The claim holds where
 * every run of that choice takes at most the bytes of every run of the combination, no more epochs in all, and its median loss is at most that of any
 * combination of this size or smaller.
 */
export function compare(handMade: readonly Entry[], automatic: readonly Automatic[]): Comparison[] {
  return handMade.map((one) => {
    const bytes = bytesOf(one);
    const fitting = automatic.filter(({ budget }) => budget <= bytes);
    const choice = fitting.reduce((a, b) => (b.budget > a.budget ? b : a));
    const rival = Math.min(
      ...handMade.filter((other) => bytesOf(other) <= bytes).map((other) => lossOf(other)),
    );
    const most = (entry: Entry, of: (run: Run) => number) => Math.max(...entry.runs.map(of));
    const total = (entry: Entry) => entry.searchEpochs + most(entry, ({ epochs }) => epochs);
    const small = most(choice, (run) => run.bytes) <= bytes;
    const holds = small && total(choice) <= total(one) && lossOf(choice) <= rival;
    return { handMade: one, automatic: choice, rival, holds };
  });
}

/** Median training loss. */
function lossOf({ runs }: Entry): number {
  return median(runs.map(({ trainLoss }) => trainLoss));
}

/** Two rows a comparison. */
export function tableOf(comparisons: readonly Comparison[]): Table {
  const names = [
    ...["configuration", "seeds", "bytes", "ρ", "training loss", "least", "most", "test error %"],
    ...["epochs + search", "seconds", "no worse"],
  ];
  const three = (x: number): string => x.toPrecision(3);
  const format: Record<string, (x: number) => string> = {
    ρ: (x) => x.toFixed(2),
    "training loss": three,
    least: three,
    most: three,
    "test error %": (x) => x.toFixed(2),
    seconds: (x) => x.toFixed(0),
  };
  const row = ({ name, runs, searchEpochs }: Entry, verdict: string) => {
    const of = (key: keyof Run): number[] => runs.map((run) => run[key]);
    const losses = of("trainLoss");
    return [
      ...[name, of("seed").join(", "), Math.max(...of("bytes")), Math.min(...of("ratio"))],
      ...[median(losses), Math.min(...losses), Math.max(...losses), median(of("testError"))],
      ...[`${Math.max(...of("epochs"))} + ${searchEpochs}`, median(of("seconds")), verdict],
    ];
  };
  return table(
    names.map((name) => ({ name, ...(format[name] ? { format: format[name] } : {}) })),
    comparisons.flatMap(({ handMade, automatic, holds }) => [
      row(handMade, ""),
      row(automatic, holds ? "yes" : "NO"),
    ]),
  );
}
