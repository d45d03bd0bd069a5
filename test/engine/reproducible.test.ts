import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFile, writeFile } from "node:fs/promises";
import type { EngineSession } from "../../src/engine/engine.ts";
import { dense, network, relu, tanh, type Weights } from "../../src/net/network.ts";
import { epoch, formulaData, formulaWeights, kernels, strided, withSession } from "./support.ts";

const net = network({
  name: "five layers",
  input: [53],
  layers: [dense("fc1", 45), tanh(), dense("fc2", 30), relu(), dense("out", 10)],
});
const data = formulaData(203, 53, 10);
const weights = formulaWeights(net, 0.25);
const targets: Weights = { "fc1.w": formulaWeights(net, 0.25, 3)["fc1.w"] as Float32Array };
const batch = 32;
const options = { rate: 0.05, momentum: 0.9, mu: 0.125 };

/** SHA-256 of weights and momentum, in the order of the parameters. */
function digest(session: EngineSession): string {
  const hash = createHash("sha256");
  const { weights, velocity } = session.read();
  for (const { key } of net.parameters) {
    for (const array of [weights[key], velocity[key]] as Float32Array[]) {
      hash.update(new Uint8Array(array.buffer, array.byteOffset, array.byteLength));
    }
  }
  return hash.digest("hex");
}

/** Three epochs with `threads`, and what they gave. */
function trained(threads: number) {
  return withSession(net, data, { batch, threads }, async (session) => {
    session.write(weights);
    session.setTargets(targets);
    const sums = [];
    for (const step of [1, 5, 8]) {
      sums.push((await session.train(epoch(strided(203, step), options))).lossSum);
    }
    return { digest: digest(session), sums, test: await session.evaluate("test") };
  });
}

describe("wasm engine: the same bytes", () => {
  before(kernels);

  it("1, 2, 3, 4 and 7 threads give the bytes in the golden file, which every machine must give", async () => {
    const path = new URL("../golden/engine/bytes.json", import.meta.url);
    if (process.env.LCLAB_UPDATE_GOLDEN) {
      await writeFile(path, `${JSON.stringify(await trained(1), null, 2)}\n`);
    }
    const golden = JSON.parse(await readFile(path, "utf8"));
    for (const threads of [1, 2, 3, 4, 7]) assert.deepEqual(await trained(threads), golden);
  });

  it("read(write(state)) = state, for every shape of the network", async () => {
    await withSession(net, data, { batch }, async (session) => {
      const state = { weights, velocity: formulaWeights(net, 1, 11) };
      session.write(state.weights, state.velocity);
      assert.deepEqual(session.read(), state);
    });
  });

  it("evaluate(split, w) equals writing w and evaluating, and leaves training alone", async () => {
    const other = formulaWeights(net, 0.25, 9);
    await withSession(net, data, { batch }, async (session) => {
      session.write(other);
      const expected = await session.evaluate("train");
      session.write(weights);
      await session.train(epoch(strided(203, 1), options));
      const before = digest(session);
      assert.deepEqual(await session.evaluate("train", other), expected);
      assert.equal(digest(session), before);
      const own = await session.evaluate("train");
      assert.notDeepEqual(own, expected);
      assert.equal(own.count, 203);
    });
  });
});
