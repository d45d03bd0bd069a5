/** What a file may ask for, and what no compression could have written. */
import assert from "node:assert/strict";
import { execFileSync } from "node:child_process";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { Compression } from "../../src/compression/contract.ts";
import { decodeFile, decoding, encodeFile, encoding } from "../../src/files/file.ts";
import { PackedSink } from "../../src/files/streams.ts";
import {
  binarize,
  compress,
  dense,
  isLCError,
  l1Constraint,
  load,
  lowRank,
  model,
  network,
  prune,
  pruneRows,
  quantize,
  rankSelection,
  save,
  toOnnx,
  uniform,
} from "../../src/index.ts";
import { resting } from "../../src/rest.ts";
import { solved } from "../support/solved.ts";
import { file, refusal, withChecksum } from "./mutations.ts";

/** A file of a description and tensors given as JSON; its checksum is right. */
function described(lc: object, tensors = "", data = new Uint8Array()): Uint8Array {
  const metadata = {
    sha256: "0".repeat(64),
    format: "lclab",
    version: "1",
    lc: JSON.stringify(lc),
  };
  return withChecksum(file(`{"__metadata__":${JSON.stringify(metadata)}${tensors}}`, data));
}

/** One dense layer without bias. */
function layer(rows: number, cols: number, compression: object, counts: number[] = [], bits = 0) {
  const layers = [{ kind: "dense", name: "fc", units: rows, bias: false }];
  return {
    network: { name: "one", input: [cols], loss: "squaredError", layers },
    tasks: [{ layers: ["fc"], shapes: [[rows, cols]], compression, parts: [{ counts, bits }] }],
  };
}

const zero = { kind: "fixedCodebook", values: [0] };

/** A network of `count` layers of one weight. */
function chain(count: number, name = (i: number) => `l${i}`) {
  const layers = Array.from({ length: count }, (_, i) => dense(name(i), 1, { bias: false }));
  const net = network({ name: "chain", input: [1], layers });
  const weights = Object.fromEntries(
    net.parameters.map(({ key }, i) => [key, Float32Array.of((i % 5) - 2)]),
  );
  return model(net, weights);
}

describe("what reading a file may take", () => {
  it("counts compressions within compressions as often as they are there", () => {
    const parts = Array.from({ length: 300 }, () => zero);
    const of = { kind: "sum", parts };
    const bytes = described(layer(200, 1000, { kind: "perChannel", of }));
    assert.ok(bytes.length < 20_000);
    // θ and Δ of 300 terms, 16 bytes a weight, and the objects of each row.
    assert.match(refusal(bytes, 2 ** 29), /takes 1,\d{3},\d{3},\d{3} bytes of memory, more than/);
  });

  it("counts an object for each row, though its weights take no bit", () => {
    const bytes = described(layer(600_000, 1, { kind: "perChannel", of: zero }));
    assert.match(refusal(bytes, 2 ** 27), /takes \d{3},\d{3},\d{3} bytes of memory, more than/);
  });

  it("grows with the number of tasks, and not with its square", () => {
    const secondsFor = (count: number): number => {
      const layers = Array.from({ length: count }, (_, i) => `l${i}`);
      const compression = { kind: "fixedCodebook", values: [-1, 1] };
      const lc = {
        network: {
          ...{ name: "chain", input: [1], loss: "squaredError" },
          layers: layers.map((name) => ({ kind: "dense", name, units: 1, bias: false })),
        },
        tasks: layers.map((name) => ({
          ...{ layers: [name], shapes: [[1, 1]], compression },
          parts: [{ counts: [], bits: 1 }],
        })),
      };
      const tensors = layers.map(
        (name, i) =>
          `,"${name}/0.packed":{"dtype":"U8","shape":[1],"data_offsets":[${i},${i + 1}]}`,
      );
      const bytes = described(lc, tensors.join(""), new Uint8Array(count).fill(1));
      const before = process.cpuUsage();
      assert.equal(decodeFile(bytes, 2 ** 28).tasks.length, count);
      return process.cpuUsage(before).user / 1e6;
    };
    secondsFor(500);
    const [few, many] = [secondsFor(500), secondsFor(4000)];
    // 8 times as many, which took 36 times as long.
    assert.ok(many < 16 * few, `${few} s for 500, ${many} s for 4000`);
  });

  it("grows with the number of channels when writing, and not with its square", () => {
    const sink = new PackedSink();
    const start = performance.now();
    for (let i = 0; i < 50_000; i++) sink.numbers("levels", Float32Array.of(i));
    const { shape } = sink.finish().tensors.get("levels") ?? assert.fail();
    const taken = performance.now() - start;
    assert.deepEqual(shape, [50_000]);
    assert.ok(taken < 1000, `50,000 channels took ${taken} ms`);
  });
});

