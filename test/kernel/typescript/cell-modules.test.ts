import assert from "node:assert/strict";
import { cellModules, looksLikeJsx } from "../../../kernel/typescript/cell-modules.ts";

describe("cell modules", () => {
  it("that nothing can reach any more are given up, however often a cell runs again", () => {
    const cells = cellModules("ambient.ts");
    const run = (source: string, declared: string[]) => {
      const cell = cells.cell(source, { declared });
      cells.ran(cell);
      return cell.name;
    };
    const base = run("const base = 1", ["base"]);
    const user = run("const user = base", ["user"]);
    let last = "";
    for (let i = 0; i < 50; i++) last = run("const again = base", ["again"]);
    assert.deepEqual([...cells.reachable()].sort(), [base, user, last].sort());
    const other = run("const base = 2", ["base"]);
    // The first one stays, for the module of `user` imports it.
    assert.deepEqual([...cells.reachable()].sort(), [base, user, last, other].sort());
    const effect = "declare global { interface Array<T> { own?: T } }";
    run(effect, []);
    assert.deepEqual(cells.reachable().size, 5);
    run(effect, []);
    assert.deepEqual(cells.reachable().size, 5);
    cells.reset();
    assert.deepEqual(cells.reachable().size, 0);
  });

  it("leave names that the compiler made to themselves", () => {
    const cells = cellModules("ambient.ts");
    const { text } = cells.cell("const a = <b />", { declared: ["a", "jsx"], jsx: true });
    assert.match(text, /export \{ a \};$/);
  });

  it("of unfinished code are TSX where a tag is closed, or cannot be a type", () => {
    for (const code of ["<a></a>", "const x = <a b=", "f(<A.B c", "return <a "])
      assert.equal(looksLikeJsx(code, code.length), true, code);
    for (const code of ["a < b", "f<T>(", "const x = <T>y", "x: Array<numb", "1 <a"])
      assert.equal(looksLikeJsx(code, code.length), false, code);
  });
});
