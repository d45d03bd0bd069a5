/**
 * Colour, marker and dash of the series of a chart. Colours by Okabe and Ito, distinguishable under colour
 * blindness; their black is left out because it vanishes on a dark page. Marker and dash repeat the difference.
 */

export type Marker =
  | "circle"
  | "square"
  | "diamond"
  | "triangle-up"
  | "cross"
  | "triangle-down"
  | "x";
export type Dash = "solid" | "dash" | "dot" | "dashdot" | "longdash";

/** How a series is drawn. */
export interface Style {
  /** `#rrggbb`. */
  readonly color: string;
  readonly marker: Marker;
  readonly dash: Dash;
}

const colors = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#F0E442"];
const markers: readonly Marker[] = [
  "circle",
  "square",
  "diamond",
  "triangle-up",
  "cross",
  "triangle-down",
  "x",
];
const dashes: readonly Dash[] = ["solid", "dash", "dot", "dashdot", "longdash"];

/** A grey that reads on white and on black: for what stands beside the series. */
export const grey = "#808080";

/** Black or white, whichever reads better on `color` (WCAG's relative luminance). */
export function textOn(color: string): string {
  const channels = [1, 3, 5].map((at) => {
    const c = Number.parseInt(color.slice(at, at + 2), 16) / 255;
    return c <= 0.04045 ? c / 12.92 : ((c + 0.055) / 1.055) ** 2.4;
  });
  const [red = 0, green = 0, blue = 0] = channels;
  return 0.2126 * red + 0.7152 * green + 0.0722 * blue > 0.179 ? "#000000" : "#ffffff";
}

/** The style of series `index`, 0, 1, …; the first 245 all differ. */
export function styleOf(index: number): Style {
  const round = Math.floor(index / colors.length);
  return {
    color: colors[index % colors.length] ?? grey,
    // Shifted by one at each round, so that a colour comes back with another marker.
    marker: markers[(index + round) % markers.length] ?? "circle",
    dash: dashes[(index + 2 * Math.floor(index / 49)) % dashes.length] ?? "solid",
  };
}
