import assert from "node:assert/strict";
import { binarize } from "../../src/compression/binarize.ts";
import { type Compression, objective } from "../../src/compression/contract.ts";
import { l0Penalty } from "../../src/compression/l0-penalty.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import type { Matrix } from "../../src/math/matrix.ts";
import { weightsOf } from "../../src/net/network.ts";
import { referenceLenet300 } from "../support/reference.ts";

/** Sums with an exact joint solution: the default search, and 50 starts of alternation. */
const pairs: readonly {
  readonly name: string;
  readonly make: (search: "auto" | "alternate") => Compression<unknown>;
}[] = [
  ...[2, 4].map((levels) => ({
    name: `K = ${levels} + l0 1 %`,
    make: (search: "auto" | "alternate") =>
      quantize({ levels }).plus(prune({ keep: 0.01 }), {
        search,
        starts: 50,
      }) as Compression<unknown>,
  })),
  {
    name: "±a + l0 1 %",
    make: (search) =>
      binarize().plus(prune({ keep: 0.01 }), { search, starts: 50 }) as Compression<unknown>,
  },
  {
    name: "K = 2 + l0 penalty",
    make: (search) =>
      quantize({ levels: 2 }).plus(l0Penalty({ alpha: 1e-5 }), {
        search,
        starts: 50,
      }) as Compression<unknown>,
  },
];

describe("joint solutions on the reference LeNet300", () => {
  const layers: Matrix<Float64Array>[] = [];
  before(async function () {
    const model = await referenceLenet300();
    if (!model) return this.skip();
    for (const name of ["fc2", "out"]) {
      const { rows, cols, data } = weightsOf(model, name);
      layers.push({ rows, cols, data: Float64Array.from(data) });
    }
  });

  for (const { name, make } of pairs) {
    it(`${name}: never worse than alternation from 50 starts`, () => {
      for (const w of layers) {
        const [auto, alternate] = [make("auto"), make("alternate")];
        const found = auto.solve(w, { mu: 1e-3 });
        const other = alternate.solve(w, { mu: 1e-3 });
        assert.equal(other.trace?.length, 52);
        const [joint, best] = [found, other].map(({ theta }) =>
          objective(auto, w, theta, { mu: 1e-3 }),
        );
        // θ is rounded to float32 in both.
        assert.ok((joint as number) <= (best as number) * (1 + 1e-9), `${joint} > ${best}`);
        assert.ok(
          found.gap !== undefined && found.gap <= 1e-5 * (joint as number),
          `gap ${found.gap}`,
        );
      }
    });
  }
});
