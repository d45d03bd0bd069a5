import assert from "node:assert/strict";
import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseNotebook } from "../../kernel/run/notebook.ts";
import { compile } from "../../kernel/typescript/compile.ts";
import { language } from "../../kernel/typescript/language.ts";

const folder = fileURLToPath(new URL("../../notebooks/", import.meta.url));

describe("the notebooks", () => {
  for (const name of readdirSync(folder).filter((file) => file.endsWith(".ipynb")))
    it(`${name} has no type error`, async () => {
      const types = language(folder);
      const { cells } = parseNotebook(readFileSync(join(folder, name), "utf8"));
      const { signal } = new AbortController();
      for (const { source, cell_type } of cells) {
        if (cell_type !== "code") continue;
        const cell = types.cell(source, await compile(source));
        assert.deepEqual(await types.check(cell, signal), [], source);
        types.ran(cell);
      }
      await types.close();
    });
});
