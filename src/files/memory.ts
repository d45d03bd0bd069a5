import type { CompressionSpec } from "../compression/contract.ts";
import { factoredMatrix, heightOf, type Scheme } from "../compression/factors.ts";
import type { Shape } from "../compression/geometry.ts";
import { parametersOf, type Task, taskShape } from "../lc/task.ts";
import type { Network } from "../net/network.ts";

/** An object of θ with two short arrays takes 490 to 730 bytes in V8, as measured. */
const OBJECT = 800;
/** θ and Δ(θ) of a weight: an index and a value in 4 bytes each, and 8 in float64. */
const PER_WEIGHT = 16;
/** A weight's part of a decoder's tables: a flag, and of a column its count and the flag above. */
const CODED_PER_WEIGHT = 8;
/** Models of a decoder: one of codes and one of numbers, or in channels one for each of 16 widths. */
const MODELS = 2 ** 16;
const CHANNEL_MODELS = 2 ** 20;

/** The options that decide how much θ takes. */
interface Spec extends CompressionSpec {
  readonly bits?: number;
  readonly rank?: number;
  readonly scheme?: Scheme;
  readonly values?: Spec | readonly number[];
  readonly factors?: Spec;
  readonly of?: Spec;
  readonly parts?: readonly Spec[];
}

/** How often θ of a compression is there, for how many weights together, and how it is stored. */
interface Use {
  readonly shape: Shape;
  readonly weights: number;
  readonly copies: number;
  readonly coded: boolean;
}

/**
 * Bytes that reading a network takes at most: its numbers in float32; and θ and Δ(θ) of every part, with what decoding and adding
 * them takes. Compressions within others count as often as they are there.
 */
export function memoryToRead(
  network: Network,
  tasks: readonly {
    readonly task: Task;
    readonly parts: readonly { readonly coded?: true | undefined }[];
  }[],
): number {
  let bytes = 0;
  for (const { rows, cols } of network.parameters) bytes += OBJECT + 4 * rows * cols;
  for (const { task, parts } of tasks) {
    const shape = taskShape(network, parametersOf({ network }, task));
    const weights = shape.rows * shape.cols;
    const spec = task.compression.spec as Spec;
    // Their sum.
    bytes += 8 * weights;
    for (const [i, { coded = false }] of parts.entries()) {
      const one = parts.length > 1 ? (spec.parts?.[i] as Spec) : spec;
      bytes += ofTheta(one, { shape, weights, copies: 1, coded });
    }
  }
  return bytes;
}

function ofTheta(spec: Spec, use: Use): number {
  const { shape, weights, copies, coded } = use;
  // Of a sum: the sum of Δ.
  let bytes = OBJECT * copies + (spec.parts ? 8 : PER_WEIGHT) * weights;
  if (coded) bytes += CODED_PER_WEIGHT * weights + (copies > 1 ? CHANNEL_MODELS : MODELS);
  // The levels follow from a single number.
  if (spec.kind === "uniform") bytes += 4 * 2 ** (spec.bits ?? 0) * copies;
  if (spec.values && "kind" in spec.values) bytes += ofTheta(spec.values, use);
  if (spec.factors) {
    const { rows, cols } = factoredMatrix(shape, heightOf(shape, spec.scheme ?? 1));
    const numbers = (spec.rank ?? 0) * (rows + cols);
    // Decompressed in float64 and float32.
    bytes += 12 * numbers + ofTheta(spec.factors, { ...use, weights: numbers, copies: 2 * copies });
  }
  if (spec.of) {
    const row = { rows: 1, cols: shape.cols };
    bytes += 8 * weights + ofTheta(spec.of, { ...use, shape: row, copies: copies * shape.rows });
  }
  for (const part of spec.parts ?? []) bytes += ofTheta(part, use);
  return bytes;
}
