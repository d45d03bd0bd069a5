import { sizeOf } from "../lc/size.ts";
import { parametersOf, taskDeltas } from "../lc/task.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { resting } from "../rest.ts";
import { writeDurably } from "../runs/durable.ts";
import type { Table } from "../table/table.ts";
import { escapeMarkup, grouped } from "../text.ts";
import { type CompressedModel, decoding, encoding, type FileSize } from "./file.ts";
import { fileTable } from "./file-table.ts";
import { MOST_BYTES, readAtMost } from "./read.ts";
import { checkMaxBytes, located } from "./safetensors.ts";

/** A compressed network that was read from a file. */
export interface LoadedModel extends CompressedModel, Displayable {
  /** Bits of the compressed layers and ρ of the whole network, packed: as in the table of the solution that was saved. */
  readonly bits: number;
  readonly ratio: number;
  /** Bytes of the file and of its parts. */
  readonly file: FileSize;
  /** A row per part. */
  readonly table: Table;
}

/**
 * Saves a compressed network as one safetensors file: θ of every layer as small as the size table counts it – codes of
 * ⌈log₂K⌉ bits, positions as gaps, factors, half precision –, all other parameters as float32, checksummed. `load` gives back θ and
 * the network to the same bytes; Python's safetensors opens the file too. docs/format.md describes every byte.
 * @param solution A solution, or what `load` gave.
 * @param options `entropy`: codes, positions and numbers are coded arithmetically where that is smaller; takes about 0.2 s per
 *   million weights, also to load. Default false: the file's data then have exactly `(solution.bits + rest bits) / 8` bytes.
 * @returns Bytes of the file and of its parts.
 * @throws RangeError if a compression is not a built-in one, or the weights are not Δ(θ), as of a model that was trained after it was
 *   compressed; LCError LC_DISK if the file cannot be written; what was
 *   there is kept; LC_FILE if the header would have more than 2 MiB.
 * @example
 * await save(solution, "lenet300.safetensors");
 * const { model } = await load("lenet300.safetensors");
 */
export async function save(
  solution: CompressedModel,
  path: string,
  options: { readonly entropy?: boolean } = {},
): Promise<FileSize> {
  const { entropy = false } = options;
  if (typeof entropy !== "boolean") {
    throw new RangeError(`save: entropy must be true or false, got ${JSON.stringify(entropy)}.`);
  }
  const { bytes, size } = await resting(encoding(solution, entropy));
  await resting(checkDeltas("save", solution));
  await writeDurably(path, bytes);
  return size;
}

/**
 * Reads what `save` wrote: the network with its compressed weights, the compressions and θ.
 * @param options `maxBytes`: memory that reading it may take, from the shapes in its header, before anything is decoded; default 4 GiB.
 * @throws LCError LC_FILE if it is no regular file, damaged, of another kind or version, inconsistent, or too large; LC_DISK if it
 *   cannot be read.
 */
export async function load(
  path: string,
  options: { readonly maxBytes?: number } = {},
): Promise<LoadedModel> {
  const { maxBytes = MOST_BYTES } = options;
  checkMaxBytes("load", maxBytes);
  const bytes = await readAtMost(path, maxBytes);
  try {
    const { size, ...compressed } = await resting(decoding(bytes, maxBytes));
    return loaded(compressed, size);
  } catch (cause) {
    throw located(path, cause);
  }
}

/**
 * A file has θ and not the weights, so these must be what θ stands for.
 * @throws RangeError, as `who`, if they are not.
 */
export function* checkDeltas(
  who: string,
  { model, tasks, thetas }: CompressedModel,
): Generator<void, void> {
  for (const task of tasks) {
    const parameters = parametersOf(model, task);
    const deltas = taskDeltas(parameters, task, thetas[task.layers[0] as string]);
    for (const { key, layer } of parameters) {
      const [has, gives] = [model.weights[key], deltas[key]] as [Float32Array, Float32Array];
      const [a, b] = [bitsOf(has), bitsOf(gives)];
      const at = a.findIndex((bits, i) => bits !== b[i]);
      if (at < 0) continue;
      throw new RangeError(
        `${who}: layer "${layer}" is not what its θ stands for: weight ${at} is ${has[at]}, and Δ(θ) has ${gives[at]}. A file keeps θ. Was the model changed after it was compressed? Then compress it again: compress(model)…direct().`,
      );
    }
    yield;
  }
}

/** Bits of numbers, as −0 is another number than 0 in a file. */
function bitsOf({ buffer, byteOffset, length }: Float32Array): Uint32Array {
  return new Uint32Array(buffer, byteOffset, length);
}

function loaded(compressed: CompressedModel, file: FileSize): LoadedModel {
  const { model, tasks, thetas } = compressed;
  const own = tasks.map(({ layers }) => thetas[layers[0] as string]);
  const { bits, ratio } = sizeOf(model.network, tasks, own);
  const table = fileTable(compressed, file);
  const facts = `${model.network.name}: ${grouped(file.bytes)} bytes, ${grouped(file.data)} of them data`;
  return Object.freeze({
    ...compressed,
    ...{ bits, ratio, file, table },
    [displaySymbol]: () => ({
      "text/plain": `${facts}\n${table.toText()}`,
      "text/html": `<p><b>${escapeMarkup(facts)}</b></p>${table.toHTML()}`,
    }),
  });
}
