import assert from "node:assert/strict";
import type { Message } from "../../kernel/wire.ts";
import { type KernelClient, startKernel } from "../support/kernel-client.ts";

const type = ({ header }: Message) => header.msg_type;
const inner = (published: Message[]) => published.slice(1, -1);

describe("comms", () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await startKernel();
  });
  after(() => kernel.shutdown());

  const info = async (content = {}) =>
    (await kernel.request("comm_info_request", content)).reply.content.comms;

  it("opened by a client: data and buffers go both ways, with the message as parent", async () => {
    await kernel.execute(`
      comms.register("echo", (comm, { data }) => {
        comm.send({ opened: data });
        comm.onMessage(({ data, metadata, buffers }) =>
          comm.send(data, { metadata, buffers: buffers.map((b) => new Float64Array(b.buffer).map((x) => 2 * x)) }));
        comm.onClose(() => console.log("closed"));
      });`);
    const opened = await kernel.comm("comm_open", {
      comm_id: "c1",
      target_name: "echo",
      data: { a: 1 },
    });
    assert.deepEqual(
      inner(opened).map((each) => [type(each), each.content]),
      [["comm_msg", { comm_id: "c1", data: { opened: { a: 1 } } }]],
    );
    assert.deepEqual(await info(), { c1: { target_name: "echo" } });
    assert.deepEqual(await info({ target_name: "other" }), {});
    const numbers = Buffer.from(Float64Array.of(1.5, -2).buffer);
    const [answer] = inner(
      await kernel.comm("comm_msg", { comm_id: "c1", data: { b: 2 } }, [numbers]),
    );
    assert.deepEqual(answer.content, { comm_id: "c1", data: { b: 2 } });
    assert.deepEqual(answer.buffers, [Buffer.from(Float64Array.of(3, -4).buffer)]);
    const closed = inner(await kernel.comm("comm_close", { comm_id: "c1", data: {} }));
    assert.deepEqual(
      closed.map((each) => [type(each), each.content.text]),
      [["stream", "closed\n"]],
    );
    assert.deepEqual(await info(), {});
  });

  it("opened by a cell, answered while the cell awaits, closed by the cell", async () => {
    const id = kernel.send("execute_request", {
      code: `
        const comm = comms.open("widget", { start: 1 }, { buffers: [Uint8Array.of(7)], metadata: { v: "2" } });
        const got = await new Promise((resolve) => comm.onMessage(resolve));
        comm.close({ bye: true });
        got.data.x`,
    });
    const opened = await kernel.published(
      (each) => each.parent.msg_id === id && type(each) === "comm_open",
    );
    assert.equal(opened.content.target_name, "widget");
    assert.deepEqual(opened.content.data, { start: 1 });
    assert.deepEqual(opened.metadata, { v: "2" });
    assert.deepEqual(opened.buffers, [Buffer.of(7)]);
    await kernel.comm("comm_msg", { comm_id: opened.content.comm_id, data: { x: 42 } });
    const { published } = await kernel.answer(id);
    assert.deepEqual(published.find((each) => type(each) === "comm_close")?.content.data, {
      bye: true,
    });
    assert.ok(published.some(({ content }) => JSON.stringify(content.data)?.includes("42")));
    assert.deepEqual(await info(), {});
  });

  it("answers a target or a comm that it does not know with comm_close", async () => {
    for (const [msgType, content] of [
      ["comm_open", { comm_id: "u1", target_name: "unknown", data: {} }],
      ["comm_msg", { comm_id: "u2", data: {} }],
    ] as const) {
      const [closed] = inner(await kernel.comm(msgType, content));
      assert.deepEqual([type(closed), closed.content.comm_id], ["comm_close", content.comm_id]);
    }
    assert.deepEqual(await info(), {});
  });

  it("shows an error of a handler, and keeps the comm", async () => {
    await kernel.execute(
      `comms.register("bad", (comm) => comm.onMessage(() => { throw new Error("no") }))`,
    );
    await kernel.comm("comm_open", { comm_id: "b1", target_name: "bad", data: {} });
    const shown = inner(await kernel.comm("comm_msg", { comm_id: "b1", data: {} }));
    assert.match(String(shown[0].content.text), /Error: no/);
    assert.deepEqual(await info({ target_name: "bad" }), { b1: { target_name: "bad" } });
  });

  it("does not open a comm before the cell that registers its target has run", async () => {
    const id = kernel.send("execute_request", {
      code: `await 1; comms.register("late", (comm) => comm.send({ ok: true }));`,
    });
    const [answer] = inner(
      await kernel.comm("comm_open", { comm_id: "l1", target_name: "late", data: {} }),
    );
    assert.deepEqual(answer.content, { comm_id: "l1", data: { ok: true } });
    await kernel.answer(id);
  });

  it("a silent cell has no outputs, but its comm messages", async () => {
    const { published } = await kernel.execute(
      `console.log("hidden"); display(1); comms.open("quiet").close(); 2`,
      { silent: true },
    );
    assert.deepEqual(inner(published).map(type), ["comm_open", "comm_close"]);
  });

  it("closes the comms of a process that died", async () => {
    const id = kernel.send("execute_request", { code: `comms.open("gone"); process.exit(1)` });
    await kernel.published((each) => type(each) === "comm_close" && each.parent.msg_id === id);
    assert.deepEqual(await info(), {});
    await kernel.answer(id);
  });
});
