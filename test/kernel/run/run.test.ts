import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtempSync, readFileSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { highlight } from "../../../kernel/run/highlight.ts";
import { type NotebookCell, parseNotebook } from "../../../kernel/run/notebook.ts";
import { report } from "../../../kernel/run/report.ts";

const main = fileURLToPath(new URL("../../../kernel/main.ts", import.meta.url));
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

const code = (source: string, outputs: NotebookCell["outputs"] = []): NotebookCell => ({
  cell_type: "code",
  source,
  metadata: {},
  outputs,
  execution_count: 1,
});
const markdown = (source: string): NotebookCell => ({
  cell_type: "markdown",
  source,
  metadata: {},
});
const notebook = (cells: NotebookCell[]) => ({
  nbformat: 4,
  nbformat_minor: 5,
  metadata: {},
  cells,
});
const display = (data: Record<string, unknown>): NotebookCell =>
  code("", [{ output_type: "display_data", data, metadata: {} }]);

/** Runs the command line in a fresh folder with the notebook as x.ipynb. */
async function lclab(text: string, args: string[]) {
  const folder = mkdtempSync(join(tmpdir(), "lclab-run-"));
  writeFileSync(join(folder, "x.ipynb"), text);
  const {
    code: exit,
    stdout,
    stderr,
  } = await new Promise<{ code: number; stdout: string; stderr: string }>((resolve) =>
    execFile(
      process.execPath,
      ["--import", tsx, main, ...args],
      { cwd: folder },
      (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr }),
    ),
  );
  return { exit, stdout, stderr, read: (name: string) => readFileSync(join(folder, name), "utf8") };
}

describe("lclab run", () => {
  it("writes a notebook with the outputs, updates applied to the display they name", async () => {
    const source = notebook([
      markdown("# T"),
      code("const handle = display('one');\nconsole.log('a');\nconsole.log('b');"),
      code("handle.update('two');\n1 + 1"),
    ]);
    const { exit, stdout, read } = await lclab(JSON.stringify(source), [
      "run",
      "x.ipynb",
      "-o",
      "y.ipynb",
    ]);
    assert.equal(exit, 0);
    assert.match(stdout, /^cell 2 of 3 \(In \[1\]\) \d+\.\d s {2}const handle/m);
    const { cells } = JSON.parse(read("y.ipynb")) as { cells: NotebookCell[] };
    assert.deepEqual(cells[1].outputs, [
      { output_type: "display_data", data: { "text/plain": "'two'" }, metadata: {} },
      { output_type: "stream", name: "stdout", text: "a\nb\n" },
    ]);
    assert.deepEqual(cells[2].outputs, [
      {
        output_type: "execute_result",
        data: { "text/plain": "2" },
        metadata: {},
        execution_count: 2,
      },
    ]);
  });

  it("stops at the failing cell, names it, exits with 1 and still writes the report", async () => {
    const source = notebook([
      markdown("Text"),
      code("console.log('ran')"),
      code("const o: any = {};\no.x.y"),
      code("3"),
    ]);
    const { exit, stderr, read } = await lclab(JSON.stringify(source), [
      "run",
      "x.ipynb",
      "-o",
      "y.html",
    ]);
    assert.equal(exit, 1);
    assert.match(
      stderr,
      /^lclab run: x\.ipynb stopped at cell 3 of 4 \(In \[2\]\): TypeError: Cannot read/,
    );
    assert.match(stderr, /at Cell \[2\]:2:5\n/);
    const html = read("y.html");
    assert.match(html, /ran\n/);
    assert.match(html, /stopped at cell 3 of 4 \(In \[2\]\)/);
  });

  it("sets parameters with -p, and refuses wrong ones before it runs anything", async () => {
    const text = JSON.stringify(notebook([code("console.log(rate + name)")]));
    const good = ["run", "x.ipynb", "-o", "y.ipynb", "-p", "rate=0.5", "-p", "name=a b"];
    const { exit, read } = await lclab(text, good);
    assert.equal(exit, 0);
    const { cells } = JSON.parse(read("y.ipynb")) as { cells: NotebookCell[] };
    assert.equal(cells[0].source, '// Parameters\nlet rate = 0.5;\nlet name = "a b";');
    assert.deepEqual(cells[1].outputs, [
      { output_type: "stream", name: "stdout", text: "0.5a b\n" },
    ]);
    const bad = await lclab(text, ["run", "x.ipynb", "-o", "y.ipynb", "-p", "rate"]);
    assert.equal(bad.exit, 2);
    assert.match(bad.stderr, /^lclab run: -p must be name=value/);
    const tagged = { ...code("const rate = 0.1;"), metadata: { tags: ["parameters"] } };
    const typo = ["run", "x.ipynb", "-o", "y.ipynb", "-p", "raet=1"];
    const { exit: refused, stderr } = await lclab(JSON.stringify(notebook([tagged])), typo);
    assert.equal(refused, 2);
    assert.match(stderr, /^lclab run: -p must name what .* declares, rate, got "raet"\./);
  });

  it("exits with 2 for a missing file, a file that is no notebook, and a wrong call", async () => {
    const bad = async (text: string, args: string[]) => {
      const { exit, stderr } = await lclab(text, args);
      return `${exit} ${stderr.trim()}`;
    };
    assert.equal(
      await bad("{}", ["run", "none.ipynb", "-o", "y.html"]),
      "2 lclab run: there is no file none.ipynb.",
    );
    assert.match(
      await bad('{"cells": [], "nbformat": 4}', ["run", "x.ipynb", "-o", "none/y.html"]),
      /^2 lclab run: there is no folder .*none to write y.html into. Make it first.$/,
    );
    assert.match(
      await bad("{", ["run", "x.ipynb", "-o", "y.html"]),
      /^2 lclab run: x\.ipynb is not JSON/,
    );
    assert.match(await bad("{}", ["run", "x.ipynb", "-o", "y.html"]), /^2 .* is not a notebook/);
    assert.match(
      await bad("{}", ["run", "x.ipynb", "-o", "y.pdf"]),
      /^2 .* must end in \.html or \.ipynb/,
    );
    assert.match(
      await bad("{}", ["frob"]),
      /^2 lclab: has no command "frob"\. Its commands are kernel, install, uninstall, doctor, run, sweep, inspect, export, card, worker, version\./,
    );
  });
});

