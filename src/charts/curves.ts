/** Collects the records of a run into the curves of its panels. */
import type { Progress } from "../lc/progress.ts";
import type { Axis, Chart, NumbersTable, Series } from "./chart.ts";
import { decimate } from "./decimate.ts";
import { short } from "./numbers.ts";
import type { Style } from "./palette.ts";
import { isTraining, statusLine } from "./status.ts";

/** One curve of a panel: what it takes of each record; undefined takes nothing. */
export interface Curve {
  readonly name: string;
  readonly style: Style;
  readonly markers: boolean;
  value(record: Progress): number | undefined;
}

/** A panel of the live figure. */
export interface LivePanel {
  readonly title: string;
  readonly y: Axis;
  readonly curves: readonly Curve[];
}

/** Most points that a curve is drawn with. */
const mostPoints = 500;

/** Most points that a curve has markers at. */
export const mostMarkers = 60;

/** A run's curves so far. */
export interface Curves {
  add(record: Progress): void;
  /** `status` replaces the line that says how far the run is. */
  chart(status?: string): Chart;
}

export function curves(panels: readonly LivePanel[]): Curves {
  const lines = panels.flatMap((panel, index) =>
    panel.curves.map((curve) => ({ curve, panel: index, x: [] as number[], y: [] as number[] })),
  );
  const steps: Progress[] = [];
  let newest: Progress | undefined;
  // A resumed run counts its seconds anew, its epochs not.
  let epochsBefore = 0;
  return {
    add(record) {
      if (!newest) epochsBefore = record.epochsDone - (record.kind === "epoch" ? 1 : 0);
      newest = record;
      if (record.kind === "step" || isTraining(record)) steps.push(record);
      for (const { curve, x, y } of lines) {
        const value = curve.value(record);
        if (value === undefined) continue;
        // The step's record repeats what its last epoch said, unless the C step changed it.
        if (x.at(-1) === record.epochsDone && Object.is(y.at(-1), value)) continue;
        x.push(record.epochsDone);
        y.push(value);
      }
    },
    chart(status) {
      const last = lines
        .filter(({ y }) => y.length > 0)
        .map(({ curve, y }) => `${curve.name} ${short(y.at(-1) ?? Number.NaN)}`);
      const line = status ?? (newest ? statusLine(newest, epochsBefore) : "starting");
      const training = isTraining(newest);
      const title = training ? "Training" : "LC run";
      return {
        title,
        subtitle: line,
        panels: panels.map(({ title, y }, i) => ({
          title,
          x: {
            title: i + 2 >= panels.length ? "epochs" : "",
            scale: "linear",
            whole: true,
            include: [0, newest?.epochsTotal ?? 1],
          },
          y,
        })),
        columns: panels.length === 1 ? 1 : 2,
        series: lines.map(({ curve, panel, x, y }): Series => {
          const kept = decimate(y, mostPoints);
          return {
            name: curve.name,
            panel,
            x: kept.map((i) => x[i] ?? Number.NaN),
            y: kept.map((i) => y[i] ?? Number.NaN),
            style: curve.style,
            line: "straight",
            // More would be a band.
            markers: curve.markers && kept.length <= mostMarkers,
            legend: x.length > 0,
            group: curve.name,
          };
        }),
        summary: `${title}, ${[line, last.join(", ")].filter((part) => part !== "").join(": ")}`,
        table: training ? epochsTable(steps) : stepsTable(steps),
        emptyText: "no values yet",
        rowHeight: 250,
      };
    },
  };
}

function epochsTable(epochs: readonly Progress[]): NumbersTable {
  return {
    columns: ["epoch", "rate", "L(w)", "test error %"],
    rows: epochs.map((e) => [e.epoch, e.rate, e.loss, e.testError ?? Number.NaN]),
  };
}

function stepsTable(steps: readonly Progress[]): NumbersTable {
  return {
    columns: ["LC step", "μ", "L(w)", "‖w−Δ‖/‖w‖", "L(Δ(Θ))", "test error %", "ρ"],
    rows: steps.map((s) => [
      s.step,
      s.mu,
      s.loss,
      s.distance,
      s.trainLoss ?? Number.NaN,
      s.testError ?? Number.NaN,
      s.ratio ?? Number.NaN,
    ]),
  };
}
