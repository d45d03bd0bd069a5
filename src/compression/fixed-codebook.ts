import { codeBits, codebookOf, decode, encode, type Quantized } from "./codebook.ts";
import { defineCompression } from "./compression.ts";
import type { Compression } from "./contract.ts";

/**
 * Quantization with given values: each weight takes the nearest one, halfway the lower one. Exact, O(N log K).
 * N⌈log₂K⌉ bits; the values belong to the description, not to θ.
 * @throws RangeError unless 1 to 65,536 different finite values are given.
 * @example
 * fixedCodebook([-1, 0, 1]).cStep({ rows: 1, cols: 2, data: Float64Array.of(0.4, -3) }).assignments   //=> Uint8Array [1, 0]
 */
export function fixedCodebook(values: readonly number[]): Compression<Quantized> {
  const levels = checked(values);
  const shown = levels.length <= 5 ? [...levels].map(short).join(", ") : `K = ${levels.length}`;
  return fixed(`fixedCodebook(${shown})`, levels, { kind: "fixedCodebook", values: [...levels] });
}

/** Quantization to the ascending `levels`; `spec` rebuilds it. */
export function fixed(
  name: string,
  levels: Float32Array,
  spec: { readonly kind: string; readonly [option: string]: unknown },
): Compression<Quantized> {
  return defineCompression<Quantized>({
    name,
    exact: true,
    elementwise: true,
    weighted: true,
    spec,
    joint: { role: "fixed" },
    cStep: (w) => encode(w, levels),
    decompress: decode,
    bits: codeBits,
  });
}

function checked(values: readonly number[]): Float32Array {
  const levels = codebookOf(values);
  const bad = values.find((x) => !Number.isFinite(Math.fround(x)));
  if (bad !== undefined) {
    throw new RangeError(`fixedCodebook: values must be finite float32 numbers, got ${bad}.`);
  }
  if (levels.length !== values.length || levels.length < 1 || levels.length > 65_536) {
    throw new RangeError(
      `fixedCodebook: give 1 to 65536 different values, got ${values.length} (${levels.length} different). Write fixedCodebook([-1, 0, 1]).`,
    );
  }
  return levels;
}

function short(x: number): string {
  return String(Number(x.toPrecision(3)));
}
