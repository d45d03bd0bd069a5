import type { Dataset } from "../../src/data/dataset.ts";
import type { Model } from "../../src/net/network.ts";
import { library } from "./library.ts";

const { lenet300, lenet5, random, resnet } = library;
const nets: Readonly<Record<string, () => Model>> = {
  lenet300: () => lenet300({ seed: 1 }),
  lenet5: () => lenet5({ seed: 1 }),
  resnet20: () => resnet({ depth: 20, seed: 1 }),
};

/** A net by its name, and `count` examples of noise. */
export function problem(name: string, count: number): { model: Model; data: Dataset } {
  const model = nets[name]?.();
  if (!model) {
    const got = JSON.stringify(name);
    throw new RangeError(`NET must be one of ${Object.keys(nets).join(", ")}, got ${got}.`);
  }
  const [height = 1, width = 1, channels = 1] = model.network.input;
  const inputs = height * width * channels;
  const rng = random(1);
  const images = Uint8Array.from({ length: count * inputs }, () => rng.uniform() * 256);
  const labels = Uint8Array.from({ length: count }, () => rng.uniform() * 10);
  const data: Dataset = {
    ...{ name: "noise", source: "seeded noise", shape: [height, width, channels], classes: 10 },
    train: { images, labels, count },
    test: { images: images.slice(0, inputs), labels: labels.slice(0, 1), count: 1 },
    mean: new Float32Array(inputs).fill(0.5),
  };
  return { model, data };
}
