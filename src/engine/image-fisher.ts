import { imageBackward, PATCH_PANELS } from "./image-gradients.ts";
import { bits, extent, type ImageBuffers, type ImageContext, type Step } from "./image-passes.ts";
import type { KernelArgs } from "./kernels.ts";
import { panels } from "./packing.ts";
import type { Op } from "./program.ts";

/** Scratch of a thread: a bias's gradient, and the patches of 128 pixels (assembly/fisher.ts). */
export const FISHER_SCRATCH: number = 256 + 8 * PATCH_PANELS * 512;

/**
 * The backward pass of an evaluation, with squares of the examples' own gradients in the place of updates: batch norms
 * have fixed statistics, so no example's loss depends on another example, and dropout drops nothing. `dy` is the gradient of
 * each example's own loss. `steps` come first, then the tiles of `sums`.
 */
export function imageFisher(
  context: ImageContext,
  buffers: ImageBuffers,
  dy: number,
): { readonly steps: readonly Step[]; readonly sums: readonly Op[] } {
  const { arena, nodes, slot } = context;
  const norms = new Map(
    nodes
      .filter(({ spec }) => spec.kind === "batchNorm")
      .map((node) => {
        const bytes = buffers.batch * extent(node).panels * 128;
        return [node, arena.take(`${node.layer} sums`, bytes)] as const;
      }),
  );
  const parameters = nodes.flatMap((node) => node.parameters);
  const other = (layer: string, role: string) => {
    const key = parameters.find((p) => p.layer === layer && p.role === role)?.key;
    return key ? slot(key).other : 0;
  };
  const norm: ImageBuffers["norm"] = (node) => ({
    coefficients: buffers.norm(node).coefficients,
    sums: norms.get(node) ?? 0,
  });
  const backward = imageBackward(context, { ...buffers, norm }, dy);
  const steps: Step[] = [];
  const sums: Op[] = [];
  for (const step of backward.steps) {
    const { op } = step;
    if (op.kernel === "normGradient") {
      const { layer, tasks } = op;
      const { sums: of, panels, coefficients } = op.args;
      const squares = { f: other(layer, "gamma"), bf: other(layer, "beta") };
      const args = { sums: of, panels, coefficients, ...squares };
      sums.push({ kernel: "normFisher", layer, tasks, args });
    } else if (op.kernel === "dropout") {
      const args = { ...op.args, least: 0, scale: bits(1) };
      steps.push({ ...step, op: { ...op, args } });
    } else {
      steps.push(step);
    }
  }
  for (const op of backward.gradients) {
    const { layer } = op;
    const squares = { f: other(layer, "w"), bf: other(layer, "b") };
    if (op.kernel === "denseUpdate") {
      const { x, xPanels, dy, dyPanels, runs } = op.args;
      for (const [of, panels] of [
        [x, xPanels],
        [dy, dyPanels],
      ] as const) {
        const square: Op = { kernel: "square", layer, tasks: 0, args: { x: of, panels } };
        steps.push({ axis: "rows", image: false, op: square });
      }
      const args = { x, xPanels, dy, dyPanels, runs, ...squares };
      sums.push({ kernel: "denseFisher", layer, tasks: op.tasks, args });
      continue;
    }
    // A convolution's, by whatever method: all of them have the window, its operands and room for sums.
    const operands = op.args as Readonly<Record<KernelArgs["convFisher"], number>>;
    const { kernelHeight, kernelWidth, channels } = operands;
    const runs = Math.ceil(panels(kernelHeight * kernelWidth * channels) / PATCH_PANELS);
    const args = { ...operands, runs, ...squares };
    sums.push({ kernel: "convFisher", layer, tasks: runs, args });
  }
  return { steps, sums };
}
