import { Chances, type Coder } from "./range-coder.ts";

/** What the arithmetic coder expects, in whole numbers: the same bytes on every machine. docs/format.md has the rules in words. */

/** Fixed-point 1. */
const UNIT = 2 ** 16;
/** Decisions that chances remember. */
const MEMORY = 1023;

/** Expected rates of kept weights that are told apart: half octaves. */
const RATES = 34;

/**
 * Which weights of a matrix are kept, row by row. The context of a weight is how likely one is at its place: the rate in its
 * column and the two beside it, times the rate in its row, over the rate in all, each drawn to that of all while little has been
 * seen; and whether the weights left of it and above it are kept.
 */
export class PositionModel {
  readonly #chances = new Chances(4 * RATES, MEMORY);
  #inColumn = new Uint32Array();
  #above = new Uint8Array();
  #rows = 0;
  #seen = 0;
  #kept = 0;

  /** As at the beginning, for another matrix. */
  reset(): void {
    this.#chances.reset();
    this.#inColumn = new Uint32Array();
    this.#above = new Uint8Array();
    [this.#rows, this.#seen, this.#kept] = [0, 0, 0];
  }

  /** Codes one row of 0 and 1; a decoder fills it in. */
  row(coder: Coder, row: Uint8Array): void {
    if (row.length > this.#above.length) {
      this.#inColumn = longer(this.#inColumn, new Uint32Array(row.length));
      this.#above = longer(this.#above, new Uint8Array(row.length));
    }
    const [inColumn, above, last] = [this.#inColumn, this.#above, row.length - 1];
    let inRow = 0;
    let left = 0;
    for (let j = 0; j <= last; j++) {
      const here = inColumn[j] as number;
      const near =
        2 * here +
        (j > 0 ? (inColumn[j - 1] as number) : 0) +
        (j < last ? (inColumn[j + 1] as number) : 0);
      // All products stay below 2⁵³, so that the quotients are exact.
      const inAll = Math.floor(((2 * this.#kept + 1) * UNIT) / (2 * this.#seen + 64)) + 1;
      const column = Math.floor((near * UNIT + 32 * inAll) / (4 * this.#rows + 32));
      const across = Math.floor((inRow * UNIT + 64 * inAll) / (j + 64));
      const expected = Math.floor((column * across) / inAll);
      const context = 4 * halfOctaves(expected) + 2 * (above[j] as number) + left;
      left = coder.adaptive(this.#chances, context, row[j] as number);
      row[j] = left;
      above[j] = left;
      inColumn[j] = here + left;
      inRow += left;
      this.#kept += left;
      this.#seen++;
    }
    this.#rows++;
  }
}

/** About 2 log₂ x, from 0 to RATES − 1: the place of the highest bit of x, and the bit behind it. */
function halfOctaves(x: number): number {
  if (x < 2) return 0;
  if (x >= 2 ** 17) return RATES - 1;
  const place = 31 - Math.clz32(x);
  return Math.min(RATES - 1, 2 * place + ((x >>> (place - 1)) & 1) - 1);
}

/** Bits of a code that have chances of their own; further ones are coded as they are. */
const MODELLED = 8;
/** Ranges of the distance from the middle, and of the mean of a row, that are told apart. */
const SPREADS = 32;
const MEANS = 8;

/**
 * Codes of `width` bits of a matrix, row by row. The context of a code is how far from the middle codes have been in its column and
 * its row, and the mean in its row, both as running means; with many codes only the first, or each context would see too few.
 */
export class CodeModel {
  readonly #upper: number;
  readonly #rest: number;
  readonly #means: number;
  readonly #chances: Chances;
  #spread = new Uint32Array();

  constructor(width: number) {
    this.#upper = Math.min(width, MODELLED);
    this.#rest = width - this.#upper;
    this.#means = width > 4 ? 1 : MEANS;
    this.#chances = new Chances((SPREADS * this.#means) << this.#upper, MEMORY);
  }

  /** As at the beginning, for another matrix. */
  reset(): void {
    this.#chances.reset();
    this.#spread = new Uint32Array();
  }

  /** Codes one row of numbers from 0 to `last` ≥ 1, which has `width` bits; a decoder fills it in. */
  row(coder: Coder, row: CodeRow, last: number): void {
    if (row.length > this.#spread.length) {
      this.#spread = longer(this.#spread, new Uint32Array(row.length).fill(UNIT / 2));
    }
    let [rowSpread, rowMean] = [UNIT / 2, UNIT / 2];
    for (let j = 0; j < row.length; j++) {
      const spread = this.#spread[j] as number;
      const far = part(Math.floor((3 * spread + rowSpread) / 4), SPREADS);
      const context = far * this.#means + part(rowMean, this.#means);
      const given = row[j] as number;
      let code = tree(coder, this.#chances, context, this.#upper, given >>> this.#rest);
      if (this.#rest > 0) {
        code = code * 2 ** this.#rest + coder.plain(given & (2 ** this.#rest - 1), this.#rest);
      }
      row[j] = code;
      // A decoder may find a code above the last in a damaged file.
      const place = Math.min(UNIT, Math.floor((code * UNIT) / last));
      const distance = Math.abs(2 * place - UNIT);
      this.#spread[j] = spread + Math.trunc((distance - spread) / 64);
      rowSpread += Math.trunc((distance - rowSpread) / 16);
      rowMean += Math.trunc((place - rowMean) / 16);
    }
  }
}

type CodeRow = Uint8Array | Uint16Array | Uint32Array;

/** Floating-point numbers as their bits: sign, exponent and the first bits behind it adaptively, the rest as they are. */
export class NumberModel {
  readonly #exponentBits: number;
  readonly #plainBits: number;
  readonly #signs = new Chances(1, MEMORY);
  readonly #exponents: Chances;
  readonly #fractions: Chances;

  /** Of 32 bits (8 of exponent) or 16 (5). */
  constructor(bits: 16 | 32) {
    this.#exponentBits = bits === 32 ? 8 : 5;
    this.#plainBits = bits - 1 - this.#exponentBits - FRACTION;
    this.#exponents = new Chances(1 << this.#exponentBits, MEMORY);
    this.#fractions = new Chances(1 << (this.#exponentBits + FRACTION), MEMORY);
  }

  /** Codes the bits of one number; a decoder finds them. */
  number(coder: Coder, bits: number): number {
    const [e, plain] = [this.#exponentBits, this.#plainBits];
    const sign = coder.adaptive(this.#signs, 0, (bits >>> (e + FRACTION + plain)) & 1);
    const exponent = tree(
      coder,
      this.#exponents,
      0,
      e,
      (bits >>> (FRACTION + plain)) & (2 ** e - 1),
    );
    const first = tree(
      coder,
      this.#fractions,
      exponent,
      FRACTION,
      (bits >>> plain) & (2 ** FRACTION - 1),
    );
    const rest = coder.plain(bits & (2 ** plain - 1), plain);
    return ((sign * 2 ** e + exponent) * 2 ** FRACTION + first) * 2 ** plain + rest;
  }
}

/** Bits behind the exponent that have chances of their own. */
const FRACTION = 3;

/** ⌈log₂ size⌉: bits of a whole number below `size` ≤ 2³². */
export function widthOf(size: number): number {
  return 32 - Math.clz32(size - 1);
}

/** A number of `width` bits, the highest first, each in the context of those before it. */
function tree(
  coder: Coder,
  chances: Chances,
  context: number,
  width: number,
  value: number,
): number {
  const root = context * 2 ** width;
  let node = 1;
  for (let bit = width - 1; bit >= 0; bit--) {
    node = 2 * node + coder.adaptive(chances, root + node, (value >>> bit) & 1);
  }
  return node - 2 ** width;
}

/** `start`, gone on with what is behind it in `all`. */
function longer<Values extends Uint8Array | Uint32Array>(start: Values, all: Values): Values {
  all.set(start);
  return all;
}

/** In which of `parts` equal parts of 0 … UNIT x is. */
function part(x: number, parts: number): number {
  return Math.min(parts - 1, Math.floor((x * parts) / UNIT));
}
