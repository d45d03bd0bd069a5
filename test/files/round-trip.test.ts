import assert from "node:assert/strict";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import fc from "fast-check";
import { partsOf } from "../../src/compression/contract.ts";
import { fromSpec } from "../../src/compression/from-spec.ts";
import { binarize, compress, digits, load, lowRank, prune, quantize, save, score } from "../../src/index.ts";
import { decodeFile, encodeFile } from "../../src/files/file.ts";
import { sizeOf } from "../../src/lc/size.ts";
import { taskDeltas } from "../../src/lc/task.ts";
import { dense, type Model, model, network, tanh } from "../../src/net/network.ts";
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
            const back = decodeFile(bytes, 2 ** 20);
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
          { seed: 7, numRuns: Math.min(cases, 25) },
        ));
    }
  });
}
