import { type Displayable, displaySymbol } from "../notebook.ts";
import { escapeMarkup } from "../text.ts";
import { type Arquero, arquero, type Danfo, danfo, type Polars, polars } from "./adapters.ts";
import { csv, latex, markdown } from "./formats.ts";
import { parquet } from "./parquet.ts";

/** A cell: numbers are shown as given by `format` of their column. */
export type Cell = string | number | boolean | null;

export interface Column {
  readonly name: string;
  /** How numbers are written; default: at most 6 significant digits. */
  readonly format?: (value: number) => string;
}

/** A small typed table that shows itself in notebooks and prints itself as text. */
export interface Table extends Displayable {
  readonly columns: readonly Column[];
  readonly rows: readonly (readonly Cell[])[];
  toText(): string;
  toHTML(): string;
  /** Comma-separated, numbers in full; null is an empty field, in a table of one column `""`. */
  toCSV(): string;
  /** For GitHub and reports; cells as they are shown, as in `toLatex`. */
  toMarkdown(): string;
  /** A `tabular` for the booktabs package. */
  toLatex(): string;
  /** An object per row. */
  toRecords(): Record<string, Cell>[];
  /** An Apache Parquet file. Columns of several types become text, as in the three below. */
  toParquet(): Promise<Uint8Array>;
  /** A DataFrame of the user's `danfojs-node`, its numbers in float32 columns by name only. */
  toDanfo<Frame>(dfd: Danfo<Frame>): Frame;
  /** A DataFrame of the user's `nodejs-polars`. */
  toPolars<Frame>(pl: Polars<Frame>): Frame;
  /** A table of the user's `arquero`. */
  toArquero<Frame>(aq: Arquero<Frame>): Frame;
}

/** @example table([{ name: "n" }], [[1]]).toText()   //=> "n\n1" */
export function table(columns: readonly Column[], rows: readonly (readonly Cell[])[]): Table {
  const text = (cell: Cell, column: Column): string => {
    if (cell === null) return "–";
    if (typeof cell === "boolean") return cell ? "yes" : "no";
    if (typeof cell === "string") return cell;
    return (column.format ?? ((x) => String(Number(x.toPrecision(6)))))(cell);
  };
  const shown = (): string[][] =>
    rows.map((row) => row.map((cell, j) => text(cell, columns[j] as Column)));
  const right = columns.map((_, j) => rows.some((row) => typeof row[j] === "number"));
  const all = () => ({ names: columns.map(({ name }) => name), rows: shown(), right });
  const grid = { columns, rows };
  const self: Table = {
    columns,
    rows,
    toCSV: () => csv(grid),
    toMarkdown: () => markdown(all()),
    toLatex: () => latex(all()),
    toRecords: () =>
      rows.map((row) =>
        Object.fromEntries(columns.map(({ name }, j) => [name, row[j] as Cell] as const)),
      ),
    toParquet: () => parquet(grid),
    toDanfo: (dfd) => danfo(dfd, grid),
    toPolars: (pl) => polars(pl, grid),
    toArquero: (aq) => arquero(aq, grid),
    toText() {
      const all = [columns.map(({ name }) => name), ...shown()];
      const widths = columns.map((_, j) =>
        Math.max(...all.map((row) => [...(row[j] as string)].length)),
      );
      const line = (row: string[]): string =>
        row
          .map((cell, j) => {
            const gap = " ".repeat((widths[j] as number) - [...cell].length);
            return right[j] ? gap + cell : cell + gap;
          })
          .join("  ")
          .trimEnd();
      return all.map(line).join("\n");
    },
    toHTML() {
      const align = (j: number): string => `style="text-align:${right[j] ? "right" : "left"}"`;
      const head = columns
        .map(({ name }, j) => `<th ${align(j)}>${escapeMarkup(name)}</th>`)
        .join("");
      const body = shown()
        .map(
          (row) =>
            `<tr>${row.map((cell, j) => `<td ${align(j)}>${escapeMarkup(cell)}</td>`).join("")}</tr>`,
        )
        .join("");
      return `<table><thead><tr>${head}</tr></thead><tbody>${body}</tbody></table>`;
    },
    [displaySymbol]: () => ({
      "text/plain": self.toText(),
      "text/html": self.toHTML(),
    }),
  };
  return Object.freeze(self);
}
