import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { cardCommand } from "../../src/card/command.ts";
import { exportCommand } from "../../src/files/command.ts";
import { exportFormats } from "../../src/files/formats.ts";
import { readSafetensors } from "../../src/files/safetensors.ts";
import {
  compress,
  digits,
  load,
  loadNpz,
  prune,
  quantize,
  save,
  sgd,
  toOnnx,
} from "../../src/index.ts";
import { dense, model, network } from "../../src/net/network.ts";
import { initialWeights } from "../../src/net/zoo.ts";
import { printed } from "../support/printed.ts";
import { solved } from "../support/solved.ts";

const net = network({ name: "tiny", input: [28, 28, 1], layers: [dense("fc", 10)] });
const plan = compress(model(net, initialWeights(net, 1))).layer(
  "fc",
  quantize({ levels: 2 }).plus(prune({ count: 20 })),
);
const usual = { to: undefined, decompress: false, entropy: false, force: false, json: false };

describe("lclab export", () => {
  let folder: string;
  let path: string;
  const solution = solved(plan);
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-export-"));
    path = join(folder, "tiny.safetensors");
    await save(solution, path);
  });
  after(() => rm(folder, { recursive: true }));

  it("writes the format that the ending says, or --to", async () => {
    const out = join(folder, "a.onnx");
    const { code, text } = await printed(() => exportCommand(path, out, { ...usual, json: true }));
    assert.equal(code, 0);
    assert.deepEqual(JSON.parse(text), {
      ...{ network: "tiny", format: "onnx", path: out, bytes: (await stat(out)).size },
    });
    assert.deepEqual(await readFile(out), Buffer.from(toOnnx(solution)));
    const plain = join(folder, "plain");
    const to = { ...usual, to: "onnx", decompress: true };
    assert.equal((await printed(() => exportCommand(path, plain, to))).code, 0);
    assert.deepEqual(await readFile(plain), Buffer.from(toOnnx(solution, { decompress: true })));
  });

  it("writes safetensors packed, coded, and as plain float32", async () => {
    const out = join(folder, "b.safetensors");
    assert.equal((await printed(() => exportCommand(path, out, usual))).code, 0);
    assert.deepEqual(await readFile(out), await readFile(path));
    const coded = { ...usual, entropy: true, force: true };
    assert.equal((await printed(() => exportCommand(path, out, coded))).code, 0);
    assert.ok((await load(out)).file.parts.some((part) => part.coded));
    const plain = { ...usual, decompress: true, force: true };
    assert.equal((await printed(() => exportCommand(path, out, plain))).code, 0);
    const { tensors } = readSafetensors(await readFile(out));
    assert.deepEqual([...tensors.keys()], ["fc.w", "fc.b"]);
    const { bytes, shape } = tensors.get("fc.w") ?? assert.fail();
    assert.deepEqual(shape, [10, 784]);
    assert.deepEqual(new Float32Array(bytes.slice().buffer), solution.model.weights["fc.w"]);
  });

  it("writes a folder for TensorFlow.js, and NumPy's archive", async () => {
    const dir = join(folder, "web");
    const tfjs = { ...usual, to: "tfjs", json: true };
    const written = await printed(() => exportCommand(path, dir, tfjs));
    assert.equal(written.code, 0);
    assert.match(await readFile(join(dir, "model.json"), "utf8"), /"layers-model"/);
    const out = join(folder, "net.npz");
    assert.equal((await printed(() => exportCommand(path, out, usual))).code, 0);
    assert.deepEqual((await loadNpz(out))["fc.delta"]?.data, solution.model.weights["fc.w"]);
    const refused = await printed(() =>
      exportCommand(path, out, { ...usual, decompress: true, force: true }),
    );
    assert.deepEqual([refused.code, /npz has no --decompress/.test(refused.text)], [2, true]);
  });

  it("replaces nothing without --force, and knows its formats and their options", async () => {
    const before = await readFile(path);
    const cases: readonly [string, object, number, RegExp][] = [
      [path, {}, 1, /tiny\.safetensors is there already\. Write --force/],
      [
        "x.doc",
        {},
        2,
        /--to must be one of safetensors, onnx, tfjs, npz, got the ending of "x\.doc"/,
      ],
      ["x.onnx", { to: "doc" }, 2, /got "doc"/],
      ["x.onnx", { entropy: true }, 2, /onnx has no --entropy; safetensors has it/],
      ["x.safetensors", { entropy: true, decompress: true }, 2, /--decompress or --entropy/],
    ];
    for (const [out, options, code, expected] of cases) {
      const found = await printed(() => exportCommand(path, out, { ...usual, ...options }));
      assert.equal(found.code, code, out);
      assert.match(found.text, expected);
    }
    assert.deepEqual(await readFile(path), before);
    assert.equal(new Set(exportFormats.map(({ name }) => name)).size, exportFormats.length);
  });

  it("takes a run's folder: the network of its last C step", async () => {
    const dir = join(folder, "run");
    const run = await plan.run({
      ...{ data: digits({ trainCount: 200, testCount: 100 }), dir, mu: [1e-3] },
      lStep: sgd({ rate: 0.1, epochs: 1, batch: 100 }),
    });
    const out = join(folder, "run.safetensors");
    assert.equal((await printed(() => exportCommand(dir, out, usual))).code, 0);
    const back = await load(out);
    assert.deepStrictEqual(back.model.weights, run.model.weights);
    assert.deepStrictEqual(back.thetas, run.thetas);
    const arrays = join(folder, "run.npz");
    assert.equal((await printed(() => exportCommand(dir, arrays, usual))).code, 0);
    const found = await loadNpz(arrays);
    assert.deepEqual(found["fc.w"]?.data, run.state?.weights["fc.w"]);
    assert.deepEqual(found["fc.delta"]?.data, run.model.weights["fc.w"]);
    const page = join(folder, "run.html");
    const card = { force: false, results: {} };
    assert.equal((await printed(() => cardCommand(dir, page, card))).code, 0);
    const error = `${run.testError?.toFixed(2)} %`;
    assert.ok((await readFile(page, "utf8")).includes(error), error);
    assert.equal((await printed(() => cardCommand(dir, page, card))).code, 1);
    await assert.rejects(exportCommand(folder, join(folder, "c.onnx"), usual), /no run was kept/);
    const limit = { maxBytes: 1000, force: true };
    for (const command of [
      () => exportCommand(dir, out, { ...usual, ...limit }),
      () => cardCommand(dir, page, { ...card, ...limit }),
    ]) {
      const { code, text } = await printed(command);
      assert.equal(code, 2);
      assert.match(text, /--max-bytes is for files, and .*run is a folder/);
    }
  });

  it("is a command, as is card: 0, 1 for what is there, 2 for a wrong call", async function () {
    this.timeout(120_000);
    const main = fileURLToPath(new URL("../../kernel/main.ts", import.meta.url));
    const lclab = (...args: string[]) =>
      promisify(execFile)(process.execPath, ["--import=tsx", main, ...args]).then(
        ({ stdout }) => ({ code: 0, text: stdout }),
        ({ code, stderr }) => ({ code, text: stderr }),
      );
    const damaged = join(folder, "damaged.safetensors");
    await writeFile(damaged, "no such thing");
    const [page, bytes] = [join(folder, "tiny.html"), ["--max-bytes", "100"]];
    const all = await Promise.all([
      lclab("card", path, page, "--title", "A title", "--result", "test error=3 %"),
      lclab("export", path, join(folder, "d.onnx"), ...bytes),
      lclab("export", path, "--to"),
      lclab("inspect", path, "--max-bytes", "many"),
      lclab("inspect", damaged),
    ]);
    assert.deepEqual(
      all.map(({ code }) => code),
      [0, 1, 2, 2, 1],
      JSON.stringify(all),
    );
    assert.match(await readFile(page, "utf8"), /<h1>A title<\/h1>.*3 %/s);
    assert.match(all[1]?.text ?? "", /more than maxBytes = 100/);
    assert.match(all[3]?.text ?? "", /--max-bytes must be a number above 0, got "many"/);
    assert.match(all[4]?.text ?? "", /^LC_FILE: .*damaged\.safetensors/);
  });
});
