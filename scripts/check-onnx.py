"""Opens ONNX files with Python's onnx and onnxruntime.

    pip install onnx onnxruntime numpy
    python scripts/check-onnx.py model.onnx … [--example example.json]

Runs onnx.checker with shape inference, then the model on three inputs, together and one by one. An example is
{"input": […], "output": […]}, row after row: then the outputs must be these to 1e-5. Prints a line per file and ends
with 1 if something is wrong.
"""

import argparse
import json
import os
import sys

import numpy
import onnx
import onnxruntime


def check(path, example):
    model = onnx.load(path)
    onnx.checker.check_model(model, full_check=True)
    session = onnxruntime.InferenceSession(path, providers=["CPUExecutionProvider"])
    (given,) = session.get_inputs()
    pixels = given.type == "tensor(uint8)"
    if example:
        x = numpy.array(example["input"], numpy.uint8 if pixels else numpy.float32)
        x = x.reshape([-1] + given.shape[1:])
    else:
        random = numpy.random.default_rng(0)
        shape = [3] + given.shape[1:]
        x = random.integers(0, 256, shape, numpy.uint8) if pixels else random.random(shape, numpy.float32) - 0.5
    y = session.run(None, {given.name: x})[0]
    single = numpy.concatenate([session.run(None, {given.name: one[None]})[0] for one in x])
    problems = []
    if not numpy.isfinite(y).all():
        problems.append("outputs are not finite")
    if abs(y - single).max() > 1e-5:
        problems.append("inputs one by one have other outputs")
    if example:
        far = abs(y.ravel() - numpy.array(example["output"])).max()
        if far > 1e-5:
            problems.append(f"outputs are {far} off")
    opset, kinds = model.opset_import[0].version, sorted({node.op_type for node in model.graph.node})
    print(
        f"{path}: {os.path.getsize(path)} bytes, IR {model.ir_version}, opset {opset}, "
        f"{given.name} {given.shape} {given.type}, {len(model.graph.node)} nodes ({', '.join(kinds)}): "
        + ("; ".join(problems) or "ok")
    )
    return not problems


def main():
    parser = argparse.ArgumentParser(description="Opens ONNX files with Python's onnx and onnxruntime.")
    parser.add_argument("files", nargs="+")
    parser.add_argument("--example")
    options = parser.parse_args()
    example = None
    if options.example:
        with open(options.example) as file:
            example = json.load(file)
    sys.exit(0 if all([check(path, example) for path in options.files]) else 1)


if __name__ == "__main__":
    main()
