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


class Coded:
    """The arithmetic decoder of docs/format.md."""

    def __init__(self, data):
        self.data, self.at, self.range = bytes(data), 4, 2**32 - 1
        self.code = int.from_bytes(self.data[:4], "big")
        self.contexts = {}

    def decide(self, p):
        bound = self.range * p >> 16
        bit = int(self.code < bound)
        if bit:
            self.range = bound
        else:
            self.code -= bound
            self.range -= bound
        while self.range < 2**24:
            self.range *= 256
            self.code = self.code * 256 + self.data[self.at]
            self.at += 1
        return bit

    def chance(self, context):
        c, n = self.contexts.get(context, (2**21, 0))
        bit = self.decide(max(1, c >> 6))
        step = 2 * ((2**22 - 1 if bit else 0) - c)
        c += step // (2 * n + 3) if step > 0 else -(-step // (2 * n + 3))
        self.contexts[context] = (c, min(n + 1, 1023))
        return bit

    def plain(self, width):
        value = 0
        for _ in range(width):
            value = 2 * value + self.decide(2**15)
        return value

    def tree(self, context, width):
        node = 1
        for _ in range(width):
            node = 2 * node + self.chance((context, node))
        return node - 2**width

    def numbers(self, name, count):
        found = []
        for _ in range(count):
            sign = self.chance((name, "sign"))
            exponent = self.tree((name, "exponent"), 8)
            first = self.tree((name, exponent), 3)
            found.append(sign << 31 | exponent << 23 | first << 20 | self.plain(20))
        return np.array(found, np.uint32).view(np.float32)

    def codes(self, size, shapes):
        width = (size - 1).bit_length()
        found = []
        if width == 0:
            return np.zeros(sum(r * c for r, c in shapes), np.int64)
        upper = min(width, 8)
        quo = lambda a, b: a // b if a >= 0 else -(-a // b)
        for layer, (rows, cols) in enumerate(shapes):
            spread = [2**15] * cols
            for _ in range(rows):
                d = r = 2**15
                for j in range(cols):
                    context = min(31, 32 * ((3 * spread[j] + d) // 4) >> 16)
                    if width <= 4:
                        context = 8 * context + min(7, 8 * r >> 16)
                    code = self.tree(("codes", width, layer, context), upper)
                    code = code << width - upper | self.plain(width - upper)
                    found.append(code)
                    x = code * 2**16 // (size - 1)
                    y = abs(2 * x - 2**16)
                    spread[j] += quo(y - spread[j], 64)
                    d += quo(y - d, 16)
                    r += quo(x - r, 16)
        return np.array(found)

    def positions(self, shapes):
        found, base = [], 0
        for layer, (rows, cols) in enumerate(shapes):
            column, above, k, t = [0] * cols, [0] * cols, 0, 0
            for v in range(rows):
                z = left = 0
                for j in range(cols):
                    g = (2 * k + 1) * 2**16 // (2 * t + 64) + 1
                    beside = (column[j - 1] if j else 0) + (column[j + 1] if j + 1 < cols else 0)
                    # What is right of j in this row has not been counted, what is left of it has.
                    a = ((2 * column[j] + beside) * 2**16 + 32 * g) // (4 * v + 32)
                    x = a * ((z * 2**16 + 64 * g) // (j + 64)) // g
                    h = x.bit_length() - 1
                    q = 0 if x < 2 else 33 if x >= 2**17 else 2 * h + (x >> h - 1 & 1) - 1
                    left = self.chance(("positions", layer, 4 * q + 2 * above[j] + left))
                    above[j] = left
                    column[j] += left
                    z, k, t = z + left, k + left, t + 1
                    if left:
                        found.append(base + v * cols + j)
            base += rows * cols
        return found


def coded_part(spec, counts, data, shapes):
    coder = Coded(data)
    if spec["kind"] == "quantize":
        codebook = coder.numbers("codebook", counts[0])
        delta = codebook.astype(np.float64)[coder.codes(counts[0], shapes)]
    elif spec["kind"] == "prune":
        delta = np.zeros(sum(r * c for r, c in shapes))
        places = coder.positions(shapes) if counts[0] else []
        delta[places] = coder.numbers("values", counts[0])
    else:
        raise SystemExit(f"this script does not read {spec['kind']}")
    assert coder.at == len(coder.data)
    return delta


def part(spec, counts, tensors, size, shapes):
    if "coded" in tensors:
        return coded_part(spec, counts, tensors["coded"], shapes)
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
        delta += part(term, task["parts"][i]["counts"], own, size, task["shapes"])
    squares["+".join(task["layers"])] = float((delta.astype(np.float32).astype(np.float64) ** 2).sum())

shapes = {name: [str(t.dtype), list(t.shape)] for name, t in tensors.items()}
print(json.dumps({"tensors": shapes, "squares": squares}))
