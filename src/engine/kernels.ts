import * as layout from "./wasm/assembly/layout.ts";

/** A window sliding over an image (assembly/window.ts): sizes in pixels, `top` and `left` of zeros. */
const windowArgs = [
  "height",
  "width",
  "channels",
  "outHeight",
  "outWidth",
  "kernelHeight",
  "kernelWidth",
  "down",
  "across",
  "top",
  "left",
] as const;

export type WindowArg = (typeof windowArgs)[number];

/** An image and how it is changed (assembly/augment.ts): sizes and `crop` in pixels, `flip` 0 or 1. */
const augmentArgs = ["height", "width", "channels", "crop", "flip"] as const;

export type AugmentArg = (typeof augmentArgs)[number];

/** Argument names by kernel. Offsets are bytes into the arena; `panels` count 8 columns each. */
export interface KernelArgs {
  gather: "x" | "mean" | "inputs" | AugmentArg;
  dense: "x" | "xPanels" | "w" | "b" | "y" | "yPanels" | "activation";
  activate: "x" | "y" | "panels" | "activation";
  softmax: "z" | "classes" | "dy" | "losses" | "wrong" | "mean";
  denseInput: "dy" | "dyPanels" | "wt" | "y" | "dx" | "xPanels" | "activation";
  activateInput: "dy" | "y" | "dx" | "panels" | "activation";
  denseUpdate:
    | ("x" | "xPanels" | "dy" | "dyPanels" | "runs")
    | ("w" | "v" | "t" | "wt" | "mu" | "b" | "bv" | "bt" | "bmu" | "h" | "bh");
  square: "x" | "panels";
  convFisher: WindowArg | "x" | "dy" | "filters" | "runs" | "sums" | "f" | "bf";
  normFisher: "sums" | "panels" | "coefficients" | "f" | "bf";
  denseFisher: "x" | "xPanels" | "dy" | "dyPanels" | "runs" | "f" | "bf";
  gatherImage: "x" | "mean" | AugmentArg;
  conv: WindowArg | "x" | "w" | "b" | "y" | "filters" | "activation";
  convInput: WindowArg | "dy" | "wt" | "dx" | "filters" | "add";
  convGradient: WindowArg | "x" | "dy" | "filters" | "runs" | "chunks" | "sums" | "bSums";
  convUpdate:
    | "inputs"
    | "outputs"
    | "runs"
    | "chunks"
    | "sums"
    | "bSums"
    | "w"
    | "v"
    | "t"
    | "wt"
    | "mu"
    | "b"
    | "bv"
    | "bt"
    | "bmu"
    | "h"
    | "bh";
  activateImage: "x" | "y" | "bytes" | "activation";
  activateImageInput: "dy" | "y" | "bytes" | "activation";
  copyImage: "from" | "to" | "bytes" | "add";
  add: WindowArg | "s" | "x" | "y" | "panels" | "activation";
  addShortcut: WindowArg | "dy" | "ds" | "panels" | "add";
  flatten: WindowArg | "x" | "y";
  flattenInput: WindowArg | "dy" | "dx" | "add";
  clearPadding: "x" | "columns";
  pool: WindowArg | "x" | "y" | "pool";
  poolInput: WindowArg | "x" | "y" | "dy" | "dx" | "pool" | "add";
  globalAverage: "x" | "y" | "pixels" | "panels";
  globalAverageInput: "dy" | "dx" | "pixels" | "panels" | "add";
  channelSums: "a" | "b" | "pixels" | "panels" | "sums";
  batchStatistics: "sums" | "panels" | "pixels" | "coefficients" | "gamma" | "beta" | "epsilon";
  fixedStatistics: "mean" | "variance" | "coefficients" | "gamma" | "beta" | "epsilon";
  normalize: "z" | "y" | "pixels" | "panels" | "coefficients" | "activation";
  normGradient:
    | "sums"
    | "panels"
    | "pixels"
    | "coefficients"
    | "w"
    | "v"
    | "t"
    | "mu"
    | "h"
    | "b"
    | "bv"
    | "bt"
    | "bmu"
    | "bh"
    | "mean"
    | "variance"
    | "momentum";
  normInput: "dy" | "z" | "dz" | "pixels" | "panels" | "coefficients" | "add";
  dropout: "x" | "y" | "pixels" | "panels" | "least" | "scale" | "layer" | "add";
  responseNorm: "x" | "y" | "pixels" | "channels" | "reach" | "quarters" | "k" | "alpha";
  responseNormInput:
    | "x"
    | "y"
    | "pixels"
    | "channels"
    | "reach"
    | "quarters"
    | "k"
    | "alpha"
    | "dy"
    | "dx"
    | "add";
  winograd: WindowArg | "x" | "u" | "b" | "y" | "filters" | "activation" | "add";
  winogradWeights: "w" | "u" | "panels" | "inputs" | "panelBytes" | "tapBytes" | "turned" | "side";
  winogradGradient: WindowArg | "x" | "dy" | "filters" | "chunks" | "sums" | "bSums";
  packedDense: "x" | "xPanels" | "w" | "b" | "y" | "yPanels" | "activation" | "add";
  packedConv: WindowArg | "x" | "w" | "b" | "y" | "filters" | "activation" | "add" | "block";
  squared: "z" | "classes" | "dy" | "losses" | "wrong" | "mean";
}

