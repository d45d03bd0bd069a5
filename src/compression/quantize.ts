import { kmeans1d, lloyd1d } from "../math/kmeans.ts";
import { codeBits, codebookOf, decode, encode, type Quantized } from "./codebook.ts";
import { defineCompression } from "./compression.ts";
import { type Compression, distortion, type Target } from "./contract.ts";

/** The size of a codebook: `levels` values, or 2^`bits` values. */
export type QuantizeOptions = (
  | { readonly levels: number; readonly bits?: never }
  | { readonly bits: number; readonly levels?: never }
) & {
  /**
   * "exact" (default): the global optimum. "lloyd": Lloyd's algorithm from the codebook of the step before, at first from
   * levels evenly spaced between the smallest and the largest weight, as in the reference toolkit: a local optimum, and faster
   * for two levels only.
   */
  readonly search?: "exact" | "lloyd";
};

/** Lloyd rounds of an inner step: the other parts move the optimum anyway. */
const innerRounds = 2;

/**
 * Adaptive-codebook quantization: min ‖w − c_a‖² over codebooks of K values and assignments.
 * Exact (1-D k-means, see math/kmeans.ts), O(N log N) for any K, with importance weights too; as an inner step of alternation
 * Lloyd's algorithm from the codebook before, never worse than it. `search: "lloyd"` is never called exact: from evenly spaced
 * levels it ended 0 (K = 2), 9e-7 (K = 4) and 2.9 % (K = 16) above the optimum on a trained layer (`npm run bench -- cstep`).
 * A weight halfway between two levels takes the lower one. Levels are stored as float32. Bits: N⌈log₂K⌉ + 32K.
 * With fewer than K distinct weights the codebook is those, and the result says so.
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
    weighted: true,
    spec:
      search === "exact"
        ? { kind: "quantize", levels: size }
        : { kind: "quantize", levels: size, search },
    ...(search === "exact"
      ? {
          joint: {
            role: "adaptive",
            levels: size,
            folded: false,
            encode: (w, values) => encode(w, codebookOf(values)),
            values: ({ levels }) => levels,
          },
        }
      : {}),
    solve(w, { warm, refine, importance }) {
      const inner = refine === true && warm !== undefined;
      if (search === "lloyd" || inner) {
        return { theta: locally(w, size, inner, warm, importance), exact: false };
      }
      const found = kmeans1d(w.data, size, importance);
      const theta = encode(w, codebookOf(found));
      const distinct = found.length;
      if (distinct === size) return { theta, exact: true, gap: 0 };
      const values = distinct === 1 ? "1 distinct value" : `${distinct} distinct values`;
      const notes = [`${values}, fewer than K = ${size}; the codebook has ${distinct}`];
      return { theta, exact: true, gap: 0, notes };
    },
    decompress: decode,
    bits: (theta) => codeBits(theta) + 32 * theta.levels.length,
  });
}

/**
 * Lloyd's algorithm: as an inner step a few rounds from the codebook before; otherwise from that until it stays, or from
 * evenly spaced levels if there is none or it lacks levels and they end better.
 */
function locally(
  w: Target,
  size: number,
  inner: boolean,
  warm: Quantized | undefined,
  importance: Float64Array | undefined,
): Quantized {
  const from = (start: ArrayLike<number>, rounds: number): Quantized =>
    encode(w, codebookOf(lloyd1d(w.data, start, importance, rounds)));
  if (warm && inner) return from(warm.levels, innerRounds);
  const again = warm && from(warm.levels, 100);
  if (again && warm.levels.length === size) return again;
  const fresh = from(evenly(w.data, size), 100);
  if (!again) return fresh;
  const error = (theta: Quantized): number => distortion(w, decode(theta), importance);
  return error(again) <= error(fresh) ? again : fresh;
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
