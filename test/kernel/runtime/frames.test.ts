import assert from "node:assert/strict";
import fc from "fast-check";
import { encodeFrame, frameReader } from "../../../kernel/runtime/frames.ts";

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
});
