/**
 * A chart as static SVG: the same bytes for the same chart. Text and axes take the colour of the text around
 * (currentColor) and nothing is painted behind them, so it reads on light and dark pages.
 */

import { escapeMarkup } from "../text.ts";
import {
  type Axis,
  type Chart,
  isAlone,
  type Panel,
  type Series,
  showable,
  visible,
} from "./chart.ts";
import {
  type Box,
  boxMarks,
  dashArray,
  errorMark,
  labelMark,
  lineMark,
  markerMark,
  type Point,
} from "./marks.ts";
import { attributes, tenth } from "./markup.ts";
import { grey } from "./palette.ts";
import { coordinate, type Range, rangeOf, ticks125, ticksOf } from "./scale.ts";

const width = 900;
const margin = { left: 66, right: 18, top: 30, bottom: 46 };
const legendRow = 20;

export interface SvgOptions {
  /** A file of its own: it follows the reader's preference for dark or light, having no text around it. */
  readonly standalone?: boolean;
}

/** The chart as one `<svg>` element. */
export function svg(chart: Chart, { standalone = false }: SvgOptions = {}): string {
  const head = 30 + (chart.subtitle ? 20 : 0);
  const rowHeight = chart.rowHeight ?? 300;
  const rows = Math.ceil(chart.panels.length / chart.columns);
  const legend = legendMarks(chart, head + rows * rowHeight + 6);
  const height = head + rows * rowHeight + legend.height + 10;
  const body = [
    `<text${attributes({ x: 12, y: 21, "font-size": 15, "font-weight": "600" })}>${escapeMarkup(chart.title)}</text>`,
    ...(chart.subtitle
      ? [
          `<text${attributes({ x: 12, y: 41, opacity: ".8" })}>${escapeMarkup(chart.subtitle)}</text>`,
        ]
      : []),
    ...chart.panels.map((panel, i) => panelMarks(chart, panel, i, boxOf(chart, i, head))),
    legend.marks,
  ];
  const root = attributes({
    xmlns: "http://www.w3.org/2000/svg",
    role: "img",
    "aria-label": chart.title,
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    style: "max-width:100%;height:auto",
  });
  const dark = standalone
    ? "<style>svg{color:#212121}@media(prefers-color-scheme:dark){svg{color:#e0e0e0}}</style>"
    : "";
  const text = 'fill="currentColor" font-family="system-ui,sans-serif" font-size="12"';
  return `<svg${root}><title>${escapeMarkup(chart.title)}</title><desc>${escapeMarkup(chart.summary)}</desc>${dark}<g ${text}>\n${body.join("\n")}\n</g></svg>`;
}

/** The plot area of panel `index` below a heading of `head` pixels. */
export function boxOf(chart: Chart, index: number, head = 30): Box {
  const rowHeight = chart.rowHeight ?? 300;
  // A wider margin shifts all panels, and is left of the first column only.
  const extra = (chart.left ?? margin.left) - margin.left;
  const cell = (width - extra) / chart.columns;
  return {
    left: extra + (index % chart.columns) * cell + margin.left,
    top: head + Math.floor(index / chart.columns) * rowHeight + margin.top,
    width: cell - margin.left - margin.right,
    height: rowHeight - margin.top - margin.bottom,
  };
}

function panelMarks(chart: Chart, panel: Panel, index: number, box: Box): string {
  const x = rangeOf(chart, index, "x");
  const y = rangeOf(chart, index, "y");
  const own = chart.series.filter((series) => series.panel === index);
  const place = placer(panel, box, x, y);
  const empty = !own.some((series) => series.x.some((_, i) => visible(panel, series, i)));
  return [
    `<g>${axisMarks(panel, box, x, y)}`,
    ...(panel.levels ?? [])
      .filter((level) => showable(panel.y, level.y))
      .map((level) => {
        const at = tenth(box.top + box.height * (1 - fraction(panel.y, y, level.y)));
        return `<path${attributes({ d: `M${tenth(box.left)} ${at}H${tenth(box.left + box.width)}`, fill: "none", stroke: grey, "stroke-width": 1.5, "stroke-dasharray": dashArray("dash") })}><title>${escapeMarkup(level.name)}</title></path>`;
      }),
    ...own.map((series) => seriesMarks(series, place, panel, box, y)),
    empty
      ? `<text${attributes({ x: box.left + box.width / 2, y: box.top + box.height / 2, "text-anchor": "middle", opacity: ".6" })}>${escapeMarkup(chart.emptyText)}</text>`
      : "",
    "</g>",
  ].join("");
}

