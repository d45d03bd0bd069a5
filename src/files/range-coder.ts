import { LCError } from "../errors.ts";

/** Probabilities are whole numbers of 1 / 2²²; the coder uses their upper 16 bits. */
const ONE = 2 ** 22;
const TOP = 2 ** 24;

/**
 * Adaptive probabilities of yes-or-no decisions, one per context. Each begins at ½ and moves to what it sees by 1 / (n + 1.5),
 * n the decisions it has seen, at most `memory`: whole numbers only, so that every machine gets the same bytes.
 */
export class Chances {
  readonly #chance: Uint32Array;
  readonly #seen: Uint16Array;
  readonly #memory: number;

  constructor(contexts: number, memory: number) {
    this.#chance = new Uint32Array(contexts).fill(ONE / 2);
    this.#seen = new Uint16Array(contexts);
    this.#memory = memory;
  }

  /** As at the beginning. */
  reset(): void {
    this.#chance.fill(ONE / 2);
    this.#seen.fill(0);
  }

  /** Probability of 1 in 1 / 65,536, from 1 to 65,535. */
  of(context: number): number {
    const p = (this.#chance[context] as number) >>> 6;
    return Math.max(1, p);
  }

  learn(context: number, bit: number): void {
    const p = this.#chance[context] as number;
    const n = this.#seen[context] as number;
    // The sum stays below 2²², as the quotient is cut off towards 0.
    const target = bit ? ONE - 1 : 0;
    this.#chance[context] = p + Math.trunc((2 * (target - p)) / (2 * n + 3));
    if (n < this.#memory) this.#seen[context] = n + 1;
  }
}

/** Something that codes decisions: the encoder is given them, the decoder finds them. */
export interface Coder {
  /** Codes one decision; a decoder ignores `bit`. @returns The decision. */
  adaptive(chances: Chances, context: number, bit: number): number;
  /** Codes the low `width` ≤ 32 bits of `value` as they are, the highest first. */
  plain(value: number, width: number): number;
}

/** Arithmetic coding of decisions into bytes: an interval of 32 bits, carries resolved before a byte is written. */
export class RangeEncoder implements Coder {
  #low = 0;
  #range = 2 ** 32 - 1;
  #bytes = new Uint8Array(1024);
  #length = 0;
  /** The last byte, and 255s behind it, wait for a carry. */
  #waiting = -1;
  #full = 0;

  adaptive(chances: Chances, context: number, bit: number): number {
    this.#narrow(bit, chances.of(context));
    chances.learn(context, bit);
    return bit;
  }

  plain(value: number, width: number): number {
    for (let i = width - 1; i >= 0; i--) this.#narrow((value >>> i) & 1, 32_768);
    return value;
  }

  /** The bytes; nothing can be coded after. */
  finish(): Uint8Array {
    for (let i = 0; i < 5; i++) this.#shift();
    return this.#bytes.slice(0, this.#length);
  }

  #narrow(bit: number, chance: number): void {
    // Below 2⁴⁸: exact.
    const bound = Math.floor((this.#range * chance) / 65_536);
    if (bit) this.#range = bound;
    else {
      this.#low += bound;
      this.#range -= bound;
    }
    while (this.#range < TOP) {
      this.#range *= 256;
      this.#shift();
    }
  }

  #shift(): void {
    const carry = this.#low >= 2 ** 32 ? 1 : 0;
    const low = this.#low - carry * 2 ** 32;
    const top = Math.floor(low / TOP);
    if (carry === 0 && top === 255) this.#full++;
    else {
      // The first byte would always be 0: nothing is before the interval's beginning.
      if (this.#waiting >= 0) this.#put(this.#waiting + carry);
      for (; this.#full > 0; this.#full--) this.#put(255 + carry);
      this.#waiting = top;
    }
    this.#low = (low - top * TOP) * 256;
  }

  #put(byte: number): void {
    if (this.#length === this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    this.#bytes[this.#length++] = byte;
  }
}

/** Finds the decisions a RangeEncoder was given. @throws LCError LC_FILE if the bytes end too early. */
export class RangeDecoder implements Coder {
  #range = 2 ** 32 - 1;
  #code = 0;
  #at = 0;
  readonly #bytes: Uint8Array;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
    for (let i = 0; i < 4; i++) this.#code = this.#code * 256 + this.#next();
  }

  /** Bytes not read yet. */
  get left(): number {
    return this.#bytes.length - this.#at;
  }

  adaptive(chances: Chances, context: number): number {
    const bit = this.#narrow(chances.of(context));
    chances.learn(context, bit);
    return bit;
  }

  plain(_value: number, width: number): number {
    let value = 0;
    for (let i = 0; i < width; i++) value = 2 * value + this.#narrow(32_768);
    return value;
  }

  #narrow(chance: number): number {
    const bound = Math.floor((this.#range * chance) / 65_536);
    const bit = this.#code < bound ? 1 : 0;
    if (bit) this.#range = bound;
    else {
      this.#code -= bound;
      this.#range -= bound;
    }
    while (this.#range < TOP) {
      this.#range *= 256;
      this.#code = this.#code * 256 + this.#next();
    }
    return bit;
  }

  #next(): number {
    if (this.#at < this.#bytes.length) return this.#bytes[this.#at++] as number;
    throw new LCError(
      "LC_FILE",
      `a coded part ends after ${this.#bytes.length} bytes, in the middle of its numbers.`,
    );
  }
}
