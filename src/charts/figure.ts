/** A chart that shows itself in a notebook. The only file that knows Plotly's format. */

import { displaySymbol } from "../notebook.ts";
import {
  type Chart,
  isAlone,
  type LabelPlace,
  type Level,
  type Panel,
  type Series,
  showable,
  visible,
} from "./chart.ts";
import { html } from "./html.ts";
import { grey, textOn } from "./palette.ts";
import { coordinate, type Range, rangeOf, type Tick, ticks125 } from "./scale.ts";
import { svg } from "./svg.ts";

/** The part of a Plotly trace that we write. `null` is a gap. */
export interface PlotlyTrace {
  readonly type: "scatter" | "bar";
  readonly name: string;
  readonly x: readonly (number | null)[];
  readonly y: readonly (number | null)[];
  readonly [more: string]: unknown;
}

/** A figure as Plotly takes it. */
export interface PlotlyFigure {
  readonly data: readonly PlotlyTrace[];
  readonly layout: Readonly<Record<string, unknown>>;
  readonly config: Readonly<Record<string, unknown>>;
}

/** What a figure offers to a front end; the richest that it knows is shown. */
export interface MimeBundle {
  readonly "application/vnd.plotly.v1+json": PlotlyFigure;
  readonly "text/html": string;
  readonly "image/svg+xml": string;
  readonly "text/plain": string;
}

/** A chart with the method by which notebooks display values. */
export interface Figure {
  readonly chart: Chart;
  toSVG(): string;
  toHTML(): string;
  toPlotly(): PlotlyFigure;
  [displaySymbol](): MimeBundle;
}

const config = { showSendToCloud: false, displaylogo: false, responsive: true };

/** Wraps a chart. Drawing happens when it is displayed. */
export function figure(chart: Chart): Figure {
  return Object.freeze({
    chart,
    toSVG: () => svg(chart, { standalone: true }),
    toHTML: () => html(chart, toPlotly(chart)),
    toPlotly: () => toPlotly(chart),
    [displaySymbol]: () => {
      const plotly = toPlotly(chart);
      return {
        "application/vnd.plotly.v1+json": plotly,
        "text/html": html(chart, plotly),
        "image/svg+xml": svg(chart, { standalone: true }),
        "text/plain": chart.summary,
      };
    },
  });
}

function toPlotly(chart: Chart): PlotlyFigure {
  const head = chart.subtitle ? 74 : 54;
  const rows = Math.ceil(chart.panels.length / chart.columns);
  const plotHeight = rows * (chart.rowHeight ?? 300);
  const foot = 90;
  const cells = grid(chart.columns, rows, plotHeight - foot);
  const layout: Record<string, unknown> = {
    title: {
      text: titleText(chart),
      x: 0,
      xref: "paper",
      xanchor: "left",
      y: 1,
      yanchor: "top",
      // The first of two lines is set from its baseline.
      pad: { t: chart.subtitle ? 20 : 14 },
      font: { size: 16 },
    },
    height: plotHeight + head,
    margin: { l: chart.left ?? 62, r: 18, t: head, b: foot },
    paper_bgcolor: "rgba(0,0,0,0)",
    plot_bgcolor: "rgba(0,0,0,0)",
    hovermode: "closest",
    // Labels inside rectangles are as large as all others, or not there.
    barmode: "overlay",
    uniformtext: { minsize: 9, mode: "hide" },
    showlegend: true,
    legend: {
      orientation: "h",
      x: 0,
      xanchor: "left",
      y: -54 / (plotHeight - foot),
      yanchor: "top",
    },
    // The reader's zoom outlives updates.
    uirevision: "lclab",
    annotations: chart.panels.flatMap((panel, i) => annotations(chart, panel, i, cells[i])),
    shapes: chart.panels.flatMap((panel, i) =>
      (panel.levels ?? []).filter((l) => showable(panel.y, l.y)).map((l) => levelShape(l, i)),
    ),
  };
  chart.panels.forEach((panel, i) => {
    const cell = cells[i];
    layout[`xaxis${suffix(i)}`] = {
      ...axisLayout(panel.x, rangeOf(chart, i, "x")),
      anchor: `y${suffix(i)}`,
      domain: cell?.x,
    };
    layout[`yaxis${suffix(i)}`] = {
      ...axisLayout(panel.y, rangeOf(chart, i, "y")),
      anchor: `x${suffix(i)}`,
      domain: cell?.y,
    };
  });
  return {
    data: [
      ...chart.series.map((series) => trace(series, chart.panels[series.panel])),
      ...unused(chart),
    ],
    layout,
    config,
  };
}

function titleText({ title, subtitle }: Chart): string {
  const small = subtitle ? `<br><span style="font-size:13px">${plotlyText(subtitle)}</span>` : "";
  return plotlyText(title) + small;
}

