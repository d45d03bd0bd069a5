import { type CompressionSpec, partsOf } from "../compression/contract.ts";
import { shapeOf } from "../math/matrix.ts";
import { parametersOf } from "../lc/task.ts";
import { type Table, table } from "../table/table.ts";
import { grouped } from "../text.ts";
import { type CompressedModel, type FileSize, partBytes, placeOf, sizeOfPart } from "./file.ts";

/** What takes how many bytes: a row per part, the other parameters, the header and the whole file. */
export function fileTable({ model, tasks }: CompressedModel, file: FileSize): Table {
  const rows: (string | number | null)[][] = [];
  let compressed = 0;
  let next = 0;
  for (const { layers, compression } of tasks) {
    const parameters = parametersOf(model, { layers });
    for (const { name } of partsOf(compression)) {
      const { bytes, coded, weights } = file.parts[next++] as FileSize["parts"][number];
      const shapes = parameters.map(shapeOf).join(", ");
      const how = coded ? "arithmetic" : "packed";
      rows.push([layers.join(" + "), shapes, name, how, bytes, (8 * bytes) / weights]);
      compressed += bytes;
    }
  }
  const rest = file.data - compressed;
  if (rest > 0) rows.push(["everything else", "", "kept as float32", "float32", rest, 32]);
  rows.push(["header", "", "", "JSON", file.header, null], ["file", "", "", "", file.bytes, null]);
  return table(
    [
      { name: "layers" },
      { name: "shape" },
      { name: "part" },
      { name: "stored" },
      { name: "bytes", format: grouped },
      { name: "bits per weight", format: (x) => x.toFixed(3) },
    ],
    rows,
  );
}

/** Bytes of every part packed, and coded arithmetically where that is smaller. */
export function partSizes({ model, tasks, thetas }: CompressedModel): { packed: number; coded: number }[] {
  return tasks.flatMap(({ layers, compression }) => {
    const terms = partsOf(compression);
    const theta = thetas[layers[0] as string];
    const place = placeOf(model.network, parametersOf(model, { layers }));
    return terms.map(({ spec }, i) => {
      const one = terms.length > 1 ? (theta as readonly unknown[])[i] : theta;
      const [packed, coded] = [false, true].map((entropy) =>
        sizeOfPart(partBytes(spec as CompressionSpec, one, place, entropy)),
      ) as [number, number];
      return { packed, coded };
    });
  });
}
