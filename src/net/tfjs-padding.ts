import { type Padding, paddingBefore } from "./network.ts";
import type { GraphTensor } from "./tfjs-module.ts";
import type { Use } from "./tfjs-parameters.ts";

type Config = Readonly<Record<string, unknown>>;
type Pair = readonly [number, number];

/**
 * The padding by which a convolution or maximum does what a ZeroPadding2D before it does, and what that one reads.
 * Undefined if there is none: zeros count in a maximum unless no value is below them, and always in a mean.
 */
export function takenOverPadding({
  layer,
  inputs,
}: Use): { readonly padding: Padding; readonly from: GraphTensor } | undefined {
  const kind = layer.getClassName();
  const [input] = inputs;
  const zeros = input?.sourceLayer;
  if ((kind !== "Conv2D" && kind !== "MaxPooling2D") || zeros?.getClassName() !== "ZeroPadding2D") {
    return undefined;
  }
  const config = layer.getConfig() as Config;
  const from = zeros.inboundNodes[input?.nodeIndex ?? 0]?.inputTensors[0];
  const [[top, bottom], [left, right]] = (zeros.getConfig() as Config).padding as [Pair, Pair];
  if (!from || config.padding !== "valid") return undefined;
  if (kind === "MaxPooling2D" && !isNonNegative(from)) return undefined;
  const size = from.shape.slice(1, 3) as unknown as Pair;
  const window = (kind === "Conv2D" ? config.kernelSize : config.poolSize) as Pair;
  const stride = config.strides as Pair;
  const wanted = { before: [top, left], after: [bottom, right] } as const;
  const padding = [[top, left] as const, "same" as const].find((one) =>
    [0, 1].every((axis) => {
      const [n, k, s] = [size, window, stride].map((pair) => pair[axis]) as [
        number,
        number,
        number,
      ];
      const [before, after] = [wanted.before[axis] as number, wanted.after[axis] as number];
      const outputs = Math.floor((n + before + after - k) / s) + 1;
      if (one !== "same") return before < k && Math.floor((n + 2 * before - k) / s) + 1 === outputs;
      return (
        paddingBefore(size, window, stride, one)[axis] === before && Math.ceil(n / s) === outputs
      );
    }),
  );
  return padding && { padding, from };
}

/** True if a tensor has no value below 0, whatever the model reads. */
function isNonNegative({ sourceLayer, nodeIndex }: GraphTensor): boolean {
  const kind = sourceLayer.getClassName();
  const { activation } = sourceLayer.getConfig() as Config;
  if (kind === "ReLU" || activation === "relu" || activation === "sigmoid") return true;
  const passes = ["Dropout", "MaxPooling2D", "AveragePooling2D"].some((one) => one === kind);
  const before = sourceLayer.inboundNodes[nodeIndex]?.inputTensors[0];
  return passes && before !== undefined && isNonNegative(before);
}
