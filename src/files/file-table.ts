import { type CompressionSpec, partsOf } from "../compression/contract.ts";
import { parametersOf } from "../lc/task.ts";
import { shapeOf } from "../math/matrix.ts";
import { type Column, type Table, table } from "../table/table.ts";
import { grouped } from "../text.ts";
import { codeEntropy } from "./entropy.ts";
import { type CompressedModel, type FileSize, partBytes, placeOf, sizeOfPart } from "./file.ts";

/**
 * What takes how many bytes: a row per part, the other parameters, the header and the whole file.
 * @param compared Adds what every part takes packed and with entropy coding, which codes it anew, and the entropy of its codes.
 */
export function fileTable(compressed: CompressedModel, file: FileSize, compared = false): Table {
  const { model } = compressed;
  const sizes = compared ? partSizes(compressed) : [];
  const columns = compared ? compareColumns : [];
  const none = columns.map(() => null);
  const rows: (string | number | null)[][] = [];
  let sum = 0;
  for (const [i, { layers, compression, weights, bytes, coded }] of file.parts.entries()) {
    const shapes = parametersOf(model, { layers }).map(shapeOf).join(", ");
    const more = compared ? (sizes[i] as Comparison) : [];
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
      ...columns,
    ],
    rows,
  );
}

const bitsPerCode = (x: number): string => x.toFixed(3);
const compareColumns: readonly Column[] = [
  { name: "packed bytes", format: grouped },
  { name: "entropy-coded bytes", format: grouped },
  { name: "bits per code", format: bitsPerCode },
  { name: "H per code", format: bitsPerCode },
];
type Comparison = readonly (number | null)[];

/** Of every part: bytes packed, and with entropy coding where that is smaller; bits and empirical entropy of its codes. */
function partSizes({ model, tasks, thetas }: CompressedModel): Comparison[] {
  return tasks.flatMap(({ layers, compression }) => {
    const terms = partsOf(compression);
    const theta = thetas[layers[0] as string];
    const place = placeOf(model.network, parametersOf(model, { layers }));
    return terms.map(({ spec }, i): Comparison => {
      const one = terms.length > 1 ? (theta as readonly unknown[])[i] : theta;
      const bytes = [false, true].map((entropy) =>
        sizeOfPart(partBytes(spec as CompressionSpec, one, place, entropy)),
      );
      const codes = codeEntropy(one);
      return [...bytes, codes?.bits ?? null, codes?.entropy ?? null];
    });
  });
}
