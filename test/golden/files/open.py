"""Opens a file of lclab with Python's safetensors and rebuilds the weights of quantize + prune layers.

    python3 -m venv .venv && .venv/bin/pip install safetensors numpy
    .venv/bin/python test/golden/files/open.py net.safetensors

Prints JSON: every tensor's dtype and shape, and the sum of squares of each rebuilt layer. Only what docs/format.md says is used.
"""

import json
import sys

import numpy as np
from safetensors import safe_open


def take(bits, at, width, count):
    """`count` numbers of `width` bits each, the lowest bit first, from bit `at` on."""
    if width == 0:
        return np.zeros(count, np.int64), at
    end = at + width * count
    numbers = bits[at:end].reshape(count, width).astype(np.int64)
    return (numbers << np.arange(width)).sum(axis=1), end


def positions(bits, width, count):
    found, at, place, full = [], 0, 0, 2**width - 1
    while len(found) < count:
        (symbol,), at = take(bits, at, width, 1)
        place += int(symbol)
        if symbol < full:
            found.append(place)
            place += 1
    return found


def part(spec, counts, tensors, size):
    packed = tensors.get("packed", np.zeros(0, np.uint8))
    bits = np.unpackbits(packed, bitorder="little")
    if spec["kind"] == "quantize":
        width = int(counts[0] - 1).bit_length()
        codes, _ = take(bits, 0, width, size)
        return tensors["codebook"].astype(np.float64)[codes]
    if spec["kind"] == "prune":
        delta = np.zeros(size)
        delta[positions(bits, counts[1], counts[0])] = tensors["values"]
        return delta
    raise SystemExit(f"this script does not read {spec['kind']}")


with safe_open(sys.argv[1], framework="np") as file:
    tensors = {name: file.get_tensor(name) for name in file.keys()}
    description = json.loads(file.metadata()["lc"])

squares = {}
for task in description["tasks"]:
    spec = task["compression"]
    terms = spec["parts"] if spec["kind"] == "sum" else [spec]
    size = sum(rows * cols for rows, cols in task["shapes"])
    delta = np.zeros(size)
    for i, term in enumerate(terms):
        prefix = f"{task['layers'][0]}/{i}."
        own = {n[len(prefix) :]: t for n, t in tensors.items() if n.startswith(prefix)}
        delta += part(term, task["parts"][i]["counts"], own, size)
    squares["+".join(task["layers"])] = float((delta.astype(np.float32).astype(np.float64) ** 2).sum())

shapes = {name: [str(t.dtype), list(t.shape)] for name, t in tensors.items()}
print(json.dumps({"tensors": shapes, "squares": squares}))
