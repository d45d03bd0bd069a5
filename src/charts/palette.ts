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
