import assert from "node:assert/strict";
import fc from "fast-check";
import { type Message, wire } from "../../kernel/wire.ts";

const plainObject = { noNullPrototype: true };
const header = fc.record(
  {
    msg_id: fc.string(),
    msg_type: fc.string(),
    session: fc.string(),
    username: fc.string(),
    date: fc.string(),
    version: fc.string(),
  },
  plainObject,
);
const json = fc
  .dictionary(fc.string(), fc.jsonValue())
  .map((value) => JSON.parse(JSON.stringify(value)) as Record<string, unknown>);
const bytes = fc.uint8Array({ maxLength: 40 }).map((array) => Buffer.from(array));
const messages: fc.Arbitrary<Message> = fc.record(
  {
    identities: fc.array(bytes, { maxLength: 2 }),
    header,
    parent: fc.oneof(header, fc.constant({})),
    metadata: json,
    content: json,
    buffers: fc.array(bytes, { maxLength: 3 }),
  },
  plainObject,
);

describe("wire", () => {
  it("decode(encode(m)) = m", () =>
    fc.assert(
      fc.property(messages, (message) => {
        const { encode, decode } = wire("key");
        assert.deepEqual(decode(encode(message)), message);
      }),
    ));

  it("rejects one flipped bit in any signed part or in the signature", () =>
    fc.assert(
      fc.property(messages, fc.nat(), fc.nat(), fc.nat(7), (message, part, byte, bit) => {
        const { encode, decode } = wire("key");
        const frames = encode(message).map((frame) => Buffer.from(frame));
        const signed = message.identities.length + 1 + (part % 5);
        frames[signed][byte % frames[signed].length] ^= 1 << bit;
        assert.throws(() => decode(frames), /wrong HMAC|unsigned/);
      }),
    ));

  it("rejects a replayed message, also under another identity", () => {
    const { encode, decode } = wire("key");
    const [message] = fc.sample(messages, { numRuns: 1, seed: 1 });
    const frames = encode(message);
    decode(frames);
    assert.throws(() => decode(frames), /replayed/);
    assert.throws(() => decode([Buffer.from("other"), ...frames]), /replayed/);
  });

  it("rejects unsigned messages and those signed with another key", () => {
    const [message] = fc.sample(messages, { numRuns: 1, seed: 2 });
    const frames = wire("other").encode(message);
    assert.throws(() => wire("key").decode(frames), /wrong HMAC/);
    frames[message.identities.length + 1] = Buffer.alloc(0);
    assert.throws(() => wire("key").decode(frames), /unsigned/);
    assert.throws(() => wire(""), /must not be empty/);
  });

  it("rejects frames that are no message, whatever they are", () =>
    fc.assert(
      fc.property(fc.array(bytes), (frames) => {
        assert.throws(() => wire("key").decode(frames), /dropped/);
      }),
    ));

  it("forgets the oldest signatures beyond its limit", () => {
    const { encode, decode } = wire("key", { remembered: 2 });
    const [a, b, c] = fc.sample(messages, { numRuns: 3, seed: 3 }).map(encode);
    for (const frames of [a, b, c]) decode(frames);
    decode(a);
    assert.throws(() => decode(c), /replayed/);
  });
});
