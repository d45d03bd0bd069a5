import type { Shape } from "./network.ts";
import type { GraphTensor } from "./tfjs-module.ts";

type Config = Readonly<Record<string, unknown>>;

export const pair = ([a, b]: readonly [number, number]): [number, number] => [a, b];

/** A step of a shortcut, as a layer of tfjs. */
interface Step {
  readonly kind: "MaxPooling2D" | "Permute" | "ZeroPadding2D";
  readonly suffix: string;
  readonly config: Readonly<Record<string, unknown>>;
}

/**
 * How a shortcut of fewer channels is strided and padded behind to `shape`, as our engine does. tfjs has no gradient for
 * strided slices, but for a 1 × 1 maximum; and it pads rows and columns only, so the channels take the place of the
 * columns meanwhile.
 */
export function optionA(from: Shape, shape: Shape): readonly Step[] {
  if (shape.length !== 3) return [];
  const [height, , channels] = shape as [number, number, number];
  const [fromHeight, , fromChannels] = from as [number, number, number];
  const steps: Step[] = [];
  if (fromHeight !== height) {
    const down = stride(fromHeight, height);
    const config = { poolSize: pair([1, 1]), strides: pair([down, down]), padding: "valid" };
    steps.push({ kind: "MaxPooling2D", suffix: "stride", config });
  }
  if (fromChannels === channels) return steps;
  const padding = [
    [0, 0],
    [0, channels - fromChannels],
  ];
  const swap = { kind: "Permute", config: { dims: [1, 3, 2] } } as const;
  return [
    ...steps,
    { ...swap, suffix: "channels" },
    { kind: "ZeroPadding2D", suffix: "pad", config: { padding } },
    { ...swap, suffix: "columns" },
  ];
}

/** What an option-A shortcut, as `optionA` writes it, starts from. */
export function optionASource(end: GraphTensor): GraphTensor | undefined {
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
