import type { Chart, Series } from "../chart.ts";
import { type Figure, figure } from "../figure.ts";
import { short } from "../numbers.ts";
import { styleOf } from "../palette.ts";

/** One allocation of a front. */
export interface FrontPoint {
  /** Of the whole network. */
  readonly bytes: number;
  readonly error: number;
  /** What each layer gets. */
  readonly choice: readonly string[];
}

/** Error over size of the allocations of a front, both logarithmic; those without error are in the table only. */
export function frontFigure(
  name: string,
  points: readonly FrontPoint[],
  knee: FrontPoint | undefined,
): Figure {
  const title = `What ${name} can be`;
  const series = (label: string, shown: readonly FrontPoint[], only: Partial<Series>): Series => ({
    name: label,
    panel: 0,
    x: shown.map(({ bytes }) => bytes / 1000),
    y: shown.map(({ error }) => error),
    hover: shown.map(({ choice }) => choice.join("\n")),
    style: styleOf(0),
    line: "none",
    markers: true,
    legend: true,
    group: label,
    ...only,
  });
  const chart: Chart = {
    title,
    subtitle: `${points.length} ${points.length === 1 ? "allocation" : "allocations"}, none beaten in both size and error`,
    panels: [
      {
        x: { title: "kB of the network", scale: "log" },
        y: { title: "error Σ h (w − Δ)² before learning", scale: "log" },
      },
    ],
    columns: 1,
    series: [
      series("allocations", points, { line: "step", markers: points.length <= 60 }),
      ...(knee
        ? [
            series("knee", [knee], {
              style: styleOf(1),
              labels: [`knee, ${short(knee.bytes / 1000)} kB`],
            }),
          ]
        : []),
    ],
    summary: knee
      ? `${title}: ${points.length} allocations; knee at ${short(knee.bytes)} bytes, error ${short(knee.error)}: ${knee.choice.join(", ")}`
      : `${title}: no allocation`,
    table: {
      columns: ["bytes", "error", "choice"],
      rows: points.map(({ bytes, error, choice }) => [bytes, error, choice.join(", ")]),
    },
    emptyText: "nothing is smaller than the network",
  };
  return figure(chart);
}
