import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { bundle, plain } from "../../kernel/display.ts";

const shown = async (value: unknown) => (await bundle(value)) as Record<string, string>;
const text = async (value: unknown) => (await shown(value))["text/plain"];

describe("a typed array", () => {
  it("is whole if short, else its length, range and first values", async () => {
    assert.equal(await text(Float32Array.of(1, 0.5)), "Float32Array(2) [ 1, 0.5 ]");
    const long = Float64Array.from({ length: 1000 }, (_, i) => i / 8);
    assert.equal(
      await text(long),
      "Float64Array(1,000) · min 0 · mean 62.44 · max 124.9\n[ 0, 0.125, 0.25, 0.375, 0.5, 0.625, 0.75, 0.875, 1, 1.125, … 990 more ]",
    );
    assert.match(
      await text(BigInt64Array.from({ length: 30 }, (_, i) => BigInt(i))),
      /^BigInt64Array\(30\) · min 0n · mean 14.5 · max 29n\n\[ 0n, 1n/,
    );
  });

  it("tells NaN apart: the range is that of the others", async () => {
    const values = Float32Array.from({ length: 24 }, (_, i) => (i % 3 === 0 ? NaN : i));
    assert.match(await text(values), /^Float32Array\(24\) · min 1 · mean 12 · max 23 · 8 NaN\n/);
    assert.match(await text(new Float32Array(24).fill(NaN)), /^Float32Array\(24\) · 24 NaN\n/);
  });

  it("is left to util.inspect if it is of a class of its own, such as Buffer", async () => {
    const buffer = Buffer.alloc(100, 1);
    assert.equal(await text(buffer), plain(buffer));
  });

  it("has a text that does not grow with it, and above 4,194,304 numbers it is not read", async () => {
    assert.ok((await text(new Float64Array(100_000).fill(1 / 3))).length < 200);
    assert.match(await text(new Uint8Array(2 ** 22 + 1)), /^Uint8Array\(4,194,305\)\n\[ 0, 0/);
  });
});

describe("a data frame", () => {
  const dfd = createRequire(import.meta.url)("danfojs-node");

  it("of danfo.js is a table, escaped, with its index, its shape and what is left out", async () => {
    const rows = Array.from({ length: 30 }, (_, i) => i);
    const columns = Array.from({ length: 22 }, (_, j) => [
      `c${j}`,
      rows.map((i) => (j === 1 ? `<b>${i}</b>\n` : (i * j) / 3)),
    ]);
    const { "text/html": html, "text/plain": plainText } = await shown(
      new dfd.DataFrame(Object.fromEntries(columns)),
    );
    assert.equal(html.match(/<tr>/g)?.length, 1 + 20 + 1);
    assert.match(
      html,
      /<th>19<\/th><td style="text-align:right">0<\/td><td style="text-align:left">&lt;b&gt;19&lt;\/b&gt;\\n<\/td>/,
    );
    assert.match(html, /<th>… 2 more columns<\/th>/);
    assert.match(html, /<td colspan="22" style="text-align:left">… 10 more rows<\/td>/);
    assert.match(html, /<p>DataFrame: 30 rows × 22 columns<\/p>$/);
    assert.doesNotMatch(html, /<b>|color|background/);
    const lines = plainText.split("\n");
    assert.equal(lines.length, 1 + 20 + 2);
    assert.match(lines[0], /^ +c0 +c1 +c2 .* c19 {2}… 2 more columns$/);
    assert.match(lines[1], /^0 +0 {2}<b>0<\/b>\\n +0 /);
    assert.deepEqual(lines.slice(-2), ["… 10 more rows", "DataFrame: 30 rows × 22 columns"]);
  });

  it("of danfo.js may have columns called as its own getters are, and may be empty", async () => {
    const frame = new dfd.DataFrame(
      { index: [1, 2], values: [0.1, NaN], shape: ["a", null] },
      { index: ["x", "y"] },
    );
    assert.equal(
      await text(frame),
      "   index  values  shape\nx      1     0.1  a\ny      2     NaN  null\nDataFrame: 2 rows × 3 columns",
    );
    assert.match(await text(new dfd.DataFrame([])), /DataFrame: 0 rows × 0 columns$/);
  });

  it("is a Series too", async () => {
    const series = new dfd.DataFrame({ name: ["a", "b"] }).column("name");
    assert.equal(await text(series), "   name\n0  a\n1  b\nSeries of string: 2 rows × 1 column");
  });

  it("of Arquero is as it is filtered, ordered and grouped", async () => {
    const aq = await import("arquero");
    const table = aq.table({
      a: [1, 2, 3],
      b: ["<x>", "y", null],
      at: [new Date(0), new Date(86_400_000), null],
      more: [{ x: 1 }, [1, 2], 3n],
    });
    const some = table.filter((d: { a: number }) => d.a < 3).orderby(aq.desc("a"));
    const { "text/html": html, "text/plain": plainText } = await shown(some.groupby("b"));
    assert.equal(
      plainText,
      "a  b    at                        more\n2  y    1970-01-02T00:00:00.000Z  [ 1, 2 ]\n1  <x>  1970-01-01T00:00:00.000Z  { x: 1 }\nTable: 2 rows × 4 columns, grouped by b",
    );
    assert.match(html, /<td style="text-align:left">&lt;x&gt;<\/td>/);
    const cells = [...html.matchAll(/<td[^>]*>(.*?)<\/td>/g)];
    assert.equal(cells.length, 8);
  });

  it("reads no more of an Arquero table than it shows, and cuts long cells", async () => {
    const aq = await import("arquero");
    const long = await text(
      aq.table({
        n: Array.from({ length: 100_000 }, (_, i) => i),
        t: new Array(100_000).fill("€".repeat(500)),
      }),
    );
    assert.ok(long.includes(`${"€".repeat(99)}…\n`) && !long.includes("€".repeat(100)));
    assert.match(long, /\n… 99,980 more rows\nTable: 100,000 rows × 2 columns$/);
  });

  it("of nodejs-polars shows itself, through its Proxy", async function () {
    const polars = process.env.LCLAB_POLARS;
    if (polars === undefined) {
      process.stdout.write(
        "      left out: LCLAB_POLARS names no nodejs-polars (115 MB, for newer Nodes).\n",
      );
      this.skip();
    }
    const pl = createRequire(import.meta.url)(polars as string);
    const frame = pl.DataFrame({ a: [1, 2], b: ["<x>", null] });
    const { "text/html": html, "text/plain": plainText } = await shown(frame);
    assert.match(html, /^<table>.*<td>&lt;x&gt;<\/td>/);
    assert.match(plainText, /^shape: \(2, 2\)\n/);
    assert.match(await text(frame.getColumn("a")), /^shape: \(2,\)\nSeries: 'a'/);
  });
});

describe("a tensor of TensorFlow.js", () => {
  const tf = createRequire(import.meta.url)("@tensorflow/tfjs-node");

  it("is its type, shape, range and first values", async () => {
    const tensor = tf.tensor2d([
      [1, 2],
      [3, 4.5],
    ]);
    assert.equal(
      await text(tensor),
      "Tensor float32 2 × 2 · min 1 · mean 2.625 · max 4.5\n[ 1, 2, 3, 4.5 ]",
    );
    assert.equal(await text(tf.scalar(0.25)), "Tensor float32 scalar\n[ 0.25 ]");
    assert.equal(await text(tf.zeros([0, 3])), "Tensor float32 0 × 3 · empty\n[]");
    assert.equal(await text(tf.tensor(["a", "b"])), "Tensor string 2\n[ 'a', 'b' ]");
    assert.equal(
      await text(tf.complex([1, 2], [3, 4])),
      "Tensor complex64 2\n[ { real: 1, imag: 3 }, { real: 2, imag: 4 } ]",
    );
  });

  it("of a Variable has its name, and whether it is trained", async () => {
    const value = tf.tensor1d([1, 2]);
    assert.match(await text(tf.variable(value, true, "w")), /^Variable "w" float32 2 · min 1/);
    assert.match(
      await text(tf.variable(value, false, "v")),
      /^Variable "v" float32 2 · not trainable · min 1/,
    );
  });

  it("is not read if it is disposed or large, and nothing of it is left in memory", async () => {
    const disposed = tf.tensor1d([1, 2]);
    disposed.dispose();
    assert.equal(await text(disposed), "Tensor float32 2 · disposed");
    const large = tf.zeros([2049, 2048]);
    assert.equal(
      await text(large),
      "Tensor float32 2049 × 2048 · 4,196,352 values, too many to fetch",
    );
    const before = tf.memory().numTensors;
    await text(tf.tidy(() => large));
    assert.equal(tf.memory().numTensors, before);
  });
});
