/** The axes of parallel coordinates: each from 0 at its foot to 1 at its head. */
import { type Axis, showable } from "../chart.ts";
import { coordinate, type Range, ticksOf } from "../scale.ts";

/** A point of a sweep. */
export interface ParallelPoint {
  readonly id: string;
  readonly combination: string;
  /** E.g. "1 bit + 5 %"; numbers between " + " have an axis for each unit. */
  readonly level: string;
  readonly seed: number;
  readonly status: string;
  readonly scores?: {
    readonly ratio?: number;
    readonly trainLoss?: number;
    readonly testError?: number;
  };
}

export interface ParallelAxis {
  readonly title: string;
  /** One for each point. */
  readonly positions: readonly number[];
  readonly ticks: readonly { readonly at: number; readonly text: string }[];
  /** True if every position has a tick: then lines meet there. */
  readonly even: boolean;
}

/** Where what a point does not have is. */
export const NONE = -0.12;

/** Most labels of an axis. */
const LABELS = 12;

export function parallelAxes(points: readonly ParallelPoint[]): ParallelAxis[] {
  const scores = (name: "ratio" | "trainLoss" | "testError") =>
    points.map((point) => point.scores?.[name] ?? Number.NaN);
  const combinations = [...new Set(points.map(({ combination }) => combination))];
  return [
    // The first combination at the head, as in the legend.
    named(
      "combination",
      points.map(({ combination }) => combination),
      [...combinations].reverse(),
    ),
    ...levelAxes(points),
    ordinal(
      "seed",
      points.map(({ seed }) => seed),
    ),
    scaled("ratio ρ", "log", scores("ratio")),
    scaled("training loss", "log", scores("trainLoss")),
    scaled("test error %", "linear", scores("testError")),
  ];
}

/** An axis for each unit, if each part of each level is one number with a unit; else one with the levels as they are called. */
function levelAxes(points: readonly ParallelPoint[]): ParallelAxis[] {
  const parsed = points.map(({ level }) => level.split(" + ").map(numberIn));
  const units = [...new Set(parsed.flat().map((part) => part?.unit))];
  if (units.some((unit) => unit === undefined)) {
    const levels = points.map(({ level }) => level);
    return [named("level", levels, [...new Set(levels)].reverse())];
  }
  return units.map((unit) =>
    ordinal(
      `level, ${unit}`,
      parsed.map((parts) => parts.find((part) => part?.unit === unit)?.value ?? Number.NaN),
    ),
  );
}

/** "2 bits" is 2 of unit "bits", and "1 bit" 1; undefined without a number and a unit. */
function numberIn(part: string): { readonly value: number; readonly unit: string } | undefined {
  const found = /^(\D*?)\s*(\d+(?:\.\d+)?(?:e-?\d+)?)\s*(\D*)$/i.exec(part.trim());
  const unit = `${found?.[1]} ${found?.[3]}`.trim();
  if (!found || unit === "") return undefined;
  return { value: Number(found[2]), unit: unit === "bit" ? "bits" : unit };
}

function named(title: string, values: readonly string[], order: readonly string[]): ParallelAxis {
  return evenly(
    title,
    values.map((value) => order.indexOf(value)),
    order,
  );
}

/** Values that are few and chosen stand evenly, whatever is between them. */
function ordinal(title: string, values: readonly number[]): ParallelAxis {
  const order = [...new Set(values.filter(Number.isFinite))].sort((a, b) => a - b);
  return evenly(
    title,
    values.map((value) => order.indexOf(value)),
    order.map(String),
  );
}

function evenly(title: string, ranks: readonly number[], texts: readonly string[]): ParallelAxis {
  const at = (rank: number): number => (texts.length > 1 ? rank / (texts.length - 1) : 0.5);
  const positions = ranks.map((rank) => (rank < 0 ? NONE : at(rank)));
  const every = Math.ceil(texts.length / LABELS);
  const ticks = texts
    .map((text, rank) => ({ at: at(rank), text }))
    .filter((_, rank) => rank % every === 0);
  return { title, positions, ticks: [...ticks, ...noneTick(positions)], even: true };
}

function scaled(title: string, scale: Axis["scale"], values: readonly number[]): ParallelAxis {
  const axis: Axis = { title, scale };
  const all = values.filter((value) => showable(axis, value)).map((v) => coordinate(axis, v));
  const low = all.reduce((a, b) => Math.min(a, b), Number.POSITIVE_INFINITY);
  const high = all.reduce((a, b) => Math.max(a, b), Number.NEGATIVE_INFINITY);
  // One value, or none, has an axis around it.
  const pad = high > low ? 0 : scale === "log" ? 0.3 : Math.abs(low) * 0.1 || 1;
  const range: Range = [low - pad, high + pad];
  const at = (value: number): number =>
    (coordinate(axis, value) - range[0]) / (range[1] - range[0]);
  const positions = values.map((value) => (showable(axis, value) ? at(value) : NONE));
  const ticks = (all.length > 0 ? ticksOf(axis, range, 6) : []).map(({ value, text }) => ({
    at: at(value),
    text,
  }));
  // Digits of a decade crowd at its end.
  const apart = ticks.filter((tick, i) => i === 0 || tick.at - (ticks[i - 1]?.at ?? 0) > 0.05);
  return {
    title: `${title}${scale === "log" ? " (log)" : ""}`,
    positions,
    ticks: [...apart, ...noneTick(positions)],
    even: false,
  };
}

function noneTick(positions: readonly number[]): ParallelAxis["ticks"] {
  return positions.includes(NONE) ? [{ at: NONE, text: "none" }] : [];
}
