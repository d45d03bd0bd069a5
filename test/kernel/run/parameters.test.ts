import assert from "node:assert/strict";
import fc from "fast-check";
import { type NotebookCell, parseNotebook } from "../../../kernel/run/notebook.ts";
import { checkDeclared, injectParameters, parseParameter } from "../../../kernel/run/parameters.ts";

const notebook = (...cells: [type: string, source: string, ...tags: string[]][]) =>
  parseNotebook(
    JSON.stringify({
      nbformat: 4,
      nbformat_minor: 5,
      metadata: {},
      cells: cells.map(([cell_type, source, ...tags]) => ({
        cell_type,
        source,
        metadata: { tags },
      })),
    }),
  );
const sources = ({ cells }: { cells: NotebookCell[] }) => cells.map(({ source }) => source);
const added = "// Parameters\nlet rate = 0.1;";

describe("parameters", () => {
  it("reads JSON, and what is no JSON as text", () => {
    const value = (text: string) => parseParameter(text).value;
    assert.deepEqual(["a=1", "a=[1,2]", "a=LeNet", 'a="1"', "a=", "a=b=c", "a=true"].map(value), [
      1,
      [1, 2],
      "LeNet",
      "1",
      "",
      "b=c",
      true,
    ]);
  });

  it("refuses what has no name that can be declared", () => {
    for (const text of ["rate", "=1", "1a=1", "a-b=1", "a;b=1"])
      assert.throws(() => parseParameter(text), /^RangeError: -p must be name=value .* Write -p/);
  });

  it("must be declared by the cell tagged parameters, if there is one that compiles", async () => {
    const check = (source: string, ...tags: string[]) =>
      checkDeclared(notebook(["code", source, ...tags]), [parseParameter("rate=1")]);
    for (const source of ["const rate = 1;", "let a = 0, rate: number;", "const { rate } = f();"])
      await check(source, "parameters");
    await check("let a = 0;");
    await check("let let let", "parameters");
    await checkDeclared(notebook(["code", "let a = 0;", "parameters"]), []);
    for (const [source, list] of [
      ["let a = 0; const b = 1;", "a, b"],
      ["interface rate { x: number }", "which is nothing"],
      ["// const rate = 1;", "which is nothing"],
    ])
      await assert.rejects(check(source, "parameters"), (error: Error) => {
        assert.match(error.message, /^-p must name what .*, got "rate"\. Write one of these/);
        return error.message.includes(`declares, ${list}, got`);
      });
  });

  it("come after the cell tagged parameters, else before the first code cell; a second time they replace", () => {
    const tagged = notebook(["markdown", "m"], ["code", "d", "parameters"], ["code", "c"]);
    const plain = notebook(["markdown", "m"], ["code", "c"]);
    for (const each of [tagged, plain]) {
      injectParameters(each, [parseParameter("rate=5")]);
      injectParameters(each, [parseParameter("rate=0.1")]);
    }
    assert.deepEqual(sources(tagged), ["m", "d", added, "c"]);
    assert.deepEqual(sources(plain), ["m", added, "c"]);
    injectParameters(plain, []);
    assert.equal(plain.cells.length, 3);
  });

  it("declare exactly their value, whatever JSON it is", () =>
    fc.assert(
      fc.property(fc.jsonValue(), (value) => {
        const made = notebook(["code", ""]);
        const expected: unknown = JSON.parse(JSON.stringify(value));
        injectParameters(made, [{ name: "x", value: expected }]);
        const got: unknown = new Function(`${made.cells[0].source}\nreturn x;`)();
        assert.deepEqual(JSON.stringify(got), JSON.stringify(expected));
      }),
      { examples: [[JSON.parse('{"__proto__":{"a":1},"b":"x\\"__proto__\\":y"}')]] },
    ));
});