describe("a θ that its compression cannot have", () => {
  const w = { rows: 3, cols: 4, data: Float64Array.from({ length: 12 }, (_, i) => i - 5.5) };
  const net = network({ name: "one", input: [4], layers: [dense("fc", 3, { bias: false })] });
  const given = model(net, { "fc.w": new Float32Array(12) });

  /** What the compression is said to be, and the θ that is stored. */
  const lies: readonly [string, Compression<never>, unknown, RegExp][] = [
    ["a negative scale", binarize(), twoLevels(2, -2), /scale of 2 levels must be above 0.*got -2/],
    ["a scale of one level", binarize(), twoLevels(2), /scale of 1 levels must be 0, got 2/],
    ["levels beyond float32", uniform({ bits: 8 }), steps(3e38), /all levels finite/],
    ["more weights than count", prune({ count: 1 }), prune({ count: 2 }).cStep(w), /0 to 1, got 2/],
    ["more weights than keep", prune({ keep: 0.1 }), prune({ count: 3 }).cStep(w), /0 to 2, got 3/],
    ["more rows", pruneRows({ count: 1 }), pruneRows({ count: 2 }).cStep(w), /0 to 1, got 2/],
    [
      "weights in a ball of radius 0",
      l1Constraint({ radius: 0 }),
      prune({ count: 1 }).cStep(w),
      /to 0/,
    ],
    ["levels that descend", quantize({ levels: 2 }), twoLevels(1, 0.5), /ascend, got 0.5 behind 1/],
    ["levels twice", quantize({ levels: 2 }), twoLevels(1, 1), /must ascend/],
    [
      "a dense matrix",
      rankSelection({ alpha: 1, dense: false }),
      rankSelection({ alpha: 100 }).cStep(w, { mu: 1e9 }),
      /dense \(1\) or not \(0\) must be.*0 to 0, got 1/,
    ],
  ] as never;

  function twoLevels(...levels: number[]) {
    const assignments = new Uint8Array(12).map((_, i) => i % levels.length);
    return { rows: 3, cols: 4, levels: Float32Array.from(levels), assignments };
  }
  function steps(scale: number) {
    const levels = Float32Array.from({ length: 255 }, (_, k) => scale * (k - 127));
    return { rows: 3, cols: 4, levels, assignments: new Uint8Array(12) };
  }

  for (const [what, compression, theta, expected] of lies) {
    it(`is refused: ${what}`, () => {
      const tasks = [{ layers: ["fc"], compression: compression as Compression<unknown> }];
      const { bytes } = encodeFile({ model: given, tasks, thetas: { fc: theta } }, false);
      assert.match(refusal(bytes), new RegExp(`^LC_FILE: fc, .*${expected.source}`));
    });
  }

  it("is refused: gaps wider than they need be", () => {
    const tensors =
      ',"fc/0.values":{"dtype":"F32","shape":[1],"data_offsets":[0,4]},"fc/0.packed":{"dtype":"U8","shape":[4],"data_offsets":[4,8]}';
    const data = Uint8Array.of(0, 0, 128, 63, 3, 0, 0, 0);
    const wide = layer(1, 8, { kind: "prune", count: 1 }, [1, 32], 35);
    assert.match(refusal(described(wide, tensors, data)), /gaps must be of 3 bits.*got 32/);
    const [narrow, one] = [
      tensors.replace("[4],", "[1],").replace("8]", "5]"),
      data.subarray(0, 5),
    ];
    const right = layer(1, 8, { kind: "prune", count: 1 }, [1, 3], 35);
    assert.equal(decodeFile(described(right, narrow, one), 2 ** 20).model.weights["fc.w"]?.[3], 1);
  });

  it("is refused: tensors of another shape, or of nothing", () => {
    const { bytes } = encodeFile(solved(compress(given).layer("fc", lowRank({ rank: 2 }))), false);
    const header = new TextDecoder().decode(bytes);
    const data = bytes.slice(bytes.length - 4 * 14);
    const end = header.indexOf("}}", header.indexOf("fc/0.v")) + 2;
    const edited = (from: string, to: string): Uint8Array =>
      withChecksum(file(header.slice(8, end).replace(from, to), data));
    assert.equal(decodeFile(edited("", ""), 2 ** 20).model.network.name, "one");
    assert.match(
      refusal(edited("[3,2]", "[2,3]")),
      /"u" must have the shape \[3, 2\], got \[2, 3\]/,
    );
    assert.match(refusal(edited("[3,2]", "[6]")), /must have the shape/);
    const more = ',"fc/0.more":{"dtype":"U8","shape":[0],"data_offsets":[56,56]}}';
    assert.match(refusal(edited("]}}", `]}${more}`)), /"more" has 0 bytes.*no such tensor/);
  });

  /** Options of layers, and what they must be. */
  const layers: readonly [object, RegExp][] = [
    [{ units: "3" }, /layer 0 \(dense\): units must be a whole number from 1, got "\\"3\\""/],
    [{ bias: "no" }, /bias must be true or false/],
    [{ name: 7 }, /name must be text, got "7"/],
    [{ kind: "conv2d", filters: 3, kernel: 3 }, /kernel must be two whole numbers, got "3"/],
    [{ kind: "maxPool", size: [2, 2], padding: "full" }, /padding must be "same"/],
    [{ kind: "dropout", rate: 1 }, /rate must be a number from 0, below 1/],
    [{ kind: "batchNorm", epsilon: null }, /epsilon must be a number, got "null"/],
    [{ kind: "add" }, /with must be text, got nothing/],
  ];
  for (const [option, expected] of layers) {
    it(`is refused: a layer with ${JSON.stringify(option)}`, () => {
      const lc = layer(3, 4, zero);
      Object.assign(lc.network.layers[0] as object, option);
      assert.match(refusal(described(lc)), expected);
    });
  }
});