interface Cell {
  readonly x: Range;
  readonly y: Range;
}

/** Shares of the plot area, `height` pixels high, for the panels, row by row from the top. */
function grid(columns: number, rows: number, height: number): Cell[] {
  const [gapX, gapY] = [0.1, 82 / height];
  const wide = (1 - gapX * (columns - 1)) / columns;
  const high = (1 - gapY * (rows - 1)) / rows;
  return Array.from({ length: columns * rows }, (_, i) => {
    const left = (i % columns) * (wide + gapX);
    const top = 1 - Math.floor(i / columns) * (high + gapY);
    return { x: [left, Math.min(1, left + wide)], y: [Math.max(0, top - high), top] };
  });
}

/** Plotly numbers its axes x, x2, x3, … */
function suffix(index: number): string {
  return index === 0 ? "" : String(index + 1);
}

function axisLayout(axis: Panel["x"], range: Range): Record<string, unknown> {
  const ticks = axis.ticks ?? (axis.ticks125 ? manyOf(ticks125(), axis, range) : undefined);
  return {
    title: { text: plotlyText(axis.title), standoff: 8 },
    type: axis.scale,
    range,
    zeroline: false,
    showline: true,
    gridcolor: "rgba(128,128,128,0.25)",
    linecolor: "rgba(128,128,128,0.7)",
    ...(ticks
      ? {
          tickmode: "array",
          tickvals: ticks.map((t) => t.value),
          ticktext: ticks.map((t) => plotlyText(t.text)),
        }
      : automaticTicks(axis, range[1] - range[0])),
  };
}

/** `ticks`, if at least two are in sight before the first zoom. */
function manyOf(ticks: readonly Tick[], axis: Panel["x"], [low, high]: Range) {
  const inside = ticks.filter(({ value }) => {
    const at = coordinate(axis, value);
    return at >= low && at <= high;
  });
  return inside.length > 1 ? ticks : undefined;
}

/** `span` in decades on a log axis: powers of ten over many, 1 2 5 over few, linear steps within one. */
function automaticTicks({ scale, whole }: Panel["x"], span: number): Record<string, unknown> {
  const decimal = { tickformat: ".4~g" };
  if (scale === "linear")
    return { ...decimal, ...(whole && span < 8 ? { dtick: 1 } : { nticks: 8 }) };
  if (span > 4.6) return { exponentformat: "power", dtick: Math.ceil(span / 7) };
  if (span > 2.5) return { ...decimal, dtick: 1 };
  return { ...decimal, ...(span > 0.7 ? { dtick: "D2" } : { nticks: 5 }) };
}

function annotations(chart: Chart, panel: Panel, index: number, cell: Cell | undefined): object[] {
  if (!cell) return [];
  const fixed = { xref: "paper", yref: "paper", showarrow: false };
  const title = panel.title
    ? [
        {
          ...fixed,
          text: `<b>${plotlyText(panel.title)}</b>`,
          x: cell.x[0],
          y: cell.y[1],
          xanchor: "left",
          yanchor: "bottom",
        },
      ]
    : [];
  const empty = !chart.series.some(
    (series) => series.panel === index && series.x.some((_, i) => visible(panel, series, i)),
  );
  const middle = (range: Range): number => (range[0] + range[1]) / 2;
  const note = {
    ...fixed,
    text: plotlyText(chart.emptyText),
    x: middle(cell.x),
    y: middle(cell.y),
    xanchor: "center",
    yanchor: "middle",
    opacity: 0.6,
  };
  return empty ? [...title, note] : title;
}

function levelShape(level: Level, index: number): object {
  return {
    type: "line",
    name: plotlyText(level.name),
    showlegend: index === 0,
    legendgroup: level.name,
    xref: `x${suffix(index)} domain`,
    yref: `y${suffix(index)}`,
    x0: 0,
    x1: 1,
    y0: level.y,
    y1: level.y,
    line: { color: grey, width: 1.5, dash: "dash" },
  };
}

/** Plotly leaves out axes that no trace uses; these traces show nothing. */
function unused(chart: Chart): PlotlyTrace[] {
  return chart.panels.flatMap((_, i): PlotlyTrace[] => {
    if (chart.series.some((series) => series.panel === i)) return [];
    const axes = { xaxis: `x${suffix(i)}`, yaxis: `y${suffix(i)}` };
    const nothing = { x: [null], y: [null], showlegend: false, hoverinfo: "skip" };
    return [{ type: "scatter", mode: "markers", name: "", ...nothing, ...axes }];
  });
}

