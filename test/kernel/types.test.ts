import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Message } from "../../kernel/wire.ts";
import { type Exchange, type KernelClient, startKernel } from "../support/kernel-client.ts";

/** As nbclient: nobody to ask, and no ear for what comes after idle. */
const batch = { allow_stdin: false };
const wrong = "const wrong: number = 'text';\nwrong";

const type = (message: Message) => message.header.msg_type;
const data = ({ content }: Message) => content.data as Record<string, string>;
const isDiagnostics = (message: Message) =>
  type(message) === "display_data" && /^TS\d+: /.test(data(message)["text/plain"]);
const diagnostics = ({ published }: Exchange) =>
  published.filter(isDiagnostics).map((message) => data(message)["text/plain"]);
/** TS2322, TS2339… of what a cell showed. */
const codes = (exchange: Exchange) =>
  diagnostics(exchange).flatMap((text) =>
    [...text.matchAll(/^TS(\d+): /gm)].map(([, code]) => code),
  );

/** The language servers that a process started. */
function servers({ process: { pid } }: KernelClient): number[] {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name))
    .filter((name) => {
      try {
        const [, parent] =
          /^PPid:\s+(\d+)$/m.exec(readFileSync(`/proc/${name}/status`, "utf8")) ?? [];
        return (
          Number(parent) === pid && readFileSync(`/proc/${name}/cmdline`, "utf8").includes("--lsp")
        );
      } catch {
        return false; // it has ended
      }
    })
    .map(Number);
}

function skip(test: Mocha.Context): never {
  console.log("      (skipped: looks for the server in /proc)");
  return test.skip();
}

