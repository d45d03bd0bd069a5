import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { type Model, model } from "../../src/net/network.ts";
import { lenet300 } from "../../src/net/zoo.ts";

/**
 * The reference toolkit's LeNet300 (784-300-100-10, tanh) from `$LCLAB_DATA/lenet300_reference`, or undefined after
 * printing why.
 */
export async function referenceLenet300(): Promise<Model<"fc1" | "fc2" | "out"> | undefined> {
  const folder = process.env.LCLAB_DATA;
  if (!folder) {
    console.log(
      "      skipped: LCLAB_DATA is not set, so the reference net and MNIST are not there",
    );
    return undefined;
  }
  const bytes = await readFile(join(folder, "lenet300_reference", "lenet300_classic.f32"));
  const all = new Float32Array(
    bytes.buffer.slice(bytes.byteOffset, bytes.byteOffset + bytes.length),
  );
  const { network } = lenet300();
  const weights: Record<string, Float32Array> = {};
  let at = 0;
  for (const { key, rows, cols } of network.parameters) {
    weights[key] = all.slice(at, at + rows * cols);
    at += rows * cols;
  }
  return model(network, weights);
}
