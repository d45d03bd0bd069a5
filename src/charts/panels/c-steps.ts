import type { CStepSummary, Solution } from "../../lc/solution.ts";
import type { Chart, Series } from "../chart.ts";
import { type Figure, figure } from "../figure.ts";
import { short } from "../numbers.ts";
import { styleOf } from "../palette.ts";
import { type Chosen, choose } from "./chosen.ts";

/**
 * How alternation found θ in the last C step: the objective after each sweep, a curve for every order of the parts and every start,
 * the best one thick. Compressions that are solved without alternation have nothing to show, nor has a resumed run that had no step left.
 * @param options `layers`: of which tasks; default: the first six.
 * @example
 * figures.cSteps(await plan.direct())
 */
export function cSteps({ cSteps: all }: Pick<Solution, "cSteps">, options: Chosen = {}): Figure {
  const { shown, subtitle } = choose(
    all.filter(({ trace }) => trace !== undefined),
    options,
    "figures.cSteps",
  );
  const orders: string[] = [];
  const series = shown.flatMap((step, panel) => traces(step, panel, orders));
  const title = "C steps by alternation";
  const chart: Chart = {
    title,
    ...(shown.length > 0
      ? { subtitle: `Markers: the best; dotted: random starts${subtitle ? `. ${subtitle}` : ""}` }
      : {}),
    panels:
      shown.length === 0
        ? [
            {
              x: { title: "sweep", scale: "linear", whole: true },
              y: { title: "objective", scale: "log" },
            },
          ]
        : shown.map(({ layers, compression }) => ({
            title: `${layers.join(" + ")}: ${compression}`,
            x: { title: "sweep", scale: "linear", whole: true, include: [0] },
            y: { title: "objective Σ h (w − Δ)²", scale: "log" },
          })),
    columns: shown.length > 1 ? 2 : 1,
    series,
    summary: `${title}: ${shown.length === 0 ? "none" : shown.map((step) => `${step.layers.join(" + ")} ${short(least(step))} from ${step.trace?.length} starts`).join("; ")}`,
    table: {
      columns: ["layers", "order", "start", "sweeps", "objective"],
      rows: shown.flatMap((step) =>
        (step.trace ?? []).map(({ order, start, objective }) => [
          ...[step.layers.join(" + "), orderName(step, order), String(start)],
          ...[objective.length, objective.at(-1) ?? Number.NaN],
        ]),
      ),
    },
    emptyText: "no C step was solved by alternation",
  };
  return figure(chart);
}

function traces(step: CStepSummary, panel: number, orders: string[]): Series[] {
  const all = step.trace ?? [];
  const best = all.findIndex(({ objective }) => objective.at(-1) === least(step));
  return all.map(({ order, start, objective }, i): Series => {
    const name = orderName(step, order);
    const isNew = !orders.includes(name);
    if (isNew) orders.push(name);
    const style = styleOf(orders.indexOf(name));
    // A warm start has its objective before the first sweep too.
    const first = start === "warm" ? 0 : 1;
    const from = typeof start === "number" ? `random start ${start}` : `${start} start`;
    return {
      name,
      panel,
      x: objective.map((_, k) => first + k),
      y: objective,
      hover: objective.map(
        (value, k) => `${name}, ${from}\nafter sweep ${first + k}: ${short(value)}`,
      ),
      style: { ...style, dash: typeof start === "number" ? "dot" : "solid" },
      line: "straight",
      markers: i === best,
      width: i === best ? 3 : 1.5,
      legend: isNew,
      group: name,
    };
  });
}

function least({ trace = [] }: CStepSummary): number {
  return trace.reduce(
    (a, { objective }) => Math.min(a, objective.at(-1) ?? a),
    Number.POSITIVE_INFINITY,
  );
}

/** "quantize → prune": what is solved for first, and then. */
function orderName({ parts }: CStepSummary, order: readonly number[]): string {
  return order.map((i) => (parts[i] ?? `part ${i + 1}`).replace(/\(.*/s, "")).join(" → ");
}
