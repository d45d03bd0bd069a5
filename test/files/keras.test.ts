import assert from "node:assert/strict";
import { readFileSync } from "node:fs";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import { withHdf5 } from "../../src/files/hdf5.ts";
import { type KerasOptions, kerasModel } from "../../src/files/keras.ts";
import { readStored } from "../../src/files/keras-stored.ts";
import { fromKeras, isLCError } from "../../src/index.ts";
import { imageOutputs } from "../engine/image-reference.ts";
import { float64 } from "../engine/reference.ts";
import { rowsOf } from "../support/inputs.ts";

interface Saved {
  readonly h5: string;
  readonly input: number[];
  readonly outputs: number[][];
}

/** The layers of each model, as ours; the test's names for what Keras calls by itself. */
const layers = {
  dense: [
    "fc1: dense",
    "fc1_tanh: tanh",
    "dropout: dropout",
    "fc2: dense",
    "fc2_sigmoid: sigmoid",
    "out: dense",
  ],
  image: [
    "c1: conv2d [2,1]",
    "c1_relu: relu",
    "pool: maxPool [1,1]",
    "flat: flatten",
    "out: dense",
  ],
  functional: [
    ...["c1: conv2d same", "bn1: batchNorm", "relu1: relu", "c2: conv2d same", "sum: add"],
    ...["relu2: relu", "c3: conv2d same", "bn2: batchNorm", "mean: averagePool same"],
    ...["gap: globalAveragePool", "out: dense"],
  ],
} as const;

/** `fromKeras` on this thread: starting another takes longer than all these files. */
const read = (path: string, options: KerasOptions = {}) => kerasModel(path, options, readStored);

