import assert from "node:assert/strict";
import { createRequire } from "node:module";
import fc from "fast-check";
import { parquetReadObjects } from "hyparquet";
import { type Cell, table } from "../../src/table/table.ts";

const require = createRequire(import.meta.url);

const odd = table(
  [{ name: "x" }, { name: 'a, "b"' }, { name: "ok" }, { name: "mixed" }, { name: "empty" }],
  [
    [0.1, "x|y", true, 1, null],
    [Number.NaN, "", false, "two", null],
    [Number.POSITIVE_INFINITY, null, null, null, null],
    [null, "α_1 & 5 %\nnew ‖w−Δ‖", true, false, null],
  ],
);

/** Reads comma-separated values by RFC 4180; null for an empty field without quotes. */
function readCSV(text: string): (string | null)[][] {
  const rows: (string | null)[][] = [];
  let row: (string | null)[] = [];
  for (const [, quoted, plain, end] of text.matchAll(
    /(?:"((?:[^"]|"")*)"|([^",\r\n]*))(,|\r\n)/g,
  )) {
    row.push(quoted?.replaceAll('""', '"') ?? (plain === "" ? null : (plain ?? null)));
    if (end === ",") continue;
    rows.push(row);
    row = [];
  }
  return rows;
}

const cells = fc.oneof(
  fc.string(),
  fc.double(),
  fc.boolean(),
  fc.constant(null),
  fc.constantFrom('"', "a,b", "\r\n", "", "1"),
);

describe("a table written out", () => {
  it("has a line for each row, whatever its cells hold", () => {
    const one = table([{ name: "x" }], [[null], ["a\rb"], ["a\r\nb"], [""], [1]]);
    assert.equal(one.toCSV(), 'x\r\n""\r\n"a\rb"\r\n"a\r\nb"\r\n""\r\n1\r\n');
    assert.equal(one.toMarkdown().split(/[\r\n]/).length, 2 + 5 + 1);
    assert.match(one.toMarkdown(), /\| a<br>b \|\n\| a<br>b \|/);
    assert.doesNotMatch(one.toLatex(), /\r/);
  });

  it("as CSV is read back: text, numbers to the last bit, null and the empty string apart", () =>
    fc.assert(
      fc.property(
        fc.array(fc.array(cells, { minLength: 3, maxLength: 3 }), { maxLength: 5 }),
        (rows) => {
          const names = ["a", 'b "x", y', "c"];
          const csv = table(
            names.map((name) => ({ name })),
            rows,
          ).toCSV();
          const expected = rows.map((row) =>
            row.map((cell) => (cell === null ? null : String(cell))),
          );
          assert.deepEqual(readCSV(csv), [names, ...expected]);
          for (const cell of rows.flat()) {
            if (typeof cell === "number")
              assert.ok(Object.is(Number(String(cell)), cell) || cell === 0);
          }
        },
      ),
    ));

  it("as Markdown keeps its columns whatever is in them", () => {
    const lines = odd.toMarkdown().trimEnd().split("\n");
    assert.equal(lines.length, 6);
    for (const line of lines) assert.equal(line.match(/(?<!\\)\|/g)?.length, 6, line);
    assert.equal(lines[1], "| --: | :-- | :-- | --: | :-- |");
    assert.match(lines[5] ?? "", /α\\_1 \\& 5 %<br>new/);
  });

  it("as LaTeX has no bare special character", () => {
    const text = odd.toLatex();
    assert.match(text, /\\begin\{tabular\}\{rllrl\}/);
    assert.match(text, /α\\_1 \\& 5 \\% new \$\\Vert\$w\$-\$\$\\Delta\$\$\\Vert\$/);
    assert.match(text, /x\\textbar\{\}y/);
    assert.equal(text.match(/\\\\\n/g)?.length, 5);
  });

  it("as Parquet is read back with its types", async () => {
    const { buffer, byteOffset, byteLength } = await odd.toParquet();
    const file = buffer.slice(byteOffset, byteOffset + byteLength) as ArrayBuffer;
    const rows = await parquetReadObjects({ file });
    assert.deepEqual(rows, [
      { x: 0.1, 'a, "b"': "x|y", ok: true, mixed: "1", empty: null },
      { x: Number.NaN, 'a, "b"': "", ok: false, mixed: "two", empty: null },
      { x: Number.POSITIVE_INFINITY, 'a, "b"': null, ok: null, mixed: null, empty: null },
      { x: null, 'a, "b"': "α_1 & 5 %\nnew ‖w−Δ‖", ok: true, mixed: "false", empty: null },
    ]);
  });

  it("as records has a row's cells by column", () =>
    assert.deepEqual(odd.toRecords()[1], {
      ...{ x: Number.NaN, 'a, "b"': "", ok: false, mixed: "two", empty: null },
    }));

  const expected: Cell[][] = [
    [0.1, "x|y", true, "1", null],
    [Number.NaN, "", false, "two", null],
    [Number.POSITIVE_INFINITY, null, null, null, null],
    [null, "α_1 & 5 %\nnew ‖w−Δ‖", true, "false", null],
  ];

  it("goes into the real danfo.js", () => {
    const frame = odd.toDanfo(require("danfojs-node")) as {
      columns: string[];
      dtypes: string[];
      values: unknown[][];
    };
    assert.deepEqual(
      frame.columns,
      odd.columns.map(({ name }) => name),
    );
    assert.deepEqual(frame.dtypes, ["float32", "string", "boolean", "string", "string"]);
    assert.deepEqual(frame.values, expected);
  });

  it("goes into the real arquero", async () => {
    const frame = odd.toArquero(await import("arquero"));
    assert.deepEqual(
      frame.columnNames(),
      odd.columns.map(({ name }) => name),
    );
    const rows = (frame.objects() as Record<string, unknown>[]).map(Object.values);
    assert.deepEqual(rows, expected);
  });

  it("goes into the real polars", function () {
    const path = process.env.LCLAB_POLARS;
    if (!path) {
      console.log(
        "      skipped: nodejs-polars is 115 MB; LCLAB_POLARS=path/of/nodejs-polars runs this",
      );
      return this.skip();
    }
    const pl = require(path);
    const frame = odd.toPolars(pl.default ?? pl) as {
      columns: string[];
      rows(): unknown[][];
      dtypes: { toString(): string }[];
    };
    assert.deepEqual(
      frame.columns,
      odd.columns.map(({ name }) => name),
    );
    assert.deepEqual(frame.rows(), expected);
  });
});
