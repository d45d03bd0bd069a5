import type { Grid } from "./formats.ts";
import type { Cell } from "./table.ts";

/** What is used of danfojs-node. */
export interface Danfo<Frame> {
  readonly DataFrame: new (
    rows: unknown[][],
    options: { readonly columns: string[]; readonly dtypes?: string[] },
  ) => Frame;
}

/** What is used of nodejs-polars. */
export interface Polars<Frame> {
  DataFrame(
    columns: Record<string, unknown>,
    options?: { readonly schema?: Record<string, unknown> },
  ): Frame;
  readonly Float64: unknown;
  readonly Utf8: unknown;
  readonly Bool: unknown;
}

/** What is used of arquero. */
export interface Arquero<Frame> {
  table(columns: Record<string, unknown[]>, names?: string[]): Frame;
}

/** Kind of a column's values; "mixed" where there is more than one, "string" where there is none. */
export type Kind = "number" | "string" | "boolean" | "mixed";

export function kindOf({ rows }: Grid, column: number): Kind {
  const kinds = new Set(
    rows.map((row) => row[column] as Cell).flatMap((cell) => (cell === null ? [] : [typeof cell])),
  );
  const [only = "string", ...more] = kinds;
  return more.length > 0 ? "mixed" : (only as Kind);
}

/** Values of a column; of a mixed one as text. */
export function valuesOf(grid: Grid, column: number): Cell[] {
  const mixed = kindOf(grid, column) === "mixed";
  return grid.rows.map((row) => {
    const cell = row[column] as Cell;
    return mixed && cell !== null ? String(cell) : cell;
  });
}

export function danfo<Frame>({ DataFrame }: Danfo<Frame>, grid: Grid): Frame {
  const columns = grid.columns.map((_, j) => valuesOf(grid, j));
  const dtypes = grid.columns.map((_, j) => {
    const kind = kindOf(grid, j);
    return kind === "number" ? "float32" : kind === "boolean" ? "boolean" : "string";
  });
  const rows = grid.rows.map((_, i) => columns.map((values) => values[i]));
  return new DataFrame(rows, { columns: grid.columns.map(({ name }) => name), dtypes });
}

export function polars<Frame>(pl: Polars<Frame>, grid: Grid): Frame {
  const types = { number: pl.Float64, boolean: pl.Bool, string: pl.Utf8, mixed: pl.Utf8 };
  const schema: Record<string, unknown> = {};
  const columns: Record<string, unknown> = {};
  for (const [j, { name }] of grid.columns.entries()) {
    columns[name] = valuesOf(grid, j);
    schema[name] = types[kindOf(grid, j)];
  }
  return pl.DataFrame(columns, { schema });
}

export function arquero<Frame>(aq: Arquero<Frame>, grid: Grid): Frame {
  const names = grid.columns.map(({ name }) => name);
  const columns = Object.fromEntries(names.map((name, j) => [name, valuesOf(grid, j)]));
  return aq.table(columns, names);
}
