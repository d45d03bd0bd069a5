import { readFile } from "node:fs/promises";
import { LCError } from "../errors.ts";
import type { Decode, Picture } from "./decode.ts";
import { resizeAndCrop } from "./resize.ts";

/** What to make of a picture file. */
export interface PictureJob {
  readonly path: string;
  /** Shorter side after scaling, and side of the central square that is cut out, in pixels. */
  readonly size: number;
  readonly crop: number;
}

/**
 * Reads, decodes, scales and crops one picture: crop × crop × 3 bytes, row-major, channels last.
 * @throws LCError LC_DATA naming the file.
 */
export async function cutPicture(
  { path, size, crop }: PictureJob,
  decode: Decode,
): Promise<Uint8Array<ArrayBuffer>> {
  let picture: Picture;
  try {
    picture = await decode(await readFile(path));
  } catch (cause) {
    const message = (cause as Error).message.replace(/^LC_DATA: /, "").replace(/\.$/, "");
    throw new LCError("LC_DATA", `cannot read the picture ${path}: ${message}.`, { cause });
  }
  const { width, height, data } = picture;
  if (!(width >= 1 && height >= 1 && data.length === 4 * width * height)) {
    throw new LCError(
      "LC_DATA",
      `cannot read the picture ${path}: decode must give RGBA, 4 bytes for each pixel, got ${data.length} bytes for ${width} × ${height}.`,
    );
  }
  return resizeAndCrop(picture, size, crop);
}
