import assert from "node:assert/strict";
import fc from "fast-check";
import type { Compression } from "../../src/compression/contract.ts";
import { distortion } from "../../src/compression/contract.ts";
import { fromSpec } from "../../src/compression/from-spec.ts";
import type { Matrix } from "../../src/math/matrix.ts";
import { matrices, squares } from "../support/matrices.ts";
import { compressions } from "./table.ts";

const project = (c: Compression<unknown>, w: Matrix): Matrix<Float64Array> =>
  c.decompress(c.cStep(w));
/** θ is stored in float32: a weight of size 1 is off by 6e-8 at most. */
const slack = (w: Matrix): number => 1e-12 * (1 + squares(w.data));

for (const { compression: c, feasible, scaleFree, projection, fits } of compressions) {
  describe(`law: ${c.name}`, () => {
    const some = matrices.filter(fits);
    const law = (check: (w: Matrix<Float64Array>) => void): void =>
      fc.assert(fc.property(some, check), { seed: 20_261_123, numRuns: 60 });

    it("keeps the shape and does not write to w", () =>
      law((w) => {
        const before = w.data.slice();
        const delta = project(c, w);
        assert.deepEqual(
          [delta.rows, delta.cols, delta.data.length],
          [w.rows, w.cols, w.data.length],
        );
        assert.deepEqual(w.data, before);
      }));

    it("gives the same θ for the same w", () =>
      law((w) => assert.deepEqual(c.cStep(w), c.cStep({ ...w, data: w.data.slice() }))));

    it("gives a feasible Δ(θ), not worse than Δ = 0 and than a warm start", () =>
      law((w) => {
        const theta = c.cStep(w);
        const delta = c.decompress(theta);
        assert.ok(feasible(delta), `Δ = [${delta.data.join(", ")}]`);
        const error = distortion(w, delta);
        assert.ok(error <= squares(w.data) + slack(w), `${error} > ‖w‖²`);
        const moved = { ...w, data: w.data.map((x, i) => x + ((i % 3) - 1) / 8) };
        const warm = c.decompress(c.cStep(moved, { warm: theta }));
        assert.ok(distortion(moved, warm) <= distortion(moved, delta) + slack(moved));
      }));

    if (projection) {
      it("is a projection: Π(Π(w)) = Π(w)", () =>
        law((w) => {
          const once = project(c, w);
          assert.ok(distortion(project(c, once), once) <= slack(w));
        }));
    }

    if (scaleFree) {
      it("is scale free: Π(2w) = 2 Π(w), bit for bit", () =>
        law((w) => {
          const twice = project(c, { ...w, data: w.data.map((x) => 2 * x) });
          assert.deepEqual(
            twice.data,
            project(c, w).data.map((x) => 2 * x),
          );
        }));
    }

    it("is rebuilt from its spec", () =>
      law((w) => {
        assert.ok(c.spec);
        const again = fromSpec(JSON.parse(JSON.stringify(c.spec)));
        assert.equal(again.name, c.name);
        assert.deepEqual(again.cStep(w), c.cStep(w));
      }));

    it("counts whole, nonnegative bits in both accountings", () =>
      law((w) => {
        const theta = c.cStep(w);
        for (const accounting of ["packed", "toolkit"] as const) {
          const bits = c.bits(theta, accounting);
          assert.ok(Number.isInteger(bits) && bits >= 0, `${bits}`);
        }
      }));
  });
}
