import { writeDurably } from "../runs/durable.ts";
import type { CompressedModel } from "./file.ts";
import { saveNpz } from "./npz.ts";
import { exportOnnx } from "./onnx.ts";
import { writeSafetensors } from "./safetensors.ts";
import { save } from "./save.ts";
import type { Source } from "./source.ts";
import type { Tensor } from "./streams.ts";
import { exportTfjs } from "./tfjs.ts";

/** How `lclab export` may write. */
export interface ExportOptions {
  /** All weights as plain float32. */
  readonly decompress: boolean;
  /** Codes, positions and numbers arithmetically coded. */
  readonly entropy: boolean;
}

/** A format that a compressed network can be written in. */
export interface ExportFormat {
  /** As `--to` takes it; a file's ending is this with a dot before it. */
  readonly name: string;
  /** Options that it knows. */
  readonly options: readonly (keyof ExportOptions)[];
  /** @returns Bytes written. */
  write(source: Source, out: string, options: ExportOptions): Promise<{ readonly bytes: number }>;
}

/** All of them: a new one is a line here. */
export const exportFormats: readonly ExportFormat[] = [
  {
    name: "safetensors",
    options: ["decompress", "entropy"],
    write: (source, out, { decompress, entropy }) =>
      decompress ? savePlain(source, out) : save(source, out, { entropy }),
  },
  {
    name: "onnx",
    options: ["decompress"],
    write: (source, out, { decompress }) => exportOnnx(source, out, { decompress }),
  },
  {
    // A folder.
    name: "tfjs",
    options: ["decompress"],
    write: (source, out, { decompress }) => exportTfjs(source, out, { decompress }),
  },
  { name: "npz", options: [], write: (source, out) => saveNpz(source, out) },
];

/** All parameters as float32 under their names, as any reader of safetensors takes them. `load` does not: there is no θ in it. */
async function savePlain(
  { model: { network, weights } }: CompressedModel,
  out: string,
): Promise<{ readonly bytes: number }> {
  const tensors = network.parameters.map(({ key, rows, cols }): [string, Tensor] => {
    const { buffer, byteOffset, byteLength } = weights[key] as Float32Array;
    const bytes = new Uint8Array(buffer, byteOffset, byteLength);
    return [key, { dtype: "F32", shape: cols === 1 ? [rows] : [rows, cols], bytes }];
  });
  const file = writeSafetensors({ network: network.name }, new Map(tensors));
  await writeDurably(out, file);
  return { bytes: file.length };
}
