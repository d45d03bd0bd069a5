/** A named piece of the arena, in bytes from its start. */
export interface Region {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
}

/** `bytes` in whole cache lines. */
export function lines(bytes: number): number {
  return Math.ceil(bytes / 64) * 64;
}

/**
 * Hands out offsets of one arena, once, before anything runs: a static memory plan. Every piece starts on a cache
 * line. Offset 0 is never handed out; kernels read it as "none".
 */
export class Arena {
  readonly regions: Region[] = [];
  #next = 64;
  #bytes = 64;

  take(name: string, bytes: number): number {
    const offset = this.#next;
    this.regions.push({ name, offset, bytes });
    this.#next += lines(bytes);
    this.#bytes = Math.max(this.#bytes, this.#next);
    return offset;
  }

  /** Plans two sets of pieces that are never alive together, in the same memory. */
  overlay<A, B>(first: () => A, second: () => B): [A, B] {
    const start = this.#next;
    const a = first();
    this.#next = start;
    const b = second();
    this.#next = this.#bytes;
    return [a, b];
  }

  /** Size so far. */
  get bytes(): number {
    return this.#bytes;
  }
}
