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

  it("stay few where cells name each other and run again and again", () => {
    const cells = cellModules("ambient.ts");
    const run = (source: string, declared: string[]) => cells.ran(cells.cell(source, { declared }));
    let most = 0;
    for (let i = 0; i < 1000; i++) {
      run("const a = 1; // b", ["a"]);
      run("const b = a", ["b"]);
      most = Math.max(most, cells.reachable().size);
    }
    assert.ok(most > 2 && most < 500, `${most}`);
  });

  it("are kept for a cell that waits for its check, whatever was redeclared meanwhile", () => {
    const cells = cellModules("ambient.ts");
    const before = cells.cell("const a = { x: 1 }", { declared: ["a"] });
    cells.ran(before);
    const waiting = cells.cell("a.nope", { declared: [] });
    cells.ran(cells.cell("const a = 5", { declared: ["a"] }));
    assert.equal(cells.reachable().has(before.name), false);
    assert.equal(cells.reachable(waiting).has(before.name), true);
  });

  it("export a name once, also where a clause names types", () => {
    const cells = cellModules("ambient.ts");
    const { text } = cells.cell(
      "type T = number;\ninterface P {}\nconst x = 1;\nexport type { T };\nexport { x, type P as Q };",
      { declared: ["x"], exported: ["x"] },
    );
    assert.match(text, /export \{ P \};$/);
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
