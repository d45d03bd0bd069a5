import assert from "node:assert/strict";
import fc from "fast-check";
import { fromSpec } from "../../src/compression/from-spec.ts";
import { laws } from "../../src/compression/laws.ts";
import { random } from "../../src/math/random.ts";
import { matrices } from "../support/matrices.ts";
import { compressions } from "./table.ts";

const fits = (check: () => void): boolean => {
  try {
    check();
    return true;
  } catch {
    return false;
  }
};

for (const { compression: c, feasible, scaleFree, cases } of compressions) {
  const search = c.spec?.search === undefined ? "" : ` (${c.spec.search})`;
  describe(`law: ${c.name}${search}`, () => {
    const some = matrices.filter((w) => fits(() => c.check(w, "")));
    const runs = { seed: 20_261_123, numRuns: cases };
    const context = { mu: 1, feasible, scaleFree };
    for (const law of laws.filter(({ applies }) => applies?.(c, context) ?? true)) {
      it(law.name, () =>
        fc.assert(
          fc.property(some, fc.nat(1000), (w, stream) => {
            const problem = law.check(c, w, context, random(1, stream));
            assert.ok(problem === undefined, problem);
          }),
          runs,
        ),
      );
    }

    it("is rebuilt from its spec", () =>
      fc.assert(
        fc.property(some, (w) => {
          assert.ok(c.spec);
          const again = fromSpec(JSON.parse(JSON.stringify(c.spec)));
          assert.equal(again.name, c.name);
          assert.deepEqual(again.cStep(w, { mu: 1 }), c.cStep(w, { mu: 1 }));
        }),
        { ...runs, numRuns: Math.min(10, cases) },
      ));
  });
}
