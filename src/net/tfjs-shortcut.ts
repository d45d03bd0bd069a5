import type { Tf, TfSymbolicTensor } from "./tfjs-module.ts";

type Config = Readonly<Record<string, unknown>>;

export const pair = ([a, b]: readonly [number, number]): [number, number] => [a, b];

/**
 * A shortcut of fewer channels, strided and padded behind to `shape`, as our engine does. tfjs has no gradient for strided slices, but for a 1 × 1
 * maximum; and it pads rows and columns only, so the channels take the place of the columns meanwhile.
 */
export function optionA(
  tf: Tf,
  name: string,
  shortcut: TfSymbolicTensor,
  shape: readonly (number | null)[],
): TfSymbolicTensor {
  const [, height = 1, , channels = 1] = shape as number[];
  const [, fromHeight = 1, , fromChannels = 1] = shortcut.shape as number[];
  let x = shortcut;
  if (fromHeight !== height) {
    const down = stride(fromHeight, height);
    const args = { poolSize: pair([1, 1]), strides: pair([down, down]), padding: "valid" } as const;
    const pool = tf.layers.maxPooling2d({ ...args, name: `${name}_stride` });
    x = pool.apply(x) as TfSymbolicTensor;
  }
  if (fromChannels === channels) return x;
  const padding = [pair([0, 0]), pair([0, channels - fromChannels])];
  const layers = [
    tf.layers.permute({ dims: [1, 3, 2], name: `${name}_channels` }),
    tf.layers.zeroPadding2d({
      padding: padding as [[number, number], [number, number]],
      name: `${name}_pad`,
    }),
    tf.layers.permute({ dims: [1, 3, 2], name: `${name}_columns` }),
  ];
  return layers.reduce((y, layer) => layer.apply(y) as TfSymbolicTensor, x);
}

/** What an option-A shortcut, as `optionA` writes it, starts from. */
export function optionASource(end: TfSymbolicTensor): TfSymbolicTensor | undefined {
  const chain = ["Permute", "ZeroPadding2D", "Permute"];
  let x = end;
  for (const kind of chain) {
    const config = x.sourceLayer.getConfig() as Config;
    const before = x.sourceLayer.inboundNodes[x.nodeIndex]?.inputTensors[0];
    if (x.sourceLayer.getClassName() !== kind || !before) return undefined;
    if (kind === "Permute" && String(config.dims) !== "1,3,2") return undefined;
    if (kind === "ZeroPadding2D") {
      const missing = (x.shape[2] as number) - (before.shape[2] as number);
      if (String(config.padding) !== `0,0,0,${missing}`) return undefined;
    }
    x = before;
  }
  const { sourceLayer, nodeIndex } = x;
  const before = sourceLayer.inboundNodes[nodeIndex]?.inputTensors[0];
  if (sourceLayer.getClassName() !== "MaxPooling2D" || !before) return x;
  const { poolSize, strides, padding } = sourceLayer.getConfig() as Config;
  const down = stride(before.shape[1] as number, x.shape[1] as number);
  return String([poolSize, strides, padding]) === `1,1,${down},${down},valid` ? before : x;
}

const stride = (from: number, to: number): number => Math.ceil(from / to);
