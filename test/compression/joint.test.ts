import assert from "node:assert/strict";
import { binarize } from "../../src/compression/binarize.ts";
import { type Compression, objective, type SumOptions } from "../../src/compression/contract.ts";
import { l0Penalty } from "../../src/compression/l0-penalty.ts";
import { l1Constraint } from "../../src/compression/l1-constraint.ts";
import { powersOfTwo } from "../../src/compression/powers-of-two.ts";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import type { Matrix } from "../../src/math/matrix.ts";
import { weightsOf } from "../../src/net/network.ts";
import { referenceLenet300 } from "../support/reference.ts";

/** Sums with an exact joint solution: the default search, and 50 starts of alternation. */
const pairs: readonly {
  readonly name: string;
  readonly on: readonly ("fc1" | "fc2" | "out" | "joint")[];
  readonly make: (search: "auto" | "alternate") => Compression<unknown>;
}[] = [
  pair("K = 2 + l0 1 %", ["fc1", "fc2", "out", "joint"], (options) =>
    quantize({ levels: 2 }).plus(prune({ keep: 0.01 }), options),
  ),
  pair("K = 4 + l0 1 %", ["fc2", "out"], (options) =>
    quantize({ levels: 4 }).plus(prune({ keep: 0.01 }), options),
  ),
  pair("±a + l0 1 %", ["fc1", "fc2", "out"], (options) =>
    binarize().plus(prune({ keep: 0.01 }), options),
  ),
  pair("K = 2 + l0 penalty", ["fc2", "out"], (options) =>
    quantize({ levels: 2 }).plus(l0Penalty({ alpha: 1e-5 }), options),
  ),
  pair("±1 + l0 1 %", ["fc2"], (options) =>
    binarize({ scale: false }).plus(prune({ keep: 0.01 }), options),
  ),
  pair("powers of two + l1 ball", ["fc2"], (options) =>
    powersOfTwo({ smallest: -4 }).plus(l1Constraint({ radius: 20 }), options),
  ),
];

function pair<T>(
  name: string,
  on: readonly ("fc1" | "fc2" | "out" | "joint")[],
  make: (options: SumOptions) => Compression<T>,
) {
  return {
    name,
    on,
    make: (search: "auto" | "alternate") => make({ search, starts: 50 }) as Compression<unknown>,
  };
}

describe("joint solutions on the reference LeNet300", function () {
  this.timeout(180_000);
  const matrices = new Map<string, Matrix<Float64Array>>();
  before(async function () {
    const model = await referenceLenet300();
    if (!model) return this.skip();
    const all: Float64Array[] = [];
    for (const name of ["fc1", "fc2", "out"]) {
      const { rows, cols, data } = weightsOf(model, name);
      const copy = Float64Array.from(data);
      matrices.set(name, { rows, cols, data: copy });
      all.push(copy);
    }
    const joint = new Float64Array(all.reduce((n, { length }) => n + length, 0));
    let at = 0;
    for (const part of all) {
      joint.set(part, at);
      at += part.length;
    }
    matrices.set("joint", { rows: 1, cols: joint.length, data: joint });
  });

  for (const { name, on, make } of pairs) {
    for (const where of on) {
      it(`${name} on ${where}: never worse than alternation from 50 starts`, () => {
        const w = matrices.get(where) as Matrix<Float64Array>;
        const [auto, alternate] = [make("auto"), make("alternate")];
        const found = auto.solve(w, { mu: 1e-3 });
        const other = alternate.solve(w, { mu: 1e-3 });
        assert.equal(other.trace?.length, 52);
        const joint = objective(auto, w, found.theta, { mu: 1e-3 });
        const best = objective(auto, w, other.theta, { mu: 1e-3 });
        // θ is rounded to float32 in both.
        assert.ok(joint <= best * (1 + 1e-9), `${joint} > ${best}`);
        assert.ok(
          found.exact || (found.gap as number) <= 1e-5 * joint,
          `neither exact nor nearly so: gap ${found.gap}`,
        );
      });
    }
  }
});
