import assert from "node:assert/strict";
import { deflateSync } from "node:zlib";
import { toolkitGapBits } from "../../src/compression/positions.ts";
import { prune } from "../../src/compression/prune.ts";
import { CodedSink } from "../../src/files/coded.ts";
import { placeOf, sizeOfPart } from "../../src/files/file.ts";
import { parametersOf, taskView } from "../../src/lc/task.ts";
import { referenceLenet300 } from "../support/reference.ts";
import type { Reference } from "./checks.ts";
import { type Sizes, sizes } from "./sizes.ts";

describe("files of the reference toolkit's LeNet300", () => {
  let model: Reference;
  const rows: Sizes[] = [];
  before(async function () {
    this.timeout(300_000);
    const found = await referenceLenet300();
    if (!found) return this.skip();
    model = found;
    for await (const row of sizes(model)) rows.push(row);
  });

  const all = (name: RegExp): Sizes[] => {
    const found = rows.filter(({ row }) => name.test(row));
    assert.ok(found.length > 0);
    return found;
  };

  it("(l0 2662) + (K = 2), coded, takes less than the toolkit's 378,911 bits", () => {
    for (const { toolkitBits, codedBytes } of all(/2662/)) {
      assert.equal(toolkitBits, 378_911);
      assert.ok(8 * codedBytes < 378_911, `${8 * codedBytes} bits`);
    }
  });

  it("K = 16, coded, takes less than ⌈log₂K⌉ bits per weight", () => {
    for (const { codedBytes } of all(/K = 16/)) assert.ok(8 * codedBytes < 4 * 266_200);
  });

  it("coded is never more than packed, nor than zlib of packed", () => {
    for (const { row, packedBytes, codedBytes, zlibBytes } of rows) {
      assert.ok(codedBytes <= packedBytes, row);
      assert.ok(codedBytes <= zlibBytes, `${row}: ${codedBytes}, zlib ${zlibBytes}`);
    }
  });

  for (const count of [2662, 13_310]) {
    it(`positions of the ${count} largest weights: less than zlib of their bitmap and the toolkit's gaps`, () => {
      const parameters = parametersOf(model, { layers: ["fc1", "fc2", "out"] });
      const view = taskView(model.network, parameters, model.weights, {}, 0);
      const { indices } = prune({ count }).cStep(view);
      const bitmap = new Uint8Array(Math.ceil(view.data.length / 8));
      for (const i of indices) bitmap[i >> 3] = (bitmap[i >> 3] as number) | (1 << (i & 7));
      const sink = new CodedSink();
      sink.positions(indices, placeOf(model.network, parameters));
      const bytes = sizeOfPart(sink.finish());
      assert.ok(8 * bytes < toolkitGapBits(indices));
      assert.ok(bytes < deflateSync(bitmap, { level: 9 }).length);
    });
  }
});
