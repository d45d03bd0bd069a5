import { inspect } from "node:util";
import { escapeHtml } from "../html.ts";
import type { MimeBundle } from "../interpreter.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Array, Date, JSON, Number, String, Math } = globalThis;

/** A table of data, however large; only what is shown of it is read. */
export interface Grid {
  /** What it is, such as `DataFrame`. */
  kind: string;
  columns: readonly string[];
  /** Number of rows. */
  rows: number;
  /** Name of a row, if the rows have names. */
  label?: ((row: number) => unknown) | undefined;
  cell(row: number, column: number): unknown;
  /** More to say about the whole, such as how it is grouped. */
  note?: string | undefined;
}

const mostRows = 20;
const mostColumns = 20;
const mostCharacters = 100;

/** The first rows and columns as an HTML table and as text, with the shape below and how much is left out. */
export function gridBundle(grid: Grid): MimeBundle {
  const rows = Array.from({ length: Math.min(grid.rows, mostRows) }, (_, i) => i);
  const columns = grid.columns.slice(0, mostColumns);
  const values = rows.map((row) => columns.map((_, column) => grid.cell(row, column)));
  const right = columns.map((_, j) => values.some((row) => isNumber(row[j])));
  const labels = grid.label && rows.map((row) => text(grid.label?.(row)));
  const head = columns.map(text);
  const body = values.map((row) => row.map(text));
  const counts = {
    rows: grid.rows - rows.length,
    columns: grid.columns.length - columns.length,
  };
  const shape = `${grid.kind}: ${count(grid.rows, "row")} × ${count(grid.columns.length, "column")}${grid.note ?? ""}`;
  const shown = {
    head,
    body,
    labels,
    right,
    moreRows: more(counts.rows, "row"),
    moreColumns: more(counts.columns, "column"),
    shape,
  };
  return { "text/plain": asText(shown), "text/html": asHtml(shown) };
}

interface Shown {
  head: string[];
  body: string[][];
  labels: string[] | undefined;
  /** Columns of numbers stand at the right. */
  right: boolean[];
  moreRows: string;
  moreColumns: string;
  shape: string;
}

function asText({ head, body, labels, right, moreRows, moreColumns, shape }: Shown): string {
  const ends = (end: string) => (moreColumns === "" ? [] : [end]);
  const lines = [
    [...(labels ? [""] : []), ...head, ...ends(moreColumns)],
    ...body.map((row, i) => [...(labels ? [labels[i]] : []), ...row, ...ends("…")]),
  ];
  const atRight = [...(labels ? [false] : []), ...right, false];
  const widths = lines[0].map((_, j) => Math.max(...lines.map((line) => width(line[j]))));
  const aligned = lines.map((line) =>
    line
      .map((cell, j) => {
        const gap = " ".repeat(widths[j] - width(cell));
        return atRight[j] ? gap + cell : cell + gap;
      })
      .join("  ")
      .trimEnd(),
  );
  return [...aligned, ...(moreRows === "" ? [] : [moreRows]), shape].join("\n");
}

/** Without colours and sizes, so that it follows the theme of the page. */
function asHtml({ head, body, labels, right, moreRows, moreColumns, shape }: Shown): string {
  const align = (j: number) => ` style="text-align:${right[j] ? "right" : "left"}"`;
  const ends = (tag: string, end: string) => (moreColumns === "" ? "" : `<${tag}>${end}</${tag}>`);
  const headCells = head.map((name, j) => `<th${align(j)}>${escapeHtml(name)}</th>`).join("");
  const rows = body.map((row, i) => {
    const label = labels ? `<th>${escapeHtml(labels[i])}</th>` : "";
    const cells = row.map((cell, j) => `<td${align(j)}>${escapeHtml(cell)}</td>`).join("");
    return `<tr>${label}${cells}${ends("td", "…")}</tr>`;
  });
  const span = head.length + (labels ? 1 : 0) + (moreColumns === "" ? 0 : 1);
  if (moreRows !== "")
    rows.push(`<tr><td colspan="${span}" style="text-align:left">${moreRows}</td></tr>`);
  return [
    `<table><thead><tr>${labels ? "<th></th>" : ""}${headCells}${ends("th", moreColumns)}</tr></thead>`,
    `<tbody>${rows.join("\n")}</tbody></table>`,
    `<p>${escapeHtml(shape)}</p>`,
  ].join("\n");
}

const count = (n: number, what: string) =>
  `${n.toLocaleString("en-US")} ${what}${n === 1 ? "" : "s"}`;

const more = (n: number, what: string) => (n <= 0 ? "" : `… ${count(n, `more ${what}`)}`);

const width = (cell: string) => [...cell].length;

const isNumber = (value: unknown) => typeof value === "number" || typeof value === "bigint";

/** A value on one line of at most 100 characters. */
function text(value: unknown): string {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: these would break the line
  const line = written(value).replace(/[\u0000-\u001f]/g, (c) => JSON.stringify(c).slice(1, -1));
  const start = [...line.slice(0, 2 * mostCharacters + 2)]; // two UTF-16 units may be one character
  return start.length > mostCharacters ? `${start.slice(0, mostCharacters - 1).join("")}…` : line;
}

/** Fractions have 7 significant digits, so that a 32-bit 0.1 is 0.1. */
function written(value: unknown): string {
  if (typeof value === "number" && !Number.isInteger(value))
    return String(Number(value.toPrecision(7)));
  if (value instanceof Date && !Number.isNaN(value.getTime())) return value.toISOString();
  if (typeof value === "object" && value !== null)
    return inspect(value, { depth: 1, breakLength: Infinity, maxArrayLength: 10 });
  return String(value);
}
