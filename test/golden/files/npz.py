"""Opens what saveNpz wrote: prints types and shapes, and how far the parts of a layer are from its Δ(Θ). python3 npz.py FILE"""

import json
import sys

import numpy as np


def numbers(arrays, name, index):
    """Numbers of θ: as they are, or with a codebook."""
    if name and name in arrays:
        return arrays[name].astype(np.float32)
    prefix = name + "." if name else ""
    codes, book = arrays[prefix + index], arrays[prefix + "codebook"]
    if book.ndim == 1:
        return book[codes]
    rows = codes.reshape(book.shape[0], -1).astype(np.int64)
    return np.take_along_axis(book, rows, 1).reshape(codes.shape)


with np.load(sys.argv[1]) as file:
    arrays = {name: file[name] for name in file.files}
found = {name: [str(a.dtype), list(a.shape)] for name, a in arrays.items()}
errors = {}
for key in arrays:
    if not key.endswith(".delta"):
        continue
    layer, delta = key[:-6], arrays[key]
    total = np.zeros(delta.size)
    for i in range(9):
        prefix = f"{layer}.{i}."
        part = {n[len(prefix) :]: a for n, a in arrays.items() if n.startswith(prefix)}
        if "positions" in part:
            assert (np.diff(part["positions"].astype(np.int64)) > 0).all()
            total[part["positions"]] += numbers(part, "values", "index")
        elif "u" in part or "u.index" in part:
            u, v = numbers(part, "u", "index"), numbers(part, "v", "index")
            product = u.astype(np.float64) @ v.astype(np.float64)
            if delta.ndim == 4 and u.shape[0] != delta.shape[0]:
                # Scheme 2: (outputs, height) × (channels, width).
                outputs, channels, height, width = delta.shape
                product = product.reshape(outputs, height, channels, width).transpose(0, 2, 1, 3)
            total += product.ravel()
        elif "values" in part:
            total += part["values"].ravel()
        elif "index" in part:
            total += numbers(part, "", "index").ravel()
    errors[layer] = float(abs(total.astype(np.float32) - delta.ravel()).max())
print(json.dumps({"found": found, "errors": errors}))
