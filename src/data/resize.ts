import type { Picture } from "./decode.ts";

/**
 * Scales a picture so that its shorter side is `size` (the longer one in proportion, rounded down) and cuts the
 * central crop × crop square out; 1 ≤ crop ≤ size. Result: RGB, row-major, channels last, 3 · crop² bytes; alpha is
 * ignored.
 *
 * Bilinear, in Pillow's sense: a triangle as wide as one pixel of the coarser grid, so that shrinking averages
 * instead of skipping pixels. First along rows, then along columns, in float64, rounded once, halves up. + − × ÷ only, so
 * the same on every machine.
 */
export function resizeAndCrop(
  picture: Picture,
  size: number,
  crop: number,
): Uint8Array<ArrayBuffer> {
  const { width, height, data } = picture;
  const shorter = Math.min(width, height);
  const scaled = (side: number): number => Math.floor((side * size) / shorter);
  const across = taps(width, scaled(width), crop);
  const down = taps(height, scaled(height), crop);
  const top = (down[0] as Taps).from;
  const last = down[crop - 1] as Taps;
  const rows = last.from + last.weights.length - top;
  const wide = 3 * crop;
  const narrowed = new Float64Array(rows * wide);
  for (let x = 0; x < crop; x++) {
    const { from, weights } = across[x] as Taps;
    for (let y = 0; y < rows; y++) {
      let red = 0;
      let green = 0;
      let blue = 0;
      for (let k = 0, p = 4 * ((top + y) * width + from); k < weights.length; k++, p += 4) {
        const weight = weights[k] as number;
        red += weight * (data[p] as number);
        green += weight * (data[p + 1] as number);
        blue += weight * (data[p + 2] as number);
      }
      const to = y * wide + 3 * x;
      narrowed[to] = red;
      narrowed[to + 1] = green;
      narrowed[to + 2] = blue;
    }
  }
  const out = new Uint8Array(crop * wide);
  const row = new Float64Array(wide);
  for (let y = 0; y < crop; y++) {
    const { from, weights } = down[y] as Taps;
    row.fill(0.5);
    for (let k = 0; k < weights.length; k++) {
      const weight = weights[k] as number;
      const start = (from - top + k) * wide;
      for (let x = 0; x < wide; x++) {
        row[x] = (row[x] as number) + weight * (narrowed[start + x] as number);
      }
    }
    // Storing cuts the fraction off.
    out.set(row, y * wide);
  }
  return out;
}

/** The input pixels from … and their weights (sum 1) that make one output pixel. */
interface Taps {
  readonly from: number;
  readonly weights: Float64Array;
}

/** Taps of the `crop` central ones of `to` output pixels along a side of `length` input pixels. */
function taps(length: number, to: number, crop: number): Taps[] {
  const scale = length / to;
  const reach = Math.max(1, scale);
  const first = Math.floor((to - crop) / 2);
  return Array.from({ length: crop }, (_, i) => {
    const centre = (first + i + 0.5) * scale;
    const from = Math.max(0, Math.floor(centre - reach + 0.5));
    const end = Math.min(length, Math.floor(centre + reach + 0.5));
    const weights = new Float64Array(end - from);
    let sum = 0;
    for (let k = 0; k < weights.length; k++) {
      const weight = Math.max(0, 1 - Math.abs(from + k + 0.5 - centre) / reach);
      weights[k] = weight;
      sum += weight;
    }
    return { from, weights: weights.map((weight) => weight / sum) };
  });
}