export type Kernel = keyof KernelArgs;

/** Number of each kernel, and its arguments in the order the kernel reads them. */
export const kernels: {
  readonly [K in Kernel]: { readonly id: number; readonly args: readonly KernelArgs[K][] };
} = {
  gather: { id: layout.KERNEL_GATHER, args: ["x", "mean", "inputs", ...augmentArgs] },
  dense: {
    id: layout.KERNEL_DENSE,
    args: ["x", "xPanels", "w", "b", "y", "yPanels", "activation"],
  },
  activate: { id: layout.KERNEL_ACTIVATE, args: ["x", "y", "panels", "activation"] },
  softmax: { id: layout.KERNEL_SOFTMAX, args: ["z", "classes", "dy", "losses", "wrong", "mean"] },
  denseInput: {
    id: layout.KERNEL_DENSE_INPUT,
    args: ["dy", "dyPanels", "wt", "y", "dx", "xPanels", "activation"],
  },
  activateInput: {
    id: layout.KERNEL_ACTIVATE_INPUT,
    args: ["dy", "y", "dx", "panels", "activation"],
  },
  denseUpdate: {
    id: layout.KERNEL_DENSE_UPDATE,
    args: [
      ...(["x", "xPanels", "dy", "dyPanels", "runs"] as const),
      ...(["w", "v", "t", "wt", "mu", "b", "bv", "bt", "bmu", "h", "bh"] as const),
    ],
  },
  square: { id: layout.KERNEL_SQUARE, args: ["x", "panels"] },
  denseFisher: {
    id: layout.KERNEL_DENSE_FISHER,
    args: ["x", "xPanels", "dy", "dyPanels", "runs", "f", "bf"],
  },
  convFisher: {
    id: layout.KERNEL_CONV_FISHER,
    args: [...windowArgs, "x", "dy", "filters", "runs", "sums", "f", "bf"],
  },
  normFisher: {
    id: layout.KERNEL_NORM_FISHER,
    args: ["sums", "panels", "coefficients", "f", "bf"],
  },
  gatherImage: { id: layout.KERNEL_GATHER_IMAGE, args: ["x", "mean", ...augmentArgs] },
  conv: {
    id: layout.KERNEL_CONV,
    args: [...windowArgs, "x", "w", "b", "y", "filters", "activation"],
  },
  convInput: {
    id: layout.KERNEL_CONV_INPUT,
    args: [...windowArgs, "dy", "wt", "dx", "filters", "add"],
  },
  convGradient: {
    id: layout.KERNEL_CONV_GRADIENT,
    args: [...windowArgs, "x", "dy", "filters", "runs", "chunks", "sums", "bSums"],
  },
  convUpdate: {
    id: layout.KERNEL_CONV_UPDATE,
    args: [
      "inputs",
      "outputs",
      "runs",
      "chunks",
      "sums",
      "bSums",
      "w",
      "v",
      "t",
      "wt",
      "mu",
      "b",
      "bv",
      "bt",
      "bmu",
      "h",
      "bh",
    ],
  },
  activateImage: { id: layout.KERNEL_ACTIVATE_IMAGE, args: ["x", "y", "bytes", "activation"] },
  activateImageInput: {
    id: layout.KERNEL_ACTIVATE_IMAGE_INPUT,
    args: ["dy", "y", "bytes", "activation"],
  },
  copyImage: { id: layout.KERNEL_COPY_IMAGE, args: ["from", "to", "bytes", "add"] },
  add: { id: layout.KERNEL_ADD, args: [...windowArgs, "s", "x", "y", "panels", "activation"] },
  addShortcut: {
    id: layout.KERNEL_ADD_SHORTCUT,
    args: [...windowArgs, "dy", "ds", "panels", "add"],
  },
  flatten: { id: layout.KERNEL_FLATTEN, args: [...windowArgs, "x", "y"] },
  flattenInput: { id: layout.KERNEL_FLATTEN_INPUT, args: [...windowArgs, "dy", "dx", "add"] },
  clearPadding: { id: layout.KERNEL_CLEAR_PADDING, args: ["x", "columns"] },
  pool: { id: layout.KERNEL_POOL, args: [...windowArgs, "x", "y", "pool"] },
  poolInput: {
    id: layout.KERNEL_POOL_INPUT,
    args: [...windowArgs, "x", "y", "dy", "dx", "pool", "add"],
  },
  globalAverage: { id: layout.KERNEL_GLOBAL_AVERAGE, args: ["x", "y", "pixels", "panels"] },
  globalAverageInput: {
    id: layout.KERNEL_GLOBAL_AVERAGE_INPUT,
    args: ["dy", "dx", "pixels", "panels", "add"],
  },
  channelSums: { id: layout.KERNEL_CHANNEL_SUMS, args: ["a", "b", "pixels", "panels", "sums"] },
  batchStatistics: {
    id: layout.KERNEL_BATCH_STATISTICS,
    args: ["sums", "panels", "pixels", "coefficients", "gamma", "beta", "epsilon"],
  },
  fixedStatistics: {
    id: layout.KERNEL_FIXED_STATISTICS,
    args: ["mean", "variance", "coefficients", "gamma", "beta", "epsilon"],
  },
  normalize: {
    id: layout.KERNEL_NORMALIZE,
    args: ["z", "y", "pixels", "panels", "coefficients", "activation"],
  },
  normGradient: {
    id: layout.KERNEL_NORM_GRADIENT,
    args: [
      "sums",
      "panels",
      "pixels",
      "coefficients",
      "w",
      "v",
      "t",
      "mu",
      "h",
      "b",
      "bv",
      "bt",
      "bmu",
      "bh",
      "mean",
      "variance",
      "momentum",
    ],
  },
  normInput: {
    id: layout.KERNEL_NORM_INPUT,
    args: ["dy", "z", "dz", "pixels", "panels", "coefficients", "add"],
  },
  dropout: {
    id: layout.KERNEL_DROPOUT,
    args: ["x", "y", "pixels", "panels", "least", "scale", "layer", "add"],
  },
  responseNorm: {
    id: layout.KERNEL_RESPONSE_NORM,
    args: ["x", "y", "pixels", "channels", "reach", "quarters", "k", "alpha"],
  },
  responseNormInput: {
    id: layout.KERNEL_RESPONSE_NORM_INPUT,
    args: ["x", "y", "pixels", "channels", "reach", "quarters", "k", "alpha", "dy", "dx", "add"],
  },
  winograd: {
    id: layout.KERNEL_WINOGRAD,
    args: [...windowArgs, "x", "u", "b", "y", "filters", "activation", "add"],
  },
  winogradWeights: {
    id: layout.KERNEL_WINOGRAD_WEIGHTS,
    args: ["w", "u", "panels", "inputs", "panelBytes", "tapBytes", "turned", "side"],
  },
  winogradGradient: {
    id: layout.KERNEL_WINOGRAD_GRADIENT,
    args: [...windowArgs, "x", "dy", "filters", "chunks", "sums", "bSums"],
  },
  packedDense: {
    id: layout.KERNEL_PACKED_DENSE,
    args: ["x", "xPanels", "w", "b", "y", "yPanels", "activation", "add"],
  },
  packedConv: {
    id: layout.KERNEL_PACKED_CONV,
    args: [...windowArgs, "x", "w", "b", "y", "filters", "activation", "add", "block"],
  },
  squared: { id: layout.KERNEL_SQUARED, args: ["z", "classes", "dy", "losses", "wrong", "mean"] },
};
