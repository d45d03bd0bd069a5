import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { type Compression, partsOf } from "../../src/compression/contract.ts";
import { decodeFile, encodeFile } from "../../src/files/file.ts";
import {
  compress,
  digits,
  float16,
  load,
  lowRank,
  perChannel,
  prune,
  pruneNM,
  quantize,
  resnet,
  save,
  score,
} from "../../src/index.ts";
import { sizeOf } from "../../src/lc/size.ts";
import { parametersOf, taskDeltas, taskView } from "../../src/lc/task.ts";
import { random } from "../../src/math/random.ts";
import { dense, type Model, model, network } from "../../src/net/network.ts";
import { lenet300 } from "../../src/net/zoo.ts";
import { compressions } from "../laws/table.ts";
import { matrices } from "../support/matrices.ts";

/** A network of one layer with these weights. */
function oneLayer(w: { rows: number; cols: number; data: Float64Array }): Model<"fc"> {
  const net = network({ name: "one layer", input: [w.cols], layers: [dense("fc", w.rows)] });
  const bias = Float32Array.from({ length: w.rows }, (_, i) => i / 8);
  return model(net, { "fc.w": Float32Array.from(w.data), "fc.b": bias });
}

for (const { compression: c, cases } of compressions) {
  describe(`a file of ${c.name}${c.spec?.search === undefined ? "" : ` (${c.spec.search})`}`, () => {
    for (const entropy of [false, true]) {
      it(`gives back θ, Δ(θ) and the size to the byte${entropy ? ", coded arithmetically" : ""}`, () =>
        fc.assert(
          fc.property(matrices, (w) => {
            try {
              c.check(w, "");
            } catch {
              return fc.pre(false);
            }
            const net = oneLayer(w);
            const task = { layers: ["fc"], compression: c };
            const theta = c.cStep(w, { mu: 1 });
            const parameters = net.network.parameters.filter(({ role }) => role === "w");
            const deltas = taskDeltas(parameters, task, theta);
            const compressed = {
              model: model(net.network, { ...net.weights, ...deltas }),
              tasks: [task],
              thetas: { fc: theta },
            };
            const { bytes, size } = encodeFile(compressed, entropy);
            const back = decodeFile(bytes, 2 ** 24);
            // Float32Array and Float64Array are compared by bits: −0 is not 0.
            assert.deepStrictEqual(back.thetas.fc, theta);
            assert.deepStrictEqual(back.model.weights, compressed.model.weights);
            assert.equal(back.tasks[0]?.compression.name, c.name);
            assert.deepStrictEqual(back.size, size);
            const { bits, restBits } = sizeOf(net.network, [task], [theta]);
            if (entropy) assert.ok(8 * size.data <= bits + restBits);
            else {
              assert.equal(8 * size.data, bits + restBits);
              for (const [i, part] of partsOf(c).entries()) {
                const one = partsOf(c).length > 1 ? (theta as unknown[])[i] : theta;
                assert.equal(size.parts[i]?.bytes, Math.ceil(part.bits(one) / 8));
              }
            }
            assert.deepEqual(encodeFile(back, entropy).bytes, bytes);
          }),
          { seed: 7, numRuns: Math.min(cases, 15) },
        ));
    }
  });
}