describe("Keras files", () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-keras-"));
  });
  after(() => rm(folder, { recursive: true, force: true }));

  const h5 = (text: string) => gunzipSync(Buffer.from(text, "base64"));
  async function fileOf(bytes: Uint8Array, name = "model.h5"): Promise<string> {
    await writeFile(join(folder, name), bytes);
    return join(folder, name);
  }
  const refused = async (bytes: Uint8Array, message: RegExp, options = {}) =>
    assert.rejects(read(await fileOf(bytes), options), (error: Error) => {
      assert.ok(isLCError(error, "LC_FILE"), String(error));
      assert.match(error.message, message);
      return true;
    });

  for (const version of [2, 3]) {
    const text = readFileSync(`test/golden/files/keras${version}.json`, "utf8");
    const golden: Record<string, Saved> & { weights: string } = JSON.parse(text);

    for (const name of ["dense", "image", "functional"] as const) {
      it(`Keras ${version}, ${name}: its layers and its outputs`, async () => {
        const { h5: text, input, outputs } = golden[name] as Saved;
        const { network, weights } = await read(await fileOf(h5(text)));
        assert.equal(network.name, name);
        assert.deepEqual(network.input, input);
        const found = network.layers.map(({ spec, name: own }) => {
          const padding =
            "padding" in spec && spec.padding !== "valid" ? ` ${String(spec.padding)}` : "";
          return `${own.replace(/^dropout_\d+$/, "dropout")}: ${spec.kind}${padding.replace(/ (\d.*)/, " [$1]")}`;
        });
        assert.deepEqual(found, layers[name]);
        assert.equal(network.loss, name === "image" ? "squaredError" : "softmaxCrossEntropy");
        const size = input.reduce((product, n) => product * n, 2);
        const x = Float32Array.from({ length: size }, (_, i) => ((i * 37) % 101) / 101 - 0.4);
        const { outputs: logits } = imageOutputs(network, float64(weights), rowsOf(x, 2));
        for (const [n, row] of logits.entries()) {
          const ours = name === "image" ? [...row] : softmax(row);
          for (const [i, y] of ours.entries()) {
            const wanted = outputs[n]?.[i] as number;
            assert.ok(
              Math.abs(y - wanted) <= 1e-5 * Math.max(1, Math.abs(wanted)),
              `${y}, ${wanted}`,
            );
          }
        }
      });
    }

    it(`Keras ${version}: names all that it cannot describe in one RangeError`, async () => {
      const path = await fileOf(h5((golden.unknown as Saved).h5));
      await assert.rejects(read(path), (error: Error) => {
        assert.ok(error instanceof RangeError);
        for (const text of [
          'layer "zeros" (ZeroPadding2D) pads what the layer behind it cannot',
          'layer "deep" (DepthwiseConv2D) is of a kind it cannot describe',
          'layer "leaky" (LeakyReLU) is of a kind it cannot describe',
          'layer "out" (Dense) has a kernelRegularizer',
          'layer "out" (Dense) has the activation elu',
        ]) {
          assert.ok(error.message.includes(text), `${text} in ${error.message}`);
        }
        return true;
      });
    });

    it(`Keras ${version}: a file of weights only says what to write`, async () => {
      const message = /weights only.*In Python write model\.save\("model\.h5"\)/;
      await refused(h5(golden.weights), message);
    });

    it(`Keras ${version}: damaged files are refused by LC_FILE, LC_NONFINITE or a RangeError, or read`, async () => {
      const whole = h5((golden.dense as Saved).h5);
      await refused(whole.subarray(0, whole.length / 2), /model\.h5: it is damaged: HDF5 says/);
      for (let at = 100; at < whole.length; at += Math.ceil(whole.length / 12)) {
        const changed = Uint8Array.from(whole);
        changed[at] = (changed[at] as number) ^ 0x41;
        await read(await fileOf(changed)).then(
          ({ network }) => assert.ok(network.layers.length > 0),
          (error) =>
            assert.ok(
              isLCError(error, "LC_FILE") ||
                isLCError(error, "LC_NONFINITE") ||
                error instanceof RangeError,
              String(error.stack),
            ),
        );
      }
    });

    it(`Keras ${version}: weights that are not those of the description are named`, async () => {
      const changed = (from: string, to: string) => {
        const text = h5((golden.dense as Saved).h5).toString("latin1");
        assert.ok(text.includes(from));
        return Buffer.from(text.replaceAll(from, to), "latin1");
      };
      await refused(
        changed('"units": 5', '"units": 7'),
        /fc1\/kernel(:0)?" of layer "fc1" must have the shape \[6, 7\], got \[6, 5\]/,
      );
      await refused(
        changed("kernel", "kernal"),
        /layer "fc1" has no kernel in it; it has ".*kernal/,
      );
    });

    it(`Keras ${version}: the user's loss says that the outputs are logits`, async () => {
      const path = await fileOf(h5((golden.image as Saved).h5));
      const { network } = await read(path, { loss: "softmaxCrossEntropy" });
      assert.equal(network.loss, "softmaxCrossEntropy");
      await assert.rejects(read(path, { maxBytes: 0 }), RangeError);
      await refused(h5((golden.image as Saved).h5), /more than maxBytes = 100/, { maxBytes: 100 });
    });
  }

  it("fromKeras reads in a thread, which a damaged file may end", async () => {
    const { functional } = JSON.parse(readFileSync("test/golden/files/keras3.json", "utf8"));
    const path = await fileOf(h5(functional.h5));
    const [there, here] = [await fromKeras(path), await read(path)];
    assert.deepEqual(there.weights, here.weights);
    await fileOf(h5(functional.h5).subarray(0, 9000));
    await assert.rejects(fromKeras(path), (error: Error) => {
      assert.match(error.message, /^LC_FILE: .*model\.h5: it is damaged: HDF5 says/);
      return isLCError(error, "LC_FILE");
    });
  });

  it("says what is wrong with a description, and in which option", async () => {
    const described = (kind: string, layers: object[]) => {
      const config = JSON.stringify({ class_name: kind, config: { name: "s", layers } });
      return kerasModel(join(folder, "model.h5"), {}, async () => ({ config, layers: new Map() }));
    };
    await fileOf(Buffer.from("not read"));
    const input = {
      class_name: "InputLayer",
      config: { name: "in", batch_shape: [null, 8, 8, 1] },
    };
    const conv = {
      ...{ name: "c", filters: 2, kernel_size: 2, strides: [1, 1], padding: "valid" },
    };
    const cases: readonly (readonly [object, RegExp])[] = [
      [
        { class_name: "Conv2D", config: conv },
        /^LC_FILE: .*model\.h5: layer 0 \(conv2d\): kernel must be two whole numbers, got "2"\.$/,
      ],
      [
        { class_name: "Dropout", config: { name: "d", rate: "5" } },
        /layer 0 \(dropout\): rate must be a number from 0, below 1, got/,
      ],
    ];
    for (const [layer, message] of cases) {
      await assert.rejects(described("Sequential", [input, layer]), (error: Error) => {
        assert.match(error.message, message);
        return isLCError(error, "LC_FILE");
      });
    }
    await assert.rejects(described("Mine", []), (error: Error) => {
      assert.match(error.message, /^fromKeras: the model is "Mine"; read are .*outputs\)\.$/);
      return error instanceof RangeError;
    });
  });

  it("other files, and a missing h5wasm, are told by name", async () => {
    await refused(
      Buffer.from("PK\x03\x04 .keras"),
      /it is a zip archive, as Keras saves \.keras files.*model\.save\("model\.h5"\)/,
    );
    await refused(Buffer.from("a text"), /it is no HDF5 file/);
    await assert.rejects(read(join(folder, "none.h5")), (error) => isLCError(error, "LC_DISK"));
    const { dense } = JSON.parse(readFileSync("test/golden/files/keras3.json", "utf8"));
    const missing = () => Promise.reject(new Error("Cannot find package"));
    await assert.rejects(
      withHdf5(h5(dense.h5), () => 0, missing),
      (error: Error) =>
        isLCError(error, "LC_ENGINE") && /Write: npm install h5wasm$/.test(error.message),
    );
  });
});

function softmax(row: Float64Array): number[] {
  const most = Math.max(...row);
  const parts = [...row].map((y) => Math.exp(y - most));
  const sum = parts.reduce((total, y) => total + y, 0);
  return parts.map((y) => y / sum);
}
