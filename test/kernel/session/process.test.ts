import assert from "node:assert/strict";
import { type KernelClient, startKernel } from "../../support/kernel-client.ts";
import { show } from "../../support/session.ts";

describe("the process of a session", () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await startKernel(undefined, { env: { NODE_OPTIONS: "--max-old-space-size=100" } });
  });
  after(() => kernel.shutdown());

  for (const [name, code, how] of [
    ["process.abort", "process.abort()", /by signal SIGABRT/],
    ["a signal", "process.kill(process.pid, 'SIGKILL')", /by signal SIGKILL/],
    [
      "a full heap",
      "const hog: unknown[] = []; for (;;) hog.push(new Array(1e4).fill({}))",
      /ran out of memory.*max-old-space-size/,
    ],
  ] as const)
    it(`${name} ends it with a clear error, and the next cell runs in a fresh one`, async () => {
      await show(kernel, "let here = 1");
      assert.match(String((await show(kernel, code)).error), how);
      assert.equal((await show(kernel, "typeof here")).result, "'undefined'");
    });

  it("survives globals that a cell has overwritten or deleted", async () => {
    for (const name of [
      "Promise",
      "JSON",
      "Buffer",
      "Map",
      "Symbol",
      "Object",
      "Error",
      "String",
      "Atomics",
      "console",
      "setTimeout",
      "process",
    ]) {
      await show(kernel, `delete (globalThis as any).${name}`);
      assert.equal((await show(kernel, "await 1; 2")).result, "2", name);
      assert.match(String((await show(kernel, "nope()")).error), /^ReferenceError: nope/, name);
    }
    await show(kernel, "Array.prototype.map = () => { throw 1 }");
    assert.equal((await show(kernel, "3")).result, "3");
    const id = kernel.send("execute_request", { code: "display('on'); for (;;);" });
    await kernel.published(
      ({ parent, header }) => parent.msg_id === id && header.msg_type === "display_data",
    );
    await kernel.request("interrupt_request", {}, "control");
    assert.equal((await kernel.answer(id)).reply.content.ename, "Interrupted");
  });
});

describe("interrupts of a session", () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await startKernel();
    assert.equal((await show(kernel, "let kept = 42; kept")).result, "42");
  });
  after(() => kernel.shutdown());

  const table = {
    execSync: "require('child_process').execSync('sleep 60')",
    "a child that shares stdout":
      "require('child_process').spawnSync('sleep', ['60'], { stdio: 'inherit' })",
    "microtasks without end":
      "const again = (): Promise<void> => Promise.resolve().then(again); await again()",
    "output without end": "for (;;) console.log('spam')",
    "a loop in finally": "try { await new Promise(() => {}) } finally { for (;;); }",
    "a loop that catches everything":
      "for (;;) { try { await new Promise((r) => setTimeout(r, 1)) } catch {} }",
    "a loop of a display": "({ [Symbol.for('Jupyter.display')]() { for (;;); } })",
  };
  for (const [name, code] of Object.entries(table))
    it(`ends ${name}; state and output are whole afterwards`, async () => {
      const id = kernel.send("execute_request", { code: `console.log('started');\n${code}` });
      await kernel.published(
        ({ parent, content }) => parent.msg_id === id && String(content.text).includes("started"),
      );
      await kernel.request("interrupt_request", {}, "control");
      assert.equal((await kernel.answer(id)).reply.content.ename, "Interrupted");
      const { stdout, result, error } = await show(kernel, "console.log('out'); kept");
      assert.deepEqual(
        { stdout, result, error },
        { stdout: "out\n", result: "42", error: undefined },
      );
    });
});
