import assert from "node:assert/strict";
import {
  type Compression,
  compress,
  inference,
  lowRank,
  perChannel,
  prune,
  quantize,
} from "../../src/index.ts";
import { conv2d, dense, model, network, tanh } from "../../src/net/network.ts";
import { hashedWeights } from "../engine/image-formulas.ts";
import { kernels } from "../engine/support.ts";
import { compressions } from "../laws/table.ts";
import { inputs } from "../support/inputs.ts";
import { solved } from "../support/solved.ts";
import { assertLogits } from "./logits.ts";

/** Sizes that fill no panels of 8, and that the table's groups divide; the last convolution is one for Winograd's algorithm. */
const description = network({
  name: "small",
  input: [7, 6, 2],
  layers: [
    conv2d("conv", 10, { kernel: [3, 2], stride: [2, 1], padding: "same" }),
    tanh(),
    conv2d("conv2", 12, { kernel: [3, 3], padding: "same", bias: false }),
    tanh(),
    dense("fc", 18),
    tanh(),
    dense("out", 4),
  ],
});
const net = model(description, hashedWeights(description, 2));

/** More codewords than the laws try, so that codes have other widths; and parts as they are in sums. */
const more: readonly Compression<unknown>[] = [
  ...[9, 16, 17, 40, 90, 200, 300].map((levels) => quantize({ levels, search: "lloyd" })),
  perChannel(quantize({ levels: 2 })),
  perChannel(quantize({ levels: 7 })),
  prune({ keep: 0.2, values: quantize({ levels: 5 }) }),
  prune({ keep: 0.2, values: quantize({ levels: 12 }) }),
  prune({ keep: 0.05 }),
  lowRank({ rank: 2, scheme: 2 }),
  lowRank({ rank: 3, factors: quantize({ levels: 4 }) }),
];

describe("inference with packed weights", () => {
  before(kernels);

  const x = inputs(5, net.network.input);
  for (const c of compressions.map(({ compression }) => compression)) {
    it(`${c.name}: the logits of its weights, in layers between plain ones`, async () => {
      const solution = solved(compress(net).each(["conv", "fc"], c as never), 10);
      const predictor = await inference(solution);
      assertLogits(await predictor.logits(x), solution.model, x);
      assert.deepEqual(predictor.notes, []);
    });
  }

  for (const c of more) {
    it(`${c.name}: the logits of its weights, in all layers`, async () => {
      const solution = solved(compress(net).each(net.network.names, c as never));
      const predictor = await inference(solution);
      assertLogits(await predictor.logits(x), solution.model, x);
      assert.deepEqual(predictor.notes, []);
    });
  }

  it("a convolution whose panels are unpacked in two blocks", async () => {
    const wide = network({
      name: "wide",
      input: [4, 3, 256],
      layers: [conv2d("conv", 16, { kernel: [3, 3] }), dense("out", 3)],
    });
    const of = model(wide, hashedWeights(wide, 2));
    const c = quantize({ levels: 2 }).plus(prune({ keep: 0.05 }));
    const solution = solved(compress(of).layer("conv", c));
    const x = inputs(5, wide.input);
    const predictor = await inference(solution);
    assertLogits(await predictor.logits(x), solution.model, x);
    assert.deepEqual(predictor.notes, []);
  });
});
