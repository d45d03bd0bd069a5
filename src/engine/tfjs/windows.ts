import { type Layer, type Padding, paddingBefore } from "../../net/network.ts";
import type { TfPadding } from "../../net/tfjs-module.ts";
import { pair } from "../../net/tfjs-shortcut.ts";

type Pair = [number, number];

/** A sliding window in tfjs's terms. */
export interface Window {
  /** [height, width] in pixels, as are all pairs here. */
  readonly size: Pair;
  readonly stride: Pair;
  /** What tfjs is told, after `pads`. */
  readonly padding: TfPadding;
  /** Pixels [before, after] of rows and of columns to add first; undefined where tfjs can do it. */
  readonly pads: [Pair, Pair] | undefined;
  /** The same, whether or not tfjs can do it. */
  readonly allPads: [Pair, Pair];
  readonly output: Pair;
  /** Pixels of the image in each window, row-major (output); undefined without padding. */
  readonly counts: Float32Array | undefined;
}

export function windowOf(
  { inputShape, outputShape }: Layer,
  size: readonly [number, number],
  stride: readonly [number, number] = [1, 1],
  padding: Padding = "valid",
): Window {
  const input = pair([inputShape[0] as number, inputShape[1] as number]);
  const output = pair([outputShape[0] as number, outputShape[1] as number]);
  const padsOf = (as: Padding) => {
    const before = paddingBefore(input, size, stride, as);
    const along = (axis: 0 | 1): Pair => {
      const covered = (output[axis] - 1) * stride[axis] + size[axis];
      return [before[axis], Math.max(covered - input[axis] - before[axis], 0)];
    };
    return [along(0), along(1)] satisfies [Pair, Pair];
  };
  const allPads = padsOf(padding) as [Pair, Pair];
  const none = allPads.flat().every((n) => n === 0);
  const same = String(padsOf("same")) === String(allPads);
  return {
    ...{ size: pair(size), stride: pair(stride), output, allPads },
    padding: !none && same ? "same" : "valid",
    pads: none || same ? undefined : allPads,
    counts: none ? undefined : countsOf(input, output, size, stride, allPads),
  };
}

function countsOf(
  input: Pair,
  output: Pair,
  size: readonly [number, number],
  stride: readonly [number, number],
  pads: readonly [Pair, Pair],
): Float32Array {
  const inside = (axis: 0 | 1, i: number) => {
    const first = i * stride[axis] - pads[axis][0];
    return Math.min(first + size[axis], input[axis]) - Math.max(first, 0);
  };
  return Float32Array.from(
    { length: output[0] * output[1] },
    (_, i) => inside(0, Math.floor(i / output[1])) * inside(1, i % output[1]),
  );
}
