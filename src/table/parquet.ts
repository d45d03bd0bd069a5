import { kindOf, valuesOf } from "./adapters.ts";
import type { Grid } from "./formats.ts";

const types = { number: "DOUBLE", boolean: "BOOLEAN", string: "STRING", mixed: "STRING" } as const;

/** An Apache Parquet file: float64, boolean and text columns, null where a cell is; NaN and infinities stay. */
export async function parquet(grid: Grid): Promise<Uint8Array> {
  const { parquetWriteBuffer } = await import("hyparquet-writer");
  const columnData = grid.columns.map(({ name }, j) => ({
    ...{ name, data: valuesOf(grid, j), type: types[kindOf(grid, j)], nullable: true },
  }));
  return new Uint8Array(parquetWriteBuffer({ columnData }));
}
