import assert from "node:assert/strict";
import fc from "fast-check";
import {
  codeAndCursor,
  codePoints,
  executeRequest,
  historyRequest,
} from "../../kernel/protocol.ts";

describe("protocol", () => {
  it("counts cursors in code points: the code before one has that many", () =>
    fc.assert(
      fc.property(fc.array(fc.constantFrom("a", "é", "😀", "\n")), fc.nat(20), (letters, at) => {
        const code = letters.join("");
        const { cursor } = codeAndCursor({ code, cursor_pos: at });
        assert.equal(code.slice(0, cursor), letters.slice(0, at).join(""));
        assert.equal(codePoints(code, cursor), Math.min(at, letters.length));
      }),
    ));

  it("takes the end of the code without a cursor, and refuses one that is no number", () => {
    assert.equal(codeAndCursor({ code: "abc" }).cursor, 3);
    assert.throws(
      () => codeAndCursor({ code: "abc", cursor_pos: "1" }),
      new TypeError('request: cursor_pos must be a number, got "1".'),
    );
  });

  it("a silent request stores no history, whatever it says", () => {
    const { silent, storeHistory } = executeRequest({
      code: "",
      silent: true,
      store_history: true,
    });
    assert.deepEqual([silent, storeHistory], [true, false]);
  });

  it("defaults the fields of a history request, and refuses what it does not know", () => {
    assert.deepEqual(historyRequest({}), { type: "tail", output: false, n: 10 });
    assert.deepEqual(historyRequest({ hist_access_type: "range", stop: null }), {
      type: "range",
      output: false,
      session: 0,
      start: 1,
      stop: Number.POSITIVE_INFINITY,
    });
    assert.throws(
      () => historyRequest({ hist_access_type: "all" }),
      new RangeError('request: hist_access_type must be "tail", "search" or "range", got "all".'),
    );
    assert.throws(() => historyRequest({ n: 1.5 }), /n must be a whole number, got 1\.5/);
  });
});
