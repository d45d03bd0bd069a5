import { constants } from "node:fs";
import { open } from "node:fs/promises";
import { LCError } from "../errors.ts";
import { grouped } from "../text.ts";

/** What reading a file may take if the user does not say: 4 GiB. */
export const MOST_BYTES: number = 2 ** 32;

/** Bytes read at a time: Node takes less than 2 GiB. */
const MOST_READ = 2 ** 30;

/**
 * The bytes of a file.
 * @throws LCError LC_FILE if they are more than `maxBytes`, or it is a folder, a device or a pipe; LC_DISK if it cannot be read.
 */
export async function readAtMost(path: string, maxBytes: number): Promise<Uint8Array> {
  try {
    // Opening a pipe would wait for someone to write into it. Windows has no such flag.
    const file = await open(path, constants.O_RDONLY | (constants.O_NONBLOCK ?? 0));
    try {
      const info = await file.stat();
      if (!info.isFile()) {
        const what = info.isDirectory() ? "a folder" : "a device or a pipe";
        throw new LCError("LC_FILE", `${path}: it is ${what}, not a file.`);
      }
      const { size } = info;
      if (size > maxBytes) {
        throw new LCError(
          "LC_FILE",
          `${path}: the file has ${grouped(size)} bytes, more than maxBytes = ${grouped(maxBytes)}.`,
        );
      }
      // Not to its end, which may be further by now.
      const bytes = new Uint8Array(size);
      let at = 0;
      while (at < size) {
        const { bytesRead } = await file.read(bytes, at, Math.min(size - at, MOST_READ), at);
        if (bytesRead === 0) break;
        at += bytesRead;
      }
      return bytes.subarray(0, at);
    } finally {
      await file.close();
    }
  } catch (cause) {
    if (cause instanceof LCError) throw cause;
    throw new LCError("LC_DISK", `cannot read ${path}: ${(cause as Error).message}.`, { cause });
  }
}
