import assert from "node:assert/strict";
import {
  chmodSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { type Language, language } from "../../kernel/typescript/language.ts";

describe("language", () => {
  let types: Language;
  before(() => {
    const folder = mkdtempSync(join(tmpdir(), "lclab-language-"));
    writeFileSync(
      join(folder, "lib.ts"),
      "/** Half. */\nexport const half = (x: number) => x / 2;\n",
    );
    mkdirSync(join(folder, "node_modules", "pkg"), { recursive: true });
    writeFileSync(join(folder, "node_modules", "pkg", "package.json"), '{"types":"index.d.ts"}');
    writeFileSync(
      join(folder, "node_modules", "pkg", "index.d.ts"),
      "export declare function fromPackage(x: { deep: string }): { result: number };\n",
    );
    types = language(folder);
  });
  after(() => types.close());

  const ran = (source: string, declared: string[]) => types.ran(types.cell(source, { declared }));
  const complete = async (code: string) =>
    (await types.complete(code, code.length)).matches.map(({ text }) => text);
  const hover = async (code: string, at = code.length) =>
    String((await types.inspect(code, at))?.["text/markdown"]);

  it("completes variables and types of earlier cells, and those of redeclarations after it", async () => {
    ran("interface P { alpha: number }\nconst p: P = { alpha: 1 };", ["p"]);
    assert.deepEqual(await complete("p."), ["alpha"]);
    assert.deepEqual(await complete("let q: P; q.al"), ["alpha"]);
    ran("const twice = 2 * p.alpha", ["twice"]);
    ran("let p = { beta: '' }", ["p"]);
    assert.deepEqual(await complete("p."), ["beta"]);
    assert.match(await hover("twice"), /^```typescript\nconst twice: number\n/);
  });

  it("completes local files, packages and Node, with the part that is replaced", async () => {
    ran("import { half } from './lib.ts';", ["half"]);
    assert.match(await hover("half"), /Half\./);
    assert.deepEqual(await complete("import { fr } from 'pkg'".slice(0, 11)), []);
    assert.deepEqual(
      await complete("import { fromPackage } from 'pkg'; fromPackage({ deep: '' }).re"),
      ["result"],
    );
    assert.deepEqual(await complete("process.versio"), ["version", "versions"]);
    const { start, end, matches } = await types.complete("half.na + 1", 7);
    assert.deepEqual([start, end, matches], [5, 7, [{ text: "name", type: "property" }]]);
  });

  it("has Node's globals and not a browser's, and finds files without their extension", async () => {
    assert.match(await hover("fetch"), /fetch\(/);
    assert.match(await hover("setTimeout"), /setTimeout/);
    assert.ok(!(await hover("document")).includes("Document"));
    assert.ok(!(await complete("HTMLEl")).includes("HTMLElement"));
    assert.match(await hover("import { half } from './lib'; half"), /Half\./);
  });

  it("does not offer what another file exports before it is imported", async () => {
    assert.ok(!(await complete("fromPack")).includes("fromPackage"));
  });

  it("explains the function inside its parentheses, and nothing where nothing is", async () => {
    assert.match(await hover("Math.max("), /max\(\.\.\.values: number\[\]\)/);
    assert.equal(await types.inspect("", 0), undefined);
    assert.equal(
      await types.inspect("undeclared_name", 5).then((d) => d?.["text/plain"] ?? ""),
      "any",
    );
  });

  it("knows what the kernel gives a cell", async () => {
    assert.match(await hover("display"), /Shows a value below the cell/);
    assert.deepEqual(await complete("display.cle"), ["clear"]);
    assert.deepEqual(await complete("comms.reg"), ["register"]);
  });

  it("forgets the cells of a process that is gone", async () => {
    types.reset();
    assert.deepEqual((await complete("twi")).includes("twice"), false);
  });

  it("asks no network for types: it starts no npm", async () => {
    const folder = mkdtempSync(join(tmpdir(), "lclab-language-"));
    const called = join(folder, "called");
    const npm = join(folder, "npm");
    writeFileSync(npm, `#!/bin/sh\necho "$@" >> '${called}'\nexit 1\n`);
    chmodSync(npm, 0o755);
    const { PATH } = process.env;
    process.env.PATH = `${folder}${delimiter}${PATH}`;
    const own = language(folder);
    try {
      // A package without types is what it would look for.
      mkdirSync(join(folder, "node_modules", "untyped"), { recursive: true });
      writeFileSync(join(folder, "node_modules", "untyped", "index.js"), "module.exports = 1;");
      const cell = own.cell('import x from "untyped"; x', { declared: ["x"] });
      for (let i = 0; i < 3; i++) await own.check(cell, new AbortController().signal);
      await own.complete("process.", 8);
    } finally {
      process.env.PATH = PATH;
      await own.close();
    }
    assert.equal(existsSync(called), false);
  });

  it("replaces a server that hangs, and does not wait for a third one", async function () {
    if (process.platform !== "linux") return this.skip(); // no other has SIGSTOP and /proc
    const folder = mkdtempSync(join(tmpdir(), "lclab-language-"));
    const own = language(folder, 500);
    const cell = own.cell("1 + ''.nope", { declared: [] });
    const check = () => own.check(cell, new AbortController().signal);
    // As soon as one is there it hangs.
    const children = `/proc/${process.pid}/task/${process.pid}/children`;
    const before = new Set(readFileSync(children, "utf8").split(" "));
    const freeze = setInterval(() => {
      for (const pid of readFileSync(children, "utf8").split(" "))
        if (pid !== "" && !before.has(pid)) process.kill(Number(pid), "SIGSTOP");
    }, 2);
    try {
      const failure = await check().catch((error) => error);
      assert.match(failure.message, /did not answer|has ended/);
      // The same one at once, and no new server.
      assert.equal(await check().catch((error) => error), failure);
    } finally {
      clearInterval(freeze);
      await own.close();
    }
  });
});
