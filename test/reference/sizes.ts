import { deflateSync } from "node:zlib";
import { encodeFile } from "../../src/files/file.ts";
import { sizeOf } from "../../src/lc/size.ts";
import type { Solution } from "../../src/lc/solution.ts";
import { directRows, type Reference } from "./checks.ts";

/** Sizes of the compressed weights of one row, without biases and header. */
export interface Sizes {
  readonly row: string;
  readonly search: string;
  readonly toolkitBits: number;
  readonly packedBytes: number;
  readonly codedBytes: number;
  /** zlib, level 9, of the packed data. */
  readonly zlibBytes: number;
  /** Both files whole, with biases and header. */
  readonly packedFile: number;
  readonly codedFile: number;
  readonly zlibFile: number;
}

/** Direct compression as each row says, and how many bytes that takes in each way. */
export async function* sizes(model: Reference): AsyncGenerator<Sizes> {
  for (const { name, search, plan } of directRows) {
    const made = plan(model);
    const solution = (await made.direct()) as Solution;
    const { thetas } = solution;
    const perTask = made.tasks.map(({ layers }) => thetas[layers[0] as string]);
    const toolkit = sizeOf(model.network, made.tasks, perTask, "toolkit");
    const packed = encodeFile(solution, false);
    const coded = encodeFile(solution, true);
    const rest = toolkit.restBits / 8;
    const data = packed.bytes.subarray(packed.size.header);
    yield {
      ...{ row: name, search, toolkitBits: toolkit.bits },
      packedBytes: packed.size.data - rest,
      codedBytes: coded.size.data - rest,
      // The biases are among the data, and hardly get smaller.
      zlibBytes: deflateSync(data, { level: 9 }).length - rest,
      packedFile: packed.size.bytes,
      codedFile: coded.size.bytes,
      zlibFile: deflateSync(packed.bytes, { level: 9 }).length,
    };
  }
}
