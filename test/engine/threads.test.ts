import assert from "node:assert/strict";
import { spawn } from "node:child_process";
import { once } from "node:events";
import { setImmediate, setTimeout as window } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { isLCError } from "../../src/errors.ts";
import { lenet300, vgg16 } from "../../src/net/zoo.ts";
import { epoch, formulaData, kernels, strided, withSession } from "./support.ts";

const { network, weights } = lenet300({ seed: 1 });
const count = 24_000;
const data = { ...formulaData(1, 784, 10), ...repeated() };
const order = strided(count, 7);
const options = { rate: 0.01, momentum: 0.9 };

/** `count` examples made of 500 different ones: quick to compute. */
function repeated() {
  const { train } = formulaData(500, 784, 10);
  const images = new Uint8Array(count * 784);
  for (let i = 0; i < count; i += 500) images.set(train.images, i * 784);
  const labels = Uint8Array.from({ length: count }, (_, i) => train.labels[i % 500] as number);
  return { train: { images, labels, count } };
}

describe("wasm engine: threads", () => {
  before(kernels);

  it("an abort stops within a minibatch, and continuing gives the bytes of not stopping", async () => {
    const batch = 2000;
    await withSession(network, data, { batch }, async (session) => {
      await session.write(weights);
      const whole = await session.train(epoch(order, options));
      const expected = await session.read();
      await session.write(weights);
      const stop = new AbortController();
      let seen = 0;
      const first = await session.train(
        epoch(order, {
          ...options,
          signal: stop.signal,
          onProgress: ({ batches }) => {
            seen ||= batches;
            stop.abort();
          },
        }),
      );
      assert.ok(seen > 0 && seen <= first.next, `progress ${seen}, stopped at ${first.next}`);
      assert.ok(first.next <= seen + 2 && first.next < count / batch, `${seen}, ${first.next}`);
      assert.equal(first.examples, first.next * batch);
      const rest = await session.train(epoch(order, { ...options, from: first.next }));
      assert.equal(rest.next, count / batch);
      assert.deepEqual(await session.read(), expected);
      const sum = first.lossSum + rest.lossSum;
      assert.ok(Math.abs(sum - whole.lossSum) < 1e-12 * sum);
    });
  });

  it("timers of the caller keep running while it trains", async () => {
    await withSession(network, data, { batch: 250 }, async (session) => {
      await session.write(weights);
      let [last, blocked] = [performance.now(), 0];
      const tick = () => {
        const gap = performance.now() - last;
        if (gap > 50) blocked += gap;
        last += gap;
      };
      const timer = setInterval(tick, 5);
      const { seconds } = await session.train(epoch(order, options));
      clearInterval(timer);
      tick();
      // Other processes may cause a gap or two; a blocked loop would be one gap, of the whole time.
      assert.ok(blocked < 200 * seconds, `${blocked} ms of ${seconds} s in gaps above 50 ms`);
    });
  });

  it("threads without a command use no processor time", async () => {
    await withSession(network, data, { batch: 250, threads: 4 }, async (session) => {
      await session.write(weights);
      const stop = new AbortController();
      const onProgress = () => stop.abort();
      await session.train(epoch(order, { ...options, signal: stop.signal, onProgress }));
      const before = process.cpuUsage();
      await window(400);
      const { user, system } = process.cpuUsage(before);
      assert.ok(user + system < 150_000, `${(user + system) / 1000} ms in 400 ms`);
    });
  });

  it("close() while training ends the threads, and the training rejects", async () => {
    const session = await wasmEngine({ threads: 2 }).open(network, data, { batch: 250 });
    await session.write(weights);
    const closed = new Promise<void>((resolve) => {
      const onProgress = () => resolve(session.close().then(() => session.close()));
      const running = session.train(epoch(order, { ...options, onProgress }));
      void assert.rejects(running, (error) => isLCError(error, "LC_ENGINE"));
    });
    await closed;
    await assert.rejects(() => session.read(), /session is closed/);
    await assert.rejects(session.evaluate("test"), /session is closed/);
  });

  it("a failed command rejects by itself, and the next one is done", async () => {
    await withSession(network, data, { batch: 2000 }, async (session) => {
      await session.write(weights);
      const failed = session.write({});
      const [, done] = await Promise.allSettled([failed, session.read()]);
      assert.equal(done.status, "fulfilled");
      await assert.rejects(failed, /parameter "\w+\.w" .* is missing/);
    });
  });

  it("closing ends a write in the middle", async () => {
    const { network: large, weights: many } = vgg16({ seed: 1 });
    const images = formulaData(1, 32 * 32 * 3, 10);
    const session = await wasmEngine({ threads: 1 }).open(
      large,
      { ...images, shape: [32, 32, 3] },
      { batch: 1 },
    );
    const ended = assert.rejects(session.write(many), /session is closed/);
    await setImmediate();
    await session.close();
    await ended;
  });

  it("commands wait their turn, read and write among them", async () => {
    await withSession(network, data, { batch: 2000 }, async (session) => {
      await session.write(weights);
      const training = session.train(epoch(order, options));
      const evaluation = session.evaluate("test");
      const [trained, , started] = [session.read(), session.write(weights), session.read()];
      await training;
      const { loss } = await evaluation;
      assert.deepEqual((await started).weights, weights);
      const { weights: after, velocity } = await trained;
      assert.notDeepEqual(after, weights);
      await session.write(after, velocity);
      assert.deepEqual((await session.evaluate("test")).loss, loss);
    });
  });

  it("a process that forgets close() ends", async () => {
    const script = fileURLToPath(new URL("./fixtures/forgets-close.ts", import.meta.url));
    const child = spawn(process.execPath, ["--import", import.meta.resolve("tsx"), script], {
      timeout: 30_000,
    });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) {
      stream.on("data", (text) => {
        output += text;
      });
    }
    const [status] = await once(child, "close");
    assert.deepEqual([status, output], [0, "true\n"]);
  });
});