describe("report", () => {
  const plotly = "/* plotly </script> */ globalThis.Plotly = {}";
  const page = (cells: NotebookCell[], withPlotly = true) =>
    report(notebook(cells), { title: "x", plotly: withPlotly ? plotly : undefined });

  it("contains plotly.js once if there are figures, and not at all otherwise", () => {
    const figure = display({
      "application/vnd.plotly.v1+json": { data: [{ name: "</script><b>" }], layout: {} },
      "text/plain": "p",
    });
    const html = page([
      { ...figure, source: "a" },
      { ...figure, source: "b" },
    ]);
    assert.equal(html.split("globalThis.Plotly").length, 2);
    assert.equal(html.split("<script").length, html.split("</script>").length);
    assert.ok(html.includes("\\u003c/script>"));
    assert.ok(!page([code("1")]).includes("globalThis.Plotly"));
  });

  it("prefers plotly to html to svg to png to markdown to plain", () => {
    const order: [string, unknown, RegExp][] = [
      ["text/plain", "plain<", /<pre class="plain">plain&lt;/],
      ["text/markdown", "*md*", /<em>md<\/em>/],
      ["image/png", "iVBOR", /src="data:image\/png;base64,iVBOR"/],
      ["image/svg+xml", "<svg/>", /src="data:image\/svg\+xml;base64,/],
      ["text/html", "<i>html</i>", /<i>html<\/i>/],
      ["application/vnd.plotly.v1+json", { data: [] }, /data-figure="figure-1"/],
    ];
    const data: Record<string, unknown> = {};
    for (const [type, value, expected] of order) {
      data[type] = value;
      assert.match(page([{ ...display({ ...data }), source: "x" }]), expected, type);
    }
    assert.match(page([{ ...display(data), source: "x" }], false), /<i>html<\/i>/);
  });

  it("escapes code, streams, errors and the title, and needs no network", () => {
    const html = report(
      notebook([
        code("a < b && '</script>'", [
          { output_type: "stream", name: "stdout", text: "\u001b[31m<red>\u001b[0m 10%\r100%\n" },
          { output_type: "error", ename: "E", evalue: "", traceback: ["<E>"] },
        ]),
      ]),
      { title: "<title>" },
    );
    assert.ok(!/<red>|<E>|<title><title>|10%\r/.test(html));
    assert.ok(html.includes("\n100%") || html.includes(">100%"));
    assert.ok(!/(?:src|href)="http/.test(html));
  });

  it("shows every character of the code", () => {
    const source = "const s = `a $\\{1}`; // <c>\n/* d */ let n = 0x1f + 'e\\'f';";
    const text = highlight(source)
      .replace(/<[^>]+>/g, "")
      .replaceAll("&lt;", "<")
      .replaceAll("&gt;", ">")
      .replaceAll("&quot;", '"')
      .replaceAll("&amp;", "&");
    assert.equal(text, source);
  });
});

describe("parseNotebook", () => {
  it("joins lines and drops old outputs", () => {
    const { cells } = parseNotebook(
      JSON.stringify(
        notebook([
          {
            ...code("", [{ output_type: "stream", name: "stdout", text: "" }]),
            source: ["a\n", "b"] as never,
          },
        ]),
      ),
    );
    assert.equal(cells[0].source, "a\nb");
    assert.deepEqual(cells[0].outputs, []);
  });

  it("refuses other formats", () => {
    assert.throws(() => parseNotebook('{"nbformat": 3, "cells": []}'), /must be 4/);
    assert.throws(
      () => parseNotebook('{"nbformat": 4, "cells": [{}]}'),
      /cell 1 must be code, markdown or raw/,
    );
  });
});
