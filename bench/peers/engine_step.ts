/**
 * Times our training step of a network, in a process of its own, as peers/pytorch_step.py does:
 *
 *     node --import tsx bench/peers/engine_step.ts NET THREADS BATCH MINIBATCHES SECONDS [TFJS]
 *
 * NET: lenet300 | lenet5 | resnet20. Prints one JSON line: median and 10th percentile in ms per step, over epochs of
 * MINIBATCHES steps, the gather of the minibatches from the uint8 images included; peak memory, less that after the
 * imports. TFJS is the path of a tfjs module, for the tfjs engine on it; its threads are what TensorFlow's environment says.
 */
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { problem } from "./engine_nets.ts";
import { library } from "./library.ts";

const [name, ...numbers] = process.argv.slice(2, 7);
const [, , , , , , , path] = process.argv;
const [threads = 1, batch = 128, minibatches = 1, seconds = 1] = numbers.map(Number);
const engine = path
  ? library.tfjs(createRequire(import.meta.url)(path))
  : library.wasmEngine({ threads });
const imported = resident();

const count = batch * minibatches;
const {
  model: { network, weights },
  data,
} = problem(name ?? "", count);
const session = await engine.open(network, data, { batch });
await session.write(weights);
await session.setTargets(
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
const peak = process.resourceUsage().maxRSS * 1024;
console.log(
  JSON.stringify({
    ...{ peer: "lclab", median_ms: at(0.5), p10_ms: at(0.1) },
    ...{ peak_bytes: peak - imported, steps },
  }),
);

/** Bytes in memory now. Linux keeps the number that its own peak is the peak of. */
function resident(): number {
  try {
    const status = readFileSync("/proc/self/status", "utf8");
    return Number(/^VmRSS:\s+(\d+)/m.exec(status)?.[1]) * 1024;
  } catch {
    return process.memoryUsage().rss;
  }
}
