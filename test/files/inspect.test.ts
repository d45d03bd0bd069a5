import assert from "node:assert/strict";
import { mkdtemp, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspectCommand } from "../../src/files/command.ts";
import { compress, lenet300, perChannel, prune, quantize, save } from "../../src/index.ts";
import { printed } from "../support/printed.ts";
import { solved } from "../support/solved.ts";

describe("lclab inspect", () => {
  it("lists layers, parts, bytes and the entropy of codes", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lclab-inspect-"));
    try {
      const path = join(folder, "net.safetensors");
      const quick = { search: "alternate", order: [0, 1], starts: 0, tolerance: 0.1 } as const;
      const solution = solved(
        compress(lenet300())
          .layer("fc1", quantize({ levels: 2 }).plus(prune({ count: 100 }), quick))
          .layer("out", perChannel(quantize({ levels: 3 }))),
      );
      const { parts } = await save(solution, path);
      const { text, code } = await printed(() => inspectCommand(path, { json: false }));
      assert.equal(code, 0);
      assert.match(text, /fc1 +300 × 784 +quantize\(K = 2\) +packed +29,408/);
      assert.match(text, /everything else/);
      const json = await printed(() => inspectCommand(path, { json: true }));
      const { file, rows } = JSON.parse(json.text);
      assert.equal(file.bytes, (await stat(path)).size);
      assert.deepEqual(file.parts, parts);
      assert.ok(rows[1]["entropy-coded bytes"] < rows[1]["packed bytes"]);
      // Half of the weights are negative; 100 of 235,200 are kept; each row of `out` has its own codes of 2 bits.
      const [codes, kept, channels] = rows;
      assert.equal(codes["bits per code"], 1);
      assert.ok(codes["H per code"] > 0.999 && codes["H per code"] <= 1);
      assert.equal(kept["bits per code"], null);
      const p = 100 / 235_200;
      const h = -p * Math.log2(p) - (1 - p) * Math.log2(1 - p);
      assert.ok(Math.abs(kept["H per code"] - h) < 1e-12);
      assert.equal(channels["bits per code"], 2);
      assert.ok(channels["H per code"] > 1.4 && channels["H per code"] < Math.log2(3));
    } finally {
      await rm(folder, { recursive: true });
    }
  });
});
