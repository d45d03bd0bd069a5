import { interval, midpoints } from "../math/kmeans.ts";
import type { Matrix } from "../math/matrix.ts";
import type { Target } from "./contract.ts";

/** θ of a quantization: each weight is one of `levels`. */
export interface Quantized {
  readonly rows: number;
  readonly cols: number;
  /** The codebook c₁ < … < c_K, float32. K may be smaller than asked for if there are fewer distinct weights. */
  readonly levels: Float32Array;
  /** Index into `levels` of each weight, row-major. Length rows · cols. */
  readonly assignments: Uint8Array | Uint16Array;
}

/** Each weight as the nearest of `levels` (ascending, without repeats); halfway the lower one. */
export function encode({ rows, cols, data }: Target, levels: Float32Array): Quantized {
  const assignments =
    levels.length <= 256 ? new Uint8Array(data.length) : new Uint16Array(data.length);
  if (levels.length === 2) {
    const threshold = ((levels[0] as number) + (levels[1] as number)) / 2;
    for (let i = 0; i < data.length; i++) assignments[i] = (data[i] as number) > threshold ? 1 : 0;
  } else {
    const thresholds = midpoints(levels);
    for (let i = 0; i < data.length; i++) assignments[i] = interval(thresholds, data[i] as number);
  }
  return { rows, cols, levels, assignments };
}

/** Δ(θ). */
export function decode({ rows, cols, levels, assignments }: Quantized): Matrix<Float64Array> {
  const data = new Float64Array(assignments.length);
  for (let i = 0; i < data.length; i++) data[i] = levels[assignments[i] as number] as number;
  return { rows, cols, data };
}

/** Values as a codebook: float32, ascending, each once. */
export function codebookOf(values: ArrayLike<number>): Float32Array {
  return new Float32Array(new Set(Float32Array.from(values))).sort();
}

/** ⌈log₂ K⌉ bits for each code. */
export function codeBits({ levels, assignments }: Quantized): number {
  return assignments.length * (32 - Math.clz32(levels.length - 1));
}
