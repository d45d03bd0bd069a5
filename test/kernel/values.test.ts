import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { runInNewContext } from "node:vm";
import fc from "fast-check";
import { bundle, plain, rawBundle } from "../../kernel/display.ts";

const display = Symbol.for("Jupyter.display");
const shown = async (value: unknown) => (await bundle(value)) as Record<string, string>;
const text = async (value: unknown) => (await shown(value))["text/plain"];

describe("a value with Symbol.for('Jupyter.display')", () => {
  it("is its bundle, bytes as base64, with its inspection as text/plain if it gives none", async () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const value = {
      [display]: () => ({
        "image/png": bytes,
        "text/html": undefined,
        "application/json": { a: 1 },
      }),
    };
    assert.deepEqual(await shown(value), {
      "image/png": "AQID",
      "application/json": { a: 1 },
      "text/plain": plain(value),
    });
    const own = { [display]: async () => ({ "text/plain": "own" }) };
    assert.deepEqual(await shown(own), { "text/plain": "own" });
  });

  it("may be a function, a class instance, or of another realm, and its method sees it as this", async () => {
    class Sized {
      readonly size = 3;
      [display]() {
        return { "text/plain": `size ${this.size}` };
      }
    }
    assert.equal(await text(new Sized()), "size 3");
    assert.equal(
      await text(Object.assign(() => 1, { [display]: () => ({ "text/plain": "f" }) })),
      "f",
    );
    const foreign = runInNewContext(
      "({ async [Symbol.for('Jupyter.display')]() { return { 'text/plain': 'foreign' } } })",
    );
    assert.equal(await text(foreign), "foreign");
  });

  it("is shown as text, with the error, if the method throws or rejects or returns no bundle", async () => {
    const failing = {
      "RangeError: boom": () => {
        throw new RangeError("boom");
      },
      "TypeError: later": async () => {
        throw new TypeError("later");
      },
      "'a string'": () => {
        throw "a string";
      },
      'TypeError: display: a MIME bundle must be an object like { "text/plain": "…" }, got [ 1 ].':
        () => [1],
      "TypeError: display: a MIME bundle must be an object": () => undefined,
      "TypeError: display: text/html must be a string or bytes, got 5.": () => ({ "text/html": 5 }),
    };
    for (const [message, method] of Object.entries(failing)) {
      const value = { a: 1, [display]: method };
      const { "text/plain": said, ...rest } = await shown(value);
      assert.deepEqual(rest, {});
      assert.ok(said.startsWith(`${plain(value)}\n\nShown as text because its method`), said);
      assert.ok(said.includes(`failed:\n${message}`), said);
      assert.doesNotMatch(said, /kernel[\\/]display/, "frames of the kernel");
    }
  });

  it("throws only what is fatal, at once or later", async () => {
    const fatal = new Error("interrupt");
    const isFatal = (error: unknown) => error === fatal;
    const now = {
      [display]() {
        throw fatal;
      },
    };
    assert.throws(() => bundle(now, isFatal), fatal);
    const later = { [display]: () => Promise.reject(fatal) };
    await assert.rejects(async () => bundle(later, isFatal), fatal);
  });
});

describe("a value with IJavascript's methods", () => {
  it("is what each returns, by its MIME type", async () => {
    const value = {
      _toHtml: () => "<b>h</b>",
      _toSvg: () => "<svg/>",
      _toPng: () => "cG5n",
      _toJpeg: () => "anBlZw==",
    };
    assert.deepEqual(await shown(value), {
      "text/html": "<b>h</b>",
      "image/svg+xml": "<svg/>",
      "image/png": "cG5n",
      "image/jpeg": "anBlZw==",
      "text/plain": plain(value),
    });
  });

  it("is the bundle of _toMime, to which the others add what it lacks", async () => {
    class Both {
      readonly word = "mime";
      _toMime() {
        return { "text/html": this.word, "text/plain": "plain" };
      }
      _toHtml() {
        return "html";
      }
      async _toSvg() {
        return `<svg>${this.word}</svg>`;
      }
    }
    assert.deepEqual(await shown(new Both()), {
      "text/html": "mime",
      "text/plain": "plain",
      "image/svg+xml": "<svg>mime</svg>",
    });
    const later = { _toMime: async () => ({ "text/html": "later" }), _toPng: () => "cG5n" };
    const { "text/plain": _, ...rest } = await shown(later);
    assert.deepEqual(rest, { "text/html": "later", "image/png": "cG5n" });
  });

  it("gives way to Jupyter.display, and a failing method is said", async () => {
    const both = { [display]: () => ({ "text/plain": "ours" }), _toHtml: () => "<b>" };
    assert.deepEqual(await shown(both), { "text/plain": "ours" });
    const failing = {
      _toHtml() {
        throw new Error("no HTML");
      },
    };
    assert.match(
      await text(failing),
      /_toHtml.*\n\nShown as text because .*_toHtml.* failed:\nError: no HTML/s,
    );
    assert.match(
      await text({ _toMime: () => null }),
      /_toMime must return an object by MIME type, got null/,
    );
  });

  it("may be no method at all: other properties of these names mean nothing", async () => {
    const value = { _toHtml: "<b>", _toMime: 3 };
    assert.deepEqual(await shown(value), { "text/plain": plain(value) });
  });
});

