import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import type { Network } from "../../src/net/network.ts";
import { lenet5, resnet } from "../../src/net/zoo.ts";
import { hashedData, hashedWeights, mixed } from "./image-formulas.ts";
import { epoch, kernels, relative, strided, withSession } from "./support.ts";

/** What image_steps.py writes. */
interface Golden {
  readonly batch: number;
  readonly steps: number;
  readonly rate: number;
  readonly momentum: number;
  readonly mu: number;
  readonly buckets: number;
  readonly networks: Readonly<Record<"lenet5" | "resnet20", NetworkGolden>>;
}

interface NetworkGolden {
  readonly salt: number;
  readonly margin: number;
  readonly losses: readonly number[];
  /** Sketches, in the order of the parameters; running statistics have no velocity. */
  readonly arrays: Readonly<Record<string, { weight: number[]; velocity?: number[] }>>;
}

const networks = { lenet5: lenet5().network, resnet20: resnet({ depth: 20 }).network } as const;
const script = fileURLToPath(new URL("../golden/engine/image_steps.py", import.meta.url));
const golden = JSON.parse(await readFile(script.replace(/py$/, "json"), "utf8")) as Golden;
const python = process.env.LCLAB_TORCH;

describe("wasm engine: three steps in float64 PyTorch", () => {
  before(kernels);

  for (const name of ["lenet5", "resnet20"] as const) {
    const network = networks[name] as Network;

    it(`${name}: loss, weights, momentum and running statistics agree to 1e-5, by sketches`, async () => {
      const { losses, arrays } = golden.networks[name];
      const { lossSum, weights, velocity } = await trained(network, golden.networks[name]);
      const sum = losses.reduce((total, loss) => total + loss * golden.batch, 0);
      assert.ok(Math.abs(lossSum - sum) < 1e-5 * sum, `${lossSum}, not ${sum}`);
      assert.deepEqual(
        Object.keys(arrays),
        network.parameters.map(({ key }) => key),
      );
      for (const [key, { weight, velocity: v }] of Object.entries(arrays)) {
        const momentum = v && { got: sketch(velocity[key]), expected: v };
        check(key, { got: sketch(weights[key]), expected: weight }, momentum);
      }
    });

    it(`${name}: every number agrees to 1e-5`, async function () {
      if (!python) {
        console.log("      (skipped: LCLAB_TORCH names no Python with torch)");
        this.skip();
      }
      const { stdout } = await promisify(execFile)(python, [script, "--full", name], {
        encoding: "buffer",
        maxBuffer: 2 ** 25,
      });
      const { weights, velocity } = await trained(network, golden.networks[name]);
      let at = 0;
      const pair = (got: Float32Array | undefined) => {
        assert.ok(got);
        const expected = Float64Array.from(got, (_, i) => stdout.readDoubleLE(at + 8 * i));
        at += 8 * got.length;
        return { got, expected };
      };
      for (const { key, role } of network.parameters) {
        const weight = pair(weights[key]);
        const statistic = role === "mean" || role === "variance";
        check(key, weight, statistic ? undefined : pair(velocity[key]));
      }
      assert.equal(at, stdout.length);
    });
  }
});

async function trained(network: Network, { salt }: NetworkGolden) {
  const { batch, steps, rate, momentum, mu } = golden;
  const data = hashedData(network, batch * steps, salt);
  return withSession(network, data, { batch }, async (session) => {
    await session.write(hashedWeights(network, salt));
    const targets = Object.entries(hashedWeights(network, salt, 8))
      .filter(([key]) => key.endsWith(".w"))
      // Towards 0 the penalty is weight decay.
      .map(([key, t]) => [key, key === "out.w" ? t.fill(0) : t]);
    await session.setTargets(Object.fromEntries(targets));
    const order = strided(batch * steps, 1);
    const { lossSum } = await session.train(epoch(order, { rate, momentum, mu }));
    return { lossSum, ...(await session.read()) };
  });
}

/** Sums of the numbers `buckets` apart, with hashed signs: linear, and its norm estimates that of all numbers. */
function sketch(values: Float32Array | undefined): Float64Array {
  assert.ok(values);
  const sums = new Float64Array(Math.min(golden.buckets, values.length));
  for (const [i, x] of values.entries()) {
    const bucket = i % golden.buckets;
    sums[bucket] = (sums[bucket] as number) + (mixed(i, 0) & 1 ? -x : x);
  }
  return sums;
}

interface Pair {
  readonly got: ArrayLike<number>;
  readonly expected: ArrayLike<number>;
}

/**
 * Relative distances of 1e-5 at most. Some momenta are what is left of terms that cancel (a β inside a block shifts a
 * map that the next batch norm centres again): below 5 % of the weights' norm they count as 5 %.
 */
function check(key: string, weight: Pair, momentum: Pair | undefined): void {
  const w = relative(weight.got, weight.expected);
  let v = 0;
  if (momentum) {
    const { got, expected } = momentum;
    v = relative(got, expected) * Math.min(1, norm(expected) / (0.05 * norm(weight.expected)));
  }
  assert.ok(w < 1e-5 && v < 1e-5, `${key}: weight ${w}, momentum ${v}`);
}

function norm(values: ArrayLike<number>): number {
  return Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
}
