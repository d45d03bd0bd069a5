import assert from "node:assert/strict";
import type { Model } from "../../src/net/network.ts";
import { imageOutputs } from "../engine/image-reference.ts";
import { float64 } from "../engine/reference.ts";
import { rowsOf } from "../support/inputs.ts";

/** The logits of a plain computation in float64, to 1e-5 of the largest one. */
export function assertLogits(
  found: Float32Array,
  { network, weights }: Model,
  x: Float32Array,
): void {
  const rows = rowsOf(x, x.length / network.input.reduce((a, b) => a * b));
  const { outputs } = imageOutputs(network, float64(weights), rows);
  const wanted = outputs.flatMap((row) => [...row]);
  const largest = Math.max(...wanted.map(Math.abs));
  assert.equal(found.length, wanted.length);
  for (const [i, z] of wanted.entries()) {
    const away = Math.abs(z - (found[i] as number)) / largest;
    assert.ok(away < 1e-5, `logit ${i}: ${found[i]}, wanted ${z}`);
  }
}