/** Position of a value within a range, 0 at its low end. */
function fraction(axis: Axis, [low, high]: Range, value: number): number {
  return (coordinate(axis, value) - low) / (high - low);
}

type Place = (values: Pick<Series, "x" | "y">, i: number) => Point;

function placer(panel: Panel, box: Box, x: Range, y: Range): Place {
  return (values, i) => {
    const [px, py] = [values.x[i] ?? Number.NaN, values.y[i] ?? Number.NaN];
    if (!showable(panel.x, px) || !showable(panel.y, py)) return undefined;
    return [
      box.left + box.width * fraction(panel.x, x, px),
      box.top + box.height * (1 - fraction(panel.y, y, py)),
    ];
  };
}

/** The rectangles of a series in pixels. */
function boxesOf(
  series: Series,
  corners: Pick<Series, "x" | "y">,
  place: Place,
): (Box | undefined)[] {
  return series.x.map((_, i) => {
    const [a, b] = [place(series, i), place(corners, i)];
    if (!a || !b) return undefined;
    const [left, top] = [Math.min(a[0], b[0]), Math.min(a[1], b[1])];
    return { left, top, width: Math.abs(a[0] - b[0]), height: Math.abs(a[1] - b[1]) };
  });
}

function seriesMarks(series: Series, place: Place, panel: Panel, box: Box, range: Range): string {
  if (series.boxes) return boxMarks(series, boxesOf(series, series.boxes, place));
  const points = series.x.map((_, i) => place(series, i));
  const shown = (i: number): boolean => points[i] !== undefined;
  const heightOf = (value: number): number =>
    box.top +
    box.height * (1 - Math.max(0, showable(panel.y, value) ? fraction(panel.y, range, value) : 0));
  const bottom = box.top + box.height;
  const marks = points.map((point, i) => {
    if (!point || point[1] < box.top || point[1] > bottom) return "";
    const y = series.y[i] ?? Number.NaN;
    const error = series.error?.[i] ?? 0;
    const label = series.labels?.[i] ?? "";
    const marked = series.markers !== false || isAlone(series, i, shown);
    return [
      error > 0
        ? errorMark(point[0], heightOf(y - error), heightOf(y + error), series.style.color)
        : "",
      marked ? markerMark(series, point, series.hover?.[i]) : "",
      label === "" ? "" : labelMark(label, point, series.labelPlaces?.[i] ?? "top"),
    ].join("");
  });
  return clipped(lineMark(series, points), series, box) + marks.join("");
}

/** Cuts at the panel's edges what may lie beyond; a nested svg does that without an id. */
function clipped(line: string, series: Series, { left, top, width, height }: Box): string {
  if (line === "" || series.stretches !== false) return line;
  const viewBox = [left, top, width, height].map(tenth).join(" ");
  return `<svg${attributes({ x: left, y: top, width, height, viewBox, "aria-hidden": "true" })}>${line}</svg>`;
}

