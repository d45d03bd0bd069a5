import type { Quantized } from "../compression/codebook.ts";

/** What the codes of a θ take as they are packed, and would take at least if each were coded without looking at the others. */
export interface CodeEntropy {
  /** ⌈log₂K⌉, the mean over all codes; undefined if there are no codes but kept weights only. */
  readonly bits: number | undefined;
  /** Σ −p log₂ p in bits per code: of codes, p how often each occurs in its codebook; of kept weights, kept or not. */
  readonly entropy: number;
}

/** Sums over the codes of a θ, and over its positions. */
interface Sums {
  codes: number;
  bits: number;
  codeEntropy: number;
  places: number;
  placeEntropy: number;
}

/** Of all codes in a θ, also of its channels, kept values and factors; undefined if it has neither codes nor positions. */
export function codeEntropy(theta: unknown): CodeEntropy | undefined {
  const sums: Sums = { codes: 0, bits: 0, codeEntropy: 0, places: 0, placeEntropy: 0 };
  add(theta, sums);
  if (sums.codes > 0) {
    return { bits: sums.bits / sums.codes, entropy: sums.codeEntropy / sums.codes };
  }
  if (sums.places === 0) return undefined;
  return { bits: undefined, entropy: sums.placeEntropy / sums.places };
}

function add(theta: unknown, sums: Sums): void {
  if (typeof theta !== "object" || theta === null || ArrayBuffer.isView(theta)) return;
  if ("levels" in theta && "assignments" in theta) {
    addCodes(theta as Quantized, sums);
    return;
  }
  if ("indices" in theta && "rows" in theta && "cols" in theta) {
    const { indices, rows, cols } = theta as { indices: Uint32Array; rows: number; cols: number };
    const all = rows * cols;
    sums.places += all;
    sums.placeEntropy += entropyOf([indices.length, all - indices.length], all);
  }
  for (const inner of Object.values(theta)) add(inner, sums);
}

function addCodes({ levels, assignments }: Quantized, sums: Sums): void {
  const counts = new Uint32Array(levels.length);
  for (const code of assignments) counts[code] = (counts[code] as number) + 1;
  sums.codes += assignments.length;
  sums.bits += assignments.length * (32 - Math.clz32(levels.length - 1));
  sums.codeEntropy += entropyOf(counts, assignments.length);
}

/** Bits of all together. */
function entropyOf(counts: ArrayLike<number>, all: number): number {
  let bits = 0;
  for (let k = 0; k < counts.length; k++) {
    const n = counts[k] as number;
    if (n > 0) bits -= n * Math.log2(n / all);
  }
  return bits;
}