describe("load and save", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-limits-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("refuses what is no regular file, and waits for no pipe", async function () {
    if (process.platform === "win32") this.skip();
    const pipe = join(folder, "pipe");
    execFileSync("mkfifo", [pipe]);
    for (const path of [pipe, "/dev/zero", folder]) {
      await assert.rejects(load(path), (error) => {
        assert.ok(isLCError(error, "LC_FILE"), String(error));
        assert.match(error.message, /: it is a (folder|device or a pipe), not a file\.$/);
        return error.message.includes(path);
      });
    }
  });

  it("keeps layers whose names look like those of tensors", async () => {
    const names = ["a", "a/0", "a/0.values", "__metadata__", "__proto__", "1", "0"];
    const net = chain(names.length, (i) => names[i] as string);
    const parts = prune({ count: 1 }).plus(quantize({ levels: 1 }));
    const plan = compress(net).each(["a", "a/0.values", "__metadata__"], parts);
    const solution = solved(plan.joint(["1", "__proto__", "0"], quantize({ levels: 3 })));
    const path = join(folder, "names.safetensors");
    for (const entropy of [false, true]) {
      await save(solution, path, { entropy });
      const back = await load(path);
      assert.deepStrictEqual(back.model.weights, solution.model.weights);
      assert.deepStrictEqual(back.thetas, solution.thetas);
    }
  });

  it("refuses a network whose weights are not what θ stands for", async () => {
    const solution = solved(compress(chain(3)).each(["l0", "l1"], quantize({ levels: 1 })));
    const weights = { ...solution.model.weights, "l1.w": Float32Array.of(0.5) };
    const tuned = { ...solution, model: model(solution.model.network, weights) };
    await assert.rejects(save(tuned, join(folder, "tuned.safetensors")), {
      name: "RangeError",
      message: /^save: layer "l1" .*weight 0 is 0\.5, and Δ\(θ\) has -1\. .*compress it again/,
    });
  });

  it("are in pieces, one for each part, between which other events get their turn", async () => {
    const solution = solved(
      compress(chain(3)).each(["l0", "l1"], prune({ count: 1 }).plus(quantize({ levels: 1 }))),
    );
    let pieces = 0;
    for (const _ of encoding(solution, true)) pieces++;
    assert.equal(pieces, 4);
    const { bytes } = encodeFile(solution, true);
    // After each task its Δ(θ) is made, too.
    for (const _ of decoding(bytes, 2 ** 24)) pieces++;
    assert.equal(pieces, 4 + 6);
    let turns = 0;
    const immediates = setInterval(() => turns++, 1);
    function* slowly(): Generator<void, string> {
      for (let i = 0; i < 3; i++) {
        const start = performance.now();
        while (performance.now() - start < 15);
        yield;
      }
      return "done";
    }
    assert.equal(await resting(slowly()), "done");
    clearInterval(immediates);
    assert.ok(turns >= 2, `${turns} turns`);
  });

  it("a joint θ reaches ONNX compressed, whatever its layers are called", () => {
    const layers = [dense("1", 40), dense("0", 30)] as const;
    const net = network({ name: "numbers", input: [50], layers });
    const weights = Object.fromEntries(
      net.parameters.map(({ key, rows, cols }) => [
        key,
        Float32Array.from({ length: rows * cols }, (_, i) => Math.sin(i * rows)),
      ]),
    );
    const solution = solved(
      compress(model(net, weights)).joint(["1", "0"], quantize({ levels: 2 })),
    );
    const [plain, small] = [toOnnx(solution, { decompress: true }), toOnnx(solution)];
    // 3,200 weights of 4 bytes, and of 1 bit with the table that unpacks them.
    assert.ok(small.length < plain.length - 9000, `${small.length} and ${plain.length} bytes`);
  });
});