describe("showing a value", () => {
  const names = ["_toHtml", "_toMime", "_toSvg", "_toPng", "_toJpeg", "shape", "dtype", "dataSync"];
  names.push(
    "isDisposed",
    "rank",
    "numRows",
    "columnNames",
    "columns",
    "index",
    "values",
    "then",
    "constructor",
  );

  it("runs no getter of it, its class or its columns", async () => {
    const ran: string[] = [];
    const trap = (object: object) => {
      for (const name of names)
        Object.defineProperty(object, name, {
          get: () => ran.push(name),
          enumerable: true,
          configurable: true,
        });
      return object;
    };
    const own = trap({});
    const inherited = Object.create(trap({}));
    for (const value of [own, inherited])
      assert.deepEqual(await shown(value), { "text/plain": plain(value) });
    // util.inspect reads these two, as a console does.
    assert.deepEqual(
      ran.filter((name) => name !== "constructor"),
      [],
    );
  });

  it("asks a Proxy for nothing but the symbol, and takes no refusal amiss", async () => {
    const asked = new Set<PropertyKey>();
    const refuse = () => {
      throw new Error("refused");
    };
    const traps = {
      has: refuse,
      ownKeys: refuse,
      getPrototypeOf: refuse,
      getOwnPropertyDescriptor: refuse,
    };
    const logging = new Proxy({ a: 1 }, { ...traps, get: (_, key) => void asked.add(key) });
    const refusing = new Proxy({ a: 1 }, { ...traps, get: refuse });
    for (const proxy of [logging, refusing]) assert.equal(await text(proxy), "{ a: 1 }");
    assert.match(
      await text(Object.create(refusing)),
      /^\[object\]\n\nInspecting it failed:\nError: refused/,
    );
    assert.deepEqual([...asked], [display]);
    const { proxy: revoked, revoke } = Proxy.revocable({}, {});
    revoke();
    assert.equal(await text(revoked), "<Revoked Proxy>");
  });

  it("does not call a Proxy that has every method it is asked for", async () => {
    let calls = 0;
    const remote: object = new Proxy(() => {}, {
      get: () => remote,
      apply: () => calls++,
    });
    await text(remote);
    assert.equal(calls, 0);
    const reactive = new Proxy({ [display]: () => ({ "text/plain": "through" }) }, {});
    assert.equal(await text(reactive), "through");
  });

  it("never throws, whatever the value, and always has text/plain", async () => {
    await fc.assert(
      fc.asyncProperty(
        fc.anything({
          withBigInt: true,
          withMap: true,
          withSet: true,
          withTypedArray: true,
          withNullPrototype: true,
          withSparseArray: true,
        }),
        async (value) => {
          assert.equal(typeof (await text(value)), "string");
        },
      ),
      { seed: 1 },
    );
  });

  it("does not need the globals, which a cell may overwrite", () => {
    const bytes = Uint8Array.of(1, 2, 3);
    const throwing = {
      [display]() {
        throw new RangeError("r");
      },
    };
    const values = [
      new Float32Array(30),
      { _toHtml: () => "<b>", _toMime: () => ({ "image/png": bytes }) },
      { [display]: () => ({ "text/html": "<i>" }) },
      throwing,
    ];
    const scope = globalThis as unknown as Record<string, unknown>;
    const names = ["Object", "Array", "JSON", "Number", "String", "Symbol", "Promise", "Buffer"];
    names.push("Uint8Array", "Error", "TypeError", "Math", "Date", "URL");
    const before = values.map((value) => bundle(value));
    const kept = names.map((name) => scope[name]);
    const after = (() => {
      for (const name of names) scope[name] = undefined;
      try {
        return values.map((value) => bundle(value));
      } finally {
        names.forEach((name, i) => {
          scope[name] = kept[i];
        });
      }
    })();
    assert.deepEqual(after, before);
  });

  it("takes no prototype for an instance", async () => {
    const require = createRequire(import.meta.url);
    const { Tensor } = require("@tensorflow/tfjs-node");
    const { DataFrame } = require("danfojs-node");
    class Mine {
      _toHtml() {
        return "<b>";
      }
    }
    for (const { prototype } of [Tensor, DataFrame, Mine])
      assert.deepEqual(await shown(prototype), { "text/plain": plain(prototype) });
  });

  it("is util.inspect for errors, Maps, class instances and plain values", async () => {
    class Point {
      readonly x = 1;
    }
    assert.equal(await text(new Map([["a", new Point()]])), "Map(1) { 'a' => Point { x: 1 } }");
    assert.match(await text(new RangeError("r")), /^RangeError: r\n {4}at /);
    assert.deepEqual(await Promise.all([undefined, null, 1n, "s", Symbol("t")].map(text)), [
      "undefined",
      "null",
      "1n",
      "'s'",
      "Symbol(t)",
    ]);
  });

  it("says so if the value's own inspect.custom throws", async () => {
    const value = {
      a: 1,
      [Symbol.for("nodejs.util.inspect.custom")]() {
        throw new Error("uninspectable");
      },
    };
    assert.match(await text(value), /a: 1.*\n\nInspecting it failed:\nError: uninspectable/s);
  });

  it("refuses a raw bundle that is none", () => {
    assert.throws(() => rawBundle("text"), /a MIME bundle must be an object .* got 'text'\./);
  });
});

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
