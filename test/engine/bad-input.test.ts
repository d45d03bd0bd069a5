import assert from "node:assert/strict";
import os from "node:os";
import { quantize } from "../../src/compression/quantize.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { tfjs } from "../../src/engine/tfjs/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { webAssembly } from "../../src/engine/wasm/webassembly.ts";
import { isLCError } from "../../src/errors.ts";
import { DivergenceError } from "../../src/lc/algorithm.ts";
import { compress } from "../../src/lc/plan.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { train } from "../../src/lc/train.ts";
import {
  conv2d,
  dense,
  type LayerSpec,
  maxPool,
  model,
  type Network,
  network,
  relu,
  type Weights,
} from "../../src/net/network.ts";
import { initialWeights } from "../../src/net/zoo.ts";
import { tfjsModule } from "../support/tfjs.ts";
import { formulaData, kernels } from "./support.ts";

const net = network({
  name: "small conv",
  input: [6, 6, 1],
  layers: [conv2d("c", 3, { kernel: [3, 3] }), relu(), maxPool(2), dense("out", 4)],
});
const images = (count: number, shape: Dataset["shape"], classes: number): Dataset => ({
  ...formulaData(count, shape[0] * shape[1] * shape[2], classes),
  name: "squares",
  shape,
});
const data = images(20, [6, 6, 1], 4);

/** Runs `body` while `owner[name]` is something else. */
async function instead<T extends object, K extends keyof T>(
  owner: T,
  name: K,
  value: T[K],
  body: () => Promise<void>,
): Promise<void> {
  const before = owner[name];
  owner[name] = value;
  try {
    await body();
  } finally {
    owner[name] = before;
  }
}

/** A layer of a kind that neither engine has, in the place of the max pool. */
const unsupported = {
  ...net,
  layers: net.layers.map((layer) =>
    layer.spec.kind === "maxPool"
      ? { ...layer, name: "odd", spec: { kind: "custom", name: "odd" } as unknown as LayerSpec }
      : { ...layer, inputs: layer.inputs.map((name) => (/maxPool/.test(name) ? "odd" : name)) },
  ),
} as Network;

