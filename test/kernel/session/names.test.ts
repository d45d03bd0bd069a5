import assert from "node:assert/strict";
import { type KernelClient, startKernel } from "../../support/kernel-client.ts";
import { type Session, show } from "../../support/session.ts";

const disposable =
  "const d = (n: string) => ({ n, [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() { console.log('disposed', n) } });";

const declarations = {
  const: ["const a = 1", "a", "1"],
  function: ["function a() { return 2 }", "a()", "2"],
  class: ["class a { x = 3 }", "new a().x", "3"],
  enum: ["enum a { P = 4 }", "a.P", "4"],
  "const enum": ["const enum a { P = 5 }", "a.P", "5"],
  import: ["import a from 'node:path'", "typeof a.join", "'function'"],
  namespace: ["namespace a { export const z = 6 }", "a.z", "6"],
  let: ["let a = 'seven'", "a", "'seven'"],
  var: ["var a = 8", "a", "8"],
  destructuring: ["const { a } = { a: 9 }", "a", "9"],
  "async function": ["async function a() { return 10 }", "await a()", "10"],
  "abstract class": ["abstract class a { static s = 11 }", "a.s", "11"],
  generator: ["function* a() { yield 12 }", "[...a()]", "[ 12 ]"],
};

const sessions: Session[] = [
  [
    "functions and classes of earlier cells see assignments and redeclarations",
    [
      "let n = 0; function f() { return n } const g = () => n; class K { get v() { return n } }",
      "n = 5; console.log(f(), g(), new K().v)",
      "const n = 'x'; [f(), g(), new K().v]",
    ],
    "[ 'x', 'x', 'x' ]",
  ],
  [
    "functions are hoisted over an await",
    ["await 1; h(); await 2; function h() { console.log('h') }"],
    { stdout: "h\n" },
  ],
  [
    "overloads are one function",
    ["function o(x: number): 1; function o(x: string): 2; function o(x: any) { return x } o('a')"],
    "'a'",
  ],
  [
    "an enum of an earlier cell has its reverse mapping",
    ["const enum C { A = 1, B = A << 3 }", "[C.B, C[8]]"],
    "[ 8, 'B' ]",
  ],
  [
    "a declaration that failed leaves Node's global where it was",
    [
      "import fetch from 'not-there-at-all'",
      "const performance = (() => { throw 1 })()",
      "[typeof fetch, typeof performance.now]",
    ],
    "[ 'function', 'function' ]",
  ],
  [
    "a class with the name of a global refers to itself while its statics are made",
    [
      "class Event { static one = new Event(); static is = () => Event.one instanceof Event }",
      "Event.is()",
    ],
    "true",
  ],
  ["enums merge within a cell", ["enum M { A } enum M { B = 1 } [M[0], M[1]]"], "[ 'A', 'B' ]"],
  ["a redeclared enum replaces", ["enum R { A }", "enum R { B } R"], "{ '0': 'B', B: 0 }"],
  [
    "namespaces merge within a cell",
    ["namespace N { export const p = 1 } namespace N { export const q = p + 1 } N.q"],
    "2",
  ],
  [
    "a namespace of a later cell replaces, as every redeclaration does",
    ["namespace N2 { export const p = 1 }", "namespace N2 { export const q = 2 } N2"],
    "{ q: 2 }",
  ],
  [
    "a namespace merges with a function, a class and an enum",
    [
      "function F() { return F.p } namespace F { export const p = 4 } class Q {} namespace Q { export const r = 5 } enum E { A } namespace E { export const s = 6 } [F(), Q.r, E.s]",
    ],
    "[ 4, 5, 6 ]",
  ],
  [
    "import = names a part of a namespace",
    ["namespace O.I { export const z = 1 }", "import I = O.I\nI.z"],
    "1",
  ],
  [
    "declarations of types alone do nothing",
    [
      "declare const D: number; declare function G(): void; declare module 'm' { } declare global { interface W { a: 1 } } type T = 1; interface I {}",
      "typeof D",
    ],
    "'undefined'",
  ],
  [
    "decorated classes of two cells keep apart",
    [
      "const mark = (name: string) => (v: any, c: any) => { c.addInitializer(function (this: any) { this[name] = true }) }; const plain = (v: any, c: any) => v; class A { @mark('a') m() {} @plain accessor q = 1 }; const a1 = new A();",
      "class B { @mark('b') m() {} @plain accessor q = 2 }",
      "[(new A() as any).a, (new A() as any).b, a1.q, new B().q, A.name]",
    ],
    "[ true, undefined, 1, 2, 'A' ]",
  ],
  [
    "a cell with using shows its result, and disposes after it",
    [disposable, "using u = d('u'), v = d('v'); console.log('body');\nu.n"],
    "'u'",
  ],
  [
    "using disposes at the end of the cell, the latest first, also when it fails",
    [disposable, "using u = d('u'), v = d('v'); throw new Error('body')"],
    { error: "Error: body" },
  ],
  [
    "what a cell with using declares stays",
    [
      disposable,
      "using u = d('u'); export const x = 1; class Y { static s = 2 } enum Z { A = 3 } function w() { return u.n }",
      "[x, Y.s, Z.A, w()]",
    ],
    "[ 1, 2, 3, 'u' ]",
  ],
  [
    "exports are declarations",
    [
      "export const ec = 1; export function ef() { return 2 } export { ec as other }; export default class Dx {}",
      "[ec, ef(), Dx.name]",
    ],
    "[ 1, 2, 'Dx' ]",
  ],
  [
    "labels, var in blocks, switch and shadowing are those of JavaScript",
    [
      "out: for (;;) { for (;;) break out } if (true) { var hv = 3 } let c = 0; { let c = 5; c++ } switch (1) { case 1: let sw = 2 } [hv, c, typeof sw]",
    ],
    "[ 3, 0, 'undefined' ]",
  ],
  [
    "destructuring has defaults and rests",
    [
      "const { i = 1, j: { k = 2 } = {}, ...l } = { z: 3 } as any, [m, , o = 9, ...p] = [1, 2, undefined, 4]; [i, k, l, m, o, p]",
    ],
    "[ 1, 2, { z: 3 }, 1, 9, [ 4 ] ]",
  ],
  [
    "private fields belong to the class that declared them",
    [
      "class P { #x = 1; static read(o: any) { return o.#x } }; const old = new P()",
      "class P { #x = 2; static read(o: any) { return o.#x } }; P.read(new P())",
      "P.read(old)",
    ],
    { error: /^TypeError: Cannot read private member #x/ },
  ],
  [
    "an imported timer does not replace the global one",
    [
      "import { setTimeout } from 'node:timers/promises'; await setTimeout(1)",
      "[await setTimeout(1, 'own'), typeof globalThis.setTimeout(() => {}, 0)]",
    ],
    "[ 'own', 'object' ]",
  ],
  [
    "names of globals may be declared, and their classes keep their names",
    [
      "const process = 5, { Symbol = 1 } = {} as any; class Map { x = 1 } function Set() { return Set.name } enum Array { A }",
      "const o = { process, Symbol }; process: for (;;) break process; [o, new Map(), Set(), Array.A, new globalThis.Map().size]",
    ],
    "[ { process: 5, Symbol: 1 }, Map { x: 1 }, 'Set', 0, 0 ]",
  ],
];

describe("names of a session", () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await startKernel();
  });
  after(() => kernel.shutdown());

  it("every declaration may be replaced by every other, and sees the new one", async () => {
    for (const [first] of Object.values(declarations))
      for (const [then, read, expected] of Object.values(declarations)) {
        await show(kernel, first);
        assert.equal(
          (await show(kernel, `${then}\n;${read}`)).result,
          expected,
          `${first}; ${then}`,
        );
        assert.equal(
          (await show(kernel, read)).result,
          expected,
          `${first}; ${then}; then ${read}`,
        );
      }
  }).timeout(60_000);

  it("two declarations of a name in one cell are an error at the second", async () => {
    for (const [code, column] of [
      ["const a = 1; const a = 2", 20],
      ["class b {} class b {}", 18],
      ["function c() {} function c() {}", 26],
      ["const d = 1; enum d { A }", 19],
      ["import e from 'node:path'; const e = 2", 34],
    ] as const) {
      const { error, traceback } = await show(kernel, code);
      assert.match(String(error), /^SyntaxError: .* has already been declared$/);
      assert.match(traceback[1], new RegExp(`:1:${column}$`), code);
    }
  });

  for (const [name, cells, expected] of sessions)
    it(name, async () => {
      let last = await show(kernel, cells[0]);
      for (const cell of cells.slice(1)) last = await show(kernel, cell);
      if (typeof expected === "string") assert.equal(last.result ?? last.error, expected);
      else if ("stdout" in expected) assert.equal(last.stdout, expected.stdout);
      else if (typeof expected.error === "string") assert.equal(last.error, expected.error);
      else assert.match(String(last.error), expected.error);
      if (cells.at(-1)?.startsWith("using"))
        assert.match(last.stdout, /^(?:body\n)?disposed v\ndisposed u\n$/);
    });
});
