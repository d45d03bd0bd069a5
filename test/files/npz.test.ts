import assert from "node:assert/strict";
import { execFile, execFileSync, spawnSync } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { crc32 } from "node:zlib";
import { writeNpy } from "../../src/files/npy.ts";
import { readZip, writeZip } from "../../src/files/zip.ts";
import {
  batchNorm,
  compress,
  conv2d,
  dense,
  float16,
  fromNpz,
  isLCError,
  loadNpz,
  lowRank,
  model,
  network,
  perChannel,
  prune,
  quantize,
  relu,
  saveNpz,
  weightsOf,
} from "../../src/index.ts";
import { hashedWeights } from "../engine/image-formulas.ts";
import { solved } from "../support/solved.ts";

interface Golden {
  readonly arrays: Record<string, { readonly shape: number[]; readonly values: string[] }>;
  readonly [file: string]: unknown;
}

/** A Python that has numpy: $LCLAB_PYTHON, or python3. */
const python = process.env.LCLAB_PYTHON ?? "python3";
const script = "test/golden/files/npz.py";

const net = network({
  name: "saved",
  input: [6, 5, 3],
  layers: [
    conv2d("c1", 4, { kernel: [3, 2], padding: "same" }),
    batchNorm("bn"),
    conv2d("c2", 6, { kernel: [3, 2] }),
    relu(),
    conv2d("c3", 5, { kernel: [2, 2], bias: false }),
    { kind: "flatten" },
    batchNorm("flat"),
    dense("fc1", 8),
    relu(),
    dense("fc2", 7),
    dense("fc3", 7),
    dense("out", 4),
  ],
});
const start = model(net, hashedWeights(net, 4));
const inside = float16();
const solution = solved(
  compress(start)
    .layer("c1", quantize({ levels: 3 }).plus(prune({ count: 7 })))
    .layer("c2", lowRank({ rank: 2, scheme: 2, factors: quantize({ levels: 4 }) }))
    .layer("c3", lowRank({ rank: 2 }).plus(prune({ count: 5, values: inside }), { starts: 1 }))
    .layer("fc1", perChannel(quantize({ levels: 2 })))
    .joint(["fc2", "fc3"], prune({ count: 20 }))
    .layer("out", inside),
);

