import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import type { Compression } from "../../src/compression/contract.ts";
import { fromSpec } from "../../src/compression/from-spec.ts";
import { random } from "../../src/math/random.ts";

const path = new URL("../golden/compression/bytes.json", import.meta.url);

/** Specs and the SHA-256 of their θ, the same on every machine and every Node; LCLAB_UPDATE_GOLDEN=1 writes them anew. */
const golden = JSON.parse(readFileSync(path, "utf8")) as {
  spec: { kind: string };
  plain: string;
  weighted: string;
}[];

const rng = random(2026);
const normal = (): number => {
  let total = -3;
  for (let i = 0; i < 6; i++) total += rng.uniform();
  return 0.1 * total;
};
const w = { rows: 90, cols: 160, data: Float64Array.from({ length: 14_400 }, normal) };
const importance = w.data.map(() => 1 + rng.below(50) / 8);

function digest(theta: unknown): string {
  const hash = createHash("sha256");
  const visit = (value: unknown): void => {
    if (ArrayBuffer.isView(value)) {
      hash.update(new Uint8Array(value.buffer, value.byteOffset, value.byteLength));
    } else if (value !== null && typeof value === "object") {
      for (const [key, inner] of Object.entries(value).sort()) {
        hash.update(key);
        visit(inner);
      }
    } else hash.update(String(value));
  };
  visit(theta);
  return hash.digest("hex");
}

if (process.env.LCLAB_UPDATE_GOLDEN) {
  for (const entry of golden) {
    const c = fromSpec(entry.spec);
    entry.plain = digest(c.cStep(w, { mu: 1 }));
    entry.weighted = digest(c.cStep(w, { mu: 1, importance }));
  }
  const lines = golden.map((entry) => JSON.stringify(entry));
  writeFileSync(path, `[\n  ${lines.join(",\n  ")}\n]\n`);
}

describe("θ has the same bytes on every machine and every Node", () => {
  for (const { spec, plain, weighted } of golden) {
    const c: Compression<unknown> = fromSpec(spec);
    it(c.name, () => {
      assert.equal(digest(c.cStep(w, { mu: 1 })), plain);
      assert.equal(digest(c.cStep(w, { mu: 1, importance })), weighted);
    });
  }
});
