import assert from "node:assert/strict";
import { mkdtemp, readFile, rm, stat } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  binarize,
  type Compression,
  compress,
  defineCompression,
  exportOnnx,
  fixedCodebook,
  float16,
  l0Penalty,
  l1Constraint,
  l1Penalty,
  lowRank,
  perChannel,
  powersOfTwo,
  prune,
  pruneBlocks,
  pruneChannels,
  pruneColumns,
  pruneNM,
  pruneRows,
  quantize,
  rankSelection,
  type Solution,
  ternarize,
  toOnnx,
  uniform,
} from "../../src/index.ts";
import { conv2d, dense, model, network, tanh } from "../../src/net/network.ts";
import { hashedWeights } from "../engine/image-formulas.ts";
import { imageOutputs } from "../engine/image-reference.ts";
import { float64 } from "../engine/reference.ts";
import { inputs, rowsOf } from "../support/inputs.ts";
import { type OnnxRuntime, onnxruntimeWeb, outputsOf } from "../support/onnxruntime.ts";
import { solved } from "../support/solved.ts";

const input = [7, 6, 2] as const;
const description = network({
  name: "small",
  input,
  layers: [
    conv2d("conv", 8, { kernel: [3, 2], stride: [2, 1], padding: "same" }),
    tanh(),
    dense("fc", 6),
    tanh(),
    dense("out", 4),
  ],
});
const net = model(description, hashedWeights(description, 2));

const layers = ["conv", "fc", "out"] as const;

type Any = Compression<never>;

/** Every compression, and how the table says that conv (8 × 12), fc (6 × 192) and out (4 × 6) are stored. */
const cases: readonly (readonly [Compression<unknown> | Any, string, string, string?])[] = [
  [quantize({ levels: 1 }), "codebook of 1", "codebook of 1"],
  [quantize({ levels: 2 }), "codebook of 2", "codebook of 2"],
  [quantize({ levels: 3 }), "codebook of 3", "codebook of 3"],
  [quantize({ levels: 16 }), "codebook of 16", "codebook of 16"],
  [quantize({ levels: 17 }), "codebook of 17", "codebook of 17"],
  [quantize({ levels: 300 }), "codebook of 96", "codebook of 300", "codebook of 24"],
  [binarize(), "codebook of 2", "codebook of 2"],
  [ternarize(), "codebook of 3", "codebook of 3"],
  [uniform({ bits: 2 }), "codebook of 3", "codebook of 3"],
  [fixedCodebook([-0.5, 0, 0.5]), "codebook of 3", "codebook of 3"],
  [powersOfTwo({ smallest: -3 }), "codebook of 9", "codebook of 9"],
  [float16(), "float16", "float16"],
  [prune({ count: 9 }), "9 kept (float32)", "9 kept (float32)"],
  [prune({ count: 0 }), "0 kept (float32)", "0 kept (float32)"],
  [prune({ count: 9, values: float16() }), "9 kept (float16)", "9 kept (float16)"],
  [
    prune({ count: 9, values: quantize({ levels: 3 }) }),
    "9 kept (codebook of 3)",
    "9 kept (codebook of 3)",
  ],
  [prune({ count: 0, values: float16() }), "0 kept (float32)", "0 kept (float32)"],
  [pruneNM({ keep: 1, of: 3 }), "32 kept (float32)", "384 kept (float32)", "8 kept (float32)"],
  [pruneRows({ count: 2 }), "24 kept (float32)", "384 kept (float32)", "12 kept (float32)"],
  [pruneColumns({ count: 2 }), "16 kept (float32)", "12 kept (float32)", "8 kept (float32)"],
  [pruneChannels({ count: 1 }), "48 kept (float32)", "6 kept (float32)", "4 kept (float32)"],
  [
    pruneBlocks({ count: 2, block: [2, 3] }),
    "12 kept (float32)",
    "12 kept (float32)",
    "12 kept (float32)",
  ],
  [lowRank({ rank: 2 }), "factors of rank 2 (float32)", "factors of rank 2 (float32)"],
  [lowRank({ rank: 3, scheme: 2 }), "factors of rank 3 (float32)", "factors of rank 3 (float32)"],
  [
    lowRank({ rank: 3, scheme: 2, factors: float16() }),
    "factors of rank 3 (float16)",
    "factors of rank 3 (float16)",
  ],
  [
    lowRank({ rank: 2, factors: quantize({ levels: 4 }) }),
    "factors of rank 2 (codebook of 4)",
    "factors of rank 2 (codebook of 4)",
  ],
  [perChannel(quantize({ levels: 3 })), "codebook of 3 per row", "codebook of 3 per row"],
  [perChannel(float16()), "float16", "float16"],
  [
    perChannel(prune({ count: 2, values: quantize({ levels: 2 }) })),
    "16 kept (float32)",
    "12 kept (float32)",
    "8 kept (float32)",
  ],
  [
    quantize({ levels: 2 }).plus(prune({ count: 5 })),
    "codebook of 2 + 5 kept (float32)",
    "codebook of 2 + 5 kept (float32)",
  ],
  [
    lowRank({ rank: 1, scheme: 2 }).plus(prune({ count: 5 })),
    "factors of rank 1 (float32) + 5 kept (float32)",
    "factors of rank 1 (float32) + 5 kept (float32)",
  ],
  [
    lowRank({ rank: 1 })
      .plus(perChannel(quantize({ levels: 2 })))
      .plus(prune({ count: 5 })),
    "factors of rank 1 (float32) + codebook of 2 per row + 5 kept (float32)",
    "factors of rank 1 (float32) + codebook of 2 per row + 5 kept (float32)",
  ],
];

