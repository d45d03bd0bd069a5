import { createHash } from "node:crypto";
import { mkdtemp, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { prune } from "../../src/compression/prune.ts";
import { quantize } from "../../src/compression/quantize.ts";
import { digits } from "../../src/data/digits.ts";
import { compress, type Plan } from "../../src/lc/plan.ts";
import type { RunOptions } from "../../src/lc/run-options.ts";
import { geometric, sgd } from "../../src/lc/schedules.ts";
import type { Solution } from "../../src/lc/solution.ts";
import { encodeState, type LCState } from "../../src/lc/state.ts";
import { dense, model, network, tanh } from "../../src/net/network.ts";
import { initialWeights } from "../../src/net/zoo.ts";

const small = network({
  name: "small",
  input: [28, 28, 1],
  layers: [{ kind: "flatten" }, dense("fc1", 20), tanh(), dense("out", 10)],
});

/** A run of a second or less: 20 · 784 weights, 5 steps. */
export const plan = compress(model(small, initialWeights(small, 1)))
  .layer("fc1", quantize({ levels: 2 }).plus(prune({ keep: 0.01 }), { starts: 1 }))
  .layer("out", quantize({ levels: 3 })) as unknown as Plan<never, Record<string, unknown>>;

export const options: RunOptions = {
  data: digits({ trainCount: 300, testCount: 100 }),
  lStep: sgd({ rate: 0.05, epochs: 2, firstEpochs: 3, batch: 64 }),
  mu: geometric({ from: 1e-2, factor: 1.5, steps: 5 }),
  seed: 3,
};

/** Hash of all that decides how a run goes on. */
export function digestOf({ state }: Pick<Solution<unknown>, "state">): string {
  return createHash("sha256")
    .update(encodeState(state as LCState))
    .digest("hex");
}

/** Runs `body` with an empty folder, removed afterwards. */
export async function withFolder<T>(body: (folder: string) => Promise<T>): Promise<T> {
  const folder = await mkdtemp(join(tmpdir(), "lclab-runs-"));
  try {
    return await body(folder);
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}
