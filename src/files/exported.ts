import type { Numbers, Part } from "../compression/parts.ts";
import type { Model } from "../net/network.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { type Table, table } from "../table/table.ts";
import { grouped } from "../text.ts";

/** A network that was written for other programs. */
export interface ExportedFile extends Displayable {
  /** Of the file, or of the one that names the others. */
  readonly path: string;
  /** Size of everything that was written. */
  readonly bytes: number;
  /** What is in the file, and the bytes it takes: a row per layer, or per array. */
  readonly table: Table;
}

/** Bytes of a layer's weights. */
export interface Stored {
  readonly name: string;
  readonly stored: string;
  readonly bytes: number;
  /** As float32. */
  readonly dense: number;
}

/** What an export gives back. `rest` and `whole`: what else is in the file, and how it is called. */
export function exported(
  path: string,
  bytes: number,
  layers: readonly Stored[],
  { rest, whole }: { readonly rest: string; readonly whole: string },
): ExportedFile {
  const others = bytes - layers.reduce((total, layer) => total + layer.bytes, 0);
  const columns = ["bytes", "bytes as float32"].map((name) => ({ name, format: grouped }));
  const details = table(
    [{ name: "layer" }, { name: "weights stored as" }, ...columns],
    [
      ...layers.map(({ name, stored, bytes, dense }) => [name, stored, bytes, dense]),
      ["everything else", rest, others, null],
      [whole, "", bytes, null],
    ],
  );
  return Object.freeze({
    path,
    bytes,
    table: details,
    [displaySymbol]: () => details[displaySymbol](),
  });
}

/** The weights of a layer as they are. */
export function plainPart({ weights }: Model, layer: string): Part & { readonly kind: "all" } {
  return { kind: "all", numbers: { kind: "floats", data: weights[`${layer}.w`] as Float32Array } };
}

/** What tables call numbers. */
export function inWords(numbers: Numbers): string {
  if (numbers.kind === "floats") return "float32";
  if (numbers.kind === "halves") return "float16";
  const { levels, books } = numbers;
  return `codebook of ${levels.length / books}${books > 1 ? " per row" : ""}`;
}
