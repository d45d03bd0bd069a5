import assert from "node:assert/strict";
import type { Dataset } from "../../src/data/dataset.ts";
import { mnist } from "../../src/data/mnist.ts";
import { referenceLenet300 } from "../support/reference.ts";
import {
  type Check,
  directChecks,
  exactChecks,
  netChecks,
  type Reference,
  threePartChecks,
} from "./checks.ts";

const right = (checks: readonly Check[]): void => {
  for (const { row, search, what, expected, got, within, ok } of checks) {
    assert.ok(ok, `${row} (${search}): ${what} is ${got}, expected ${expected} ${within}`);
  }
};

describe("numbers of the reference toolkit's LeNet300", () => {
  let model: Reference;
  let data: Dataset;
  before(async function () {
    const found = await referenceLenet300();
    if (!found) return this.skip();
    model = found;
    data = await mnist();
  });

  it("the net itself", async () => right(await netChecks(model, data)));
  for (const { name, run } of directChecks) {
    it(`direct compression: ${name}`, async () => right(await run(model, data)));
  }
  it("exact C steps", () => right(exactChecks(model)));
  it("Q + L + P on fc2", () => right(threePartChecks(model)));
});
