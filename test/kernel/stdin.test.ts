import assert from "node:assert/strict";
import { headers, message } from "../../kernel/protocol.ts";
import { stdin } from "../../kernel/stdin.ts";
import type { Message } from "../../kernel/wire.ts";

const header = headers();
const request = () => message(header("execute_request"), {}, {});
const question = (prompt: string) => ({ prompt, password: false });

function bench() {
  const sent: { request: Message; prompt: string; id: string }[] = [];
  const questions = stdin((from, { prompt }) => {
    const made = header("input_request");
    sent.push({ request: from, prompt, id: made.msg_id });
    return made;
  });
  const reply = (value: unknown, parent: Message["parent"] = {}) =>
    questions.receive(message(header("input_reply"), parent, { value }));
  return { sent, reply, ...questions };
}

describe("stdin", () => {
  it("asks one question at a time, in order", async () => {
    const { ask, sent, reply } = bench();
    const cell = request();
    const [a, b] = [ask(cell, question("a")), ask(cell, question("b"))];
    assert.deepEqual(
      sent.map(({ prompt }) => prompt),
      ["a"],
    );
    reply("1");
    assert.equal(await a, "1");
    assert.deepEqual(
      sent.map(({ prompt }) => prompt),
      ["a", "b"],
    );
    reply("2");
    assert.equal(await b, "2");
  });

  it("ignores a reply that nobody waits for, and one to an older question", async () => {
    const { ask, sent, reply, forget } = bench();
    reply("nobody asked");
    const first = request();
    const lost = assert.rejects(ask(first, question("a")), /the cell that asked has ended/);
    forget(first);
    await lost;
    const answer = ask(request(), question("b"));
    reply("late", { ...header("input_request"), msg_id: sent[0].id });
    reply("right", { ...header("input_request"), msg_id: sent[1].id });
    assert.equal(await answer, "right");
  });

  it("goes on with the questions of other cells when one is forgotten", async () => {
    const { ask, sent, reply, forget } = bench();
    const [one, two] = [request(), request()];
    const gone = assert.rejects(ask(one, question("a")));
    const kept = ask(two, question("b"));
    forget(one);
    await gone;
    assert.equal(sent[1].request, two);
    reply("x");
    assert.equal(await kept, "x");
  });

  it("rejects a reply without a value", async () => {
    const { ask, reply } = bench();
    const answer = assert.rejects(ask(request(), question("a")), /the client gave no answer/);
    reply(undefined);
    await answer;
  });
});
