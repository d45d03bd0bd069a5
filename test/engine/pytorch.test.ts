import assert from "node:assert/strict";
import { readFile } from "node:fs/promises";
import { lenet300 } from "../../src/net/zoo.ts";
import { epoch, formulaData, formulaWeights, kernels, strided, withSession } from "./support.ts";

interface Golden {
  readonly batch: number;
  readonly steps: number;
  readonly rate: number;
  readonly momentum: number;
  readonly mu: number;
  readonly networks: Readonly<
    Record<
      "tanh" | "relu",
      {
        readonly losses: readonly number[];
        readonly arrays: Readonly<
          Record<string, { stride: number; weight: number[]; velocity: number[] }>
        >;
      }
    >
  >;
}

/** ‖a − b‖ / ‖b‖ over every `stride`-th entry of a. */
function relative(a: Float32Array, stride: number, b: readonly number[]): number {
  let [difference, norm] = [0, 0];
  for (const [i, expected] of b.entries()) {
    difference += ((a[i * stride] as number) - expected) ** 2;
    norm += expected ** 2;
  }
  return Math.sqrt(difference / norm);
}

describe("wasm engine: three steps of LeNet300 in float64 PyTorch", () => {
  before(kernels);

  for (const activation of ["tanh", "relu"] as const) {
    it(`${activation}: loss, weights and momentum agree to 1e-5`, async () => {
      const path = new URL("../golden/engine/lenet300_steps.json", import.meta.url);
      const golden = JSON.parse(await readFile(path, "utf8")) as Golden;
      const { losses, arrays } = golden.networks[activation];
      const { network } = lenet300({ activation });
      const count = golden.batch * golden.steps;
      const data = { ...formulaData(count, 784, 10), shape: [28, 28, 1] as const };
      const { rate, momentum, mu } = golden;
      await withSession(network, data, { batch: golden.batch }, async (session) => {
        await session.write(formulaWeights(network, 0.1));
        const targets = Object.entries(formulaWeights(network, 0.1, 7));
        await session.setTargets(Object.fromEntries(targets.filter(([key]) => key.endsWith(".w"))));
        const result = await session.train(epoch(strided(count, 1), { rate, momentum, mu }));
        const sum = losses.reduce((total, loss) => total + loss * golden.batch, 0);
        assert.ok(Math.abs(result.lossSum - sum) < 1e-5 * sum, `${result.lossSum}, not ${sum}`);
        const { weights, velocity } = await session.read();
        for (const [key, expected] of Object.entries(arrays)) {
          const w = relative(weights[key] as Float32Array, expected.stride, expected.weight);
          const v = relative(velocity[key] as Float32Array, expected.stride, expected.velocity);
          assert.ok(w < 1e-5 && v < 1e-5, `${key}: weight ${w}, momentum ${v}`);
        }
      });
    });
  }
});
