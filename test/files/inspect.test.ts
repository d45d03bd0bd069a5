import assert from "node:assert/strict";
import { execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { compress, lenet300, prune, quantize, save } from "../../src/index.ts";

const main = fileURLToPath(new URL("../../kernel/main.ts", import.meta.url));
const lclab = ["--import=tsx", main, "inspect"];

describe("lclab inspect", () => {
  it("lists layers, parts and bytes, and refuses a damaged file with 1", async function () {
    this.timeout(120_000);
    const folder = await mkdtemp(join(tmpdir(), "lclab-inspect-"));
    try {
      const path = join(folder, "net.safetensors");
      const solution = await compress(lenet300())
        .layer("fc1", quantize({ levels: 2 }).plus(prune({ count: 100 })))
        .direct();
      const { parts } = await save(solution, path);
      const text = execFileSync(process.execPath, [...lclab, path], { encoding: "utf8" });
      assert.match(text, /fc1 +300 × 784 +quantize\(K = 2\) +packed +29,408/);
      assert.match(text, /everything else/);
      const json = execFileSync(process.execPath, [...lclab, path, "--json"], { encoding: "utf8" });
      const { file, rows } = JSON.parse(json);
      assert.equal(file.bytes, (await stat(path)).size);
      assert.deepEqual(file.parts, parts);
      assert.ok(rows[1]["entropy-coded bytes"] < rows[1]["packed bytes"]);
      await writeFile(path, "no such thing");
      const { status, stderr } = spawnSync(process.execPath, [...lclab, path], {
        encoding: "utf8",
      });
      assert.equal(status, 1);
      assert.match(stderr, /^LC_FILE: .*net\.safetensors/);
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