function axisMarks(panel: Panel, box: Box, x: Range, y: Range): string {
  const [right, bottom] = [box.left + box.width, box.top + box.height];
  const grid: string[] = [];
  const texts: string[] = [];
  const all125 = panel.x.ticks125
    ? ticks125().filter(({ value }) => Math.log10(value) >= x[0] && Math.log10(value) <= x[1])
    : [];
  const xTicks =
    all125.length > 1 ? all125 : ticksOf(panel.x, x, Math.max(3, Math.floor(box.width / 60)));
  for (const tick of xTicks) {
    const at = box.left + box.width * fraction(panel.x, x, tick.value);
    grid.push(`M${tenth(at)} ${tenth(box.top)}V${tenth(bottom)}`);
    texts.push(text(tick.text, at, bottom + 16, "middle"));
  }
  for (const tick of ticksOf(
    panel.y,
    y,
    Math.max(3, Math.floor(box.height / (panel.y.scale === "log" ? 28 : 40))),
  )) {
    const at = box.top + box.height * (1 - fraction(panel.y, y, tick.value));
    grid.push(`M${tenth(box.left)} ${tenth(at)}H${tenth(right)}`);
    texts.push(text(tick.text, box.left - 7, at + 4, "end"));
  }
  const line = { fill: "none", stroke: "currentColor" };
  const frame = `M${tenth(box.left)} ${tenth(box.top)}V${tenth(bottom)}H${tenth(right)}`;
  const middle = [tenth(box.left - 50), tenth(box.top + box.height / 2)].join(" ");
  return [
    `<path${attributes({ d: grid.join(""), ...line, opacity: ".15" })}/>`,
    `<path${attributes({ d: frame, ...line, opacity: ".6" })}/>`,
    ...texts,
    text(panel.x.title, box.left + box.width / 2, bottom + 35, "middle"),
    panel.title ? text(panel.title, box.left, box.top - 9, "start", { "font-weight": "600" }) : "",
    panel.y.title
      ? `<text transform="translate(${middle}) rotate(-90)" text-anchor="middle">${escapeMarkup(panel.y.title)}</text>`
      : "",
  ].join("");
}

function text(
  content: string,
  x: number,
  y: number,
  anchor: string,
  more: Record<string, string> = {},
): string {
  if (content === "") return "";
  return `<text${attributes({ x, y, "text-anchor": anchor, ...more })}>${escapeMarkup(content)}</text>`;
}

/** The legend in rows from `top` on; empty if there is nothing to tell apart. */
function legendMarks(chart: Chart, top: number): { marks: string; height: number } {
  const entries = chart.series.filter((series) => series.legend);
  const levels = (chart.panels[0]?.levels ?? []).map((level) => level.name);
  if (entries.length + levels.length === 0) return { marks: "", height: 0 };
  let [x, row] = [margin.left, 0];
  const at = (name: string): readonly [number, number] => {
    const wide = 34 + name.length * 6.8 + 18;
    if (x > margin.left && x + wide > width - margin.right) [x, row] = [margin.left, row + 1];
    const place = [x, top + row * legendRow + 10] as const;
    x += wide;
    return place;
  };
  const marks = entries.map((series) => {
    const [left, y] = at(series.name);
    if (series.boxes) {
      const swatch = boxMarks(
        { style: series.style, ...(series.opacity ? { opacity: series.opacity } : {}) },
        [{ left: left + 6, top: y - 6, width: 14, height: 12 }],
      );
      return swatch + text(series.name, left + 34, y + 4, "start");
    }
    const sample: readonly Point[] = [
      [left, y],
      [left + 26, y],
    ];
    const marker = series.markers === false ? "" : markerMark(series, [left + 13, y]);
    const line = lineMark(
      series.line === "none" ? series : { ...series, line: "straight" },
      sample,
    );
    return line + marker + text(series.name, left + 34, y + 4, "start");
  });
  const lines = levels.map((name) => {
    const [left, y] = at(name);
    const d = `M${tenth(left)} ${tenth(y)}h26`;
    const line = {
      d,
      fill: "none",
      stroke: grey,
      "stroke-width": 1.5,
      "stroke-dasharray": dashArray("dash"),
    };
    return `<path${attributes(line)}/>${text(name, left + 34, y + 4, "start")}`;
  });
  return { marks: `<g>${[...marks, ...lines].join("")}</g>`, height: (row + 1) * legendRow + 6 };
}
