import { crc32, deflateSync } from "node:zlib";
import { type Displayable, displaySymbol } from "../notebook.ts";
import type { Dataset } from "./dataset.ts";

/**
 * The first `rows` × `columns` training images as one picture, grey or RGB, that shows itself in a notebook
 * (a PNG).
 * @throws RangeError if the images have other than 1 or 3 channels, or rows or columns are not whole numbers from 1.
 */
export function preview(
  data: Dataset,
  options: { readonly rows?: number; readonly columns?: number } = {},
): Displayable {
  const { rows = 3, columns = 20 } = options;
  const [height, width, channels] = data.shape;
  if (channels !== 1 && channels !== 3) {
    throw new RangeError(
      `preview: images must be grey (1 channel) or RGB (3), ${data.name} has ${channels}.`,
    );
  }
  if (!(Number.isInteger(rows) && Number.isInteger(columns) && rows > 0 && columns > 0)) {
    throw new RangeError(
      `preview: rows and columns must be whole numbers from 1, got ${rows} and ${columns}.`,
    );
  }
  const [down, across] = [rows * height, columns * width];
  // PNG rows start with a filter byte, 0 for none.
  const line = across * channels + 1;
  const raw = Buffer.alloc(down * line);
  for (let image = 0; image < Math.min(rows * columns, data.train.count); image++) {
    const [row, column] = [Math.floor(image / columns), image % columns];
    for (let y = 0; y < height; y++) {
      const from = (image * height + y) * width * channels;
      const to = (row * height + y) * line + 1 + column * width * channels;
      raw.set(data.train.images.subarray(from, from + width * channels), to);
    }
  }
  const header = Buffer.alloc(13);
  header.writeUInt32BE(across, 0);
  header.writeUInt32BE(down, 4);
  header.set([8, channels === 1 ? 0 : 2, 0, 0, 0], 8);
  const chunk = (type: string, content: Uint8Array): Buffer => {
    const body = Buffer.concat([Buffer.from(type, "latin1"), content]);
    const frame = Buffer.alloc(8);
    frame.writeUInt32BE(content.length, 0);
    frame.writeUInt32BE(crc32(body), 4);
    return Buffer.concat([frame.subarray(0, 4), body, frame.subarray(4)]);
  };
  const signature = Buffer.from("\x89PNG\r\n\x1a\n", "latin1");
  const chunks = [
    chunk("IHDR", header),
    chunk("IDAT", deflateSync(raw)),
    chunk("IEND", Buffer.of()),
  ];
  const png = Buffer.concat([signature, ...chunks]).toString("base64");
  const labels = [...data.train.labels.subarray(0, Math.min(rows * columns, data.train.count))];
  return {
    [displaySymbol]: () => ({
      "image/png": png,
      "text/plain": `${data.name}, the first ${labels.length} training images: ${labels.join(" ")}`,
    }),
  };
}
