import type { Progress } from "../../lc/progress.ts";
import type { WeightSummary } from "../../lc/weight-summary.ts";
import type { Chart, Series } from "../chart.ts";
import { type Figure, figure } from "../figure.ts";
import { short } from "../numbers.ts";
import { grey, styleOf } from "../palette.ts";
import { type Chosen, choose } from "./chosen.ts";

/** Most columns of a histogram; of longer runs every second step, or third, … is drawn. */
const COLUMNS = 60;
/** Bins of the drawn histogram. */
const ROWS = 48;
/** Shades of grey, the strongest for the fullest bin of a panel. */
const SHADES = 6;

interface Column {
  readonly step: number;
  readonly summary: WeightSummary;
}

/**
 * The weights of each task over the LC steps: their histogram in shades of grey, the strongest for the most, a column per step, and on it the codebook entries of
 * each part that has at most 32 values. Step 0 is direct compression.
 * @param run A solution, or a run that was opened.
 * @param options `layers`: of which tasks; default: the first six.
 * @example
 * figures.weights(solution, { layers: ["fc1"] })
 */
export function weights(
  { history }: { readonly history: readonly Progress[] },
  options: Chosen = {},
): Figure {
  const steps = history.filter((record) => record.weights !== undefined);
  const { shown, subtitle } = choose(steps[0]?.weights ?? [], options, "figures.weights");
  const columns = (layers: readonly string[]): Column[] =>
    steps.flatMap(({ step, weights: all = [] }) =>
      all
        .filter((one) => one.layers.join() === layers.join())
        .map((summary) => ({ step, summary })),
    );
  const parts: string[] = [];
  const title = "Weights and codebooks";
  const before = history.some(({ kind }) => kind === "step");
  const nothing = before ? "this run was recorded without its weights" : "no LC steps";
  const newest = shown.map(({ layers }) => columns(layers).at(-1) as Column);
  const chart: Chart = {
    title,
    ...(subtitle ? { subtitle } : {}),
    panels:
      shown.length === 0
        ? [
            {
              x: { title: "LC step", scale: "linear", whole: true },
              y: { title: "weight", scale: "linear" },
            },
          ]
        : shown.map(({ layers }) => ({
            title: layers.join(" + "),
            x: { title: "LC step", scale: "linear", whole: true },
            y: { title: "weight", scale: "linear" },
          })),
    columns: shown.length > 1 ? 2 : 1,
    series: shown.flatMap(({ layers }, panel) => [
      ...histogram(thinned(columns(layers)), panel),
      ...codebooks(columns(layers), panel, parts),
    ]),
    summary: `${title}: ${newest.length === 0 ? nothing : newest.map(({ summary }) => lastLine(summary)).join("; ")}`,
    table: {
      columns: ["layers", "LC step", "part", "codebook entries"],
      rows: shown.flatMap(({ layers }) =>
        columns(layers).flatMap(({ step, summary }) =>
          summary.codebooks.map(({ part, values }) => [
            ...[layers.join(" + "), step, part],
            values.map(short).join(", "),
          ]),
        ),
      ),
    },
    emptyText: nothing,
    rowHeight: 320,
  };
  return figure(chart);
}

function lastLine({ layers, codebooks: all }: WeightSummary): string {
  const entries = all.map(({ part, values }) => `${part} ${values.map(short).join(" ")}`);
  return `${layers.join(" + ")}: ${entries.length > 0 ? entries.join(", ") : "no codebook"}`;
}

function thinned(columns: readonly Column[]): readonly Column[] {
  const every = Math.ceil(columns.length / COLUMNS);
  // Counted from the end: the last state is there.
  return columns.filter((_, i) => (columns.length - 1 - i) % every === 0);
}

/** One series for each shade, so that a drawing is a few paths. */
function histogram(columns: readonly Column[], panel: number): Series[] {
  const finite = columns.filter(({ summary: { low, high } }) => Number.isFinite(high - low));
  const low = finite.reduce((a, { summary }) => Math.min(a, summary.low), Number.POSITIVE_INFINITY);
  const high = finite.reduce(
    (a, { summary }) => Math.max(a, summary.high),
    Number.NEGATIVE_INFINITY,
  );
  if (!(high >= low)) return [];
  // All weights equal in every step: a bin around their value.
  const pad = high > low ? 0 : Math.max(Math.abs(low) * 0.01, 1e-6);
  const [from, size] = [low - pad, (high - low + 2 * pad) / ROWS];
  const density = finite.map(({ summary }) => spread(summary, from, size));
  const fullest = density.flat().reduce((a, b) => Math.max(a, b), 0);
  const wide = finite[1] && finite[0] ? finite[1].step - finite[0].step : 1;
  return Array.from({ length: SHADES }, (_, shade): Series => {
    const cells = density.flatMap((column, c) =>
      column.flatMap((value, r) => {
        // By the root: what is rare can be seen too.
        const share = value / fullest;
        // Bins that only rounding reaches have none.
        const own = share > 1e-9 ? Math.ceil(SHADES * Math.sqrt(share) - 1e-9) - 1 : -1;
        return own === shade ? [{ step: finite[c]?.step ?? 0, bottom: from + r * size }] : [];
      }),
    );
    return {
      name: "weights w (stronger: more)",
      panel,
      x: cells.map(({ step }) => step - wide / 2),
      y: cells.map(({ bottom }) => bottom),
      boxes: {
        x: cells.map(({ step }) => step + wide / 2),
        y: cells.map(({ bottom }) => bottom + size),
      },
      opacity: Math.round((80 * (shade + 1)) / SHADES) / 100,
      style: { color: grey, marker: "square", dash: "solid" },
      line: "none",
      markers: false,
      legend: panel === 0 && shade === SHADES - 3,
      group: "weights",
    };
  });
}

