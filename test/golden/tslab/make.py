"""Runs notebook.ipynb in tslab's own kernel, from node_modules, and writes what each code cell showed to outputs.json.

    .venv/bin/python test/golden/tslab/make.py

The environment is the one that `npm test` makes.
"""

import json
import tempfile
from pathlib import Path

import nbformat
from jupyter_client import AsyncKernelManager
from jupyter_client.kernelspec import KernelSpecManager
from nbclient import NotebookClient

folder = Path(__file__).resolve().parent
package = folder.parents[2] / "node_modules" / "tslab"


class Manager(AsyncKernelManager):
    """Starts the kernel without a kernel spec in anybody's Jupyter."""

    def __init__(self, **options):
        specs = Path(tempfile.mkdtemp())
        (specs / "tslab").mkdir()
        program = ["node", str(package / "bin" / "tslab"), "kernel", "--config-path", "{connection_file}"]
        spec = {"argv": program, "display_name": "TypeScript", "language": "typescript"}
        (specs / "tslab" / "kernel.json").write_text(json.dumps(spec))
        super().__init__(kernel_spec_manager=KernelSpecManager(kernel_dirs=[str(specs)]), **options)


def shown(output):
    if output.output_type == "stream":
        return {"stream": output.name, "text": output.text}
    return {"data": output.data}


notebook = nbformat.read(folder / "notebook.ipynb", 4)
client = NotebookClient(
    notebook,
    kernel_name="tslab",
    kernel_manager_class=Manager,
    resources={"metadata": {"path": str(folder)}},
)
client.execute()
result = {
    "tslab": json.loads((package / "package.json").read_text())["version"],
    "cells": [
        [shown(output) for output in cell.outputs] for cell in notebook.cells if cell.cell_type == "code"
    ],
}
(folder / "outputs.json").write_text(json.dumps(result, indent=1, ensure_ascii=False) + "\n")
