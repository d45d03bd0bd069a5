import assert from "node:assert/strict";
import { type Runtime, Session } from "node:inspector";
import { CompileError, compile } from "../../../kernel/typescript/compile.ts";
import { isComplete } from "../../../kernel/typescript/complete.ts";

/** Evaluates cells as the user process does, with plain helpers; resolves with the last result. */
function notebook() {
  const session = new Session();
  session.connect();
  let shown: unknown;
  const imported: string[] = [];
  const load = async (specifier: string) => {
    imported.push(specifier);
    return (await import(specifier)) as Record<string, unknown>;
  };
  Object.defineProperty(globalThis, "__lclab__", {
    configurable: true,
    value: {
      gate: <T>(value: T) => value,
      gated: <T>(value: T) => value,
      meta: { url: "cell" },
      import: load,
      imports: async (specifier: string, names: string[]) => {
        const module = await load(specifier);
        return names.map((name) => (name === "*" ? module : module[name]));
      },
      result: (value: unknown) => {
        shown = value;
      },
    },
  });
  const run = async (source: string) => {
    shown = undefined;
    const { code } = await compile(source);
    await new Promise<void>((resolve, reject) =>
      session.post(
        "Runtime.evaluate",
        { expression: code, replMode: true, awaitPromise: true },
        (error, reply) => {
          const exception = (reply as Runtime.EvaluateReturnType | undefined)?.exceptionDetails;
          if (error) reject(error);
          else if (exception) reject(new Error(exception.exception?.description));
          else resolve();
        },
      ),
    );
    return shown;
  };
  return { run, imported, close: () => session.disconnect() };
}

