import { interval, kmeans1d, lloyd1d, midpoints } from "../math/kmeans.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";

/** θ of a quantization: each weight is one of `levels`. */
export interface Quantized {
  readonly rows: number;
  readonly cols: number;
  /** The codebook c₁ < … < c_K, float32. K may be smaller than asked for if there are fewer distinct weights. */
  readonly levels: Float32Array;
  /** Index into `levels` of each weight, row-major. Length rows · cols. */
  readonly assignments: Uint8Array | Uint16Array;
}

/** The size of a codebook: `levels` values, or 2^`bits` values. */
export type QuantizeOptions = (
  | { readonly levels: number; readonly bits?: never }
  | { readonly bits: number; readonly levels?: never }
) & {
  /**
   * "exact" (default): the global optimum. "lloyd": Lloyd's algorithm from the codebook of the step before, at first from
   * levels evenly spaced between the smallest and the largest weight; a local optimum, faster for large K.
   */
  readonly search?: "exact" | "lloyd";
};

/**
 * Adaptive-codebook quantization: min ‖w − c_a‖² over codebooks of K values and assignments.
 * Exact (1-D k-means by dynamic programming), O(K N log N); as an inner step of alternation Lloyd's algorithm from the
 * codebook before, never worse than it. A weight halfway between two levels takes the lower one. Levels are stored as float32.
 * Bits: N⌈log₂K⌉ + 32K.
 * @throws RangeError if K is not a whole number from 1 to 65,536.
 * @see Carreira-Perpiñán & Idelbayev, arXiv:1707.04319
 * @example
 * quantize({ levels: 2 }).cStep({ rows: 1, cols: 4, data: Float64Array.of(0, 1, 8, 9) }).levels   //=> Float32Array [0.5, 8.5]
 */
export function quantize(options: QuantizeOptions): Compression<Quantized> {
  const size = codebookSize(options);
  const { search = "exact" } = options;
  if (search !== "exact" && search !== "lloyd") {
    throw new RangeError(
      `quantize: search must be "exact" or "lloyd", got ${JSON.stringify(search)}.`,
    );
  }
  return defineCompression<Quantized>({
    name: `quantize(K = ${size}${search === "lloyd" ? ", Lloyd" : ""})`,
    exact: search === "exact",
    elementwise: true,
    spec:
      search === "exact"
        ? { kind: "quantize", levels: size }
        : { kind: "quantize", levels: size, search },
    cStep({ rows, cols, data }, { warm, refine }) {
      const start = warm?.levels.length === size ? warm.levels : undefined;
      const local = search === "lloyd" || (refine && start);
      const found = local ? lloyd1d(data, start ?? evenly(data, size)) : kmeans1d(data, size);
      // Two centres may round to one float32; a codebook has no value twice.
      const levels = new Float32Array(new Set(Float32Array.from(found)));
      return { rows, cols, levels, assignments: assign(data, levels) };
    },
    decompress: ({ rows, cols, levels, assignments }) => {
      const data = new Float64Array(assignments.length);
      for (let i = 0; i < data.length; i++) data[i] = levels[assignments[i] as number] as number;
      return { rows, cols, data };
    },
    bits: ({ levels, assignments }) =>
      assignments.length * (32 - Math.clz32(levels.length - 1)) + 32 * levels.length,
  });
}

function evenly(data: Float64Array, size: number): Float64Array {
  let [low, high] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
  for (let i = 0; i < data.length; i++) {
    low = Math.min(low, data[i] as number);
    high = Math.max(high, data[i] as number);
  }
  const gap = size > 1 ? (high - low) / (size - 1) : 0;
  return Float64Array.from({ length: size }, (_, k) => low + k * gap);
}

function codebookSize({ levels, bits }: QuantizeOptions): number {
  if (bits !== undefined) {
    if (levels !== undefined) {
      throw new RangeError(
        `quantize: give levels or bits, not both. ${bits} bits are ${1 << bits} levels.`,
      );
    }
    if (!Number.isInteger(bits) || bits < 1 || bits > 16) {
      throw new RangeError(
        `quantize: bits must be a whole number from 1 to 16, got ${bits}. For a codebook of any size, write quantize({ levels: K }).`,
      );
    }
    return 1 << bits;
  }
  if (!Number.isInteger(levels) || levels < 1 || levels > 65_536) {
    throw new RangeError(
      `quantize: levels must be a whole number from 1 to 65536, got ${levels}. To give bits per weight, write quantize({ bits: 1 }).`,
    );
  }
  return levels;
}

function assign(data: Float64Array, levels: Float32Array): Uint8Array | Uint16Array {
  const assignments =
    levels.length <= 256 ? new Uint8Array(data.length) : new Uint16Array(data.length);
  const thresholds = midpoints(levels);
  for (let i = 0; i < data.length; i++) assignments[i] = interval(thresholds, data[i] as number);
  return assignments;
}
