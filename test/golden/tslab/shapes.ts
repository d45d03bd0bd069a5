/** A local module as notebooks for tslab have them: it draws, and it shows by itself. */
import * as zlib from "node:zlib";
import * as tslab from "tslab";

export interface Shape {
  x: number;
  y: number;
  size: number;
}

/** Squares along a diagonal. */
export function diagonal(count: number): Shape[] {
  return Array.from({ length: count }, (_, i) => ({ x: 12 * i, y: 12 * i, size: 10 }));
}

export function svg(shapes: Shape[]): string {
  const squares = shapes.map(
    ({ x, y, size }) => `<rect x="${x}" y="${y}" width="${size}" height="${size}"/>`,
  );
  return `<svg xmlns="http://www.w3.org/2000/svg" width="80" height="80">${squares.join("")}</svg>`;
}

export function show(shapes: Shape[]): void {
  tslab.display.svg(svg(shapes));
}

/** A grey PNG; level 0 stores the pixels as they are, so that its bytes are the same everywhere. */
export function png(width: number, height: number, grey: (x: number, y: number) => number): Buffer {
  const rows = Array.from({ length: height }, (_, y) =>
    Buffer.from([0, ...Array.from({ length: width }, (_, x) => grey(x, y))]),
  );
  const head = Buffer.alloc(13);
  head.writeUInt32BE(width, 0);
  head.writeUInt32BE(height, 4);
  head[8] = 8;
  return Buffer.concat([
    Buffer.from([0x89, 0x50, 0x4e, 0x47, 0x0d, 0x0a, 0x1a, 0x0a]),
    chunk("IHDR", head),
    chunk("IDAT", zlib.deflateSync(Buffer.concat(rows), { level: 0 })),
    chunk("IEND", Buffer.alloc(0)),
  ]);
}

function chunk(type: string, data: Buffer): Buffer {
  const body = Buffer.concat([Buffer.from(type, "latin1"), data]);
  const result = Buffer.alloc(body.length + 8);
  result.writeUInt32BE(data.length, 0);
  body.copy(result, 4);
  result.writeUInt32BE(crc(body), body.length + 4);
  return result;
}

function crc(bytes: Buffer): number {
  let rest = 0xffffffff;
  for (const byte of bytes) {
    rest ^= byte;
    for (let i = 0; i < 8; i++) rest = rest & 1 ? (rest >>> 1) ^ 0xedb88320 : rest >>> 1;
  }
  return (rest ^ 0xffffffff) >>> 0;
}