for (const name of ["wasm", "tfjs"] as const) {
  describe(`bad input to the ${name} engine`, () => {
    let engine: Engine;
    const { warn } = console;
    before(async function () {
      await kernels();
      const tf = name === "tfjs" ? await tfjsModule() : undefined;
      if (name === "tfjs" && !tf) return this.skip();
      console.warn = () => {};
      engine = tf ? tfjs(tf) : wasmEngine({ threads: 1 });
    });
    after(() => {
      console.warn = warn;
    });
    const refuses = (given: Dataset, batch: number, message: string) =>
      assert.rejects(engine.open(net, given, { batch }), {
        name: "RangeError",
        message: `${name} engine: ${message}`,
      });

    it("a layer it cannot train: which, of what kind, and what trains it", async () => {
      const advice = /"odd" is custom.*write engine: tfjs\(tf, \{ model/i;
      await assert.rejects(engine.open(unsupported, data, { batch: 4 }), advice);
    });

    it("images whose numbers are as many, but in another order", () =>
      refuses(
        images(20, [1, 6, 6], 4),
        4,
        'network "small conv" reads images of [6, 6, 1], squares has [1, 6, 6]. Both are [height, width, channels]: transpose the images, or describe the network with input: [1, 6, 6].',
      ));

    it("images of another shape: both shapes, and what to write", () =>
      refuses(
        images(20, [5, 6, 2], 4),
        4,
        'network "small conv" reads [6, 6, 1] = 36 values, squares has [5, 6, 2] = 60. Describe the network with input: [5, 6, 2], or take other data.',
      ));

    it("labels out of range, in either split: the first one, and the outputs they need", async () => {
      await refuses(
        images(20, [6, 6, 1], 5),
        4,
        "labels must be from 0 to 3, the network's outputs; label 2 of squares train is 4. Give the last layer 5 outputs, or correct the labels.",
      );
      const labels = data.test.labels.with(11, 9);
      await refuses(
        { ...data, test: { ...data.test, labels } },
        4,
        "labels must be from 0 to 3, the network's outputs; label 11 of squares test is 9. Give the last layer 10 outputs, or correct the labels.",
      );
    });

    it("a batch larger than the data, before and in a run", async () => {
      const rule =
        "batch must be from 1 to the 20 training examples of squares, got 21. Write batch: 20 for all of them at once.";
      await refuses(data, 21, rule);
      const start = model(net, initialWeights(net, 1));
      const lStep = sgd({ rate: 0.1, epochs: 1, batch: 21 });
      const message = `sgd: ${rule}`;
      const plan = compress(start).layer("c", quantize({ levels: 2 }));
      assert.throws(() => plan.steps({ data, lStep, mu: [1], engine }), { message });
      await assert.rejects(train(start, { data, lStep, engine }).next(), { message });
    });

    it("a loss that becomes NaN: the state before the epoch, from which a lower rate goes on, and advice", async () => {
      const start = model(net, initialWeights(net, 1));
      const plan = compress(start).layer("c", quantize({ levels: 2 }));
      const steep: Weights = { ...start.weights, "out.b": Float32Array.of(0, 1, 2, 3) };
      // The first L step does nothing, the second one overflows at once.
      const lStep = sgd({ rate: 1e-30, decay: 1e38, epochs: 1, batch: 4 });
      const mu = geometric({ from: 1e-12, factor: 1, steps: 3 });
      const run = compress(model(net, steep))
        .layer("c", quantize({ levels: 2 }))
        .steps({ data, lStep, mu, engine });
      const failed = await (async () => {
        for await (const _ of run);
      })().catch((error: unknown) => error);
      assert.ok(failed instanceof DivergenceError, String(failed));
      assert.match(
        failed.message,
        /^LC_DIVERGED: L step 2 \(μ = 1.00e-12\), epoch 1: (loss|weights "[\w.]+") became NaN or infinite in minibatch [1-5]; it was [\d.]+ before. The last good state is kept \(error.state\). Lower the learning rate \(now 1.00e\+8\) or start μ lower.$/,
      );
      const { state } = failed;
      assert.deepEqual([state.stepsDone, state.epoch, state.batch], [1, 0, 0]);
      for (const [key, w] of Object.entries(state.weights)) {
        assert.ok(
          w.every((x, i) => Math.abs(x - (steep[key]?.[i] as number)) < 1e-6),
          key,
        );
      }
      const again = await plan.run({
        ...{ data, mu: [1, 2], engine, warmStart: state },
        lStep: sgd({ rate: 0.01, epochs: 1, batch: 4 }),
      });
      assert.ok(Number.isFinite(again.history.at(-1)?.loss));
      const fast = train(start, { data, lStep: sgd({ rate: 1e30, epochs: 1, batch: 4 }), engine });
      await assert.rejects(fast.next(), {
        code: "LC_DIVERGED",
        message: /^LC_DIVERGED: train, epoch 1: .* Lower the learning rate \(now 1.00e\+30\)\.$/,
      });
    });

    it("too little memory, before anything starts: how much it needs, and how much there is", async () => {
      const refused = (where: string) => (error: unknown) =>
        isLCError(error, "LC_MEMORY") &&
        new RegExp(
          `^LC_MEMORY: ${name} engine: network "small conv" with squares needs (at least )?\\d\\.\\d MiB.*, ${where} has 0\\.0 MiB\\. Use a smaller batch, fewer examples, or a larger machine\\.$`,
        ).test(error.message);
      const open = () => engine.open(net, data, { batch: 20 });
      await instead(
        os,
        "totalmem",
        () => 5000,
        () => assert.rejects(open(), refused("the machine")),
      );
      await instead(
        process,
        "constrainedMemory",
        () => 5000,
        () => assert.rejects(open(), refused("the container")),
      );
      // No limit is reported as 0, or as more than there is.
      for (const limit of [0, 2 ** 64]) {
        await instead(
          process,
          "constrainedMemory",
          () => limit,
          async () => (await open()).close(),
        );
      }
    });
  });
}

describe("memory the system does not give", () => {
  it("is an LC_MEMORY error with the parts of the plan and the cause", async () => {
    const cause = new RangeError("WebAssembly.Memory(): could not allocate memory");
    const Memory = class {
      constructor() {
        throw cause;
      }
    };
    await instead(webAssembly as { Memory: unknown }, "Memory", Memory, () =>
      assert.rejects(
        wasmEngine({ threads: 1 }).open(net, data, { batch: 20 }),
        (error: unknown) =>
          isLCError(error, "LC_MEMORY") &&
          error.cause === cause &&
          /no room for network "small conv" with squares, which needs 0\.\d MiB \(parameters 0\.0, activations and gradients 0\.\d, data 0\.0, threads 0\.0\)\. Close other sessions/.test(
            error.message,
          ),
      ),
    );
  });
});
