import assert from "node:assert/strict";
import { quantize } from "../../src/compression/quantize.ts";
import { augmented } from "../../src/data/augment.ts";
import type { Dataset } from "../../src/data/dataset.ts";
import { type Place, placeOf } from "../../src/engine/augment.ts";
import type { Engine, EngineSession } from "../../src/engine/engine.ts";
import { tfjs } from "../../src/engine/tfjs/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { compress } from "../../src/lc/plan.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import { decodeState, encodeState, type LCState } from "../../src/lc/state.ts";
import { conv2d, dense, model, network, relu, type Weights } from "../../src/net/network.ts";
import { initialWeights } from "../../src/net/zoo.ts";
import { close } from "../support/close.ts";
import { type RealTf, tfjsModule } from "../support/tfjs.ts";
import { epoch, formulaData, formulaSplit, kernels, strided, withSession } from "./support.ts";

const shape = [4, 5, 3] as const;
const [height, width, channels] = shape;
const size = height * width * channels;
const count = 9;
const data: Dataset = { ...formulaData(count, size, 2), shape };
const augment = { flip: true, crop: 2 };

/** Pads, cuts and flips in three steps, as torchvision does, then subtracts the mean: what the network must see. */
function expectedImage(example: number, crop: number, { flip, down, across }: Place): number[] {
  const at = (y: number, x: number, c: number) =>
    y < 0 || y >= height || x < 0 || x >= width
      ? 0
      : (data.train.images[((example * height + y) * width + x) * channels + c] as number);
  const padded = Array.from({ length: height + 2 * crop }, (_, y) =>
    Array.from({ length: width + 2 * crop }, (_, x) =>
      [0, 1, 2].map((c) => at(y - crop, x - crop, c)),
    ),
  );
  const cut = padded.slice(down, down + height).map((row) => row.slice(across, across + width));
  const turned = flip ? cut.map((row) => row.toReversed()) : cut;
  return turned.flat(2).map((pixel, i) => {
    const share = Math.fround(Math.fround(pixel) / 255);
    return Math.fround(share - (data.mean[i] as number));
  });
}

/** Two outputs and weights of 0: the gradient of a row of W is exactly ±½ x, or ±x with squared error. */
const probes = [
  { title: "rows", loss: "softmaxCrossEntropy", share: 2 },
  { title: "images", loss: "squaredError", share: 1 },
] as const;

/** What a network sees of `example` in the epoch of `seed`. */
async function seen(s: EngineSession, example: number, seed: number, share: number) {
  const order = strided(count, 1);
  [order[example], order[count - 1]] = [count - 1, example];
  await s.train(epoch(order, { from: count - 1, rate: 0, momentum: 0, seed }));
  const label = data.train.labels[example] as number;
  const row = (await s.read()).velocity["out.w"]?.subarray(label * size, (label + 1) * size);
  return Array.from(row as Float32Array, (g) => -share * g + 0);
}

/** Every flip and offset, in turn of the seeds, as [example, seed, place]. */
function everyPlace(crop: number, flip: boolean): [number, number, Place][] {
  const found = new Map<string, [number, number, Place]>();
  const wanted = (2 * crop + 1) ** 2 * (flip ? 2 : 1);
  for (let seed = -500; found.size < wanted; seed++) {
    assert.ok(seed < 5000, `${found.size} of ${wanted} places`);
    const place = placeOf({ flip, crop }, seed, Math.abs(seed) % count);
    found.set(JSON.stringify(place), [Math.abs(seed) % count, seed, place]);
  }
  return [...found.values()];
}

