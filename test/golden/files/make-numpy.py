"""Writes numpy.json: .npz files of NumPy, in base64, with what is in them. python3 make-numpy.py > numpy.json"""

import base64
import io
import json

import numpy as np

counting = np.arange(24).reshape(2, 3, 4)
arrays = {
    "float16": np.array([1.5, -2.0, 6e-8, np.inf, -np.inf, 65504.0], "<f2"),
    "float32": np.array([[0.1, -3.0, 1e-40]], "<f4"),
    "float64": np.array(np.pi),
    "fortran": np.asfortranarray(counting.astype("<f4")),
    "big": counting.astype(">f8"),
    "both": np.asfortranarray(counting.astype(">i2")),
    "int8": np.array([-128, 127], "i1"),
    "int32": np.array([-(2**31), 2**31 - 1], "<i4"),
    "int64": np.array([-(2**63), 2**63 - 1], "<i8"),
    "uint8": np.array([0, 255], "u1"),
    "uint16": np.array([0, 65535], "<u2"),
    "uint32": np.array([0, 2**32 - 1], "<u4"),
    "uint64": np.array([0, 2**64 - 1], "<u8"),
    "bool": np.array([True, False]),
    "empty": np.zeros((0, 3), "<f4"),
}


def packed(save, **content):
    file = io.BytesIO()
    save(file, **content)
    return base64.b64encode(file.getvalue()).decode()


def shown(a):
    # As text: JSON has no infinity, and not all whole numbers.
    return {"shape": list(a.shape), "values": [repr(x) for x in a.ravel().tolist()]}


print(
    json.dumps(
        {
            "arrays": {name: shown(a) for name, a in arrays.items()},
            "savez": packed(np.savez, **arrays),
            "savez_compressed": packed(np.savez_compressed, **arrays),
            "objects": packed(np.savez, a=np.array([{"b": 1}], object)),
            "complex": packed(np.savez, a=np.array([1j])),
            "text": packed(np.savez, a=np.array(["a"])),
            "records": packed(np.savez, a=np.zeros(2, [("x", "<f4"), ("y", "<i4")])),
        },
        indent=1,
    )
)
