import assert from "node:assert/strict";
import { topLevel } from "../../../kernel/typescript/top-level.ts";

describe("top level", () => {
  const table: [source: string, names: string[], exported?: string[]][] = [
    ["interface P { a: 1 }\ntype A<T> = T;type B = 1", ["P", "A", "B"]],
    [
      "export type A = 1; export interface B {} export abstract class C {}",
      ["A", "B", "C"],
      ["A", "B", "C"],
    ],
    [
      "declare const a: 1; declare function b(): void; namespace C { type D = 1 } const enum E {}",
      ["a", "b", "C", "E"],
    ],
    [
      "import d, { type A, b as c } from 'm'; import type * as N from 'n'; import type T from 't'",
      ["d", "A", "c", "N", "T"],
    ],
    ["import type, { type a } from 'm'", ["type", "a"]],
    ["function f() { type Inner = 1; interface J {} }", ["f"]],
    ["const s = `type A = 1`; // type B = 2\n/* type C = 3 */ 'type D = 4'", ["s"]],
    ["const r = /[{\"'`]/; type A = 1", ["r", "A"]],
    ["const q = 1 / 2; type A = 1 / 3", ["q", "A"]],
    ["type\nother = 5", []],
    ["const unfinished = { a: [\n", ["unfinished"]],
    ["async function f() {}\nfunction* g() {}\nexport default class {}", ["f", "g"]],
  ];
  for (const [source, names, exported = []] of table)
    it(`of ${JSON.stringify(source)} declares ${names.join(", ") || "nothing"}`, () => {
      const found = topLevel(source);
      assert.deepEqual(found.names, names);
      assert.deepEqual(found.exported, exported);
    });

  it("changes what all cells see by declare global, declare module and an import for its effects", () => {
    for (const source of ["declare global { }", "declare module 'x' {}", "1;\nimport './x';"])
      assert.equal(topLevel(source).ambient, true, source);
    for (const source of ["declare const x: 1", "import x from 'x'", "declare module X {}"])
      assert.equal(topLevel(source).ambient, false, source);
  });
});