describe("augmentation", () => {
  before(kernels);

  for (const { title, loss, share } of probes) {
    const net = network({ name: "probe", input: shape, layers: [dense("out", 2)], loss });
    const zero: Weights = { "out.w": new Float32Array(2 * size), "out.b": new Float32Array(2) };
    // A crop of 4 can leave no pixel but padding.
    for (const { flip, crop } of [augment, { flip: true, crop: 0 }, { flip: false, crop: 4 }]) {
      it(`${title}: all ${flip ? "flips and " : ""}offsets of crop ${crop} are those of padding raw zeros, cutting, flipping`, () =>
        withSession(net, augmented(data, { flip, crop }), { batch: 1 }, async (session) => {
          await session.write(zero);
          for (const [example, seed, place] of everyPlace(crop, flip)) {
            const got = await seen(session, example, seed, share);
            assert.deepEqual(got, expectedImage(example, crop, place), JSON.stringify(place));
          }
        }));
    }
  }

  it("half of the images are flipped, every offset is as frequent, and none tells another", () => {
    const draws = 40_000;
    const places = Array.from({ length: draws }, (_, i) => placeOf(augment, i >> 8, i & 255));
    const even = (kinds: number, kindOf: (place: Place, i: number) => number) => {
      const counts = new Array<number>(kinds).fill(0);
      places.forEach((place, i) => {
        const kind = kindOf(place, i);
        counts[kind] = (counts[kind] as number) + 1;
      });
      const expected = draws / kinds;
      const chi = counts.reduce((sum, n) => sum + (n - expected) ** 2 / expected, 0);
      // χ² of kinds − 1 degrees of freedom: five standard deviations above its mean.
      assert.ok(chi < kinds - 1 + 5 * Math.sqrt(2 * (kinds - 1)), `${counts}: χ² ${chi}`);
    };
    even(2, ({ flip }) => Number(flip));
    even(50, ({ flip, down, across }) => (down * 5 + across) * 2 + Number(flip));
    // Neither the next example nor the next seed repeats it.
    even(4, ({ flip }, i) => Number(flip) * 2 + Number(places[(i + 1) % draws]?.flip));
    even(25, ({ down }, i) => down * 5 + (places[(i + 256) % draws]?.down as number));
  });

  const layers = [
    conv2d("c", 6, { kernel: [3, 3], padding: "same" }),
    relu(),
    dense("out", 2),
  ] as const;
  const deep = network({ name: "deep", input: shape, layers: [...layers] });
  const weights = initialWeights(deep, 1);
  const changed = augmented(data, augment);

  it("gives the same bytes with 1, 2 and 4 threads, and others than without", async () => {
    const trained = (threads: number, given = changed) =>
      withSession(deep, given, { batch: 2, threads }, async (session) => {
        await session.write(weights);
        for (const step of [1, 2]) await session.train(epoch(strided(count, step)));
        return await session.read();
      });
    const expected = await trained(1);
    for (const threads of [2, 4]) assert.deepEqual(await trained(threads), expected);
    assert.notDeepEqual(await trained(2, data), expected);
  });

  it("stopped within an epoch, and continued in another session, gives the bytes of not stopping", async () => {
    const many = { ...changed, train: formulaSplit(4000, size, 2) };
    const order = strided(4000, 3);
    const { next, state, expected } = await withSession(deep, many, { batch: 7 }, async (s) => {
      await s.write(weights);
      await s.train(epoch(order));
      const expected = await s.read();
      await s.write(weights);
      const stop = new AbortController();
      const running = s.train({ ...epoch(order), signal: stop.signal });
      setTimeout(() => stop.abort(), 5);
      const { next } = await running;
      return { next, state: await s.read(), expected };
    });
    assert.ok(next < Math.ceil(4000 / 7), `stopped at ${next}`);
    await withSession(deep, many, { batch: 7, threads: 1 }, async (s) => {
      await s.write(state.weights, state.velocity);
      await s.train(epoch(order, { from: next }));
      assert.deepEqual(await s.read(), expected);
    });
  });

  it("belongs to a run's state: it goes on with the same augmentation only, to the same bytes", async () => {
    const plan = compress(model(deep, weights)).layer("c", quantize({ levels: 2 }));
    const options = {
      data: changed,
      lStep: sgd({ rate: 0.05, epochs: 2, batch: 4 }),
      mu: geometric({ from: 0.1, factor: 2, steps: 3 }),
    };
    const whole = await plan.run(options);
    const run = plan.steps(options);
    for await (const { kind, step } of run) if (kind === "step" && step === 1) break;
    const from = decodeState(encodeState(run.state as LCState));
    const again = await plan.run({ ...options, from });
    assert.deepEqual(encodeState(again.state as LCState), encodeState(whole.state as LCState));
    assert.throws(
      () => plan.steps({ ...options, data, from }),
      /data was .*"augment":\{"flip":true,"crop":2\}\}, got/,
    );
  });

  it("does not change what is evaluated, nor Fisher information, nor the data", async () => {
    const before = data.train.images.slice();
    const small = network({ name: "small", input: shape, layers: [dense("out", 2)] });
    const start = initialWeights(small, 1);
    const scores = (given: Dataset) =>
      withSession(small, given, { batch: 2 }, async (session) => {
        await session.write(start);
        await session.train(epoch(strided(count, 1), { rate: 0 }));
        const fisher = await session.fisher();
        return [await session.evaluate("train"), await session.evaluate("test"), fisher];
      });
    assert.deepEqual(await scores(changed), await scores(data));
    assert.deepEqual(data.train.images, before);
  });

  it("is refused if out of range, by augmented and by the engines", async () => {
    assert.throws(() => augmented(data, { crop: 5 }), {
      name: "RangeError",
      message:
        "augmented: crop must be a whole number of pixels from 0 (none) to 4, the shorter side of the images of formula data, got 5.",
    });
    assert.throws(() => augmented(data, { flip: 1 as never }), /flip must be true or false, got 1/);
    const engine = wasmEngine({ threads: 1 });
    const bad = { ...data, augment: { flip: true, crop: 0.5 } };
    await assert.rejects(engine.open(deep, bad, { batch: 2 }), /wasm engine: crop must be/);
    const flipped = { flip: true, crop: 0 };
    const other = { ...changed, shape: [1, 1, 60] as const, augment: flipped };
    await assert.rejects(
      engine.open(deep, other, { batch: 2 }),
      /augmented images must have the shape network "deep" reads, \[4, 5, 3\]; formula data has \[1, 1, 60\]/,
    );
  });

  describe("with tfjs", () => {
    let tf: RealTf;
    const { warn } = console;
    before(async function () {
      const loaded = await tfjsModule();
      if (!loaded) return this.skip();
      tf = loaded;
      console.warn = () => {};
    });
    after(() => {
      console.warn = warn;
    });

    it("shows the network the same images in every epoch, but for rounding", async () => {
      const net = network({ name: "probe", input: shape, layers: [dense("out", 2)] });
      const zero: Weights = { "out.w": new Float32Array(2 * size), "out.b": new Float32Array(2) };
      const images = async (engine: Engine) => {
        const session = await engine.open(net, changed, { batch: 1 });
        try {
          await session.write(zero);
          const all: number[][] = [];
          for (const seed of [undefined, 3, -7]) {
            for (let example = 0; example < count; example++) {
              all.push(await seen(session, example, seed as number, 2));
            }
          }
          return all;
        } finally {
          await session.close();
        }
      };
      const [got, expected] = [await images(tfjs(tf)), await images(wasmEngine({ threads: 1 }))];
      for (const [i, image] of expected.entries()) close(got[i] ?? [], image, { atol: 1e-6 });
    });
  });
});
