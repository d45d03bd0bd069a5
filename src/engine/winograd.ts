import type { Arena } from "./arena.ts";
import type { Node } from "./graph.ts";
import type { WindowArg } from "./kernels.ts";
import { panels } from "./packing.ts";
import type { Op } from "./program.ts";
import type { Slot } from "./slots.ts";

/** Most panels of channels × panels of filters: beyond, the transformed weights would leave the cache. */
const LARGEST = 256;

/** Offsets of the transformed weights of a convolution: for its outputs, and for the gradient of its inputs or 0. */
export interface Transformed {
  readonly forward: number;
  readonly backward: number;
}

/** Whether the convolution `node` is done by Winograd's algorithm (assembly/winograd.ts). */
export function isWinograd({ spec, inputs }: Node): boolean {
  if (spec.kind !== "conv2d") return false;
  const [channels, { filters }] = [inputs[0]?.shape[2] ?? 0, spec];
  const [down, across] = spec.stride ?? [1, 1];
  return (
    spec.kernel[0] === 3 &&
    spec.kernel[1] === 3 &&
    down === 1 &&
    across === 1 &&
    channels % 8 === 0 &&
    filters % 8 === 0 &&
    panels(channels) * panels(filters) <= LARGEST
  );
}

/** Takes the memory of transformed weights; `inputs` says whether the gradient of the inputs is wanted. */
export function takeTransformed(
  arena: Arena,
  { layer, parameters }: Node,
  inputs: boolean,
): Transformed {
  const [rows, cols] = [parameters[0]?.rows ?? 0, parameters[0]?.cols ?? 0];
  const take = (what: string) => arena.take(`${layer} ${what}`, ((rows * cols) / 9) * 16 * 4);
  return { forward: take("transformed"), backward: inputs ? take("turned") : 0 };
}

/** The ops that transform the weights of a convolution, from one of its slot's copies. */
export function transformOps(
  { layer }: Node,
  { rows, cols, transposed }: Slot,
  w: number,
  { forward, backward }: Transformed,
): readonly Op[] {
  const [filters, channels] = [rows, cols / 9];
  const kernel = "winogradWeights";
  const [tapBytes, panelBytes] = [channels * 32, cols * 32];
  const of = { w, u: forward, panels: panels(filters), inputs: channels, panelBytes, tapBytes };
  const ops: Op[] = [{ kernel, layer, tasks: panels(filters), args: { ...of, turned: 0 } }];
  if (backward) {
    const panelBytes = filters * 32;
    const tapBytes = panels(channels) * panelBytes;
    const of = { w: transposed, u: backward, panels: panels(channels), inputs: filters };
    const args = { ...of, panelBytes, tapBytes, turned: 1 };
    ops.push({ kernel, layer, tasks: panels(channels), args });
  }
  return ops;
}

/** The window with which the gradient of the inputs slides over that of the outputs. */
export function turnedWindow(
  window: Readonly<Record<WindowArg, number>>,
  filters: number,
): Readonly<Record<WindowArg, number>> {
  const { height, width, outHeight, outWidth, top, left } = window;
  return {
    ...window,
    ...{
      height: outHeight,
      width: outWidth,
      channels: filters,
      outHeight: height,
      outWidth: width,
    },
    ...{ top: 2 - top, left: 2 - left },
  };
}

/** Bytes of scratch beyond the first words (assembly/winograd.ts). */
export function scratchOf({ parameters }: Node): number {
  const [rows, cols] = [parameters[0]?.rows ?? 0, parameters[0]?.cols ?? 0];
  const [inputs, outputs] = [panels(cols / 9), panels(rows)];
  const blocks = inputs * outputs > 32 ? 2 : 4;
  const points = 16 * (blocks * (inputs + outputs) * 512 + 128);
  return Math.max(inputs, outputs) * 512 + points + 16 * inputs * outputs * 256;
}