/** The counts of a step's own bins on common bins, as if they were spread evenly within each. */
function spread({ low, high, counts }: WeightSummary, from: number, size: number): number[] {
  const rows = new Array<number>(ROWS).fill(0);
  const own = (high - low) / counts.length;
  counts.forEach((count, i) => {
    const [bottom, top] = [low + i * own, low + (i + 1) * own];
    const first = Math.max(0, Math.min(ROWS - 1, Math.floor((bottom - from) / size)));
    const last = Math.max(0, Math.min(ROWS - 1, Math.floor((top - from) / size)));
    for (let r = first; r <= last; r++) {
      const overlap = Math.min(top, from + (r + 1) * size) - Math.max(bottom, from + r * size);
      const share = own > 0 ? Math.max(0, overlap) / own : 1 / (last - first + 1);
      rows[r] = (rows[r] as number) + count * share;
    }
  });
  return rows;
}

/**
 * Ascending codebooks as columns of equal length. A step in which an entry has no weights lacks it: its values go to those of the
 * fullest step before it (or behind it) that are nearest in all, in their order; the others are NaN.
 */
function aligned(books: readonly (readonly number[])[]): (readonly number[])[] {
  const entries = Math.max(0, ...books.map(({ length }) => length));
  let full = books.find(({ length }) => length === entries) ?? [];
  return books.map((values) => {
    if (values.length === entries) {
      full = values;
      return values;
    }
    return spreadOver(values, full);
  });
}

/** Each of `values` beside one of the more of `full`, both ascending, with the least sum of distances. */
function spreadOver(values: readonly number[], full: readonly number[]): number[] {
  // best[i][k]: the least sum with the first i values among the first k entries.
  const best = Array.from({ length: values.length + 1 }, (_, i) =>
    new Array<number>(full.length + 1).fill(i === 0 ? 0 : Number.POSITIVE_INFINITY),
  );
  const at = (i: number, k: number): number => best[i]?.[k] as number;
  const taken = (i: number, k: number): number =>
    at(i - 1, k - 1) + Math.abs((values[i - 1] as number) - (full[k - 1] as number));
  for (let i = 1; i <= values.length; i++) {
    for (let k = i; k <= full.length; k++) {
      (best[i] as number[])[k] = Math.min(at(i, k - 1), taken(i, k));
    }
  }
  const spread = new Array<number>(full.length).fill(Number.NaN);
  for (let [i, k] = [values.length, full.length]; i > 0 && k > 0; k--) {
    if (at(i, k) === at(i, k - 1)) continue;
    spread[k - 1] = values[--i] as number;
  }
  return spread;
}

/** A line for every entry over the steps. */
function codebooks(columns: readonly Column[], panel: number, parts: string[]): Series[] {
  const names = [
    ...new Set(columns.flatMap(({ summary }) => summary.codebooks.map((b) => b.part))),
  ];
  return names.flatMap((part) => {
    const isNew = !parts.includes(part);
    if (isNew) parts.push(part);
    const style = styleOf(parts.indexOf(part) + 1);
    const values = aligned(
      columns.map(
        ({ summary }) => summary.codebooks.find((book) => book.part === part)?.values ?? [],
      ),
    );
    const entries = values[0]?.length ?? 0;
    return Array.from(
      { length: entries },
      (_, k): Series => ({
        name: `entries of ${part}`,
        panel,
        x: columns.map(({ step }) => step),
        y: values.map((all) => all[k] ?? Number.NaN),
        hover: columns.map(
          ({ step }, c) =>
            `${part}, entry ${k + 1}\nLC step ${step}: ${short(values[c]?.[k] ?? Number.NaN)}`,
        ),
        style,
        line: "straight",
        markers: false,
        width: entries > 8 ? 1 : 2,
        legend: isNew && k === 0,
        group: part,
      }),
    );
  });
}
