import assert from "node:assert/strict";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { executeNotebook } from "../../kernel/run/execute.ts";
import { type NotebookOutput, parseNotebook } from "../../kernel/run/notebook.ts";
import { typescriptInterpreter } from "../../kernel/typescript/interpreter.ts";
import { type KernelClient, startKernel } from "../support/kernel-client.ts";

const golden = fileURLToPath(new URL("../golden/tslab/", import.meta.url));

/** An output as the golden file has it. tslab prints the value of a cell; ours is text/plain of a result. */
function shown(output: NotebookOutput): object {
  switch (output.output_type) {
    case "stream":
      return { stream: output.name, text: output.text };
    case "execute_result":
      return { stream: "stdout", text: `${output.data["text/plain"]}\n` };
    case "display_data":
      return { data: output.data };
    case "error":
      return { error: output.traceback.join("\n") };
  }
}

type Shown = { stream?: string; text?: string };

/** Streams of one name that follow each other are one, as a front end shows them. */
function joined(outputs: readonly Shown[]): Shown[] {
  const result: Shown[] = [];
  for (const output of outputs) {
    const last = result.at(-1);
    if (last?.stream !== undefined && last.stream === output.stream)
      result.splice(-1, 1, { ...last, text: `${last.text}${output.text}` });
    else result.push(output);
  }
  return result;
}

describe("a notebook written for tslab", () => {
  it("shows in our kernel what it shows in tslab 1.0.22", async () => {
    const { tslab, cells } = JSON.parse(readFileSync(join(golden, "outputs.json"), "utf8"));
    assert.equal(tslab, "1.0.22");
    const notebook = parseNotebook(readFileSync(join(golden, "notebook.ipynb"), "utf8"));
    const folder = process.cwd();
    process.chdir(golden); // where its local module and the files that it reads are
    const interpreter = typescriptInterpreter();
    try {
      const stop = await executeNotebook(notebook, interpreter, () => {});
      assert.equal(stop?.failure.traceback.join("\n"), undefined);
    } finally {
      await interpreter.close();
      process.chdir(folder);
    }
    const code = notebook.cells.filter(({ cell_type }) => cell_type === "code");
    assert.equal(code.length, cells.length);
    code.forEach(({ source, outputs = [] }, i) => {
      assert.deepEqual(joined(outputs.map(shown)), joined(cells[i]), source);
    });
  });
});

describe("the module tslab of our kernel", () => {
  let kernel: KernelClient;
  const folder = mkdtempSync(join(tmpdir(), "lclab-tslab-"));
  before(async () => {
    kernel = await startKernel(folder);
  });
  after(() => kernel.shutdown());
  const shownBy = async (code: string) =>
    (await kernel.execute(code)).published
      .filter(({ header }) => /display_data|execute_result|error|stream/.test(header.msg_type))
      .map(
        ({ header, content }) => ({ type: header.msg_type, ...content }) as Record<string, unknown>,
      );

  it("has every name that tslab exports, and every method of its Display", async () => {
    const text = readFileSync(
      createRequire(import.meta.url).resolve("tslab/dist/public.d.ts"),
      "utf8",
    );
    const exported = [...text.matchAll(/^export declare (?:const|function) (\w+)/gm)].map(
      (m) => m[1],
    );
    const methods = [...text.matchAll(/^ {4}(\w+)\(/gm)].map((m) => m[1]);
    assert.deepEqual(exported, ["versions", "newDisplay", "display"]);
    assert.equal(methods.length, 11);
    const code = `import * as tslab from "tslab";
      const displays = [tslab.display, tslab.newDisplay()];
      console.log(JSON.stringify([
        ${JSON.stringify(exported)}.filter((name) => !(name in tslab)),
        ...displays.map((d) => ${JSON.stringify(methods)}.filter((name) => typeof d[name] !== "function")),
        Object.keys(tslab.versions),
      ]))`;
    const [{ text: missing }] = await shownBy(code);
    assert.deepEqual(JSON.parse(String(missing)), [[], [], [], ["tslab", "typescript", "node"]]);
  });

  it("is one module for import, require and local files", async () => {
    writeFileSync(join(folder, "local.ts"), 'export { display, versions } from "tslab";\n');
    const code = `import tslab, { display } from "tslab";
      import * as local from "./local.ts";
      console.log(require("tslab").display === display, tslab.display === display, local.display === display, local.versions.tslab)`;
    assert.deepEqual(
      (await shownBy(code)).map(({ text }) => text),
      ["true true true 1.0.22\n"],
    );
  });

  it("newDisplay shows once and then replaces, each display its own", async () => {
    const shown = await shownBy(
      "const [a, b] = [tslab.newDisplay(), tslab.newDisplay()];\na.text('1'); b.text('2'); a.html('3'); b.html('4');",
    );
    const ids = shown.map(({ transient }) => (transient as { display_id: string }).display_id);
    assert.deepEqual(
      shown.map(({ type, data }) => [type, data]),
      [
        ["display_data", { "text/plain": "1" }],
        ["display_data", { "text/plain": "2" }],
        ["update_display_data", { "text/html": "3" }],
        ["update_display_data", { "text/html": "4" }],
      ],
    );
    assert.ok(ids[0] === ids[2] && ids[1] === ids[3] && ids[0] !== ids[1]);
  });
});