/** Penalties, at μ = 1: what they keep follows from the weights. */
const penalties: readonly Any[] = [
  l0Penalty({ alpha: 0.05 }) as Any,
  l1Penalty({ alpha: 0.2 }) as Any,
  l1Constraint({ radius: 3 }) as Any,
  rankSelection({ alpha: 0.01 }) as Any,
  rankSelection({ alpha: 100, dense: false }) as Any,
  rankSelection({ alpha: 1e-9, scheme: 2 }) as Any,
];

describe("ONNX, compression by compression", () => {
  let ort: OnnxRuntime;
  let folder: string;
  before(async () => {
    ort = onnxruntimeWeb();
    folder = await mkdtemp(join(tmpdir(), "lclab-onnx-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** The greatest difference between the file's outputs and those of the solution's network. */
  async function difference(solution: Solution, options = {}): Promise<number> {
    const x = inputs(3, input);
    const { data } = await outputsOf(ort, toOnnx(solution, options), x, [3, ...input]);
    const { outputs } = imageOutputs(description, float64(solution.model.weights), rowsOf(x, 3));
    const wanted = outputs.flatMap((row) => [...row]);
    return Math.max(...Array.from(data, (y, i) => Math.abs(y - (wanted[i] as number))));
  }

  /** How the table says that layers are stored. */
  async function stored(solution: Solution): Promise<unknown[]> {
    const { table } = await exportOnnx(solution, join(folder, "small.onnx"));
    return table.rows.slice(0, 3).map((row) => row[1]);
  }

  for (const [compression, conv, fc, out = fc] of cases) {
    it(compression.name, async () => {
      const solution = solved(compress(net).each(layers, compression as Any));
      assert.deepEqual(await stored(solution), [conv, fc, out]);
      assert.ok((await difference(solution)) < 1e-5);
    });
  }

  for (const compression of penalties) {
    it(compression.name, async () => {
      const solution = solved(compress(net).each(layers, compression), 1);
      for (const how of await stored(solution)) assert.match(how as string, /kept|rank|^float32$/);
      assert.ok((await difference(solution)) < 1e-5);
    });
  }

  it("one codebook and one budget for several layers", async () => {
    const both = quantize({ levels: 2 }).plus(prune({ count: 20, values: float16() }));
    // Not in the order of the network: θ has the weights in that of the plan.
    const solution = solved(compress(net).joint(["out", "conv", "fc"], both));
    const rows = await stored(solution);
    for (const how of rows) assert.match(how as string, /^codebook of 2 \+ \d+ kept \(float16\)$/);
    const kept = rows.map((how) => Number(/(\d+) kept/.exec(how as string)?.[1]));
    assert.equal(
      kept.reduce((a, b) => a + b),
      20,
    );
    assert.ok((await difference(solution)) < 1e-5);
  });

  it("a compression of one's own is written as plain weights, also one whose θ looks like ours", async () => {
    const rounded = defineCompression({
      ...{ name: "rounded", exact: false, elementwise: true, bits: () => 32 },
      cStep: ({ rows, cols, data }) => ({
        rows,
        cols,
        eighths: data.map((x) => Math.round(8 * x)),
      }),
      decompress: ({ rows, cols, eighths }) => ({ rows, cols, data: eighths.map((x) => x / 8) }),
    });
    const twice = defineCompression({
      ...{ name: "twice", exact: false, elementwise: true, bits: () => 32 },
      cStep: (w) => quantize({ levels: 2 }).cStep(w),
      decompress: (theta) => {
        const { rows, cols, data } = quantize({ levels: 2 }).decompress(theta);
        return { rows, cols, data: data.map((x) => 2 * x) };
      },
    });
    const solution = solved(compress(net).layer("conv", rounded).layer("fc", twice));
    assert.deepEqual(await stored(solution), ["float32", "float32", "float32"]);
    assert.ok((await difference(solution)) < 1e-5);
  });

  it("decompress: true writes plain weights", async () => {
    const solution = solved(compress(net).each(layers, quantize({ levels: 2 })));
    assert.ok((await difference(solution, { decompress: true })) < 1e-5);
    assert.deepEqual(toOnnx(solution.model).length, toOnnx(net).length);
    const grown = toOnnx(solution, { decompress: true }).length - toOnnx(solution.model).length;
    assert.equal(grown, ", compressed by lclab, with plain weights".length);
  });

  it("the table counts every byte of the file", async () => {
    const solution = solved(compress(net).layer("fc", quantize({ levels: 16 })));
    const path = join(folder, "counted.onnx");
    const file = await exportOnnx(solution, path);
    const bytes = file.table.rows.map((row) => row[2] as number);
    assert.equal(file.bytes, (await stat(path)).size);
    assert.equal(bytes.at(-1), file.bytes);
    assert.equal(
      bytes.slice(0, -1).reduce((a, b) => a + b),
      file.bytes,
    );
    // Codes of 4 bits, 16 levels, the table of the codes of a byte, and four shapes of int64.
    assert.equal(bytes[1], (6 * 192) / 2 + 64 + 512 + 8 * (1 + 2));
    assert.deepEqual(Buffer.from(toOnnx(solution)), await readFile(path));
  });

  it("with the data's mean the input is pixels", async () => {
    const size = 7 * 6 * 2;
    const mean = Float32Array.from({ length: size }, (_, i) => (i % 5) / 8);
    const pixels = Uint8Array.from({ length: 2 * size }, (_, i) => (i * 37) % 256);
    const x = Float32Array.from(
      pixels,
      (p, i) => Math.fround(p / 255) - (mean[i % size] as number),
    );
    const shape = [2, ...input];
    const one = await outputsOf(ort, toOnnx(net, { mean }), pixels, shape);
    const other = await outputsOf(ort, toOnnx(net), x, shape);
    assert.deepEqual(one, other);
    assert.throws(() => toOnnx(net, { mean: mean.slice(1) }), {
      name: "RangeError",
      message: /^toOnnx: mean must have a number for each of the 7 × 6 × 2 = 84 inputs, got 83\./,
    });
  });

  it("says why a file cannot be written", async () => {
    await assert.rejects(exportOnnx(net, join(folder, "missing", "a.onnx")), {
      name: "LCError",
      code: "LC_DISK",
    });
  });
});
