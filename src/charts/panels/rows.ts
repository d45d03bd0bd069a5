/** Axes with a name for every row, the first one at the top: row i is at y = −i. */
import type { Axis } from "../chart.ts";

const MOST_HEIGHT = 900;
const MOST_CHARACTERS = 24;
/** Above and below the plot area, where that is most: in Plotly. */
const FRAME = 90;

/** Pixels of a panel with `count` rows. */
export function rowHeightFor(count: number): number {
  return Math.min(MOST_HEIGHT, FRAME + Math.max(70, 30 * count));
}

/** As many names as there is room for, long ones cut. */
export function rowTicks(names: readonly string[]): NonNullable<Axis["ticks"]> {
  const every = Math.ceil((14 * names.length) / (MOST_HEIGHT - FRAME));
  return names.flatMap((name, i) => (i % every === 0 ? [{ value: 0 - i, text: cut(name) }] : []));
}

/** Pixels that the names need left of the axis. */
export function nameWidth(names: readonly string[]): number {
  return Math.max(66, ...names.map((name) => 16 + 6.6 * cut(name).length));
}

function cut(name: string): string {
  return name.length > MOST_CHARACTERS ? `${name.slice(0, MOST_CHARACTERS - 1)}…` : name;
}
