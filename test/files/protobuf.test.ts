import assert from "node:assert/strict";
import {
  assembled,
  bytes,
  float,
  int,
  ints,
  joined,
  message,
  string,
} from "../../src/files/protobuf.ts";

const hex = (...fields: Parameters<typeof joined>[0]) =>
  Buffer.from(assembled(joined(fields))).toString("hex");

describe("the protobuf writer", () => {
  it("writes the examples of the format's description", () => {
    // https://protobuf.dev/programming-guides/encoding/
    assert.equal(hex(int(1, 150)), "089601");
    assert.equal(hex(string(2, "testing")), "120774657374696e67");
    assert.equal(hex(message(3, [int(1, 150)])), "1a03089601");
    assert.equal(hex(ints(6, [3, 270, 86942])), "3206038e029ea705");
  });

  it("writes negative numbers in ten bytes, float32 in four, and long lengths", () => {
    assert.equal(hex(int(1, -2)), "08feffffffffffffffff01");
    assert.equal(hex(float(2, 1)), "150000803f");
    assert.equal(hex(ints(8, [])), "4200");
    const long = assembled(bytes(16, new Uint8Array(300).fill(7)));
    assert.deepEqual([...long.slice(0, 4)], [0x82, 0x01, 0xac, 0x02]);
    assert.equal(long.length, 304);
  });
});
