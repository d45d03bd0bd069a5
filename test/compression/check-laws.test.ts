import assert from "node:assert/strict";
import { checkLaws } from "../../src/compression/check-laws.ts";
import { defineCompression } from "../../src/compression/compression.ts";
import type { Compression, CompressionDefinition } from "../../src/compression/contract.ts";
import { l0Penalty } from "../../src/compression/l0-penalty.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { displaySymbol } from "../../src/notebook.ts";

interface Mean {
  readonly rows: number;
  readonly cols: number;
  readonly value: number;
}

/** All weights become their mean: right, until a part of it is replaced. */
const right: CompressionDefinition<Mean> & { cStep: unknown } = {
  name: "mean",
  exact: true,
  elementwise: true,
  cStep: ({ rows, cols, data }) => ({
    rows,
    cols,
    value: data.reduce((sum, x) => sum + x, 0) / data.length,
  }),
  decompress: ({ rows, cols, value }) => ({
    rows,
    cols,
    data: new Float64Array(rows * cols).fill(value),
  }),
  bits: () => 32,
};

let calls = 0;
const wrong: readonly { what: string; change: Partial<typeof right>; law: RegExp }[] = [
  {
    what: "a wrong shape",
    change: { decompress: ({ value }) => ({ rows: 1, cols: 1, data: Float64Array.of(value) }) },
    law: /has the shape of w/,
  },
  {
    what: "writing to w",
    change: {
      cStep: ({ rows, cols, data }) => {
        data[0] = 7;
        return { rows, cols, value: 0 };
      },
    },
    law: /w is not written to: w has changed/,
  },
  {
    what: "a state of its own",
    change: { cStep: ({ rows, cols }) => ({ rows, cols, value: calls++ }) },
    law: /the same w gives the same θ/,
  },
  {
    what: "half bits",
    change: { bits: () => 0.5 },
    law: /bits are a whole number/,
  },
  {
    what: "a result called exact that is not the best",
    change: { cStep: ({ rows, cols, data }) => ({ rows, cols, value: data[0] as number }) },
    law: /no feasible Δ is better than an exact result/,
  },
  {
    what: "a C step worse than its start",
    change: {
      exact: false,
      cStep: ({ rows, cols, data }) => ({ rows, cols, value: Math.max(...data) }),
    },
    law: /never worse than θ/,
  },
  {
    what: "importance weights claimed and ignored",
    change: { weighted: true },
    law: /importance weights/,
  },
  {
    what: "an error thrown",
    change: {
      bits: () => {
        throw new Error("no bits");
      },
    },
    law: /threw Error: no bits/,
  },
];

describe("checkLaws", () => {
  const define = (change: Partial<typeof right>): Compression<Mean> =>
    defineCompression({ ...right, ...change } as CompressionDefinition<Mean>);

  it("finds nothing wrong with a right compression", () => {
    const report = checkLaws(define({}), { scaleFree: true });
    assert.deepEqual([report.ok, report.failures], [true, ""]);
    assert.ok(report.results.length >= 8);
    assert.ok(checkLaws(quantize({ levels: 2 })).ok);
    assert.ok(checkLaws(l0Penalty({ alpha: 0.1 })).ok);
  });

  for (const { what, change, law } of wrong) {
    it(`finds ${what}`, () => {
      const report = checkLaws(define(change));
      assert.equal(report.ok, false);
      assert.match(report.failures, law);
    });
  }

  it("gives the same report for the same seed, with a simplified matrix", () => {
    const bad = define({
      cStep: ({ rows, cols, data }) => ({ rows, cols, value: data[0] as number }),
    });
    const [one, two] = [checkLaws(bad), checkLaws(bad)];
    assert.equal(one.failures, two.failures);
    assert.match(one.failures, /for w = \[.*\] \(\d+ × \d+, case \d+, seed 0\)/);
  });

  it("shows itself as a table", () => {
    const report = checkLaws(define({}));
    assert.match(String(report[displaySymbol]()["text/html"]), /<td.*>holds<\/td>/);
  });

  it("tests a constraint it is given", () => {
    const report = checkLaws(quantize({ levels: 3 }), {
      feasible: ({ data }) => new Set(data).size <= 2,
    });
    assert.match(report.failures, /Δ\(θ\) is feasible/);
  });

  it("says when no small shape fits", () => {
    const picky = define({
      elementwise: false,
      check: ({ rows }) => {
        if (rows < 100) throw new RangeError("too few rows");
      },
    });
    assert.throws(() => checkLaws(picky), {
      name: "RangeError",
      message:
        /accepts no shape up to 6 × 6 \(RangeError: too few rows\). Give it some: checkLaws\(c, \{ shapes/,
    });
    assert.ok(checkLaws(picky, { shapes: [{ rows: 100, cols: 1 }] }).ok);
    assert.throws(
      () => checkLaws(picky, { cases: 0 }),
      /cases must be a whole number from 1, got 0/,
    );
  });
});
