import assert from "node:assert/strict";
import { dispatcher, type Route } from "../../kernel/dispatch.ts";
import { headers, message } from "../../kernel/protocol.ts";
import type { Message } from "../../kernel/wire.ts";

/** A dispatcher without sockets; `log` is what it sent, as `type:state-or-status`. */
function bench(routes: Record<string, Route>) {
  const header = headers();
  const sent: Message[] = [];
  const { receive } = dispatcher(routes, {
    header,
    send: (_channel, reply) => sent.push(reply),
    publish: (output) => sent.push(output),
  });
  const request = (type: string) => {
    const made = message(header(type), {}, {});
    receive("shell", made);
    return made.header;
  };
  const log = () =>
    sent.map(
      ({ header: { msg_type: type }, content }) =>
        `${type}:${content.execution_state ?? content.status}`,
    );
  return { request, sent, log };
}
const settled = () => new Promise((resolve) => setImmediate(resolve));

describe("dispatch", () => {
  it("sends one reply inside busy … idle with the request as parent, also when the handler fails", async () => {
    const { request, sent, log } = bench({
      good_request: { handle: () => ({ status: "ok" }) },
      bad_request: {
        handle: () => {
          throw new TypeError("no");
        },
      },
    });
    for (const [type, status] of [
      ["good", "ok"],
      ["bad", "error"],
      ["unknown", "error"],
    ]) {
      sent.length = 0;
      const header = request(`${type}_request`);
      await settled();
      assert.deepEqual(log(), ["status:busy", `${type}_reply:${status}`, "status:idle"]);
      for (const { parent } of sent) assert.deepEqual(parent, header);
    }
  });

  it("answers other requests while a queued one runs", async () => {
    let finish = () => {};
    const running = new Promise<void>((resolve) => {
      finish = resolve;
    });
    const { request, log } = bench({
      execute_request: {
        queued: true,
        handle: async () => {
          await running;
          return { status: "ok" };
        },
      },
      info_request: { handle: () => ({ status: "ok" }) },
    });
    request("execute_request");
    request("info_request");
    await settled();
    assert.ok(log().includes("info_reply:ok"));
    assert.ok(!log().includes("execute_reply:ok"));
    finish();
    await settled();
    assert.ok(log().includes("execute_reply:ok"));
  });

  it("aborts the queued execute requests, and no others", async () => {
    const { request, log } = bench({
      execute_request: {
        queued: true,
        handle: async ({ abortQueued }) => {
          await abortQueued();
          return { status: "error" };
        },
      },
      comm_open: { queued: true, handle: () => ({}) },
    });
    request("execute_request");
    request("execute_request");
    request("comm_open");
    for (let i = 0; i < 5; i++) await settled();
    assert.deepEqual(
      log().filter((line) => line.startsWith("execute")),
      ["execute_reply:error", "execute_reply:aborted"],
    );
    assert.equal(log().filter((line) => line === "status:idle").length, 3);
  });
});