describe("a saved network", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-files-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("predicts the same, has the size its table says, and is saved again to the same bytes", async () => {
    const data = digits({ trainCount: 1000, testCount: 500 });
    const quick = { starts: 0, order: [0, 1], tolerance: 0.01 };
    const solution = await compress(lenet300())
      .joint(
        ["fc1", "out"],
        quantize({ levels: 2 }).plus(prune({ count: 2000, values: float16() }), quick),
      )
      .layer("fc2", lowRank({ rank: 5 }).plus(pruneNM({ keep: 1, of: 4 }), quick))
      .direct({ data });
    for (const entropy of [false, true]) {
      const path = join(folder, `lenet300-${entropy}.safetensors`);
      const size = await save(solution, path, { entropy });
      const bytes = await readFile(path);
      assert.equal(size.bytes, bytes.length);
      const back = await load(path);
      assert.deepStrictEqual(back.thetas, solution.thetas);
      assert.deepStrictEqual(back.model.weights, solution.model.weights);
      assert.equal(back.thetas.fc1, back.thetas.out);
      assert.equal(back.bits, solution.bits);
      assert.equal(back.ratio, solution.ratio);
      assert.deepStrictEqual(back.file, size);
      if (!entropy) {
        assert.deepEqual(
          solution.storage.flatMap(({ layers, parts }) => (layers.length > 0 ? parts : [])),
          size.parts.map(({ compression, bytes }) => ({ name: compression, bits: 8 * bytes })),
        );
      }
      const total = solution.table.toRecords().at(-1) as Record<string, number>;
      if (entropy) assert.ok(8 * size.data < (total["bits after"] as number));
      else assert.equal(8 * size.data, total["bits after"]);
      const { testErrors, trainLoss } = await score(back.model, data);
      assert.equal(testErrors, solution.testErrors);
      assert.equal(trainLoss, solution.trainLoss);
      await save(back, path, { entropy });
      assert.ok(bytes.equals(await readFile(path)));
    }
  });

  it("keeps convolutions, batch norm and shortcuts", () => {
    const net = resnet({ depth: 20 });
    const { names } = net.network;
    const plan = compress(net);
    const task = { layers: [names[1] as string], compression: lowRank({ rank: 2, scheme: 2 }) };
    const other = {
      layers: [names[2] as string],
      compression: perChannel(quantize({ levels: 3 })),
    };
    const tasks = [task, other] as unknown as typeof plan.tasks;
    const thetas: Record<string, unknown> = {};
    let weights = net.weights;
    for (const { layers, compression } of tasks) {
      const parameters = parametersOf(net, { layers });
      const view = taskView(net.network, parameters, net.weights, {}, 0);
      const theta = compression.cStep(view);
      thetas[layers[0] as string] = theta;
      weights = { ...weights, ...taskDeltas(parameters, { layers, compression }, theta) };
    }
    const compressed = { model: model(net.network, weights), tasks, thetas };
    const back = decodeFile(encodeFile(compressed, true).bytes, 2 ** 32);
    assert.deepStrictEqual(back.thetas, thetas);
    assert.deepStrictEqual(back.model.weights, weights);
    assert.deepEqual(back.model.network.layers, net.network.layers);
  });

  it("refuses a compression of one's own, which a file could not name", async () => {
    const own = { ...quantize({ levels: 2 }), name: "my own", spec: undefined };
    const tasks = [{ layers: ["fc"], compression: own as never }];
    const net = oneLayer({ rows: 1, cols: 2, data: Float64Array.of(1, 2) });
    const path = join(folder, "own.safetensors");
    await assert.rejects(save({ model: net, tasks, thetas: { fc: {} } }, path), /my own.*no spec/);
  });
});

describe("arithmetic coding", () => {
  it("gives the same bytes as on every other machine, and codes any numbers", () => {
    const rng = random(5);
    const w = {
      rows: 40,
      cols: 50,
      data: Float64Array.from({ length: 2000 }, () => rng.uniform() ** 3 - 0.2),
    };
    const net = oneLayer(w);
    const digests = [
      quantize({ levels: 700 }),
      prune({ keep: 0.05 }).plus(quantize({ bits: 3 })),
    ].map((c) => {
      const task = { layers: ["fc"], compression: c as Compression<unknown> };
      const thetas = { fc: task.compression.cStep(w) };
      const { bytes } = encodeFile({ model: net, tasks: [task], thetas }, true);
      assert.deepStrictEqual(decodeFile(bytes, 2 ** 24).thetas, thetas);
      return createHash("sha256").update(bytes).digest("hex").slice(0, 16);
    });
    assert.deepEqual(digests, ["073a8fb50a74d1f7", "77a92b46feb2a497"]);
  });
});
