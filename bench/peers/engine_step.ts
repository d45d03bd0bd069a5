/**
 * Times our training step of a network, in a process of its own, as peers/pytorch_step.py does:
 *
 *     node --import tsx bench/peers/engine_step.ts THREADS BATCH MINIBATCHES SECONDS [lenet300 | lenet5 | resnet20 [TFJS]]
 *
 * TFJS is the path of a tfjs module, for the tfjs engine on it; its threads are what TensorFlow's environment says.
 * Prints one JSON line: median and 10th percentile in ms per step, over epochs of MINIBATCHES steps; the gather of
 * the minibatches from the uint8 images is included.
 */
import { createRequire } from "node:module";
import type { Split } from "../../src/data/dataset.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { tfjs } from "../../src/engine/tfjs/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { random } from "../../src/math/random.ts";
import type { Model } from "../../src/net/network.ts";
import type { Tf } from "../../src/net/tfjs-module.ts";
import { lenet5, lenet300, resnet } from "../../src/net/zoo.ts";

const [threads, batch, minibatches, seconds] = process.argv.slice(2, 6).map(Number) as [
  number,
  number,
  number,
  number,
];
const nets: Readonly<Record<string, () => Model>> = {
  lenet300: () => lenet300({ seed: 1 }),
  lenet5: () => lenet5({ seed: 1 }),
  resnet20: () => resnet({ depth: 20, seed: 1 }),
};
const { network, weights } = (nets[process.argv[6] ?? "lenet300"] as () => Model)();
const [height, width, channels] = network.input as [number, number, number];
const inputs = height * width * channels;
const count = batch * minibatches;
const rng = random(1);
const images = Uint8Array.from({ length: count * inputs }, () => rng.uniform() * 256);
const labels = Uint8Array.from({ length: count }, () => rng.uniform() * 10);
const train: Split = { images, labels, count };
const session = await engine().open(
  network,
  {
    name: "noise",
    source: "seeded noise",
    shape: [height, width, channels],
    classes: 10,
    train,
    test: { images: images.slice(0, inputs), labels: labels.slice(0, 1), count: 1 },
    mean: new Float32Array(inputs).fill(0.5),
  },
  { batch },
);
session.write(weights);
session.setTargets(
  Object.fromEntries(Object.entries(weights).filter(([key]) => key.endsWith(".w"))),
);
const order = Uint32Array.from({ length: count }, (_, i) => (i * 7919) % count);
const options = { order, from: 0, rate: 0.01, momentum: 0.9, mu: 1e-2 };

await session.train(options);
const times: number[] = [];
let [steps, total] = [0, 0];
while (total < seconds || times.length < 3) {
  const result = await session.train(options);
  times.push((result.seconds * 1e3) / minibatches);
  steps += minibatches;
  total += result.seconds;
}
await session.close();
times.sort((a, b) => a - b);
const at = (fraction: number) => times[Math.floor(times.length * fraction)];
console.log(JSON.stringify({ peer: "lclab", median_ms: at(0.5), p10_ms: at(0.1), steps }));

/** The WASM engine, or tfjs on the module that the last argument names. */
function engine(): Engine {
  const { 7: path } = process.argv;
  return path === undefined
    ? wasmEngine({ threads })
    : tfjs(createRequire(import.meta.url)(path) as Tf);
}
