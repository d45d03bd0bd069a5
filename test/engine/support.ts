// @ts-expect-error [ts7016] a build script without types
import { ensureWasm } from "../../scripts/build-wasm.mjs";
import type { Dataset, Split } from "../../src/data/dataset.ts";
import type { EngineSession, EpochOptions, OpenOptions } from "../../src/engine/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import type { Network, Weights } from "../../src/net/network.ts";

/** Builds the kernels if their sources are newer. For a `before` hook. */
export async function kernels(): Promise<void> {
  await ensureWasm();
}

/** Examples whose pixels and labels are integer formulas: the same everywhere, and no file. */
export function formulaSplit(count: number, inputs: number, classes: number): Split {
  const images = new Uint8Array(count * inputs);
  for (let i = 0; i < images.length; i++) images[i] = (i * 37 + ((i / inputs) | 0) * 101) % 251;
  return { images, labels: Uint8Array.from({ length: count }, (_, i) => (i * 7) % classes), count };
}

/** A data set of formula examples; test split of 40 examples. */
export function formulaData(count: number, inputs: number, classes: number): Dataset {
  return {
    name: "formula data",
    source: "computed",
    shape: [1, 1, inputs],
    classes,
    train: formulaSplit(count, inputs, classes),
    test: formulaSplit(40, inputs, classes),
    mean: Float32Array.from({ length: inputs }, (_, i) => ((i * 5) % 16) / 16),
  };
}

/** Weights in ±scale by an integer formula; multiples of 1/64 times `scale`. */
export function formulaWeights(network: Network, scale: number, salt = 0): Weights {
  return Object.fromEntries(
    network.parameters.map(({ key, rows, cols }, p) => [
      key,
      Float32Array.from(
        { length: rows * cols },
        (_, i) => ((((i + salt) * 53 + p * 29) % 129) / 64 - 1) * scale,
      ),
    ]),
  );
}

/** 0…count−1 in an order that visits every example: multiples of a step coprime to `count`. */
export function strided(count: number, step: number): Uint32Array {
  return Uint32Array.from({ length: count }, (_, i) => (i * step) % count);
}

export function epoch(order: Uint32Array, options: Partial<EpochOptions> = {}): EpochOptions {
  return { order, from: 0, rate: 0.05, momentum: 0.9, mu: 0, ...options };
}

/** ‖a − b‖ / ‖b‖. */
export function relative(a: ArrayLike<number>, b: ArrayLike<number>): number {
  let [difference, norm] = [0, 0];
  for (let i = 0; i < b.length; i++) {
    difference += ((a[i] as number) - (b[i] as number)) ** 2;
    norm += (b[i] as number) ** 2;
  }
  return Math.sqrt(difference / norm);
}

/** Runs `body` with an open session, and closes it whatever happens. */
export async function withSession<T>(
  network: Network,
  data: Dataset,
  options: OpenOptions & { readonly threads?: number },
  body: (session: EngineSession) => Promise<T>,
): Promise<T> {
  const { threads = 2, ...open } = options;
  const session = await wasmEngine({ threads }).open(network, data, open);
  try {
    return await body(session);
  } finally {
    await session.close();
  }
}
