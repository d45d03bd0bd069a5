/** A named piece of the arena, in bytes from its start. */
export interface Region {
  readonly name: string;
  readonly offset: number;
  readonly bytes: number;
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
    this.#next += Math.ceil(bytes / 64) * 64;
    this.#bytes = Math.max(this.#bytes, this.#next);
    return offset;
  }

  /** From here on, reuses the memory after `offset`, once taken: what came after it is never alive with what follows. */
  rewind(offset: number): void {
    this.#next = offset;
  }

  /** Where the next piece will start. */
  get next(): number {
    return this.#next;
  }

  /** Size so far. */
  get bytes(): number {
    return this.#bytes;
  }
}
