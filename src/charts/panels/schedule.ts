import type { Progress } from "../../lc/progress.ts";
import type { Chart, Series } from "../chart.ts";
import { mostMarkers } from "../curves.ts";
import { type Figure, figure } from "../figure.ts";
import { short } from "../numbers.ts";
import { styleOf } from "../palette.ts";

/**
 * μ of every LC step (log), beside how far that has brought the weights to their constraint, ‖w − Δ(Θ)‖ / ‖w‖ (log). Direct
 * compression is step 0, which has no μ.
 * @param run A solution, or a run that was opened.
 * @example
 * figures.schedule(solution)
 */
export function schedule({ history }: { readonly history: readonly Progress[] }): Figure {
  const steps = history.filter(({ kind }) => kind === "step");
  const last = steps.at(-1);
  const title = "Schedule of the penalty";
  const x = {
    title: "LC step",
    scale: "linear",
    whole: true,
    include: [0, last?.steps ?? 1],
  } as const;
  const curve = (panel: number, name: string, value: (step: Progress) => number): Series => ({
    name,
    panel,
    x: steps.map(({ step }) => step),
    y: steps.map(value),
    style: { ...styleOf(panel === 0 ? 0 : 3), dash: "solid" },
    line: "straight",
    markers: steps.length <= mostMarkers,
    legend: true,
    group: name,
  });
  const chart: Chart = {
    title,
    ...(last ? { subtitle: `${last.step} of ${last.steps} LC steps` } : {}),
    panels: [
      { title: "Penalty parameter μ", x, y: { title: "μ", scale: "log" } },
      {
        title: "Distance ‖w − Δ(Θ)‖ / ‖w‖",
        x,
        y: { title: "distance", scale: "log" },
      },
    ],
    columns: 2,
    series: [curve(0, "μ", ({ mu }) => mu), curve(1, "‖w−Δ‖/‖w‖", ({ distance }) => distance)],
    summary: last
      ? `${title}: step ${last.step} of ${last.steps}, μ ${short(last.mu)}, distance ${short(last.distance)}`
      : `${title}: no LC steps`,
    table: {
      columns: ["LC step", "μ", "‖w−Δ‖/‖w‖", "learning rate"],
      rows: steps.map(({ step, mu, distance, rate }) => [step, mu, distance, rate]),
    },
    emptyText: "no LC steps",
  };
  return figure(chart);
}
