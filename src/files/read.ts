import { open } from "node:fs/promises";
import { LCError } from "../errors.ts";
import { grouped } from "../text.ts";

/** What reading a file may take if the user does not say: 4 GiB. */
export const MOST_BYTES: number = 2 ** 32;

/**
 * The bytes of a file.
 * @throws LCError LC_FILE if they are more than `maxBytes`; LC_DISK if it cannot be read.
 */
export async function readAtMost(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    const file = await open(path, "r");
    try {
      const { size } = await file.stat();
      if (size > maxBytes) {
        throw new LCError(
          "LC_FILE",
          `${path}: the file has ${grouped(size)} bytes, more than maxBytes = ${grouped(maxBytes)}.`,
        );
      }
      return await file.readFile();
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof LCError) throw cause;
    throw new LCError("LC_DISK", `cannot read ${path}: ${(cause as Error).message}.`, { cause });
  }
}
