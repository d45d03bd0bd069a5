import assert from "node:assert/strict";
import { mkdtempSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { inspect } from "node:util";
import type { Message } from "../../kernel/wire.ts";
import { type Exchange, type KernelClient, startKernel } from "../support/kernel-client.ts";

const type = (message: Message) => message.header.msg_type;
const stream = ({ published }: Exchange, name = "stdout") =>
  published
    .filter((message) => type(message) === "stream" && message.content.name === name)
    .map(({ content }) => content.text)
    .join("");
const data = (message: Message | undefined) => message?.content.data as Record<string, unknown>;
const result = ({ published }: Exchange) =>
  data(published.find((message) => type(message) === "execute_result"))?.["text/plain"];

describe("kernel", () => {
  let kernel: KernelClient;
  const folder = mkdtempSync(join(tmpdir(), "lclab-notebook-"));
  before(async () => {
    kernel = await startKernel(folder);
  });
  after(() => kernel.shutdown());

  it("answers every request once, inside busy … idle with the same parent", async () => {
    const ids = [
      ["kernel_info_request", {}],
      ["execute_request", { code: "1 + 1" }],
      ["execute_request", { code: "throw new Error('x')", stop_on_error: false }],
      ["execute_request", {}],
      ["is_complete_request", { code: "1 +" }],
      ["is_complete_request", {}],
      ["comm_info_request", {}],
      ["history_request", {}],
      ["history_request", { hist_access_type: "none" }],
      ["complete_request", { code: "Math.sq", cursor_pos: 7 }],
      ["complete_request", {}],
      ["inspect_request", { code: "Math", cursor_pos: 2, detail_level: 0 }],
      ["nonsense_request", {}],
    ].map(([msgType, content]) => kernel.send(msgType as string, content as object));
    for (const id of ids) {
      const { published } = await kernel.answer(id);
      assert.equal(published.at(0)?.content.execution_state, "busy");
      assert.equal(published.at(-1)?.content.execution_state, "idle");
      assert.equal(published.filter((message) => type(message) === "status").length, 2);
      assert.equal(kernel.replies.filter(({ parent }) => parent.msg_id === id).length, 1);
    }
  });

  it("says that it is TypeScript", async () => {
    const { content } = (await kernel.request("kernel_info_request")).reply;
    const language = content.language_info as Record<string, unknown>;
    assert.equal(language.name, "typescript");
    assert.equal(language.file_extension, ".ts");
    assert.ok(!("codemirror_mode" in language));
  });

  it("returns results as execute_result before idle, and none for undefined", async () => {
    const some = await kernel.execute("const a: number = 2;\na * 21");
    assert.equal(result(some), "42");
    assert.equal(some.reply.content.status, "ok");
    const none = await kernel.execute("undefined");
    assert.deepEqual(none.published.map(type), ["status", "execute_input", "status"]);
  });

  it("keeps the order of streams and displays", async () => {
    const exchange = await kernel.execute(
      "console.log('a'); display(1); console.log('b'); console.error('c'); console.log('d')",
    );
    assert.deepEqual(
      exchange.published.map((message) => message.content.text ?? type(message)).slice(2, -1),
      ["a\n", "display_data", "b\n", "c\n", "d\n"],
    );
  });

  it("coalesces 20,000 lines into few messages and loses none", async () => {
    const exchange = await kernel.execute("for (let i = 0; i < 20000; i++) console.log('line', i)");
    assert.equal(stream(exchange), Array.from({ length: 20000 }, (_, i) => `line ${i}\n`).join(""));
    const count = exchange.published.filter((message) => type(message) === "stream").length;
    assert.ok(count < 500, `${count} messages`);
  });

  it("shows values by Symbol.for('Jupyter.display'), also asynchronously, and updates them", async () => {
    const { published } = await kernel.execute(`
      const show = (html: string) => ({ async [Symbol.for("Jupyter.display")]() { return { "text/html": html }; } });
      const handle = display(show("one"), { id: "d1", metadata: { a: 1 } });
      handle.update({ "text/html": "two" }, { raw: true });
      show("three")`);
    const shown = published.filter((message) => data(message)?.["text/html"] !== undefined);
    const byType = Object.fromEntries(shown.map((message) => [type(message), message.content]));
    const text = inspect({ async [Symbol.for("Jupyter.display")]() {} });
    assert.deepEqual(byType.display_data.data as object, {
      "text/html": "one",
      "text/plain": text,
    });
    assert.deepEqual(byType.display_data.metadata, { a: 1 });
    assert.deepEqual(byType.display_data.transient, { display_id: "d1" });
    assert.deepEqual(byType.update_display_data.data, { "text/html": "two" });
    assert.deepEqual(byType.update_display_data.transient, { display_id: "d1" });
    assert.deepEqual(byType.execute_result.data, { "text/html": "three", "text/plain": text });
  });

  it("shows a value whose display fails as text, with the error and the user's place, and goes on", async () => {
    const exchange = await kernel.execute(`const failing = (fail: () => unknown) => ({
  a: 1,
  [Symbol.for("Jupyter.display")]: () => fail(),
});
display(failing(() => { throw new RangeError("now"); }));
display(failing(() => Promise.reject(new RangeError("later"))));
display(failing(() => ({ "application/json": 1n })));
failing(() => "no bundle")`);
    assert.equal(exchange.reply.content.status, "ok");
    const texts = exchange.published.flatMap((message) => {
      const { "text/plain": text, ...rest } = data(message) ?? {};
      assert.deepEqual(rest, {});
      return text === undefined ? [] : [String(text)];
    });
    const expected = [
      /^\{\s+a: 1,.*\n\nShown as text because its method Symbol\.for\("Jupyter\.display"\) failed:\nRangeError: now\n {4}at .*Cell \[\d+\]:5:31/s,
      /failed:\nTypeError: Do not know how to serialize a BigInt/,
      /failed:\nTypeError: display: a MIME bundle must be an object like .*, got 'no bundle'\./,
      /failed:\nRangeError: later/,
    ];
    assert.equal(texts.length, 4);
    for (const pattern of expected)
      assert.ok(
        texts.some((text) => pattern.test(text)),
        `${pattern} in ${texts.join("\n---\n")}`,
      );
    assert.equal(stream(exchange, "stderr"), "");
  });

  it("ends a cell at an interrupt, also while a value shows itself, and shows nothing of it", async () => {
    const id = kernel.send("execute_request", {
      code: `({
        async [Symbol.for("Jupyter.display")]() {
          console.log("showing");
          await new Promise(() => {});
          return { "text/plain": "shown" };
        },
      })`,
    });
    await kernel.published(({ content }) => content.text === "showing\n");
    await kernel.request("interrupt_request", {}, "control");
    const { reply, published } = await kernel.answer(id);
    assert.equal(reply.content.ename, "Interrupted");
    assert.deepEqual(published.map(type).slice(2, -1), ["stream", "error"]);
  });

  it("clears outputs, at once or when the next one comes", async () => {
    const { published } = await kernel.execute("display.clear(); display.clear({ wait: true })");
    assert.deepEqual(
      published.slice(2, -1).map((message) => [type(message), message.content]),
      [
        ["clear_output", { wait: false }],
        ["clear_output", { wait: true }],
      ],
    );
  });

  it("does not show the handle of a display as the result", async () => {
    const { published } = await kernel.execute("display('shown')");
    assert.deepEqual(published.map(type).slice(2, -1), ["display_data"]);
  });

  it("reports errors with ename, evalue and a traceback of user frames with cell, line and caret", async () => {
    const source =
      "interface Gone { a: number }\nfunction f(o: any) {\n  return o.x.y;\n}\n\nf({});";
    const { reply, published } = await kernel.execute(source);
    const error = published.find((message) => type(message) === "error");
    const { ename, evalue, traceback, execution_count: n } = reply.content;
    assert.equal(ename, "TypeError");
    assert.equal(evalue, "Cannot read properties of undefined (reading 'y')");
    assert.deepEqual(traceback, [
      "TypeError: Cannot read properties of undefined (reading 'y')",
      `  at Cell [${n}]:3:14 in f`,
      "    3 |   return o.x.y;",
      "      |              ^",
      `  at Cell [${n}]:6:1`,
    ]);
    assert.deepEqual(error?.content, { ename, evalue, traceback });
  });

  it("reports a syntax error at its place, and a cause", async () => {
    const syntax = (await kernel.execute("const a = 1;\nconst = 3")).reply.content;
    assert.equal(syntax.ename, "SyntaxError");
    assert.match((syntax.traceback as string[]).join("\n"), /Cell \[\d+\]:2:7\n +2 \| const = 3\n/);
    const cause = (await kernel.execute("throw new Error('a', { cause: new RangeError('b') })"))
      .reply;
    assert.match((cause.content.traceback as string[]).join("\n"), /Caused by: RangeError: b/);
  });

  it("names cells in stacks that the user prints", async () => {
    const exchange = await kernel.execute("\nconsole.log(new Error('e').stack)");
    assert.match(stream(exchange), /^Error: e\n {4}at Cell \[\d+\]:2:13\n$/);
  });

  it("imports local TypeScript with its imports, and again after an edit", async () => {
    const write = (name: string, text: string, time: number) => {
      writeFileSync(join(folder, name), text);
      utimesSync(join(folder, name), time, time);
    };
    write(
      "lib.ts",
      "import { b } from './dep.js';\nexport type T = 1;\nexport const v: number = 1 + b;\nexport const boom = (o: any): number => {\n  return o.x.y;\n};\n",
      1000,
    );
    write("dep.ts", "export const b: number = 10;\n", 1000);
    const cell = "import { v, boom, T } from './lib.ts';\nv";
    assert.equal(result(await kernel.execute(cell)), "11");
    write("dep.ts", "export const b: number = 200;\n", 2000);
    assert.equal(result(await kernel.execute(cell)), "201");
    const { traceback } = (await kernel.execute("boom({})")).reply.content;
    assert.deepEqual((traceback as string[]).slice(1, 3), [
      "  at lib.ts:5:14 in boom",
      "    5 |   return o.x.y;",
    ]);
  });

  it("names the export or the package that an import cannot find", async () => {
    const missing = (await kernel.execute("import { nope } from './dep.ts'; nope")).reply.content;
    assert.equal(missing.evalue, 'The module "./dep.ts" has no export "nope". It exports b.');
    const none = (await kernel.execute("import x from 'no-such-package'")).reply.content;
    assert.match(String(none.evalue), /^Cannot find the package "no-such-package" from .* upwards/);
  });

  it("runs notebooks written for tslab", async () => {
    const { published } = await kernel.execute(
      "import * as tslab from 'tslab';\ntslab.display.html('<b>x</b>')",
    );
    assert.deepEqual(data(published.find((m) => type(m) === "display_data")), {
      "text/html": "<b>x</b>",
    });
  });

  it("evaluates user_expressions, and broadcasts nothing of a silent cell", async () => {
    const { reply } = await kernel.execute("1", {
      user_expressions: { two: "1 + 1", bad: "nope()" },
    });
    const expressions = reply.content.user_expressions as Record<string, Record<string, unknown>>;
    assert.deepEqual(expressions.two.data, { "text/plain": "2" });
    assert.equal(expressions.bad.ename, "ReferenceError");
    const silent = await kernel.execute("console.log(1); 2", { silent: true });
    assert.deepEqual(silent.published.map(type), ["status", "status"]);
  });

  it("aborts the queued cells after an error, unless stop_on_error is false", async () => {
    const queue = (options: object) =>
      ["throw new Error('first')", "'second'"].map((code) =>
        kernel.send("execute_request", { code, ...options }),
      );
    const statuses = async (ids: string[]) =>
      (await Promise.all(ids.map(kernel.answer))).map(({ reply }) => reply.content.status);
    assert.deepEqual(await statuses(queue({})), ["error", "aborted"]);
    assert.deepEqual(await statuses(queue({ stop_on_error: false })), ["error", "ok"]);
    assert.equal((await kernel.execute("1")).reply.content.status, "ok");
  });

  it("drops malformed messages and goes on", async () => {
    await kernel.sendFrames([Buffer.from("nonsense")]);
    await kernel.sendFrames([]);
    const before = kernel.replies.length;
    assert.equal(result(await kernel.execute("'alive'")), "'alive'");
    assert.equal(kernel.replies.length, before + 1);
  });

  it("survives process.exit: the cell fails with KernelProcessDied, the next one runs in a fresh process", async () => {
    await kernel.execute("let here = 1");
    const { reply, published } = await kernel.execute("console.log('last words'); process.exit(3)");
    assert.equal(reply.content.ename, "KernelProcessDied");
    assert.match(String(reply.content.evalue), /exit code 3/);
    assert.equal(stream({ reply, published, id: "" }, "stderr"), "");
    assert.equal(stream({ reply, published, id: "" }), "last words\n");
    assert.equal(result(await kernel.execute("typeof here")), "'undefined'");
  });
});
