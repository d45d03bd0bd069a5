import assert from "node:assert/strict";
import type { Engine } from "../../src/engine/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { fisher } from "../../src/lc/fisher.ts";
import { dense, model, network, tanh, type Weights } from "../../src/net/network.ts";
import { float64, reference } from "../engine/reference.ts";
import { formulaData, formulaWeights, kernels } from "../engine/support.ts";
import { close } from "../support/close.ts";
import { quadraticEngine } from "../support/quadratic-engine.ts";

const net = network({
  name: "small",
  input: [12],
  layers: [dense("fc1", 9), tanh(), dense("out", 4)],
});
const small = model(net, formulaWeights(net, 0.5));
const data = formulaData(20, 12, 4);

/** What `engine` opened and closed, and whether its `fisher` waits until its signal says stop. */
function watched(engine: Engine, waits: boolean) {
  const seen = { opened: 0, closed: 0 };
  const open: Engine["open"] = async (...args) => {
    const session = await engine.open(...args);
    seen.opened++;
    return {
      ...session,
      async fisher(weights, signal) {
        if (waits) {
          await new Promise((resolve) => {
            signal?.addEventListener("abort", resolve);
            if (signal?.aborted) resolve(undefined);
          });
        }
        signal?.throwIfAborted();
        return session.fisher(weights, signal);
      },
      async close() {
        seen.closed++;
        await session.close();
      },
    };
  };
  return { seen, engine: { ...engine, open } };
}

describe("fisher", () => {
  before(kernels);

  for (const damping of [undefined, 0.25]) {
    it(`is F / mean(F) + damping of the compressible parameters, damping ${damping ?? "by default 0.01"}`, async () => {
      const all = Array.from({ length: 20 }, (_, i) => i);
      const exact = reference(net, data).fisher(float64(small.weights), all);
      const flat = [...(exact["fc1.w"] ?? []), ...(exact["out.w"] ?? [])];
      const mean = flat.reduce((sum, value) => sum + value, 0) / flat.length;
      const h = await fisher(small, data, damping === undefined ? {} : { damping });
      assert.deepEqual(Object.keys(h), ["fc1.w", "out.w"]);
      for (const key of Object.keys(h)) {
        const expected = exact[key]?.map((value) => value / mean + (damping ?? 0.01)) ?? [];
        close(h[key] as Float32Array, expected, { rtol: 1e-5 });
      }
    });
  }

  it("is positive with mean 1 + damping, also where no loss depends on a weight", async () => {
    const goal = { ...small.weights, "fc1.w": new Float32Array(9 * 12) };
    const h = await fisher(small, data, { engine: quadraticEngine(goal), damping: 0.5 });
    const values = [...(h["fc1.w"] as Float32Array), ...(h["out.w"] as Float32Array)];
    close(values.reduce((sum, value) => sum + value, 0) / values.length, 1.5, { rtol: 1e-6 });
    assert.ok((h["out.w"] as Float32Array).every((value) => value === 0.5));
    assert.ok(values.every((value) => value >= 0.5));
  });

  it("has the same bytes with 1, 2 and 3 threads", async () => {
    const of = (threads: number) => fisher(small, data, { engine: wasmEngine({ threads }) });
    const expected: Weights = await of(1);
    for (const threads of [2, 3]) assert.deepEqual(await of(threads), expected);
  });

  it("refuses a damping that is not > 0, before an engine is opened", async () => {
    const { seen, engine } = watched(quadraticEngine({}), false);
    for (const damping of [0, -1, Number.NaN, Infinity]) {
      await assert.rejects(
        fisher(small, data, { engine, damping }),
        new RangeError(
          `fisher: damping must be a number > 0, got ${damping}. The default is 0.01, a hundredth of the mean importance.`,
        ),
      );
    }
    assert.equal(seen.opened, 0);
  });

  it("refuses a network of which all gradients are 0", async () => {
    await assert.rejects(
      fisher(small, data, { engine: quadraticEngine(small.weights) }),
      /^RangeError: fisher: the gradients of all 20 training examples of formula data are 0/,
    );
  });

  it("rejects at the caller's signal and at the interrupt of the cell, and closes its session", async () => {
    const cell = globalThis as { [kernel: symbol]: unknown };
    const interrupt = Symbol.for("Jupyter.interrupt");
    for (const by of ["signal", "cell"]) {
      const { seen, engine } = watched(quadraticEngine(small.weights), true);
      const stop = new AbortController();
      if (by === "cell") cell[interrupt] = stop.signal;
      const options = by === "signal" ? { engine, signal: stop.signal } : { engine };
      try {
        const running = fisher(small, data, options);
        setImmediate(() => stop.abort());
        await assert.rejects(running, { name: "AbortError" });
      } finally {
        delete cell[interrupt];
      }
      assert.deepEqual(seen, { opened: 1, closed: 1 });
    }
  });
});