describe(".npz files", () => {
  let folder: string;
  let golden: Golden;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-npz-"));
    golden = JSON.parse(await readFile("test/golden/files/numpy.json", "utf8"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  /** The path of a file with these bytes. */
  async function fileOf(bytes: Uint8Array): Promise<string> {
    const path = join(folder, "given.npz");
    await writeFile(path, bytes);
    return path;
  }
  const bytesOf = (name: string) => Buffer.from(golden[name] as string, "base64");
  const refused = async (bytes: Uint8Array, message: RegExp, options = {}) =>
    assert.rejects(
      loadNpz(await fileOf(bytes), options),
      (error: Error) => isLCError(error, "LC_FILE") && message.test(error.message),
      String(message),
    );

  for (const name of ["savez", "savez_compressed"]) {
    it(`reads every type and order that np.${name} writes`, async () => {
      const arrays = await loadNpz(await fileOf(bytesOf(name)));
      assert.deepEqual(Object.keys(arrays), Object.keys(golden.arrays));
      for (const [key, { shape, values }] of Object.entries(golden.arrays)) {
        const { shape: got, data, dtype } = arrays[key] as (typeof arrays)[string];
        assert.deepEqual(got, shape, key);
        const inPython: Record<string, string> = {
          inf: "Infinity",
          "-inf": "-Infinity",
          True: "1",
          False: "0",
        };
        const numbers = values.map((text) => inPython[text] ?? text);
        // float16 has 6e-8 as 2⁻²⁴.
        const wanted = numbers.map((text) =>
          dtype.endsWith("64") && dtype !== "float64" ? BigInt(text) : Number(text),
        );
        assert.deepEqual([...data], wanted, key);
      }
    });
  }

  for (const compressed of [false, true]) {
    it(`saveNpz and loadNpz: the same arrays, ${compressed ? "deflated" : "stored"}`, async () => {
      const path = join(folder, "net.npz");
      const file = await saveNpz(solution, path, { compressed, weights: start.weights });
      const arrays = await loadNpz(path);
      assert.equal(file.bytes, (await readFile(path)).length);
      const rows = file.table.rows.slice(0, -1).map(([name, type, shape]) => [name, type, shape]);
      assert.deepEqual(
        rows,
        Object.entries(arrays).map(([name, { dtype, shape }]) => [name, dtype, shape.join(" × ")]),
      );
      const { "c1.delta": delta, "c1.w": w } = arrays;
      const c1 = weightsOf(solution.model, "c1").data;
      // [filter 2, channel 1, row 2, column 0] is PyTorch's; here channels are last.
      assert.equal(delta?.data[((2 * 3 + 1) * 3 + 2) * 2], c1[2 * 18 + (2 * 2 + 0) * 3 + 1]);
      assert.equal(w?.data[0], start.weights["c1.w"]?.[0]);
      // Without weights to save there is no w.
      await saveNpz(solution, path, { compressed });
      assert.equal("c1.w" in (await loadNpz(path)), false);
    });
  }

  it("fromNpz gives back the weights, and those of a run are its w", async () => {
    const path = join(folder, "net.npz");
    const weights = hashedWeights(net, 5);
    await saveNpz({ ...solution, state: { weights } }, path);
    await assert.rejects(
      saveNpz(solution, path, { weights: { "c1.w": new Float32Array(7) } }),
      (error: Error) =>
        error instanceof RangeError &&
        /weights\["c1\.w"\] must have 72 numbers, got 7/.test(error.message),
    );
    const names = (key: string) => (key.endsWith(".w") ? key.replace(/w$/, "delta") : undefined);
    assert.deepEqual(await fromNpz(net, path, { names }), solution.model.weights);
    const w = await fromNpz(net, path);
    for (const name of net.names) assert.deepEqual(w[`${name}.w`], weights[`${name}.w`]);
  });

  it("fromNpz takes PyTorch's names, and says what does not fit", async () => {
    const small = network({
      name: "small",
      input: [3],
      layers: [dense("fc", 2), batchNorm("bn"), dense("out", 1, { bias: false })],
    });
    const ones = (dtype: "float32" | "float64" | "int32", ...shape: number[]) => {
      const size = shape.reduce((product, n) => product * n, 1);
      const type = { float32: Float32Array, float64: Float64Array, int32: Int32Array }[dtype];
      return writeNpy(dtype, shape, new type(size).fill(1));
    };
    const vectors = ["fc.bias", "bn.weight", "bn.bias", "bn.running_mean", "bn.running_var"];
    const files = new Map([
      ["fc.weight.npy", ones("float64", 2, 3)],
      ...vectors.map((name) => [`${name}.npy`, ones("float32", 2)] as const),
      ["out.weight.npy", ones("float32", 1, 2)],
      ["bn.num_batches_tracked.npy", ones("int32")],
    ]);
    const path = await fileOf(await writeZip(files, false));
    const weights = await fromNpz(small, path);
    assert.deepEqual(
      Object.keys(weights),
      small.parameters.map(({ key }) => key),
    );
    model(small, weights);
    files.set("fc.weight.npy", ones("float32", 3, 2));
    files.set("bn.weight.npy", ones("int32", 2));
    files.set("bn.bias.npy", writeNpy("int64", [2], new BigInt64Array(2)));
    files.delete("out.weight.npy");
    await fileOf(await writeZip(files, false));
    await assert.rejects(fromNpz(small, path), (error: Error) => {
      assert.ok(error instanceof RangeError);
      assert.match(
        error.message,
        /has "fc.weight" is \(3, 2\), not \(2, 3\); "bn.weight" is int32, not float16, float32 or float64; "bn.bias" is int64, not float16, float32 or float64; no "out.w" or "out.weight" \(1, 2\)\. .*the file has fc.weight, fc.bias,/,
      );
      return true;
    });
  });

  it("names arrays that are no numbers, and never reads a pickle", async () => {
    await refused(bytesOf("objects"), /array "a": .*objects, which is a pickle.*np\.savez\(path/);
    await refused(
      bytesOf("complex"),
      /array "a": its type "'<c16'" is not read; .*astype\(np\.float32\)/,
    );
    await refused(bytesOf("text"), /its type "'<U1'" is not read/);
    await refused(bytesOf("records"), /its type "\[\('x', '<f4'\).* is not read/);
  });

  it("refuses what is cut off, changed, or of another kind", async () => {
    const whole = bytesOf("savez_compressed");
    await refused(
      whole.subarray(0, -30),
      /given\.npz: it is cut off: the directory at its end is missing/,
    );
    await refused(Buffer.from("a text"), /it is no \.npz file/);
    await refused(new Uint8Array(), /it is no \.npz file/);
    const unchanged = Object.values(await loadNpz(await fileOf(whole)));
    for (let at = 0; at < whole.length; at += 101) {
      const changed = Uint8Array.from(whole);
      changed[at] = (changed[at] as number) ^ 0x10;
      // Dates, versions and flags mean nothing here; whatever is read is what was written.
      await loadNpz(await fileOf(changed)).then(
        (arrays) => assert.deepEqual(Object.values(arrays), unchanged),
        (error) => assert.ok(isLCError(error, "LC_FILE"), String(error)),
      );
    }
    const one = (name: string, bytes: Uint8Array) => writeZip(new Map([[name, bytes]]), false);
    const array = writeNpy("float32", [2], Float32Array.of(1, 2));
    const header = (text: string) => {
      const latin = Buffer.from(array).toString("latin1");
      const as = (old: string) => text.padEnd(old.length);
      return Buffer.from(latin.replace(/\{.*(?=\n)/, as), "latin1");
    };
    await refused(await one("a.txt", array), /"a\.txt" is no array/);
    await refused(
      await one("a.npy", array.subarray(0, -1)),
      /float32 of shape \(2\) has 8 bytes, and 7 are there/,
    );
    await refused(await one("a.npy", array.subarray(1)), /array "a": it is no \.npy file/);
    await refused(await one("a.npy", header("{'descr': '<f4'}")), /its header is no description/);
    const huge = "{'descr': '<f4', 'fortran_order': False, 'shape': (99999999999999999999,)}";
    await refused(await one("a.npy", header(huge)), /cannot have the shape/);
    const long = Buffer.concat([
      array.subarray(0, 127),
      Buffer.alloc(9900, " "),
      array.subarray(127),
    ]);
    long.writeUInt16LE(long.readUInt16LE(8) + 9900, 8);
    await refused(
      await one("a.npy", long),
      /array "a": its header has 10,018 bytes, and at most 10,000 are read, as by NumPy/,
    );
    const two = new Map([
      ["a.npy", array],
      ["b.npy", array],
    ]);
    const overlapping = Buffer.from(await writeZip(two, false));
    // The second begins where the first does.
    overlapping.writeUInt32LE(0, overlapping.lastIndexOf("PK\x01\x02", undefined, "latin1") + 42);
    await refused(overlapping, /"b\.npy" begins within the file before it/);
  });

  it("refuses bombs before it decompresses them, also if the directory lies", async () => {
    const zeros = writeNpy("uint8", [2 ** 22], new Uint8Array(2 ** 22));
    const bomb = Buffer.from(await writeZip(new Map([["a.npy", zeros]]), true));
    assert.ok(bomb.length < 10_000);
    await refused(
      bomb,
      /its arrays have 4,194,432 bytes, more than maxBytes = 1,000,000\. If the file is to be trusted, write \{ maxBytes: 4194432 \}/,
      { maxBytes: 1e6 },
    );
    const central = bomb.lastIndexOf("PK\x01\x02", undefined, "latin1");
    bomb.writeUInt32LE(1000, central + 24);
    await refused(bomb, /"a\.npy" cannot be decompressed/, { maxBytes: 1e6 });
    await refused(bomb, /bytes, more than maxBytes = 10/, { maxBytes: 10 });
    await assert.rejects(loadNpz(join(folder, "given.npz"), { maxBytes: 0 }), RangeError);
    await assert.rejects(loadNpz(join(folder, "none.npz")), (error) => isLCError(error, "LC_DISK"));
  });

  it("counts float16 as the float32 that it becomes, and takes no more memory than it counts", async () => {
    const halves = (count: number) => writeNpy("float16", [count], new Uint16Array(count));
    const two = await writeZip(
      new Map([
        ["a.npy", halves(1000)],
        ["b.npy", halves(1000)],
      ]),
      true,
    );
    await refused(
      two,
      /array "b": float16 of shape \(1000\) takes 4,000 bytes, and maxBytes leaves 3,999 for it/,
      { maxBytes: 7999 },
    );
    await loadNpz(await fileOf(two), { maxBytes: 8000 });
    const [count, large] = [6, halves(2 ** 22)];
    const files = Array.from({ length: count }, (_, i) => [`a${i}.npy`, large] as const);
    const path = await fileOf(await writeZip(new Map(files), true));
    // In a process of its own, whose memory is its own.
    const script = fileURLToPath(new URL("npz-memory.ts", import.meta.url));
    const options = ["--import", "tsx", "--max-semi-space-size=4", script, path];
    const { stdout } = await promisify(execFile)(process.execPath, options);
    const grown = Number(stdout);
    assert.ok(grown < (16 * count + 64) * 2 ** 20, `memory grew by ${grown} bytes`);
  });

  it("a zip archive holds names and bytes, with the checksums of any zip program", async () => {
    const files = new Map([
      ["Δ.npy", Uint8Array.of(1, 2, 3)],
      ["empty.npy", new Uint8Array()],
    ]);
    for (const compressed of [false, true]) {
      const archive = Buffer.from(await writeZip(files, compressed));
      assert.deepEqual(await readZip(archive, 100, (_, bytes) => bytes), files);
      assert.equal(archive.readUInt32LE(14), crc32(Uint8Array.of(1, 2, 3)));
    }
  });

  it("NumPy opens what saveNpz writes, and Δ(Θ) is what its parts make", async function () {
    const asked = spawnSync(python, ["-c", "import numpy"], { encoding: "utf8" });
    if (asked.status !== 0) {
      console.log(`      skipped: ${python} has no numpy. LCLAB_PYTHON names another.`);
      return this.skip();
    }
    for (const compressed of [false, true]) {
      const path = join(folder, "net.npz");
      await saveNpz(solution, path, { compressed, weights: start.weights });
      const { found, errors } = JSON.parse(
        execFileSync(python, [script, path], { encoding: "utf8" }),
      );
      assert.deepEqual(Object.keys(errors), net.names);
      for (const [layer, error] of Object.entries(errors))
        assert.ok((error as number) <= 1e-7, layer);
      assert.deepEqual(found["c1.delta"], ["float32", [4, 3, 3, 2]]);
      assert.deepEqual(found["c1.0.index"], ["uint8", [4, 3, 3, 2]]);
      assert.deepEqual(found["c1.1.positions"], ["uint32", [7]]);
      assert.deepEqual(found["c2.0.u.index"], ["uint8", [18, 2]]);
      assert.deepEqual(found["c3.1.values"], ["float16", [5]]);
      assert.deepEqual(found["fc1.0.codebook"], ["float32", [8, 2]]);
      assert.deepEqual(found["out.0.values"], ["float16", [4, 7]]);
      assert.deepEqual(found["bn.mean"], ["float32", [4]]);
    }
  });
});