function trace(series: Series, panel: Panel | undefined): PlotlyTrace {
  const shown = (i: number): boolean => panel !== undefined && visible(panel, series, i);
  if (series.boxes) return bars(series, series.boxes, shown);
  const alone = series.x.map((_, i) => series.markers === false && isAlone(series, i, shown));
  // Plotly keeps labels off their points only where these have markers, so labels alone get some that are not seen.
  const bare = series.line === "none" && series.markers === false;
  const marked = series.markers !== false || alone.includes(true) || bare;
  const modes = [
    ...(series.line === "none" ? [] : ["lines"]),
    ...(marked ? ["markers"] : []),
    ...(series.labels ? ["text"] : []),
  ];
  const { color, dash, marker } = series.style;
  const error = series.error?.some((e) => e > 0) ? series.error : undefined;
  return {
    type: "scatter",
    mode: modes.join("+") || "none",
    name: plotlyText(series.name),
    legendgroup: series.group,
    showlegend: series.legend,
    ...(series.opacity === undefined ? {} : { opacity: series.opacity }),
    x: series.x.map((x, i) => (shown(i) ? x : null)),
    y: series.y.map((y, i) => (shown(i) ? y : null)),
    xaxis: `x${suffix(series.panel)}`,
    yaxis: `y${suffix(series.panel)}`,
    connectgaps: false,
    line: {
      color,
      width: series.width ?? 2,
      dash,
      shape: series.line === "step" ? "vh" : "linear",
    },
    marker: {
      color,
      ...(alone.includes(true)
        ? { size: alone.map((one) => (one ? 8 : 0)), opacity: 1, line: { width: 0 } }
        : { size: 8, ...(bare ? { opacity: 0 } : {}) }),
      symbol: series.markers === "open" ? `${marker}-open` : marker,
    },
    ...(series.labels
      ? {
          text: series.labels.map((l, i) =>
            series.labelPlaces?.[i] === "nowhere" ? "" : plotlyText(l),
          ),
          textposition: (series.labelPlaces ?? series.labels.map(() => "top" as const)).map(
            plotlyPlace,
          ),
          textfont: { size: 11 },
          cliponaxis: series.stretches === false,
        }
      : {}),
    ...hoverOf(series),
    ...(series.ids ? { customdata: series.ids } : {}),
    ...(error
      ? {
          error_y: {
            type: "data",
            array: error.map((e) => Math.max(0, e || 0)),
            color,
            thickness: 1,
            width: 3,
          },
        }
      : {}),
  };
}

/** Rectangles as bars from `base`, each of its own width. */
function bars(
  series: Series,
  corners: { readonly x: readonly number[]; readonly y: readonly number[] },
  shown: (i: number) => boolean,
): PlotlyTrace {
  const of = <T>(value: (x: number, y: number, x2: number, y2: number) => T): (T | null)[] =>
    series.x.map((x, i) => {
      const [y, x2, y2] = [series.y[i], corners.x[i], corners.y[i]].map((v) => v ?? Number.NaN);
      return shown(i) ? value(x, y as number, x2 as number, y2 as number) : null;
    });
  return {
    type: "bar",
    name: plotlyText(series.name),
    legendgroup: series.group,
    showlegend: series.legend,
    ...(series.opacity === undefined ? {} : { opacity: series.opacity }),
    x: of((x, _y, x2) => (x + x2) / 2),
    y: of((_x, y, _x2, y2) => y2 - y),
    base: of((_x, y) => y),
    width: of((x, _y, x2) => Math.abs(x2 - x)),
    xaxis: `x${suffix(series.panel)}`,
    yaxis: `y${suffix(series.panel)}`,
    marker: { color: series.style.color, line: { width: 0 } },
    ...(series.labels
      ? {
          text: series.labels.map(plotlyText),
          textposition: "inside",
          insidetextanchor: "middle",
          textangle: 0,
          textfont: { size: 11, color: textOn(series.style.color) },
        }
      : {}),
    ...(series.hover ? hoverOf(series) : { hoverinfo: "skip" }),
    ...(series.ids ? { customdata: series.ids } : {}),
  };
}

function hoverOf({ hover, name }: Series): object {
  return hover
    ? { hovertext: hover.map(plotlyText), hovertemplate: "%{hovertext}<extra></extra>" }
    : { hovertemplate: `%{x}: %{y:.4g}<extra>${plotlyText(name)}</extra>` };
}

function plotlyPlace(place: LabelPlace): string {
  if (place === "nowhere") return "top center";
  if (place === "left" || place === "right") return `middle ${place}`;
  return place.includes(" ") ? place : `${place} center`;
}

/** Plotly reads some HTML in its texts; ours mean what they say. Line breaks stay. */
function plotlyText(text: string): string {
  return text
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("\n", "<br>");
}
