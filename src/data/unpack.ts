import { existsSync } from "node:fs";
import { readFile } from "node:fs/promises";
import { basename, join } from "node:path";
import { promisify } from "node:util";
import { gunzip } from "node:zlib";
import { LCError } from "../errors.ts";

/**
 * The bytes of a file; what starts like a gzip file is unpacked.
 * @throws LCError LC_DATA if it cannot be read or the gzip stream is damaged.
 */
export async function readUnpacked(path: string): Promise<Uint8Array> {
  let bytes: Uint8Array;
  try {
    bytes = await readFile(path);
  } catch (cause) {
    throw new LCError("LC_DATA", `cannot read ${path}: ${(cause as Error).message}.`, { cause });
  }
  if (bytes[0] !== 0x1f || bytes[1] !== 0x8b) return bytes;
  try {
    return await promisify(gunzip)(bytes);
  } catch (cause) {
    const message = `${basename(path)} is a damaged gzip file (${(cause as Error).message}; ${bytes.length} bytes found). Fetch it again.`;
    throw new LCError("LC_DATA", message, { cause });
  }
}

/** The path of `name.gz` or `name` in a folder, whichever is there (the gzipped one first), else undefined. */
export function locate(folder: string, name: string): string | undefined {
  return [`${name}.gz`, name].map((file) => join(folder, file)).find((path) => existsSync(path));
}
