import assert from "node:assert/strict";
import { instantiate, type Kernels, kernelModule } from "../../src/engine/wasm/module.ts";
import { webAssembly } from "../../src/engine/wasm/webassembly.ts";
import { kernels } from "./support.ts";

/** Values per check: two arrays of them fit one memory of 64 pages. */
const COUNT = 2 ** 18;

describe("kernel functions against float64", () => {
  const memory = new webAssembly.Memory({ initial: 64, maximum: 64, shared: true });
  const x = new Float32Array(memory.buffer, 0, COUNT);
  const y = new Float32Array(memory.buffer, COUNT * 4, COUNT);
  let functions: Kernels;

  before(async () => {
    await kernels();
    functions = instantiate(await kernelModule(), memory);
  });

  /** Largest relative error over `x`, where the true value is not 0. */
  function worst(run: (x: number, y: number, n: number) => void, exact: (x: number) => number) {
    run(0, COUNT * 4, COUNT);
    let error = 0;
    for (let i = 0; i < COUNT; i++) {
      const expected = exact(x[i] as number);
      if (expected !== 0) error = Math.max(error, Math.abs((y[i] as number) / expected - 1));
    }
    return error;
  }

  it("exp has a relative error below 1.2e-7 on [−64, 0]", () => {
    for (let i = 0; i < COUNT; i++) x[i] = (-64 * i) / (COUNT - 1);
    const error = worst(functions.expEach, Math.exp);
    assert.ok(error < 1.2e-7, String(error));
  });

  it("tanh has a relative error below 3e-7 on [−10, 10], and near 0", () => {
    for (let i = 0; i < COUNT; i++) x[i] = (20 * i) / (COUNT - 1) - 10;
    const wide = worst(functions.tanhEach, Math.tanh);
    for (let i = 0; i < COUNT; i++) x[i] = 2 ** -(i % 100) * (1 + i / COUNT) * (i % 2 ? 1 : -1);
    const small = worst(functions.tanhEach, Math.tanh);
    assert.ok(Math.max(wide, small) < 3e-7, `${wide}, ${small}`);
  });

  it("log has an absolute error below 4e-16 (1 + |log x|)", () => {
    let error = 0;
    for (let i = 0; i < 200_000; i++) {
      const value = i % 2 ? 1 + i / 1e4 : 2 ** ((i % 2000) - 1000) * (1 + i / 200_000);
      const expected = Math.log(value);
      error = Math.max(error, Math.abs(functions.log(value) - expected) / (1 + Math.abs(expected)));
    }
    assert.ok(error < 4e-16, String(error));
  });

  it("limits: exp(0) = 1, exp(−65) = 0, tanh(±0) = ±0, tanh(±∞) = ±1, NaN stays NaN", () => {
    x.set([0, -65, -Infinity, Number.NaN]);
    functions.expEach(0, COUNT * 4, 4);
    assert.deepEqual([...y.subarray(0, 4)], [1, 0, 0, Number.NaN]);
    x.set([0, -0, Infinity, -Infinity, 100, -100, Number.NaN, 0]);
    functions.tanhEach(0, COUNT * 4, 8);
    assert.deepEqual([...y.subarray(0, 8)], [0, -0, 1, -1, 1, -1, Number.NaN, 0]);
  });
});
