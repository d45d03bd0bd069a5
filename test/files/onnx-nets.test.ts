import assert from "node:assert/strict";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  compress,
  exportOnnx,
  lowRank,
  mnist,
  prune,
  quantize,
  type Solution,
  score,
  toOnnx,
} from "../../src/index.ts";
import { type Model, model } from "../../src/net/network.ts";
import { lenet5, lenet300, resnet } from "../../src/net/zoo.ts";
import { hashedData, hashedWeights } from "../engine/image-formulas.ts";
import { imageOutputs } from "../engine/image-reference.ts";
import { float64 } from "../engine/reference.ts";
import { kernels } from "../engine/support.ts";
import {
  type OnnxRuntime,
  onnxruntimeNode,
  onnxruntimeWeb,
  outputsOf,
} from "../support/onnxruntime.ts";
import { referenceLenet300 } from "../support/reference.ts";
import { solved } from "../support/solved.ts";

const count = 2;

const nets: readonly Model[] = [lenet300(), lenet5(), resnet({ depth: 20 })].map(({ network }) =>
  model(network, hashedWeights(network, 7)),
);

const [q, p, l] = [quantize({ levels: 4 }), prune({ keep: 0.03 }), lowRank({ rank: 3 })];
/** One order and no seeded starts: any θ will do here. */
const quick = { search: "alternate", order: [0, 1], starts: 0, tolerance: 0.1 } as const;
/** Layers take turns with them: the first three are in every net. */
const combinations = [
  [q.plus(p, quick), /^codebook of 4 \+ [\d,]+ kept \(float32\)$/],
  [
    q.plus(l).plus(p, { ...quick, order: [0, 1, 2] }),
    /^codebook of 4 \+ factors of rank 3 \(float32\) \+ [\d,]+ kept \(float32\)$/,
  ],
  [l.plus(p, quick), /^factors of rank 3 \(float32\) \+ [\d,]+ kept \(float32\)$/],
  [l, /^factors of rank 3 \(float32\)$/],
] as const;
const combinationOf = (i: number) => combinations[i % combinations.length] ?? combinations[0];

describe("ONNX files of compressed networks", () => {
  const native = onnxruntimeNode();
  let folder: string;
  before(async () => {
    await kernels();
    folder = await mkdtemp(join(tmpdir(), "lclab-onnx-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  for (const net of nets) {
    describe(net.network.name, () => {
      const { network } = net;
      const names = network.names as readonly never[];
      const data = examples(hashedData(network, count, 3));
      const x = Float32Array.from(data.test.images, (pixel, i) => {
        const mean = data.mean[i % data.mean.length] as number;
        return Math.fround(Math.fround(pixel / 255) - mean);
      });
      let solution: Solution;
      let logits: number[];

      before(() => {
        let plan = compress(net);
        for (const [i, name] of names.entries()) {
          plan = plan.layer(name, combinationOf(i)[0] as never) as never;
        }
        solution = solved(plan);
        const size = x.length / count;
        const rows = Array.from({ length: count }, (_, n) =>
          Float64Array.from(x.subarray(n * size, (n + 1) * size)),
        );
        const { outputs } = imageOutputs(network, float64(solution.model.weights), rows);
        logits = outputs.flatMap((row) => [...row]);
      });

      it("keeps every layer's parts, and is less than half of the plain file", async () => {
        const file = await exportOnnx(solution, join(folder, "net.onnx"));
        for (const [i, row] of file.table.rows.slice(0, names.length).entries()) {
          assert.match(row[1] as string, combinationOf(i)[1]);
        }
        assert.ok(file.bytes < toOnnx(solution, { decompress: true }).length / 2);
      });

      /** Our logits and, as the engine gives none, the loss that follows from them. */
      async function compare(ort: OnnxRuntime): Promise<void> {
        const { data: z } = await outputsOf(ort, toOnnx(solution), x, [count, ...network.input]);
        assert.equal(z.length, logits.length);
        for (const [i, y] of logits.entries()) {
          assert.ok(Math.abs(y - (z[i] as number)) < 1e-5, `logit ${i}: ${z[i]}, wanted ${y}`);
        }
        const { trainLoss } = await score(solution.model, data);
        assert.ok(Math.abs(meanLoss(z, data.train.labels) - trainLoss) < 1e-5);
      }

      it("gives our logits and our engine's loss in onnxruntime-web", () =>
        compare(onnxruntimeWeb()));

      const why = native.runtime ? "" : ` – skipped: ${native.missing}`;
      it(`gives them in onnxruntime-node${why}`, function () {
        if (!native.runtime) this.skip();
        return compare(native.runtime);
      });
    });
  }
});

describe("an ONNX file on the pixels of MNIST", () => {
  it("makes the errors that our engine counts", async function () {
    const net = await referenceLenet300();
    if (!net) return this.skip();
    await kernels();
    const data = await mnist();
    const oneBit = quantize({ bits: 1 }).plus(prune({ keep: 0.01 }), quick);
    const solution = solved(compress(net).each(net.network.names, oneBit));
    const { images, labels } = data.test;
    const shape = [labels.length, ...net.network.input];
    const file = toOnnx(solution, { mean: data.mean });
    const { data: z } = await outputsOf(onnxruntimeWeb(), file, images, shape);
    const wrong = labels.reduce((errors, label, n) => {
      const row = z.subarray(10 * n, 10 * n + 10);
      return errors + (row.indexOf(Math.max(...row)) === label ? 0 : 1);
    }, 0);
    assert.equal(wrong, (await score(solution.model, data)).testErrors);
  });
});

/** All examples in both splits. */
function examples(data: ReturnType<typeof hashedData>) {
  return { ...data, test: data.train };
}

/** Mean cross-entropy of logits. */
function meanLoss(z: Float32Array, labels: Uint8Array): number {
  const classes = z.length / labels.length;
  const losses = Array.from(labels, (label, n) => {
    const row = Array.from(z.subarray(n * classes, (n + 1) * classes));
    const most = Math.max(...row);
    const sum = row.reduce((total, y) => total + Math.exp(y - most), 0);
    return most + Math.log(sum) - (row[label] as number);
  });
  return losses.reduce((total, loss) => total + loss, 0) / losses.length;
}
