import { type CompressionSpec, partsOf } from "../compression/contract.ts";
import { parametersOf } from "../lc/task.ts";
import { shapeOf } from "../math/matrix.ts";
import { type Table, table } from "../table/table.ts";
import { grouped } from "../text.ts";
import { type CompressedModel, type FileSize, partBytes, placeOf, sizeOfPart } from "./file.ts";

/**
 * What takes how many bytes: a row per part, the other parameters, the header and the whole file.
 * @param compared Adds what every part takes packed and with entropy coding; that codes it anew.
 */
export function fileTable(compressed: CompressedModel, file: FileSize, compared = false): Table {
  const { model } = compressed;
  const sizes = compared ? partSizes(compressed) : [];
  const columns = compared ? ["packed bytes", "entropy-coded bytes"] : [];
  const none = columns.map(() => null);
  const rows: (string | number | null)[][] = [];
  let sum = 0;
  for (const [i, { layers, compression, weights, bytes, coded }] of file.parts.entries()) {
    const shapes = parametersOf(model, { layers }).map(shapeOf).join(", ");
    const { packed, coded: entropy } = sizes[i] ?? {};
    const more = compared ? [packed as number, entropy as number] : [];
    const how = coded ? "entropy-coded" : "packed";
    rows.push([
      layers.join(" + "),
      shapes,
      compression,
      how,
      bytes,
      (8 * bytes) / weights,
      ...more,
    ]);
    sum += bytes;
  }
  const rest = file.data - sum;
  if (rest > 0) rows.push(["everything else", "", "kept as float32", "float32", rest, 32, ...none]);
  rows.push(["header", "", "", "JSON", file.header, null, ...none]);
  rows.push(["whole file", "", "", "", file.bytes, null, ...none]);
  return table(
    [
      { name: "layers" },
      { name: "shape" },
      { name: "part" },
      { name: "stored" },
      { name: "bytes", format: grouped },
      { name: "bits per weight", format: (x) => x.toFixed(3) },
      ...columns.map((name) => ({ name, format: grouped })),
    ],
    rows,
  );
}

/** Bytes of every part packed, and with entropy coding where that is smaller. */
function partSizes({ model, tasks, thetas }: CompressedModel): { packed: number; coded: number }[] {
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