describe("rewrite", () => {
  let book: ReturnType<typeof notebook>;
  beforeEach(() => {
    book = notebook();
  });
  afterEach(() => book.close());

  const table: [name: string, cells: string[], expected: unknown][] = [
    ["the last expression is the result", ["const a = 2; a * 3"], 6],
    ["a sum of string literals is a result", ["1;\n'a' + \"b\" + 'c';\n"], "abc"],
    ["a constant before a comment is a result", ["'a' + 'b' // comment"], "ab"],
    ["a constant before a block comment is a result", ["1; 'a' + /* x */ 'b' /* y\n z */"], "ab"],
    [
      "a constant before semicolons is a result",
      ["f();\nfunction f() { return 1 }\n-1;; // c"],
      -1,
    ],
    ["a constant without its type is a result", ["('a' + 'b') as string; // c"], "ab"],
    ["a template is a result", ["const y = 'x'; `a` + 'b' + `c`;"], "abc"],
    ["an operator on constants makes a result", ["const y = 1\n!0 // c"], true],
    ["only the last of several constants is the result", ["1\n'a' + 1 // 'b' + 'c'"], "a1"],
    ["a directive is a result", ["'use strict'; // c"], "use strict"],
    ["an object in parentheses is a result", ["({ a: 'b' + 'c' }) /* c */"], { a: "bc" }],
    ["a call before a line of constants is no result", ["[7].at(0)\n'a' + 'b'"], "ab"],
    ["a constant of a declaration is no result", ["const y =\n'a' + 'b' // c"], undefined],
    ["an expression that goes on over a line is one result", ["const y = [5]; y[0]\n- 1 // c"], 4],
    ["a declaration has no result", ["const b = 2"], undefined],
    ["a const is redeclared with another type", ["const c = 1", "const c = 'x'; c"], "x"],
    ["a class is redeclared", ["class D { x = 1 }", "class D { y = 2 }; new D().y"], 2],
    [
      "a var, a let and a loop variable share a name",
      ["for (var i = 0; i < 3; i++);", "let i = 7; i"],
      7,
    ],
    ["functions are hoisted", ["const e = f(); function f() { return f.name } e"], "f"],
    [
      "async and generator functions are hoisted",
      ["[...g()]; function* g() { yield 1 }"],
      undefined,
    ],
    [
      "a closure of an earlier cell sees assignment and redeclaration",
      ["let n = 0; const next = () => ++n", "n = 10", "let n = 20; next()"],
      21,
    ],
    [
      "a recursion sees the redeclared function",
      [
        "function r(k: number): number { return k === 0 ? 0 : r(k - 1) }; const old = r",
        "function r() { return 5 }; old(3)",
      ],
      5,
    ],
    ["await stands at the top level", ["const h = await Promise.resolve(4); h"], 4],
    [
      "for await stands at the top level",
      ["let s = 0; for await (const k of [1, Promise.resolve(2)]) s += k; s"],
      3,
    ],
    ["destructuring declares", ["const { j, ...others } = { j: 1, k: 2 }; others.k + j"], 3],
    ["var destructuring declares", ["var { l } = { l: 3 }, [m] = [4]; l + m"], 7],
    ["an enum is a value", ["enum E { A, B }; E.B"], 1],
    [
      "imports bind default, namespace and names",
      [
        "import p, * as ns from 'node:path'; import { sep as q } from 'node:path'; p.sep === ns.sep && q === p.sep",
      ],
      true,
    ],
    ["imports are hoisted", ["const t = sep; import { sep } from 'node:path'; t.length"], 1],
    [
      "exports are declarations",
      ["export const u = 1; export default function v() { return 2 }; u + v()"],
      3,
    ],
    [
      "import() and import.meta go through the runtime",
      ["(await import('node:os')).EOL && import.meta.url"],
      "cell",
    ],
    [
      "using disposes at the end of the cell",
      [
        "const log: string[] = []",
        "{ using d = { [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() { log.push('d') } } } log.length",
      ],
      1,
    ],
  ];
  for (const [name, cells, expected] of table)
    it(name, async () => {
      let last: unknown;
      for (const cell of cells) last = await book.run(cell);
      assert.deepEqual(last, expected);
    });

  it("type-only imports vanish", async () => {
    await book.run(
      "import type { A } from 'nowhere'; import { type B } from 'nowhere'; import 'node:os'; interface C {}",
    );
    assert.deepEqual(book.imported, ["node:os"]);
  });

  it("maps places in the compiled code to the cell", async () => {
    const source = "type T = number;\nconst a: T = 1;\n\nfunction f() {\n  return missing;\n}\n";
    const cell = await compile(source);
    const lines = cell.code.split("\n");
    const line = lines.findIndex((text) => text.includes("missing"));
    const column = lines[line].indexOf("missing");
    assert.deepEqual(cell.original({ line: line + 1, column: column + 1 }), {
      line: 5,
      column: 10,
    });
  });

  it("names the place of a syntax error in UTF-16 columns", async () => {
    for (const [source, line, column] of [
      ["const a = 1;\nconst = 3", 2, 7],
      ["const ä = 'ü'; const = 3", 1, 22],
      ["return 5", 1, 1],
      ["const k = 1;\nk = 2", 2, 1],
    ] as const)
      await assert.rejects(compile(source), (error: CompileError) => {
        assert.ok(error instanceof CompileError);
        assert.deepEqual([error.issues[0].line, error.issues[0].column], [line, column], source);
        return true;
      });
  });
});

describe("isComplete", () => {
  const table: Record<string, string[]> = {
    complete: ["1", "const x: number = 1", "function f() {\n  return 1\n}", "`a`", ""],
    incomplete: ["function f() {", "`abc", "/* a", "[1,", "1 +", "if (x) {\n  y("],
    invalid: ["const = 3", "'abc", "1 +* 2"],
  };
  for (const [status, samples] of Object.entries(table))
    it(`finds ${status} code ${status}`, async () => {
      for (const code of samples) assert.equal((await isComplete(code)).status, status, code);
    });

  it("indents after an opening bracket", async () => {
    assert.deepEqual(await isComplete("  if (x) {"), { status: "incomplete", indent: "    " });
  });
});
