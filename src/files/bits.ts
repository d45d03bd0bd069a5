import { LCError } from "../errors.ts";

/** Whole numbers of 0 to 32 bits, one behind the other; the first bit is the lowest of the first byte. */
export class BitWriter {
  #bytes = new Uint8Array(64);
  #length = 0;

  /** Bits written. */
  get length(): number {
    return this.#length;
  }

  write(value: number, width: number): void {
    const end = this.#length + width;
    if (end > 8 * this.#bytes.length) {
      const larger = new Uint8Array(2 * this.#bytes.length);
      larger.set(this.#bytes);
      this.#bytes = larger;
    }
    let left = value;
    for (let at = this.#length; at < end; ) {
      const free = Math.min(8 - (at % 8), end - at);
      const low = left & (2 ** free - 1);
      this.#bytes[Math.floor(at / 8)] =
        (this.#bytes[Math.floor(at / 8)] as number) | (low << (at % 8));
      left >>>= free;
      at += free;
    }
    this.#length = end;
  }

  /** All bits, the last byte filled up with 0. */
  finish(): Uint8Array {
    return this.#bytes.slice(0, Math.ceil(this.#length / 8));
  }
}

/** Reads what a BitWriter wrote. @throws LCError LC_FILE at the end of the bytes. */
export class BitReader {
  readonly #bytes: Uint8Array;
  #at = 0;

  constructor(bytes: Uint8Array) {
    this.#bytes = bytes;
  }

  /** Bits read. */
  get length(): number {
    return this.#at;
  }

  /** Bits not read yet. */
  get left(): number {
    return 8 * this.#bytes.length - this.#at;
  }

  read(width: number): number {
    const end = this.#at + width;
    if (end > 8 * this.#bytes.length) {
      throw new LCError(
        "LC_FILE",
        `packed numbers end after ${this.#bytes.length} bytes, where ${Math.ceil(end / 8)} or more are needed.`,
      );
    }
    let value = 0;
    for (let at = this.#at, scale = 1; at < end; ) {
      const taken = Math.min(8 - (at % 8), end - at);
      const bits = ((this.#bytes[Math.floor(at / 8)] as number) >>> (at % 8)) & (2 ** taken - 1);
      value += bits * scale;
      scale *= 2 ** taken;
      at += taken;
    }
    this.#at = end;
    return value;
  }

  /** True if only the 0 bits that fill up the last byte are left. */
  finished(): boolean {
    return this.left < 8 && this.read(this.left) === 0;
  }
}
