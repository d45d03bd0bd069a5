import assert from "node:assert/strict";
import { mkdirSync, mkdtempSync, realpathSync, utimesSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { type KernelClient, startKernel } from "../../support/kernel-client.ts";
import { show } from "../../support/session.ts";

const files: Record<string, string> = {
  "tsconfig.json": `{ // read by TypeScript
    "extends": "./base.json", "compilerOptions": { "jsx": "react", }, }`,
  "base.json": `{ "compilerOptions": { "jsxFactory": "h", "jsxFragmentFactory": "Frag", "experimentalDecorators": true } }`,
  "lib.mts": "export const m: number = 1; export default class { n = 2 }",
  "view.tsx":
    "const h = (tag: string, props: unknown, ...c: unknown[]) => ({ tag, c }); export const view = <b>{1}</b>",
  "decorated.ts":
    "function dec(target: any, key: string) { target.key = key }\nexport class D { @dec m() {} }",
  "data.json": '{ "a": [1, 2] }',
  "wait.ts": "export const w = await new Promise<number>((r) => setTimeout(() => r(5), 1));",
  "values.ts":
    "export enum E { A, B }\nexport namespace N { export const q = 1 }\nimport type { Gone } from './gone.ts';\nimport { type Gone2 } from './gone.ts';\nexport type { Gone, Gone2 };\nclass P { constructor(private a: number) {} get() { return this.a } }\nexport const p = new P(3).get();",
  "common.cjs":
    "module.exports = { one: 1, two() { return 2 } }; module.exports['th' + 'ree'] = 3;",
  "node_modules/tiny/package.json":
    '{ "name": "tiny", "type": "module", "exports": { ".": { "import": "./index.js" }, "./jsx-runtime": "./jsx.js" } }',
  "node_modules/tiny/index.js": "export const t = 't';",
  "node_modules/tiny/jsx.js":
    "export const jsx = (tag, props) => ({ tag, props }); export const jsxs = jsx;",
};

describe("modules of a session", () => {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), "lclab-notebook-")));
  const write = (name: string, text: string, time = 1000) => {
    mkdirSync(dirname(join(folder, name)), { recursive: true });
    writeFileSync(join(folder, name), text);
    utimesSync(join(folder, name), time, time);
  };
  let kernel: KernelClient;
  before(async () => {
    for (const [name, text] of Object.entries(files)) write(name, text);
    kernel = await startKernel(folder);
  });
  after(() => kernel.shutdown());

  const table: [code: string, result: string][] = [
    ["import C, { m } from './lib.mts'; [m, new C().n]", "[ 1, 2 ]"],
    ["import { m as mj } from './lib.mjs'; mj", "1"],
    ["import { view } from './view'; view", "{ tag: 'b', c: [ 1 ] }"],
    ["import d from './data.json' with { type: 'json' }; d", "{ a: [ 1, 2 ] }"],
    ["(await import('./data.json', { with: { type: 'json' } })).default.a", "[ 1, 2 ]"],
    ["require('./data.json').a", "[ 1, 2 ]"],
    ["import { w } from './wait.ts'; w", "5"],
    ["import { E, N, p } from './values.ts'; [E.B, E[0], N.q, p]", "[ 1, 'A', 1, 3 ]"],
    ["import { one, two, three } from './common.cjs'; [one, two(), three]", "[ 1, 2, 3 ]"],
    ["import cj = require('./common.cjs'); cj.two()", "2"],
    [
      "import type { X } from './nowhere.ts'; import { type Y } from 'nowhere'; export type { X, Y }; 1",
      "1",
    ],
    ["const name = './lib' + '.mts'; (await import(name)).m", "1"],
    ["import { 'sep' as s } from 'node:path'; s", "'/'"],
    [
      "[__dirname, import.meta.dirname, import.meta.url, import.meta.filename].map((x) => x.replace(process.cwd(), '.').replace('file://', ''))",
      "[ '.', '.', './lclab-cell.mjs', './lclab-cell.mjs' ]",
    ],
    [
      "['fs', 'tiny', './lib.mts'].map((x) => import.meta.resolve(x).replace(import.meta.dirname, ''))",
      "[ 'node:fs', 'file:///node_modules/tiny/index.js', 'file:///lib.mts' ]",
    ],
    [
      "const h = (tag: unknown, p: unknown, ...c: unknown[]) => [tag, ...c], Frag = 'frag'; <a><>{2}</></a>",
      "[ 'a', [ 'frag', 2 ] ]",
    ],
    ["/** @jsx my */ const my = (tag: unknown) => tag; <i/>", "'i'"],
    [
      "/** @jsxRuntime automatic @jsxImportSource tiny */\nconst jsx = 'mine'; [<i a={1}/>, jsx]",
      "[ { tag: 'i', props: { a: 1 } }, 'mine' ]",
    ],
    [
      "function dec(t: any, key: string) { t.key = key } class D1 { @dec m() {} } (new D1() as any).key",
      "'m'",
    ],
    ["import { D } from './decorated.ts'; (new D() as any).key", "'m'"],
  ];
  for (const [code, result] of table)
    it(code, async () => {
      const shown = await show(kernel, code);
      assert.equal(shown.result ?? shown.error, result);
    });

  it("resolves from the folder of the notebook after process.chdir", async () => {
    assert.equal((await show(kernel, "process.chdir('/'); process.cwd()")).result, "'/'");
    assert.equal((await show(kernel, "import { w as w2 } from './wait.ts?2'; w2")).result, "5");
    await show(kernel, `process.chdir(${JSON.stringify(folder)})`);
  });

  it("says where a local file is wrong, and takes the corrected one", async () => {
    write("wrong.ts", "export const a = 1;\nconst 'ä' = 5;\n");
    const cell = "import { a } from './wrong.ts'; a";
    assert.deepEqual((await show(kernel, cell)).traceback, [
      "SyntaxError: Expected identifier but found \"'ä'\"",
      "  at wrong.ts:2:7",
      "    2 | const 'ä' = 5;",
      "      |       ^",
    ]);
    write("wrong.ts", "export const a = 7;\n", 2000);
    assert.equal((await show(kernel, cell)).result, "7");
  });

  it("maps errors of local files, in functions and while they load", async () => {
    write(
      "throws.ts",
      "interface X { a: 1 }\n\nexport async function boom(): Promise<never> {\n  await 1;\n  throw new TypeError('late');\n}\n",
    );
    const late = await show(kernel, "import { boom } from './throws.ts'; await boom()");
    assert.deepEqual(late.traceback.slice(0, 3), [
      "TypeError: late",
      "  at throws.ts:5:9 in boom",
      "    5 |   throw new TypeError('late');",
    ]);
    await show(kernel, "globalThis.early = true");
    write("early.ts", "type T = 1;\nif ((globalThis as any).early) throw new Error('early');\n");
    const early = await show(kernel, "await import('./early.ts')");
    assert.equal(early.traceback[1], "  at early.ts:2:38");
  });

  it("tries a failed import anew when what it missed has come, and keeps the state of what had loaded before", async () => {
    write("kept.ts", "export const state = { n: 1 };");
    write(
      "missing.ts",
      "import { state } from './kept.ts';\nimport { d } from './later.ts';\nexport const u = d + state.n;",
    );
    await show(kernel, "import { state } from './kept.ts'; state.n = 2;");
    const cell = "import { u } from './missing.ts'; u";
    assert.match(String((await show(kernel, cell)).error), /Cannot find module '.*later\.ts'/);
    write(
      "later.ts",
      "if (!(globalThis as any).ready) throw new Error('not ready');\nexport const d = 40;",
    );
    assert.equal((await show(kernel, cell)).error, "Error: not ready");
    await show(kernel, "globalThis.ready = true");
    assert.equal((await show(kernel, cell)).result, "42");
  });
});
