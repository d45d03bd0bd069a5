import type { Solution, StorageRow } from "../../lc/solution.ts";
import type { Chart, Panel, Series } from "../chart.ts";
import { type Figure, figure } from "../figure.ts";
import { short } from "../numbers.ts";
import { grey, type Style, styleOf } from "../palette.ts";
import { nameWidth, rowHeightFor, rowTicks } from "./rows.ts";

/**
 * Storage of each layer as a stacked bar, a part of its compression above the other, beside what it took as float32; each panel in a
 * unit of its own, the ratio at the bar.
 * @example
 * figures.storage(solution)
 */
export function storage({
  storage: rows,
  ratio,
  model,
}: Pick<Solution, "storage" | "ratio" | "model">): Figure {
  const before = rows.map((row) => row.before / 8);
  const after = rows.map((row) => bitsOf(row) / 8);
  const [from, to] = [unitOf(before), unitOf(after)];
  const [all, left] = [sum(before), sum(after)];
  const names = rows.map(nameOf);
  const ticks = rowTicks(names);
  const title = `${model.network.name}: ${rows.length === 0 ? "nothing is compressed" : `${size(all)} → ${size(left)}, ${short(ratio)} × smaller`}`;
  // As bars, so the ratios need a line of text each.
  const labelled = ticks.length === rows.length;
  const panel = (what: string, { unit, scale }: Unit, values: readonly number[]): Panel => ({
    title: what,
    // Room for the ratio at the longest bar.
    x: { title: unit, scale: "linear", include: [0, 1.12 * Math.max(...values, 1) * scale] },
    y: { title: "", scale: "linear", ticks },
  });
  const kinds = [...new Set(rows.flatMap(({ parts }) => parts.map(({ name }) => kindOf(name))))];
  const chart: Chart = {
    title,
    panels: [
      panel(`Reference, float32: ${size(all)}`, from, before),
      {
        ...panel(`Compressed: ${size(left)}`, to, after),
        y: { title: "", scale: "linear", ticks: [] },
      },
    ],
    columns: 2,
    series: [
      {
        ...bars("reference", 0, plain),
        ...boxes(before.map((bytes, i) => ({ row: i, from: 0, to: bytes * from.scale }))),
        hover: before.map((bytes, i) => `${names[i]}: ${size(bytes)} as float32`),
        legend: false,
      },
      ...kinds.map((kind): Series => {
        const found = stacked(rows, kind);
        return {
          ...bars(kind, 1, kind === "uncompressed" ? plain : styleOf(kinds.indexOf(kind))),
          ...boxes(found.map((b) => ({ ...b, from: b.from * to.scale, to: b.to * to.scale }))),
          hover: found.map((b) => `${names[b.row]}, ${b.name}: ${size(b.to - b.from)}`),
        };
      }),
      {
        ...bars("ratio", 1, plain),
        x: after.map((bytes) => bytes * to.scale),
        y: rows.map((_, i) => 0 - i),
        labels: rows.map((row) => (labelled ? `${short(row.before / bitsOf(row))} ×` : "")),
        labelPlaces: rows.map(() => "right" as const),
        legend: false,
      },
    ],
    summary: `${title}: ${rows.map((_, i) => `${names[i]} ${size(before[i] as number)} → ${size(after[i] as number)}`).join("; ")}`,
    table: {
      columns: ["layers", "part", "bytes", "bytes as float32"],
      rows: rows.flatMap((row, i) =>
        row.parts.map(({ name, bits }) => [names[i] as string, name, bits / 8, row.before / 8]),
      ),
    },
    emptyText: "nothing is compressed",
    rowHeight: rowHeightFor(rows.length),
    left: nameWidth(names),
  };
  return figure(chart);
}

const plain: Style = { color: grey, marker: "square", dash: "solid" };

function bars(
  name: string,
  panel: number,
  style: Style,
): Pick<Series, "name" | "panel" | "style" | "line" | "markers" | "legend" | "group"> {
  return { name, panel, style, line: "none", markers: false, legend: true, group: name };
}

interface Bar {
  readonly row: number;
  readonly from: number;
  readonly to: number;
}

function boxes(all: readonly Bar[]): Pick<Series, "x" | "y" | "boxes"> {
  return {
    x: all.map(({ from }) => from),
    y: all.map(({ row }) => -row - 0.36),
    boxes: { x: all.map(({ to }) => to), y: all.map(({ row }) => -row + 0.36) },
  };
}

/** The parts of one kind in bytes, each upon the parts before it. */
function stacked(rows: readonly StorageRow[], kind: string): (Bar & { readonly name: string })[] {
  return rows.flatMap(({ parts }, row) => {
    let at = 0;
    return parts.flatMap(({ name, bits }) => {
      const [from, to] = [at, at + bits / 8];
      at = to;
      return kindOf(name) === kind ? [{ row, from, to, name }] : [];
    });
  });
}

/** "quantize" of "quantize(K = 2)": one colour for all. */
function kindOf(name: string): string {
  return name.replace(/\(.*/s, "");
}

function nameOf({ layers }: StorageRow): string {
  return layers.length === 0 ? "everything else" : layers.join(" + ");
}

function bitsOf({ parts }: StorageRow): number {
  return parts.reduce((total, { bits }) => total + bits, 0);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}

interface Unit {
  readonly unit: string;
  /** Units a byte. */
  readonly scale: number;
}

function unitOf(bytes: readonly number[]): Unit {
  const largest = Math.max(...bytes, 0);
  if (largest >= 1e6) return { unit: "MB", scale: 1e-6 };
  if (largest >= 1e3) return { unit: "kB", scale: 1e-3 };
  return { unit: "bytes", scale: 1 };
}

function size(bytes: number): string {
  const { unit, scale } = unitOf([bytes]);
  return `${short(bytes * scale)} ${unit}`;
}
