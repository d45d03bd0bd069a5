import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compress, lenet300, prune, quantize, save } from "../../src/index.ts";

const script = fileURLToPath(new URL("../golden/files/open.py", import.meta.url));

/** A Python that has safetensors and numpy: $LCLAB_PYTHON, or python3. */
const python = process.env.LCLAB_PYTHON ?? "python3";

describe("Python's safetensors", () => {
  it("opens a saved file, and docs/format.md is enough to rebuild its weights", async function () {
    this.timeout(120_000);
    const asked = spawnSync(python, ["-c", "import safetensors, numpy"], { encoding: "utf8" });
    if (asked.status !== 0) {
      const why = (asked.stderr ?? String(asked.error)).trim().split("\n").at(-1);
      console.log(
        `      skipped: ${python} has no safetensors and numpy (${why}). LCLAB_PYTHON names another.`,
      );
      return this.skip();
    }
    const folder = await mkdtemp(join(tmpdir(), "lclab-python-"));
    try {
      const solution = await compress(lenet300())
        .joint(["fc1", "fc2"], quantize({ levels: 3 }).plus(prune({ count: 900 })))
        .layer("out", quantize({ levels: 2 }))
        .direct();
      const { weights } = solution.model;
      const sum = (...keys: string[]): number =>
        keys.reduce((all, key) => weights[key]?.reduce((s, x) => s + x * x, all) ?? Number.NaN, 0);
      const close = (got: number, expected: number): void =>
        assert.ok(Math.abs(got - expected) <= 1e-9 * expected, `${got}, expected ${expected}`);
      for (const entropy of [false, true]) {
        const path = join(folder, "net.safetensors");
        const { parts } = await save(solution, path, { entropy });
        assert.equal(
          parts.some(({ coded }) => coded),
          entropy,
        );
        const found = execFileSync(python, [script, path], { encoding: "utf8" });
        const { tensors, squares } = JSON.parse(found);
        assert.deepEqual(tensors["fc1.b"], ["float32", [300]]);
        if (!entropy) {
          assert.deepEqual(tensors["fc1/0.codebook"], ["float32", [3]]);
          assert.deepEqual(tensors["fc1/0.packed"], ["uint8", [(2 * 265_200) / 8]]);
          assert.deepEqual(tensors["fc1/1.values"], ["float32", [900]]);
        }
        close(squares["fc1+fc2"], sum("fc1.w", "fc2.w"));
        close(squares.out, sum("out.w"));
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
