import assert from "node:assert/strict";
import fc from "fast-check";
import { broken, encodeFrame, frameReader } from "../../../kernel/runtime/frames.ts";

describe("frames", () => {
  it("arrive as they were sent, however the bytes are cut", () =>
    fc.assert(
      fc.property(
        fc.array(fc.tuple(fc.jsonValue(), fc.array(fc.uint8Array({ maxLength: 9 })))),
        fc.array(fc.integer({ min: 1, max: 20 }), { minLength: 1 }),
        (values, cuts) => {
          const frames = values.map(([value, buffers]) => ({
            frame: { value: JSON.parse(JSON.stringify(value)) as unknown },
            buffers: buffers.map((buffer) => Buffer.from(buffer)),
          }));
          const bytes = Buffer.concat(
            frames.map(({ frame, buffers }) => encodeFrame(frame, buffers)),
          );
          const received: unknown[] = [];
          const read = frameReader<object>((frame, buffers) => received.push({ frame, buffers }));
          for (let at = 0, i = 0; at < bytes.length; i++) {
            const end = at + cuts[i % cuts.length];
            read(bytes.subarray(at, end));
            at = end;
          }
          assert.deepEqual(received, frames);
        },
      ),
    ));

  it("after one that broke off at any place are read on", () => {
    const [first, second] = [{ text: "a".repeat(20) }, { text: "b" }];
    const whole = encodeFrame(first);
    for (let length = 1; length <= whole.length; length++)
      for (const cut of [3, 1000]) {
        const received: unknown[] = [];
        const read = frameReader<object>((frame) => received.push(frame));
        const bytes = Buffer.concat([whole.subarray(0, length), broken, encodeFrame(second)]);
        for (let at = 0; at < bytes.length; at += cut) read(bytes.subarray(at, at + cut));
        const expected = length === whole.length ? [first, second] : [second];
        assert.deepEqual(received, expected, `${length} bytes in pieces of ${cut}`);
      }
  });

  it("that have an impossible head, or a byte 255 that begins no mark, end the reading", () => {
    for (const nonsense of [
      "junk of thirty-two bytes, no head.",
      "\x03\0\0\0\0\0\0\0\xff\x01\x02",
    ]) {
      const received: unknown[] = [];
      let garbled = 0;
      const read = frameReader<object>(
        (frame) => received.push(frame),
        () => garbled++,
      );
      read(Buffer.from(nonsense, "latin1"));
      read(encodeFrame({ n: 1 }));
      assert.deepEqual([received, garbled], [[], 1]);
    }
  });

  it("that are none end the reading", () => {
    const received: unknown[] = [];
    let garbled = 0;
    const read = frameReader<object>(
      (frame) => received.push(frame),
      () => garbled++,
    );
    const nonsense = Buffer.concat([
      encodeFrame({ n: 1 }),
      Buffer.from([3, 0, 0, 0, 0, 0, 0, 0]),
      Buffer.from("???"),
    ]);
    read(nonsense);
    read(encodeFrame({ n: 2 }));
    assert.deepEqual([received, garbled], [[{ n: 1 }], 1]);
  });
});
