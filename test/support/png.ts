import { crc32, deflateSync, inflateSync } from "node:zlib";
import type { Picture } from "../../src/data/decode.ts";

const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");

/** A PNG file of RGBA pixels (8 bits, no filters, one IDAT). */
export function encodePng({ width, height, data }: Picture): Buffer {
  const header = Buffer.alloc(13);
  header.writeUInt32BE(width, 0);
  header.writeUInt32BE(height, 4);
  header.set([8, 6, 0, 0, 0], 8);
  const rows = Buffer.alloc(height * (4 * width + 1));
  for (let y = 0; y < height; y++) {
    rows.set(data.subarray(4 * width * y, 4 * width * (y + 1)), y * (4 * width + 1) + 1);
  }
  const chunk = (type: string, content: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
    const [length, sum] = [Buffer.alloc(4), Buffer.alloc(4)];
    length.writeUInt32BE(content.length);
    sum.writeUInt32BE(crc32(body));
    return Buffer.concat([length, body, sum]);
  };
  const idat = chunk("IDAT", deflateSync(rows));
  return Buffer.concat([signature, chunk("IHDR", header), idat, chunk("IEND", Buffer.of())]);
}

/** Decodes what `encodePng` writes, and nothing else. */
export function decodePng(bytes: Uint8Array): Picture {
  const file = Buffer.from(bytes);
  if (!file.subarray(0, 8).equals(signature)) throw new Error("not a PNG");
  const [width, height] = [file.readUInt32BE(16), file.readUInt32BE(20)];
  const rows = inflateSync(file.subarray(41, 41 + file.readUInt32BE(33)));
  const data = new Uint8Array(4 * width * height);
  for (let y = 0; y < height; y++) {
    const from = y * (4 * width + 1) + 1;
    data.set(rows.subarray(from, from + 4 * width), 4 * width * y);
  }
  return { width, height, data };
}
