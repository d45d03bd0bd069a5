import assert from "node:assert/strict";
import { type KernelClient, startKernel } from "../support/kernel-client.ts";

const signal = "globalThis[Symbol.for('Jupyter.interrupt')]";

describe("interrupt", () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await startKernel();
    await kernel.execute("let kept = 42");
  });
  after(() => kernel.shutdown());

  /** Runs a cell that prints `started`, interrupts it after that, and returns its reply. */
  async function interrupted(code: string) {
    const id = kernel.send("execute_request", { code: `console.log('started');\n${code}` });
    await kernel.published(
      ({ parent, content }) => parent.msg_id === id && String(content.text).includes("started"),
    );
    await kernel.request("interrupt_request", {}, "control");
    return { id, reply: async () => (await kernel.answer(id)).reply.content };
  }

  const table = {
    "a loop": "while (true) {}",
    "an await": "await new Promise(() => {});",
    "a loop after an await": "await 1;\nwhile (true) {}",
    "a loop after a timer": "await new Promise((r) => setTimeout(r, 5));\nwhile (true) {}",
    "a loop in a timer": "setTimeout(() => { while (true) {} }, 1);\nawait new Promise(() => {});",
    "a for await":
      "for await (const x of (async function* () { yield await new Promise(() => {}) })());",
    "Atomics.wait": "Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0);",
    "a regular expression": "/(a+)+b/.test('a'.repeat(60));",
  };
  for (const [name, code] of Object.entries(table))
    it(`ends ${name} with Interrupted and keeps the state`, async () => {
      const { ename } = await (await interrupted(code)).reply();
      assert.equal(ename, "Interrupted");
      const { published } = await kernel.execute("kept");
      assert.ok(published.some(({ content }) => JSON.stringify(content.data)?.includes("42")));
    });

  it("answers heartbeat, control, completion, hover and comm_info while a loop runs", async () => {
    const id = kernel.send("execute_request", { code: "console.log('started'); while (true) {}" });
    await kernel.published(
      ({ parent, header }) => parent.msg_id === id && header.msg_type === "stream",
    );
    assert.equal(await kernel.heartbeat(), "beat");
    assert.equal(
      (await kernel.request("kernel_info_request", {}, "control")).reply.content.status,
      "ok",
    );
    assert.equal(
      (await kernel.request("is_complete_request", { code: "1" })).reply.content.status,
      "complete",
    );
    const asked = { code: "kept.toFix", cursor_pos: 10 };
    const { matches } = (await kernel.request("complete_request", asked)).reply.content;
    assert.deepEqual(matches, ["toFixed"]);
    const { found } = (
      await kernel.request("inspect_request", { code: "kept", cursor_pos: 4, detail_level: 0 })
    ).reply.content;
    assert.equal(found, true);
    assert.deepEqual((await kernel.request("comm_info_request")).reply.content.comms, {});
    await kernel.request("interrupt_request", {}, "control");
    assert.equal((await kernel.answer(id)).reply.content.ename, "Interrupted");
  });

  it("runs catch and finally of an interrupted await", async () => {
    const { id, reply } = await interrupted(
      "try { await new Promise(() => {}) } finally { console.log('closed') }",
    );
    assert.equal((await reply()).ename, "Interrupted");
    await kernel.published(
      ({ parent, content }) => parent.msg_id === id && String(content.text).includes("closed"),
    );
  });

  it("aborts the cell's signal; a cell that listens returns its own value", async () => {
    const { id, reply } = await interrupted(
      `await new Promise((r) => ${signal}.addEventListener('abort', () => setTimeout(() => r('partial'), 20)))`,
    );
    assert.equal((await reply()).status, "ok");
    const { published } = await kernel.answer(id);
    assert.ok(published.some(({ content }) => JSON.stringify(content.data)?.includes("partial")));
  });

  it("counts a listener of AbortSignal.any as a listener", async () => {
    const { reply } = await interrupted(
      `await new Promise((r) => { const any = AbortSignal.any([${signal}]); any.onabort = () => setTimeout(() => r(1), 20); globalThis.any = any; })`,
    );
    assert.equal((await reply()).status, "ok");
  });

  it("forces a cell that listens and does not end at the second interrupt", async () => {
    for (const wait of ["await new Promise(() => {});", "while (true) {}"]) {
      const { id, reply } = await interrupted(
        `${signal}.addEventListener('abort', () => console.log('heard'));\n${wait}`,
      );
      await kernel.published(
        ({ parent, content }) => parent.msg_id === id && String(content.text).includes("heard"),
      );
      await kernel.request("interrupt_request", {}, "control");
      assert.equal((await reply()).ename, "Interrupted");
    }
  });

  it("forces a cell that listens and does not end after 5 s", async () => {
    const start = performance.now();
    const { reply } = await interrupted(
      `${signal}.onabort = () => {};\nawait new Promise(() => {});`,
    );
    assert.equal((await reply()).ename, "Interrupted");
    assert.ok(performance.now() - start > 4900);
  });

  it("gives every cell a fresh signal", async () => {
    const { published } = await kernel.execute(`${signal}.aborted`);
    assert.ok(published.some(({ content }) => JSON.stringify(content.data)?.includes("false")));
  });

  it("ends a background task of an earlier cell that keeps the next cell from its start", async () => {
    await kernel.execute("setTimeout(() => { console.log('hog'); while (true) {} }, 0);");
    await kernel.published(({ content }) => String(content.text).includes("hog"));
    const id = kernel.send("execute_request", { code: "kept" });
    await kernel.published(
      ({ parent, header }) => parent.msg_id === id && header.msg_type === "execute_input",
    );
    // Compiling the cell takes a few milliseconds; after so many answers it is on its way to the user process.
    for (let i = 0; i < 100; i++) await kernel.request("is_complete_request", { code: "kept" });
    await kernel.request("interrupt_request", {}, "control");
    assert.equal((await kernel.answer(id)).reply.content.ename, "Interrupted");
    assert.equal((await kernel.execute("kept")).reply.content.status, "ok");
  });

  it("ignores an interrupt when no cell runs", async () => {
    for (let i = 0; i < 20; i++) {
      const { reply } = await kernel.request("interrupt_request", {}, "control");
      assert.equal(reply.content.status, "ok");
      assert.equal((await kernel.execute("kept")).reply.content.status, "ok");
    }
  });
});
