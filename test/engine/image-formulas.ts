import type { Dataset } from "../../src/data/dataset.ts";
import type { Network, Parameter, Weights } from "../../src/net/network.ts";

/** 32 bits of index and salt, by the finalizer of MurmurHash3 (public domain): unlike a linear formula, no patterns. */
export function mixed(index: number, salt: number): number {
  let h = (Math.imul(index, 0x9e3779b9) + Math.imul(salt, 0x85ebca6b)) | 0;
  h = Math.imul(h ^ (h >>> 16), 0x85ebca6b);
  h = Math.imul(h ^ (h >>> 13), 0xc2b2ae35);
  return (h ^ (h >>> 16)) >>> 0;
}

/**
 * `count` training examples in the shape of `network`'s input, 10 classes, the first 8 of them to test: squares of 8
 * pixels with a little noise, so that examples differ in the mean over their pixels too.
 */
export function hashedData({ input }: Network, count: number, salt: number): Dataset {
  const [height = 1, width = 1, channels = 1] = input;
  const inputs = height * width * channels;
  const images = Uint8Array.from({ length: count * inputs }, (_, i) => {
    const pixel = Math.floor(i / channels);
    const [x, row] = [pixel % width, Math.floor(pixel / width)];
    const [y, n] = [row % height, Math.floor(row / height)];
    const square = ((n * 4 + (y >> 3)) * 4 + (x >> 3)) * channels + (i % channels);
    return (3 * (mixed(square, salt + 1) >>> 24) + (mixed(i, salt) >>> 24)) >> 2;
  });
  const labels = Uint8Array.from({ length: count }, (_, i) => (i * 7) % 10);
  const tests = Math.min(count, 8);
  return {
    ...{ name: "hashed data", source: "computed", shape: [height, width, channels], classes: 10 },
    train: { images, labels, count },
    test: { images: images.slice(0, tests * inputs), labels: labels.slice(0, tests), count: tests },
    mean: Float32Array.from({ length: inputs }, (_, i) => ((i * 5) % 16) / 16),
  };
}

/** Weights of hashed numbers, with which signals neither fade nor grow; shifted, they are targets. */
export function hashedWeights({ parameters }: Network, salt: number, shift = 0): Weights {
  return Object.fromEntries(
    parameters.map((parameter, p) => [parameter.key, hashed(parameter, salt + 16 * p + shift)]),
  );
}

function hashed({ key, role, rows, cols }: Parameter, salt: number): Float32Array {
  return Float32Array.from({ length: rows * cols }, (_, i) => {
    const unit = (mixed(i, salt) >>> 8) / 2 ** 23 - 1;
    if (role === "w") return unit * Math.sqrt(6 / cols);
    if (role === "gamma") return (1 + unit / 4) / 4;
    if (role === "variance") return 1 + unit / 4;
    if (role !== "beta") return unit / 8;
    // Four deviations from the kink of the relu behind it; inside a block a quarter of the channels is off.
    const off = key.endsWith("an.beta") && mixed(i, salt + 1) % 4 === 0;
    return (off ? -1 : 1) + unit / 8;
  });
}
