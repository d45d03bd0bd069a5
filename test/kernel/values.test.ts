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
