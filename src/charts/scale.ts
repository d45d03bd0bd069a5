/** From values to positions: the range of an axis and its ticks. */
import { type Axis, type Chart, showable, visible } from "./chart.ts";
import { superscript } from "./numbers.ts";

/** Ends of an axis in its own coordinate: the value, or log₁₀ of it. */
export type Range = readonly [number, number];

export interface Tick {
  readonly value: number;
  /** Empty for a tick without a label. */
  readonly text: string;
}

/** The coordinate of a value on its axis. */
export function coordinate(axis: Axis, value: number): number {
  return axis.scale === "log" ? Math.log10(value) : value;
}

/** The range of the x or y axis of panel `index`, with room around the points; never empty. */
export function rangeOf(chart: Chart, index: number, along: "x" | "y"): Range {
  const panel = chart.panels[index];
  if (!panel)
    throw new RangeError(`rangeOf: panel must be below ${chart.panels.length}, got ${index}.`);
  const axis = panel[along];
  const values: number[] = [...(axis.include ?? [])];
  const yielding: number[] = [];
  for (const series of chart.series) {
    if (series.panel !== index) continue;
    series.x.forEach((x, i) => {
      const y = series.y[i] ?? Number.NaN;
      if (!visible(panel, series, i)) return;
      if (series.boxes) values.push(series.boxes[along][i] ?? Number.NaN);
      const yields = series.stretches === false && along === "y" && axis.scale === "linear";
      (yields ? yielding : values).push(along === "x" ? x : y);
      const error = along === "y" ? (series.error?.[i] ?? 0) : 0;
      if (error > 0) values.push(y - error, y + error);
    });
  }
  if (along === "y") for (const level of panel.levels ?? []) values.push(level.y);
  values.push(...within(yielding, values));
  const coordinates = values.filter((v) => showable(axis, v)).map((v) => coordinate(axis, v));
  if (coordinates.length === 0) return axis.scale === "log" ? [-2, 0] : [0, 1];
  const low = coordinates.reduce((a, b) => Math.min(a, b));
  const high = coordinates.reduce((a, b) => Math.max(a, b));
  // A single value gets an axis around it: a factor 2 either way, or a tenth of it; 0 gets one up to 1.
  const flat = axis.scale === "log" ? Math.log10(2) : Math.abs(low) * 0.1 || 1;
  const pad = high > low ? (high - low) * 0.07 : flat;
  // Linear axes of quantities that cannot be negative do not show negative room.
  const floor = axis.scale === "linear" && low >= 0 && low - pad < 0 ? Math.min(low, 0) : low - pad;
  return [floor, high + pad];
}

/** Those of `yielding` that at most double the axis that `values` need; all of them if `values` need none. */
function within(yielding: readonly number[], values: readonly number[]): readonly number[] {
  if (values.length === 0) return yielding;
  const low = values.reduce((a, b) => Math.min(a, b));
  const high = values.reduce((a, b) => Math.max(a, b));
  return yielding.filter((value) => value - low <= 2 * (high - low));
}

/** Ticks inside `range`, at most about `wanted` with labels. */
export function ticksOf(axis: Axis, range: Range, wanted: number): readonly Tick[] {
  if (axis.ticks) return axis.ticks;
  if (axis.scale === "log") return logTicks(range, wanted);
  // Steps of 1 or more fall on whole numbers only.
  return linearTicks(range, axis.whole ? Math.min(wanted, range[1] - range[0]) : wanted);
}

/** All of 1, 2, 5 × 10ᵏ from 10^-3 to 10^6, for an axis that keeps its labels at any zoom. */
export function ticks125(): Tick[] {
  return logTicks([-3, 6], Number.POSITIVE_INFINITY);
}

function linearTicks([low, high]: Range, wanted: number): Tick[] {
  const rough = (high - low) / wanted;
  const power = 10 ** Math.floor(Math.log10(rough));
  const step = [1, 2, 5, 10].map((m) => m * power).find((s) => s >= rough) ?? rough;
  const digits = Math.max(0, -Math.floor(Math.log10(step) + 1e-9));
  const ticks: Tick[] = [];
  const first = Math.ceil(low / step - 1e-9);
  // Counted from 0: beyond 2⁵³ adding 1 to a multiple would change nothing.
  for (let i = 0; i <= wanted && (first + i) * step <= high + step * 1e-9; i++) {
    const value = (first + i) * step;
    ticks.push({ value, text: plain(value, step, digits) });
  }
  return ticks;
}

function plain(value: number, step: number, digits: number): string {
  if (Math.abs(value) < step / 2) return "0";
  const large = Math.abs(value) >= 1e7 || digits > 6;
  return large ? String(Number(value.toPrecision(6))) : value.toFixed(digits);
}

/** Powers of ten over wide ranges; 1 2 5 or every digit where there is room. */
function logTicks([low, high]: Range, wanted: number): Tick[] {
  const mantissas = [[1], [1, 2, 5], [1, 2, 3, 4, 5, 6, 7, 8, 9]];
  const candidates = mantissas.map((digits) => digitsTimesPowers(digits, low, high));
  const fitting = candidates.filter((ticks) => ticks.length <= wanted);
  const best = Number.isFinite(wanted) ? fitting.at(-1) : candidates[1];
  if (best && best.length > 1) return best;
  if (best && candidates[0] && candidates[0].length <= wanted) {
    // Within less than a decade nothing round falls twice: linear ticks then, all positive.
    const linear = linearTicks([10 ** low, 10 ** high], wanted).filter((tick) => tick.value > 0);
    if (linear.length > 1) return linear;
  }
  const powers = candidates[0] ?? [];
  const every = Math.ceil(powers.length / wanted);
  return powers.filter((_, i) => i % every === 0);
}

function digitsTimesPowers(digits: readonly number[], low: number, high: number): Tick[] {
  const ticks: Tick[] = [];
  // One notation per axis: 0.01 or 10⁻², whichever its smallest and largest ask for.
  const decimal = low > -4.6 && high < 6.1;
  for (let power = Math.floor(low - 1e-9); power <= high + 1e-9; power++) {
    for (const digit of digits) {
      const at = Math.log10(digit) + power;
      if (at < low - 1e-9 || at > high + 1e-9) continue;
      const value = Number(`${digit}e${power}`);
      const scientific = `${digit === 1 ? "" : `${digit}·`}10${superscript(power)}`;
      ticks.push({ value, text: decimal ? String(value) : scientific });
    }
  }
  return ticks;
}
