import assert from "node:assert/strict";
import { decode, decodeSlowly, encode, encodeSlowly } from "../../src/lc/container.ts";

const magic = "lclab test 1\n";

describe("a container", () => {
  it("keeps every kind of typed array, subclasses and Buffers too, and refuses others by name", () => {
    class Mine extends Int16Array {}
    const value = {
      float32: Float32Array.of(Number.NaN, -0, 1.5),
      float64: Float64Array.of(Number.POSITIVE_INFINITY),
      bytes: [Int8Array.of(-1), Uint8Array.of(255), Uint8ClampedArray.of(300)],
      more: { int16: Int16Array.of(-300), uint16: Uint16Array.of(65535), empty: new Int32Array(0) },
      words: Uint32Array.of(2 ** 32 - 1),
      none: null,
    };
    assert.deepEqual(decode(magic, "test", encode(magic, value)), value);
    assert.deepEqual(decode(magic, "test", encode(magic, { mine: Mine.of(7) })), {
      mine: Int16Array.of(7),
    });
    assert.deepEqual(decode(magic, "test", encode(magic, { a: Buffer.from("é") })), {
      a: Uint8Array.of(0xc3, 0xa9),
    });
    for (const view of [new DataView(new ArrayBuffer(2)), BigInt64Array.of(1n)]) {
      assert.throws(() => encode(magic, { view }), {
        name: "TypeError",
        message: new RegExp(`^${view.constructor.name} cannot be kept in a file; the kinds.*Int16`),
      });
    }
  });

  it("in slices is the same bytes, and lets other events in meanwhile", async () => {
    const value = { a: Float32Array.from({ length: 2 ** 23 }, (_, i) => i), b: Uint8Array.of(1) };
    let events = 0;
    let on = true;
    const count = () => {
      events++;
      if (on) setImmediate(count);
    };
    setImmediate(count);
    const bytes = await encodeSlowly(magic, value);
    const whileEncoding = events;
    const again = await decodeSlowly(magic, "test", bytes);
    on = false;
    assert.ok(whileEncoding > 1 && events > whileEncoding + 1, `${whileEncoding}, ${events}`);
    assert.ok(Buffer.compare(bytes, encode(magic, value)) === 0);
    assert.deepEqual(again, value);
    const { length } = bytes;
    bytes[length - 41] = 1;
    await assert.rejects(decodeSlowly(magic, "test", bytes), /damaged or cut off/);
  });
});
