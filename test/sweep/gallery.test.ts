import assert from "node:assert/strict";
import { readdirSync, readFileSync, statSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { openSweep } from "../../src/index.ts";

const gallery = fileURLToPath(new URL("../../notebooks/gallery", import.meta.url));

describe("the gallery", () => {
  const nets = readdirSync(gallery).filter((name) => statSync(join(gallery, name)).isDirectory());

  it("has both nets", () => assert.deepEqual(nets, ["lenet5", "resnet20"]));

  for (const net of nets)
    it(`has a finished sweep of ${net}: two sizes of five combinations, learning better than direct`, async () => {
      const { status, points, reference } = await openSweep(join(gallery, net));
      assert.equal(status, "finished");
      const names = ["Q", "P", "L", "Q+P", "L+P"];
      assert.deepEqual([...new Set(points.map(({ combination }) => combination))], names);
      for (const name of names) {
        const curve = points.filter(({ combination }) => combination === name);
        const ratios = curve.map(({ scores }) => scores?.ratio ?? 0);
        assert.ok(ratios.length === 2 && ratios[0] > 1.3 * ratios[1] && ratios[1] > 9, `${ratios}`);
      }
      for (const { id, direct, scores } of points) {
        assert.ok((scores?.trainLoss ?? Number.NaN) < (direct?.trainLoss ?? Number.NaN), id);
        assert.ok((scores?.ratio ?? 0) > 9, id);
      }
      assert.ok(reference.testError > 0);
    });

  it("names no folder of the machine that made it", () => {
    for (const file of readdirSync(gallery, { recursive: true, encoding: "utf8" }))
      if (/\.jsonl?$/.test(file))
        assert.doesNotMatch(
          readFileSync(join(gallery, file), "utf8"),
          /"\/\w|host":"(?!localhost)/,
          file,
        );
  });
});
