import { LCError } from "../errors.ts";
import { CodeModel, NumberModel, PositionModel, widthOf } from "./models.ts";
import { type Coder, RangeDecoder, RangeEncoder } from "./range-coder.ts";
import {
  type CodeArray,
  Counts,
  finite,
  finiteHalves,
  type Grid,
  Names,
  type Sink,
  type Source,
  type Tensor,
  type Written,
} from "./streams.ts";

/** The name of the tensor with a part that is coded arithmetically. */
export const CODED = "coded";

/** The models of a part, kept from one array to the next of the same kind: channels learn from each other. */
class Models {
  readonly #models = new Map<string, CodeModel | PositionModel | NumberModel>();

  get<Model extends CodeModel | PositionModel | NumberModel>(
    name: string,
    make: () => Model,
  ): Model {
    const known = this.#models.get(name);
    if (known) return known as Model;
    const made = make();
    this.#models.set(name, made);
    return made;
  }
}

/**
 * Codes every row of every matrix of a grid. Each layer that is joined to others begins anew: a model for each would take 49 KB, and a
 * file may have thousands of layers.
 */
function eachRow<Row extends CodeArray>(
  grid: Grid,
  values: Row,
  model: CodeModel | PositionModel,
  code: (row: Row) => void,
): void {
  let at = 0;
  for (const { rows, cols } of grid.joined ?? [grid]) {
    if (grid.joined) model.reset();
    for (let row = 0; row < rows; row++, at += cols) code(values.subarray(at, at + cols) as Row);
  }
}

/** What sink and source share: both call it with the same arrays, the source with empty ones to be filled. */
class Streams {
  readonly #models = new Models();
  readonly names = new Names();

  codes(coder: Coder, values: CodeArray, size: number, grid: Grid): void {
    const width = widthOf(size);
    if (width === 0) return;
    // Not by size or columns: a channel may have any, and each model takes memory.
    const name = this.names.full(`codes/${width}`);
    const model = this.#models.get(name, () => new CodeModel(width));
    eachRow(grid, values, model, (row) => model.row(coder, row, size - 1));
  }

  flags(coder: Coder, flags: Uint8Array, grid: Grid): void {
    const model = this.#models.get(this.names.full("positions"), () => new PositionModel());
    eachRow(grid, flags, model, (row) => model.row(coder, row));
  }

  numbers(coder: Coder, name: string, bits: Uint16Array | Uint32Array): void {
    const width = bits instanceof Uint32Array ? 32 : 16;
    const model = this.#models.get(this.names.full(name), () => new NumberModel(width));
    for (let i = 0; i < bits.length; i++) bits[i] = model.number(coder, bits[i] as number);
  }
}

/** All of a part in one tensor, coded arithmetically. */
export class CodedSink implements Sink {
  readonly #streams = new Streams();
  readonly #coder = new RangeEncoder();
  readonly #counts: number[] = [];

  count(value: number): void {
    this.#counts.push(value);
  }

  codes(values: ArrayLike<number>, size: number, grid: Grid): void {
    this.#streams.codes(this.#coder, Uint32Array.from(values), size, grid);
  }

  positions(indices: Uint32Array, grid: Grid): void {
    if (indices.length === 0) return;
    const flags = new Uint8Array(grid.rows * grid.cols);
    for (const index of indices) flags[index] = 1;
    this.#streams.flags(this.#coder, flags, grid);
  }

  numbers(name: string, values: Float32Array): void {
    this.#streams.numbers(this.#coder, name, new Uint32Array(values.slice().buffer));
  }

  halves(name: string, values: Uint16Array): void {
    this.#streams.numbers(this.#coder, name, values.slice());
  }

  within(name: string, write: () => void): void {
    this.#streams.names.within(name, write);
  }

  finish(): Written {
    const bytes = this.#coder.finish();
    return {
      counts: this.#counts,
      tensors: new Map([[CODED, { dtype: "U8", shape: [bytes.length], bytes }]]),
    };
  }
}

/** Reads what a CodedSink wrote. */
export class CodedSource implements Source {
  readonly #streams = new Streams();
  readonly #counts: Counts;
  readonly #coder: RangeDecoder;

  constructor({ counts }: Pick<Written, "counts">, { bytes }: Tensor) {
    this.#counts = new Counts(counts);
    this.#coder = new RangeDecoder(bytes);
  }

  count(what: string, least: number, most: number): number {
    return this.#counts.next(what, least, most);
  }

  codes<Values extends CodeArray>(values: Values, size: number, grid: Grid): Values {
    this.#streams.codes(this.#coder, values, size, grid);
    const bad = values.findIndex((code: number) => code >= size);
    if (bad < 0) return values;
    throw new LCError("LC_FILE", `code ${bad} is ${values[bad]}, and there are only ${size}.`);
  }

  positions(count: number, grid: Grid): Uint32Array {
    if (count === 0) return new Uint32Array();
    const flags = new Uint8Array(grid.rows * grid.cols);
    this.#streams.flags(this.#coder, flags, grid);
    const found = flags.reduce((sum, flag) => sum + flag, 0);
    if (found !== count) {
      throw new LCError(
        "LC_FILE",
        `the header says ${count} positions, the coded part has ${found}.`,
      );
    }
    const indices = new Uint32Array(count);
    let next = 0;
    for (let i = 0; i < flags.length; i++) if (flags[i]) indices[next++] = i;
    return indices;
  }

  numbers(name: string, count: number): Float32Array {
    this.#room(name, count, 20);
    const values = new Float32Array(count);
    this.#streams.numbers(this.#coder, name, new Uint32Array(values.buffer));
    return finite(name, values);
  }

  halves(name: string, count: number): Uint16Array {
    this.#room(name, count, 7);
    const values = new Uint16Array(count);
    this.#streams.numbers(this.#coder, name, values);
    return finiteHalves(name, values);
  }

  within<Result>(name: string, read: () => Result): Result {
    return this.#streams.names.within(name, read);
  }

  /** @throws LCError LC_FILE unless all was read. */
  finish(): void {
    if (this.#counts.finished() && this.#coder.left === 0) return;
    throw new LCError(
      "LC_FILE",
      `there is more in it than its compression needs: ${this.#coder.left} bytes.`,
    );
  }

  /** Every number takes `plain` bits at least, so that a small file cannot ask for much memory. */
  #room(name: string, count: number, plain: number): void {
    // The decoder has read 4 bytes ahead.
    if (count * plain <= 8 * (this.#coder.left + 4)) return;
    throw new LCError(
      "LC_FILE",
      `${count} numbers ${JSON.stringify(name)} cannot be in ${this.#coder.left} bytes.`,
    );
  }
}