describe("types", () => {
  let kernel: KernelClient;
  const folder = mkdtempSync(join(tmpdir(), "lclab-types-"));
  before(async () => {
    writeFileSync(join(folder, "lib.ts"), "export const half = (x: number): number => x / 2;\n");
    const untyped = join(folder, "node_modules", "untyped");
    mkdirSync(untyped, { recursive: true });
    writeFileSync(join(untyped, "package.json"), '{"name":"untyped","main":"index.js"}');
    writeFileSync(join(untyped, "index.js"), "exports.any = (x) => x;\n");
    kernel = await startKernel(folder);
  });
  after(() => kernel.shutdown());

  const check = async (code: string) => codes(await kernel.execute(code, batch));

  it("are shown with code, message, place, line and caret, as text and as HTML", async () => {
    const exchange = await kernel.execute(wrong, batch);
    const [shown] = exchange.published.filter(isDiagnostics);
    const n = exchange.reply.content.execution_count;
    assert.equal(
      data(shown)["text/plain"],
      [
        "TS2322: Type 'string' is not assignable to type 'number'.",
        `  at Cell [${n}]:1:7`,
        "    1 | const wrong: number = 'text';",
        "      |       ^",
      ].join("\n"),
    );
    assert.match(data(shown)["text/html"], /<b>TS2322<\/b>: Type &#39;|<b>TS2322<\/b>: Type '/);
    assert.equal(exchange.reply.content.status, "ok");
    assert.ok(!exchange.published.some(({ content }) => content.name === "stderr"));
  });

  it("are at the line and the UTF-16 column of the cell", async () => {
    const [text] = diagnostics(
      await kernel.execute("type T = 1;\n\n\t/* 😀 */ let a: T = 2; // ü\n", batch),
    );
    assert.match(text, /^ {2}at Cell \[\d+\]:3:15\n/m);
    assert.ok(
      text.endsWith(`    3 | \t/* 😀 */ let a: T = 2; // ü\n      | \t${" ".repeat(13)}^`),
      text,
    );
  });

  it("come after the result, with the cell as the parent", async () => {
    const id = kernel.send("execute_request", { code: wrong });
    const shown = await kernel.published((m) => m.parent.msg_id === id && isDiagnostics(m));
    const { published } = await kernel.answer(id);
    const order = published.map(type);
    assert.ok(order.indexOf("execute_result") < published.indexOf(shown), String(order));
  });

  it("come after idle, where the check takes longer and the client listens on", async function () {
    if (process.platform !== "linux") skip(this);
    const [pid] = servers(kernel);
    process.kill(pid, "SIGSTOP");
    const { id, published } = await kernel.execute(wrong);
    assert.deepEqual(published.map(type), ["status", "execute_input", "execute_result", "status"]);
    process.kill(pid, "SIGCONT");
    await kernel.published((m) => m.parent.msg_id === id && isDiagnostics(m));
  });

  it("come while a cell that takes long runs", async () => {
    // The cell waits until the test lets it go.
    const first = kernel.send("execute_request", { code: `${wrong};\nawait input('go? ')` });
    const question = await kernel.question(0);
    await kernel.published((m) => m.parent.msg_id === first && isDiagnostics(m));
    kernel.send("input_reply", { status: "ok", value: "" }, "stdin", { parent: question.header });
    assert.equal((await kernel.answer(first)).reply.content.status, "ok");
  });

  it("come before idle for a client that cannot be asked, after the result", async () => {
    const { published } = await kernel.execute(wrong, batch);
    assert.deepEqual(published.map(type), [
      "status",
      "execute_input",
      "execute_result",
      "display_data",
      "status",
    ]);
  });

  const fine: Record<string, string[]> = {
    "variables, types and generics of earlier cells": [
      "interface P { alpha: number }\ntype Box<T> = { of: T }\nclass Pair<T> { constructor(public a: T) {} }\nconst p: P = { alpha: 1 };",
      "const b: Box<P> = { of: p }; const q: Pair<number> = new Pair(b.of.alpha);",
    ],
    "a redeclaration with another type": ["const r = 1", "const r = 'x'", "r.toUpperCase()"],
    "a class, an interface and a function again": [
      "class K { x = 1 }\ninterface I { a: 1 }\nfunction f() { return 1 }",
      "class K { y = 2 }\ninterface I { b: 2 }\nfunction f(x: string) { return x }",
      "new K().y; const i: I = { b: 2 }; f('');",
    ],
    "an assignment to a variable of an earlier cell": [
      "let n = 0, m = ''; let o: { k: number }[] = []",
      "n = 1; n++; [n, m] = [2, 'b']; o.push({ k: 1 }); for (n of [1, 2]);",
    ],
    "an export, with and without a name, and its redeclaration": [
      "export const u = 1; export interface E { a: 1 }; const v = 2; export { v, v as w }; export default function d() {}",
      "export const u = 'x'; const e: E = { a: 1 }; d(); v;",
      "u.length",
    ],
    "types that only `import type` and `declare` bring": [
      "import type { Stats } from 'node:fs'; import { type ParsedPath, sep } from 'node:path'; declare const given: number;",
      "let s: Stats | undefined; let pp: ParsedPath | undefined; sep.length",
      "typeof given === 'undefined' ? 0 : given + 1",
    ],
    "declare global": [
      "declare global { interface Array<T> { lclabFirst?: T } }",
      "[1].lclabFirst",
    ],
    "top-level await, using and unused expressions": [
      "await Promise.resolve(1); 1 + 1; 'use strict'; ({ a: 1 });",
      "for await (const x of [Promise.resolve(1)]) x;",
    ],
    "local files, Node and what the kernel gives": [
      "import { half } from './lib.ts'; import { half as h } from './lib'; half(h(1))",
      "import fs, { readFileSync } from 'node:fs'; Buffer.from(''); process.pid; require('node:os'); __dirname; fs.existsSync(readFileSync.name)",
      "display('x').update('y'); import.meta.url",
      "import * as tslab from 'tslab'; tslab.display.text('x')",
    ],
    "JavaScript without types, and what is any because nothing says more": [
      "import { any } from 'untyped'; import whole from 'untyped'; any(whole)",
      "function g(a, b) { return a } const list = []; let z = null; g(1, 2)",
      "list.push(1); z = 5; const o: object = {}; o['k']",
    ],
  };
  for (const [name, cells] of Object.entries(fine))
    it(`nothing is wrong with ${name}`, async () => {
      for (const cell of cells) assert.deepEqual(await check(cell), [], cell);
    });

  const bad: Record<string, [string[], string[]]> = {
    "a member that an earlier cell's value does not have": [
      ["const point = { a: 1 }", "point.b"],
      ["2339"],
    ],
    "an assignment of another type to a variable of an earlier cell": [
      ["let count = 0", "count = 'x'"],
      ["2322"],
    ],
    "a call of a local file's function": [["import { half } from './lib.ts'; half('x')"], ["2345"]],
    "a global of browsers": [["typeof document; document"], ["2584", "2584"]],
    "a name that the redeclaration lost": [
      ["const both = { a: 1 }", "const both = { b: 1 }", "both.a"],
      ["2339"],
    ],
    "a module that is not there": [["import x from 'no-such-package'; x"], ["2307"]],
  };
  for (const [name, [cells, expected]] of Object.entries(bad))
    it(`something is wrong with ${name}`, async () => {
      for (const cell of cells.slice(0, -1)) assert.deepEqual(await check(cell), [], cell);
      assert.deepEqual(await check(cells.at(-1) as string), expected);
    });

  it("of a cell that fails, or cannot be compiled, do not hide its error", async () => {
    const { published } = await kernel.execute("const t: number = ''; missing()", batch);
    assert.deepEqual(published.map(type).slice(2, -1), ["display_data", "error"]);
    const { reply } = await kernel.execute("const = 3", batch);
    assert.equal(reply.content.ename, "SyntaxError");
  });

  it("are not shown of a silent cell and of user expressions", async () => {
    const { published } = await kernel.execute("let silent: string = 1", {
      silent: true,
      ...batch,
    });
    assert.deepEqual(published.map(type), ["status", "status"]);
    const expressions = { user_expressions: { e: "({}).nope" }, ...batch };
    assert.deepEqual(codes(await kernel.execute("1", expressions)), []);
  });

  it("are not shown any more once the cell is interrupted", async function () {
    if (process.platform !== "linux") skip(this);
    const [pid] = servers(kernel);
    process.kill(pid, "SIGSTOP");
    const code = `${wrong};\nconsole.log('on');\nawait new Promise(() => {});`;
    const id = kernel.send("execute_request", { code, ...batch });
    await kernel.published((m) => m.parent.msg_id === id && type(m) === "stream");
    await kernel.request("interrupt_request", {}, "control");
    assert.equal((await kernel.answer(id)).reply.content.ename, "Interrupted");
    process.kill(pid, "SIGCONT");
    // The next check comes after it.
    assert.deepEqual(await check("const next: number = ''"), ["2322"]);
    assert.ok(!kernel.iopub.some((m) => m.parent.msg_id === id && isDiagnostics(m)));
  });

  it("are checked by a new server after the old one was killed, and no result is lost", async function () {
    if (process.platform !== "linux") skip(this);
    await kernel.execute("const kept = { deep: 1 }", batch);
    const [pid] = servers(kernel);
    process.kill(pid, "SIGKILL");
    const exchange = await kernel.execute("kept.nope;\nkept.deep", batch);
    assert.ok(exchange.published.some((m) => data(m)?.["text/plain"] === "1"));
    assert.deepEqual(codes(exchange), ["2339"]);
    assert.notDeepEqual(servers(kernel), [pid]);
    // Frozen in the middle of a check, then killed.
    process.kill(servers(kernel)[0], "SIGSTOP");
    const id = kernel.send("execute_request", { code: "kept.nope;\nkept.deep", ...batch });
    await kernel.published((m) => m.parent.msg_id === id && type(m) === "execute_result");
    for (const frozen of servers(kernel)) process.kill(frozen, "SIGKILL");
    assert.deepEqual(codes(await kernel.answer(id)), ["2339"]);
  });

  it("are those of the new run only, where the client says that a cell runs again", async function () {
    if (process.platform !== "linux") skip(this);
    await kernel.execute("1", batch);
    const [pid] = servers(kernel);
    process.kill(pid, "SIGSTOP");
    const run = (cellId: string) =>
      kernel.send("execute_request", { code: wrong }, "shell", { metadata: { cellId } });
    const ids = [run("a"), run("b"), run("a")];
    for (const id of ids) await kernel.answer(id);
    process.kill(pid, "SIGCONT");
    const shows = (id: string) =>
      kernel.iopub.some((m) => m.parent.msg_id === id && isDiagnostics(m));
    await kernel.published((m) => m.parent.msg_id === ids[2] && isDiagnostics(m));
    assert.deepEqual(ids.map(shows), [false, true, true]);
  });
});

describe("the mode of types", () => {
  let kernel: KernelClient | undefined;
  const started = async (env: Record<string, string>) => {
    kernel = await startKernel(undefined, { env });
    return kernel;
  };
  afterEach(async () => {
    await kernel?.shutdown();
    kernel = undefined;
  });

  it("strict does not run a cell with a type error", async () => {
    const { execute } = await started({ LCLAB_TYPES: "strict" });
    assert.equal((await execute("let ran = 0")).reply.content.status, "ok");
    const { reply, published } = await execute("\nran = 'x';\nconsole.log('ran')");
    const { ename, evalue, traceback, execution_count: n } = reply.content;
    assert.equal(ename, "TypeScriptError");
    assert.equal(evalue, "TS2322: Type 'string' is not assignable to type 'number'.");
    assert.deepEqual(traceback, [
      "TypeScriptError: TS2322: Type 'string' is not assignable to type 'number'.",
      `  at Cell [${n}]:2:1`,
      "    2 | ran = 'x';",
      "      | ^",
    ]);
    assert.deepEqual(published.map(type), ["status", "execute_input", "error", "status"]);
    // What did not run has declared nothing.
    await execute("const absent: string = 1");
    assert.match(String((await execute("absent")).reply.content.evalue), /^TS2304: /);
  });

  it("off checks nothing, and starts no server", async () => {
    const client = await started({ LCLAB_TYPES: "off" });
    assert.deepEqual(codes(await client.execute(wrong, batch)), []);
    if (process.platform === "linux") assert.deepEqual(servers(client), []);
  });

  it("is set by the first comment lines of a cell, for it and those after it", async () => {
    const { execute } = await started({});
    const code = "const a: number = '';";
    assert.deepEqual(codes(await execute(code, batch)), ["2322"]);
    assert.deepEqual(codes(await execute(`// Quiet.\n// @lclab-types off\n${code}`, batch)), []);
    assert.deepEqual(codes(await execute(code, batch)), []);
    assert.deepEqual(codes(await execute(`// @lclab-types warn\n${code}`, batch)), ["2322"]);
    const { reply } = await execute(`// @lclab-types strict\n${code}`);
    assert.equal(reply.content.ename, "TypeScriptError");
    const later = await execute("const late = `\n// @lclab-types off\n`;\nlate.nope");
    assert.equal(later.reply.content.ename, "TypeScriptError");
  });

  it("that is none is an error that says what to write", async () => {
    const { execute } = await started({ LCLAB_TYPES: "loud" });
    assert.equal(
      (await execute("1")).reply.content.evalue,
      'LCLAB_TYPES: must be one of off, warn, strict, got "loud". Set it to one of them and restart the kernel, or begin a cell with // @lclab-types warn.',
    );
    assert.equal((await execute("// @lclab-types off\n1")).reply.content.status, "ok");
    assert.equal(
      (await execute("// @lclab-types\n1")).reply.content.evalue,
      '// @lclab-types: must be one of off, warn, strict, got "". Write // @lclab-types warn.',
    );
  });

  it("strict can be interrupted while it checks", async function () {
    if (process.platform !== "linux") skip(this);
    const client = await started({ LCLAB_TYPES: "strict" });
    await client.execute("1");
    for (const pid of servers(client)) process.kill(pid, "SIGSTOP");
    const id = client.send("execute_request", { code: "console.log('ran')" });
    await client.published((m) => m.parent.msg_id === id && type(m) === "execute_input");
    await client.request("interrupt_request", {}, "control");
    const { reply, published } = await client.answer(id);
    assert.equal(reply.content.ename, "Interrupted");
    assert.ok(!published.some((m) => type(m) === "stream"));
    for (const pid of servers(client)) process.kill(pid, "SIGCONT");
  });
});
