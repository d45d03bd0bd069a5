import type { MimeBundle } from "../interpreter.ts";
import { type Convention, getterOf, isInstance } from "./convention.ts";
import { gridBundle } from "./grid.ts";

/** DataFrame and Series of danfo.js, in its packages for Node and for the browser. */
export const danfo: Convention = {
  name: "danfo.js",
  of(value) {
    const getters = ["shape", "columns", "index", "dtypes", "values", "ndim"];
    if (!isInstance(value, ["head", "iloc", "print"], getters)) return undefined;
    return () => danfoBundle(value);
  },
};

function danfoBundle(frame: object): MimeBundle {
  // A column may be called "index" or "values": the getters are those of the class.
  const [rows] = getterOf(frame, "shape") as [number];
  const index = getterOf(frame, "index") as readonly unknown[];
  const columns = (getterOf(frame, "columns") as readonly unknown[]).map(String);
  const dtypes = getterOf(frame, "dtypes") as readonly string[];
  const values = getterOf(frame, "values") as readonly unknown[];
  const series = getterOf(frame, "ndim") === 1;
  return gridBundle({
    kind: series ? `Series of ${dtypes[0]}` : "DataFrame",
    columns,
    rows,
    label: (row) => index[row],
    cell: (row, column) => (series ? values[row] : (values[row] as readonly unknown[])[column]),
  });
}

/** Tables of Arquero, filtered and in the order that they have. */
export const arquero: Convention = {
  name: "Arquero",
  of(value) {
    const methods = ["numRows", "numCols", "totalRows", "columnNames", "isGrouped", "get", "reify"];
    if (!isInstance(value, methods)) return undefined;
    return () => arqueroBundle(value as ArqueroTable);
  },
};

function arqueroBundle(table: ArqueroTable): MimeBundle {
  const columns = table.columnNames();
  const groups = table.isGrouped() ? table.groups().names : [];
  return gridBundle({
    kind: "Table",
    columns,
    rows: table.numRows(),
    cell: (row, column) => table.get(columns[column], row),
    note: groups.length > 0 ? `, grouped by ${groups.join(", ")}` : undefined,
  });
}

interface ArqueroTable {
  numRows(): number;
  columnNames(): readonly string[];
  isGrouped(): boolean;
  groups(): { names: readonly string[] };
  get(name: string, row: number): unknown;
}
