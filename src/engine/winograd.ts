import type { Arena } from "./arena.ts";
import type { Node } from "./graph.ts";
import type { WindowArg } from "./kernels.ts";
import { panels } from "./packing.ts";
import type { Op } from "./program.ts";
import type { Slot } from "./slots.ts";
import * as layout from "./wasm/assembly/layout.ts";

/** Most bytes of transformed weights: beyond, they would leave the cache for each block of tiles. */
const LARGEST = 2 ** 20;

/** Fewer channels or filters are not worth the transforms. */
const FEWEST = 8;

/** Offsets of the transformed weights of a convolution: for its outputs, and for the gradient of its inputs or 0. */
export interface Transformed {
  readonly forward: number;
  readonly backward: number;
}

/** Whether the outputs and the weight gradient of `node` are computed by Winograd's algorithm (assembly/winograd.ts). */
export function isWinograd(node: Node): boolean {
  const { spec } = node;
  if (spec.kind !== "conv2d") return false;
  const [size, other] = spec.kernel;
  const [down, across] = spec.stride ?? [1, 1];
  const { channels, filters } = extentsOf(node);
  return (
    (size === 3 || size === 5) &&
    size === other &&
    down === 1 &&
    across === 1 &&
    Math.min(channels, filters) >= FEWEST &&
    transformedBytes(node) <= LARGEST
  );
}

/**
 * Whether the gradient of its inputs is too. Not so for 5 × 5, whose tiles are mostly padding where the image is small; the
 * turned filters are read by whole panels of channels.
 */
function isTurned(node: Node): boolean {
  const { side, channels } = extentsOf(node);
  return node.inputs[0]?.trains === true && side === 4 && channels % 8 === 0;
}

/** Side of a tile of inputs, and numbers of channels. */
function extentsOf({ spec, inputs }: Node) {
  const [size, filters] = spec.kind === "conv2d" ? [spec.kernel[0], spec.filters] : [0, 0];
  return { side: size + 1, channels: inputs[0]?.shape[2] ?? 0, filters };
}

/** Of its transformed weights. */
export function transformedBytes(node: Node): number {
  const { side, channels, filters } = extentsOf(node);
  return side * side * panels(channels) * panels(filters) * 256;
}

/** Takes the memory of transformed weights; when `training`, of turned ones too if they are of use. */
export function takeTransformed(arena: Arena, node: Node, training: boolean): Transformed {
  const take = (what: string) => arena.take(`${node.layer} ${what}`, transformedBytes(node));
  return {
    forward: take("transformed"),
    backward: training && isTurned(node) ? take("turned") : 0,
  };
}

/** The ops that transform the weights of a convolution, from its copy at `w`. */
export function transformOps(
  node: Node,
  { rows, cols, transposed }: Slot,
  w: number,
  { forward, backward }: Transformed,
): readonly Op[] {
  const { layer } = node;
  const { side, channels, filters } = extentsOf(node);
  const kernel = "winogradWeights";
  const of = { panels: panels(filters), inputs: channels, turned: 0, side };
  const [panelBytes, tapBytes] = [panels(cols) * 256, channels * 32];
  const args = { w, u: forward, ...of, panelBytes, tapBytes };
  const ops: Op[] = [{ kernel, layer, tasks: panels(filters), args }];
  if (backward) {
    const of = { panels: panels(channels), inputs: filters, turned: 1, side };
    const panelBytes = panels(rows) * 256;
    const tapBytes = panels(channels) * panelBytes;
    const args = { w: transposed, u: backward, ...of, panelBytes, tapBytes };
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

/** Bytes of a thread's scratch (assembly/winograd.ts), beyond those that every kernel has. */
export function scratchOf(node: Node): number {
  const { side, channels, filters } = extentsOf(node);
  const [inputs, outputs] = [panels(channels), panels(filters)];
  const blocks = inputs * outputs > layout.WINOGRAD_FEW ? 2 : 4;
  const tiles = blocks * (inputs + outputs) * layout.PANEL_BYTES + 2 * layout.WINOGRAD_SKEW;
  const before = layout.WINOGRAD_TABLE + layout.WINOGRAD_ROOM;
  const zeros = Math.max(inputs, outputs) * layout.PANEL_BYTES;
  return before + zeros + side * side * tiles + transformedBytes(node);
}
