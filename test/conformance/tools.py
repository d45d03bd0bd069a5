"""papermill, nbconvert and jupytext with notebooks in TypeScript."""

import json
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import nbformat
from nbformat.v4 import new_code_cell, new_markdown_cell, new_notebook

KERNELSPEC = {"name": "lclab", "display_name": "TypeScript (lclab)", "language": "typescript"}


def notebook(*cells):
    made = new_notebook(cells=list(cells))
    made.metadata["kernelspec"] = dict(KERNELSPEC)
    made.metadata["language_info"] = {"name": "typescript", "file_extension": ".ts"}
    return made


class ToolTests(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory()
        self.addCleanup(folder.cleanup)
        self.folder = Path(folder.name)

    def write(self, made, name="in.ipynb"):
        nbformat.write(made, self.folder / name)

    def python(self, *args, ok=True):
        done = subprocess.run(
            [sys.executable, "-m", *args],
            cwd=self.folder,
            capture_output=True,
            text=True,
            timeout=120,
        )
        if ok and done.returncode != 0:
            self.fail(f"{' '.join(args)} ended with {done.returncode}:\n{done.stdout}{done.stderr}")
        return done

    def test_papermill_with_parameters(self):
        self.write(
            notebook(
                new_code_cell(
                    "const rate: number = 0.1; // learning rate\nconst name = 'none';\nlet rest: unknown;",
                    metadata={"tags": ["parameters"]},
                ),
                new_code_cell("console.log(JSON.stringify({ rate, name, rest }))"),
            )
        )
        (self.folder / "parameters.yaml").write_text(
            "rate: 0.25\nname: \"a\\\"b\\\\c\\nd é\"\nrest: {list: [1, -2.5, true, null], \"k y\": {}}\n"
        )
        self.python("papermill", "in.ipynb", "out.ipynb", "-f", "parameters.yaml")
        out = nbformat.read(self.folder / "out.ipynb", as_version=4)
        injected = next(c for c in out.cells if "injected-parameters" in c.metadata.get("tags", []))
        self.assertIn("let rate = 0.25;", injected.source)
        # After the defaults, which it overrides.
        self.assertEqual(out.cells.index(injected), 1)
        self.assertEqual(
            out.cells[-1].outputs[0].text,
            '{"rate":0.25,"name":"a\\"b\\\\c\\nd é","rest":{"list":[1,-2.5,true,null],"k y":{}}}\n',
        )

    def test_papermill_refuses_what_it_cannot_say(self):
        self.write(notebook(new_code_cell("1", metadata={"tags": ["parameters"]})))
        for parameter, message in (("a-b: 1", "a name must be letters"), ("a: 9007199254740993", "BigInt")):
            (self.folder / "parameters.yaml").write_text(parameter)
            done = self.python("papermill", "in.ipynb", "out.ipynb", "-f", "parameters.yaml", ok=False)
            self.assertNotEqual(done.returncode, 0)
            self.assertIn(message, done.stderr)

    def test_papermill_points_at_the_failing_cell(self):
        self.write(notebook(new_code_cell("1 + 1"), new_code_cell("throw new RangeError('too far')")))
        done = self.python("papermill", "in.ipynb", "out.ipynb", ok=False)
        self.assertNotEqual(done.returncode, 0)
        self.assertIn("RangeError: too far", done.stderr)
        out = nbformat.read(self.folder / "out.ipynb", as_version=4)
        self.assertEqual(out.cells[-1].outputs[0].ename, "RangeError")

    def test_papermill_lists_parameters(self):
        self.write(
            notebook(
                new_code_cell("const rate: number = 0.1; // learning rate", metadata={"tags": ["parameters"]})
            )
        )
        done = self.python("papermill", "--help-notebook", "in.ipynb")
        self.assertIn("rate: number (default 0.1)", done.stdout)
        self.assertIn("learning rate", done.stdout)

    def converted(self, *args):
        self.write(
            notebook(
                new_markdown_cell("# Title"),
                new_code_cell("const answer: number = 6 * 7;\nanswer"),
                new_code_cell("display({ 'text/html': '<b>bold</b>' }, { raw: true })"),
            )
        )
        self.python("nbconvert", "--execute", "in.ipynb", *args)

    def test_nbconvert_executes_to_html(self):
        self.converted("--to", "html")
        html = (self.folder / "in.html").read_text()
        self.assertIn("<pre>42</pre>", html)
        self.assertIn("<b>bold</b>", html)
        self.assertNotIn("stderr", html.split("<body")[1])

    def test_nbconvert_executes_to_ts(self):
        self.converted("--to", "script")
        self.assertIn("const answer: number = 6 * 7;\nanswer", (self.folder / "in.ts").read_text())

    def test_jupytext_round_trip(self):
        before = notebook(
            new_markdown_cell("# Title\n\nText"),
            new_code_cell("const a: number = 1;\n\nfunction f() {\n  return a;\n}"),
            new_code_cell("f()", metadata={"tags": ["x"]}),
        )
        self.write(before)
        self.python("jupytext", "--to", "ts:percent", "in.ipynb")
        script = (self.folder / "in.ts").read_text()
        self.assertIn("// %%", script)
        self.assertIn("name: lclab", script)
        self.python("jupytext", "--to", "notebook", "-o", "back.ipynb", "in.ts")
        after = nbformat.read(self.folder / "back.ipynb", as_version=4)
        self.assertEqual(
            [(c.cell_type, c.source, c.metadata.get("tags")) for c in after.cells],
            [(c.cell_type, c.source, c.metadata.get("tags")) for c in before.cells],
        )
        self.assertEqual(after.metadata["kernelspec"], KERNELSPEC)

    @unittest.skipUnless(sys.platform == "linux", "reads /proc")
    def test_a_killed_tool_leaves_no_process(self):
        loop = """import { readFileSync, renameSync, writeFileSync } from "node:fs";
const { pid, ppid } = process;
const others = readFileSync(`/proc/${ppid}/task/${ppid}/children`, "utf8").trim().split(" ").map(Number);
writeFileSync("new", JSON.stringify([...new Set([pid, ppid, ...others])]));
renameSync("new", "pids");
while (true) {}"""
        self.write(notebook(new_code_cell(loop)))
        for tool in (
            ["papermill", "in.ipynb", "out.ipynb"],
            ["nbconvert", "--execute", "--to", "html", "in.ipynb"],
        ):
            with self.subTest(tool=tool[0]):
                running = subprocess.Popen(
                    [sys.executable, "-m", *tool],
                    cwd=self.folder,
                    stdout=subprocess.DEVNULL,
                    stderr=subprocess.DEVNULL,
                )
                self.addCleanup(running.kill)
                pids = self.folder / "pids"
                self.until(lambda: pids.exists() or running.poll() is not None, "the cell runs")
                started = json.loads(pids.read_text())
                # The kernel, its user process and esbuild.
                self.assertGreaterEqual(len(started), 3)
                running.kill()
                running.wait()
                self.until(lambda: not any(map(alive, started)), "all processes are gone")
                pids.unlink()

    def until(self, condition, what):
        for _ in range(3000):
            if condition():
                return
            time.sleep(0.01)
        self.fail(f"30 s passed before {what}")


def alive(pid):
    """False for a process that has ended, whether or not anybody has asked for its status."""
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except (FileNotFoundError, ProcessLookupError):
        return False
