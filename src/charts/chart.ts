/**
 * A chart as plain data: panels with axes, and series in them. Neither Plotly's format nor SVG's; figure.ts and
 * svg.ts each draw it.
 */
import type { Style } from "./palette.ts";

export interface Axis {
  readonly title: string;
  readonly scale: "linear" | "log";
  /** Values that the axis always includes. */
  readonly include?: readonly number[];
  /** Log axes only: label 1, 2, 5, 10, …, at any zoom, instead of what fits. */
  readonly ticks125?: boolean;
  /** Linear axes only: labels at whole numbers, of what is counted. */
  readonly whole?: boolean;
  /** Labels at these values in place of numbers: names of rows, say. A value without text has a grid line only. */
  readonly ticks?: readonly { readonly value: number; readonly text: string }[];
}

/** A dashed or solid line across a panel at height `y`. */
export interface Level {
  readonly name: string;
  readonly y: number;
}

export interface Panel {
  readonly title?: string;
  readonly x: Axis;
  readonly y: Axis;
  readonly levels?: readonly Level[];
}

/** Where a label stands as seen from its point; nowhere if there is no room for it. */
export type LabelPlace =
  | "top"
  | "bottom"
  | "left"
  | "right"
  | "top left"
  | "top right"
  | "bottom left"
  | "bottom right"
  | "nowhere";

/** Points in one panel. All arrays are as long as `x`; values that an axis cannot show leave a gap. */
export interface Series {
  readonly name: string;
  /** Index into the chart's panels. */
  readonly panel: number;
  readonly x: readonly number[];
  readonly y: readonly number[];
  /** Half the length of an error bar at each point; 0 or NaN draws none. */
  readonly error?: readonly number[];
  /** Text printed at each point. */
  readonly labels?: readonly string[];
  readonly labelPlaces?: readonly LabelPlace[];
  /** What the pointer over a point says beside its numbers. */
  readonly hover?: readonly string[];
  /** Identifiers of the points, for selections. */
  readonly ids?: readonly string[];
  readonly style: Style;
  readonly line: "straight" | "step" | "none";
  readonly markers: boolean | "open";
  /**
   * The corners opposite to (x, y): rectangles on linear axes, in place of markers. Their labels stand inside where they fit, and
   * have no places.
   */
  readonly boxes?: { readonly x: readonly number[]; readonly y: readonly number[] };
  /** Of lines and rectangles, in (0, 1], default 1. */
  readonly opacity?: number;
  /** Width of the line in pixels, default 2. */
  readonly width?: number;
  /** False keeps the series out of the legend: another panel has it there. */
  readonly legend: boolean;
  /** False: may lie above a linear axis rather than squeeze the other series. */
  readonly stretches?: boolean;
  /** Series of one group are hidden together. */
  readonly group: string;
}

/** Rows of the table that goes with a chart. */
export interface NumbersTable {
  readonly columns: readonly string[];
  readonly rows: readonly (readonly (string | number)[])[];
}

export interface Chart {
  readonly title: string;
  /** One line below the title. */
  readonly subtitle?: string;
  readonly panels: readonly Panel[];
  /** Panels per row. */
  readonly columns: number;
  readonly series: readonly Series[];
  /** The numbers in one line: text/plain, and the description for screen readers. */
  readonly summary: string;
  readonly table: NumbersTable;
  /** Said in the middle of a panel without points. */
  readonly emptyText: string;
  /** Pixels of one row of panels, default 300. */
  readonly rowHeight?: number;
  /** Pixels left of the panels of the first column, for long names of rows; default what numbers need. */
  readonly left?: number;
}

/** True if the axes can show point `i`, and of a rectangle both corners. */
export function visible({ x, y }: Pick<Panel, "x" | "y">, series: Series, i: number): boolean {
  const at = (values: readonly number[] | undefined): number => values?.[i] ?? Number.NaN;
  const shows = (px: number, py: number): boolean => showable(x, px) && showable(y, py);
  if (!shows(at(series.x), at(series.y))) return false;
  return !series.boxes || shows(at(series.boxes.x), at(series.boxes.y));
}

/** True if point `i` of a line that has no markers needs one: with gaps on both sides, no piece of the line shows it. */
export function isAlone(series: Series, i: number, shown: (i: number) => boolean): boolean {
  return series.line !== "none" && shown(i) && !shown(i - 1) && !shown(i + 1);
}

/** True if an axis can show `value`: finite, and positive on a log axis. */
export function showable(axis: Axis, value: number): boolean {
  return Number.isFinite(value) && (axis.scale === "linear" || value > 0);
}
