/** The marks of a series in SVG: lines, steps, error bars, markers, labels. */

import { escapeMarkup } from "../text.ts";
import type { LabelPlace, Series } from "./chart.ts";
import { attributes, tenth } from "./markup.ts";
import { type Dash, type Marker, textOn } from "./palette.ts";

/** A point in pixels; undefined leaves a gap in the line. */
export type Point = readonly [x: number, y: number] | undefined;

const dashArrays: Readonly<Record<Dash, string | undefined>> = {
  solid: undefined,
  dash: "8 4",
  dot: "2 3",
  dashdot: "8 3 2 3",
  longdash: "14 5",
};

export function dashArray(dash: Dash): string | undefined {
  return dashArrays[dash];
}

/** The line through `points`, in as many pieces as the gaps leave; nothing if no piece has two points. */
export function lineMark(series: Series, points: readonly Point[]): string {
  if (series.line === "none") return "";
  let path = "";
  let previous: Point;
  points.forEach((point, i) => {
    if (point) {
      const [x, y] = point.map(tenth);
      if (!previous) path += points[i + 1] ? `M${x} ${y}` : "";
      else path += series.line === "step" ? `V${y}H${x}` : `L${x} ${y}`;
    }
    previous = point;
  });
  if (path === "") return "";
  const { color, dash } = series.style;
  return `<path${attributes({
    d: path,
    fill: "none",
    stroke: color,
    "stroke-width": series.width ?? 2,
    "stroke-dasharray": dashArray(dash),
    "stroke-linejoin": "round",
    opacity: series.opacity === undefined ? undefined : String(series.opacity),
  })}/>`;
}

/** A rectangle in pixels. */
export interface Box {
  readonly left: number;
  readonly top: number;
  readonly width: number;
  readonly height: number;
}

/** Rectangles of one colour; each by itself if the pointer over it says something, else all in one path. */
export function boxMarks(
  { style, opacity, hover, labels }: Pick<Series, "style" | "opacity" | "hover" | "labels">,
  boxes: readonly (Box | undefined)[],
): string {
  const paint = {
    fill: style.color,
    opacity: opacity === undefined ? undefined : String(opacity),
  };
  const paths = boxes.map((box) =>
    box
      ? `M${tenth(box.left)} ${tenth(box.top)}h${tenth(box.width)}v${tenth(box.height)}h${tenth(-box.width)}Z`
      : "",
  );
  const texts = boxes.map((box, i) => {
    const text = labels?.[i] ?? "";
    if (!box || text === "" || text.length * 6.2 + 6 > box.width || box.height < 12) return "";
    const at = { x: box.left + box.width / 2, y: box.top + box.height / 2 + 4 };
    const font = { "text-anchor": "middle", "font-size": 11, fill: textOn(style.color) };
    return `<text${attributes({ ...at, ...font })}>${escapeMarkup(text)}</text>`;
  });
  if (!hover) {
    const d = paths.join("");
    return (d === "" ? "" : `<path${attributes({ d, ...paint })}/>`) + texts.join("");
  }
  const own = paths.map((d, i) =>
    d === ""
      ? ""
      : `<path${attributes({ d, ...paint })}><title>${escapeMarkup(hover[i] ?? "")}</title></path>`,
  );
  return own.join("") + texts.join("");
}

/** A vertical bar with caps from `low` to `high`. */
export function errorMark(x: number, low: number, high: number, color: string): string {
  const [left, right] = [tenth(x - 3), tenth(x + 3)];
  const [top, bottom] = [tenth(high), tenth(low)];
  const d = `M${left} ${bottom}H${right}M${tenth(x)} ${bottom}V${top}M${left} ${top}H${right}`;
  return `<path${attributes({ d, fill: "none", stroke: color })}/>`;
}

/** A marker of about 8 pixels; an open one has no fill. The tooltip is the browser's own. */
export function markerMark(
  series: Pick<Series, "style" | "markers">,
  [x, y]: readonly [number, number],
  tooltip = "",
): string {
  const { color, marker } = series.style;
  const open = series.markers === "open";
  const paint = { fill: open ? "none" : color, stroke: color, "stroke-width": 1.5 };
  const title = tooltip === "" ? "" : `<title>${escapeMarkup(tooltip)}</title>`;
  return `<path${attributes({ d: outline(marker, x, y), ...paint })}>${title}</path>`;
}

function outline(marker: Marker, x: number, y: number): string {
  const polygon = (...corners: readonly (readonly [number, number])[]): string =>
    `M${corners.map(([dx, dy]) => `${tenth(x + dx)} ${tenth(y + dy)}`).join("L")}Z`;
  switch (marker) {
    case "circle":
      return `M${tenth(x - 4)} ${tenth(y)}a4 4 0 1 0 8 0a4 4 0 1 0 -8 0Z`;
    case "square":
      return polygon([-3.6, -3.6], [3.6, -3.6], [3.6, 3.6], [-3.6, 3.6]);
    case "diamond":
      return polygon([0, -5], [5, 0], [0, 5], [-5, 0]);
    case "triangle-up":
      return polygon([0, -5], [4.6, 3.4], [-4.6, 3.4]);
    case "triangle-down":
      return polygon([0, 5], [4.6, -3.4], [-4.6, -3.4]);
    case "cross":
      return `M${tenth(x - 4.5)} ${tenth(y)}h9M${tenth(x)} ${tenth(y - 4.5)}v9`;
    case "x":
      return `M${tenth(x - 3.5)} ${tenth(y - 3.5)}l7 7m0 -7l-7 7`;
  }
}

const offsets: Readonly<Record<LabelPlace, readonly [dx: number, dy: number, anchor: string]>> = {
  top: [0, -8, "middle"],
  bottom: [0, 17, "middle"],
  left: [-8, 4, "end"],
  right: [8, 4, "start"],
  "top left": [-4, -8, "end"],
  "top right": [4, -8, "start"],
  "bottom left": [-4, 17, "end"],
  "bottom right": [4, 17, "start"],
  nowhere: [0, 0, "middle"],
};

/** A label beside its point. */
export function labelMark(
  text: string,
  [x, y]: readonly [number, number],
  place: LabelPlace,
): string {
  if (place === "nowhere") return "";
  const [dx, dy, anchor] = offsets[place];
  const at = { x: x + dx, y: y + dy, "text-anchor": anchor, "font-size": 11 };
  return `<text${attributes(at)}>${escapeMarkup(text)}</text>`;
}
