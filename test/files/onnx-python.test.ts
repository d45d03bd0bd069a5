import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { promisify } from "node:util";
import {
  compress,
  exportOnnx,
  float16,
  lowRank,
  perChannel,
  prune,
  quantize,
} from "../../src/index.ts";
import { model } from "../../src/net/network.ts";
import { resnet } from "../../src/net/zoo.ts";
import { hashedWeights } from "../engine/image-formulas.ts";
import { imageOutputs } from "../engine/image-reference.ts";
import { float64 } from "../engine/reference.ts";
import { inputs, rowsOf } from "../support/inputs.ts";
import { solved } from "../support/solved.ts";

const run = promisify(execFile);
const { LCLAB_PYTHON: python = "python3" } = process.env;

describe("ONNX files in Python", () => {
  let folder: string;
  before(async function () {
    try {
      await run(python, ["-c", "import numpy, onnx, onnxruntime"]);
    } catch (error) {
      const why = (error as { stderr?: string; message: string }).stderr?.trim().split("\n").at(-1);
      console.log(
        `      skipped: ${python} has no onnx (${why || (error as Error).message}). Write pip install onnx onnxruntime numpy, and LCLAB_PYTHON=PATH for another Python.`,
      );
      return this.skip();
    }
    folder = await mkdtemp(join(tmpdir(), "lclab-onnx-"));
  });
  after(async () => {
    if (folder) await rm(folder, { recursive: true, force: true });
  });

  it("pass onnx.checker and give our outputs in onnxruntime", async () => {
    const { network } = resnet({ depth: 20 });
    const net = model(network, hashedWeights(network, 7));
    // Names of layers are not known to the compiler here.
    const names = network.names as readonly never[];
    const plan = compress(net)
      .each(names.slice(0, 6), quantize({ levels: 5 }).plus(prune({ keep: 0.02 })))
      .each(names.slice(6, 9), lowRank({ rank: 3 }))
      .each(names.slice(9, 12), lowRank({ rank: 3, scheme: 2, factors: float16() }))
      .each(names.slice(12, 15), perChannel(quantize({ levels: 40 })));
    const solution = solved(plan);
    const x = inputs(2, network.input);
    const { outputs } = imageOutputs(network, float64(solution.model.weights), rowsOf(x, 2));
    const example = { input: [...x], output: outputs.flatMap((row) => [...row]) };
    await writeFile(join(folder, "example.json"), JSON.stringify(example));
    const files = [join(folder, "compressed.onnx"), join(folder, "plain.onnx")] as const;
    await exportOnnx(solution, files[0]);
    await exportOnnx(solution, files[1], { decompress: true });
    const script = "scripts/check-onnx.py";
    const { stdout } = await run(python, [
      ...[script, ...files, "--example", join(folder, "example.json")],
    ]);
    const lines = stdout.trim().split("\n");
    assert.match(lines[0] as string, /IR 8, opset 17, input \['N', 32, 32, 3\].*Gather.*: ok$/);
    assert.match(lines[1] as string, /: ok$/);
    // The script can find something wrong.
    await writeFile(
      join(folder, "wrong.json"),
      JSON.stringify({ ...example, output: [9, ...example.output.slice(1)] }),
    );
    const wrong = [script, files[1], "--example", join(folder, "wrong.json")];
    await assert.rejects(
      run(python, wrong),
      ({ code, stdout }) => code === 1 && / off$/m.test(stdout),
    );
  });
});
