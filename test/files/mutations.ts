/** Files to attack a reader with; run by itself, it reads 100,000 of them and prints what came of it. */
import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { fileURLToPath } from "node:url";
import { decodeFile, encodeFile } from "../../src/files/file.ts";
import {
  compress,
  dense,
  float16,
  isLCError,
  lowRank,
  model,
  network,
  perChannel,
  prune,
  pruneNM,
  quantize,
  tanh,
  uniform,
} from "../../src/index.ts";
import { parametersOf, taskDeltas, taskView } from "../../src/lc/task.ts";
import { random } from "../../src/math/random.ts";

const text = new TextEncoder();

/** A file of a header as it is given, and data. */
export function file(
  header: string | Uint8Array,
  data: Uint8Array = new Uint8Array(),
  claimed?: number,
): Uint8Array {
  const json = typeof header === "string" ? text.encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data.length);
  const length = claimed ?? json.length;
  new DataView(bytes.buffer).setUint32(0, length % 2 ** 32, true);
  new DataView(bytes.buffer).setUint32(4, Math.floor(length / 2 ** 32), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

/** A file of one network with parts of many kinds. */
export function sample(entropy: boolean): Uint8Array {
  const layers = [
    dense("a", 4),
    tanh(),
    dense("b", 5),
    tanh(),
    dense("c", 3),
    tanh(),
    dense("d", 4),
  ] as const;
  const net = network({ name: "small", input: [6], layers });
  const rng = random(3);
  const weights: Record<string, Float32Array> = {};
  for (const { key, rows, cols } of net.parameters) {
    weights[key] = Float32Array.from({ length: rows * cols }, () => rng.uniform() - 0.5);
  }
  const { tasks } = compress(model(net, weights))
    .layer("a", quantize({ levels: 3 }).plus(prune({ count: 4, values: float16() })))
    .layer("b", pruneNM({ keep: 1, of: 2 }))
    .layer("c", perChannel(quantize({ levels: 2 })))
    .layer("d", lowRank({ rank: 1 }).plus(uniform({ bits: 3 }), { starts: 0, tolerance: 0.01 }));
  const thetas: Record<string, unknown> = {};
  for (const task of tasks) {
    const parameters = parametersOf({ network: net }, task);
    const theta = task.compression.cStep(taskView(net, parameters, weights, {}, 0));
    thetas[task.layers[0] as string] = theta;
    Object.assign(weights, taskDeltas(parameters, task, theta));
  }
  return encodeFile({ model: model(net, weights), tasks, thetas }, entropy).bytes;
}

/** Where the digits of the checksum are: docs/format.md. */
const DIGITS = 35;

export function withChecksum(bytes: Uint8Array): Uint8Array {
  const whole = bytes.slice().fill(0x30, DIGITS, DIGITS + 64);
  whole.set(text.encode(createHash("sha256").update(whole).digest("hex")), DIGITS);
  return whole;
}

/** @returns The message of the LCError LC_FILE that reading must give. */
export function refusal(bytes: Uint8Array, maxBytes: number = 2 ** 24): string {
  try {
    decodeFile(bytes, maxBytes);
  } catch (error) {
    assert.ok(isLCError(error, "LC_FILE"), String((error as Error).stack));
    return error.message;
  }
  return assert.fail("it was read");
}

/** Some bytes changed, digits of the header changed, bytes taken out, put in or repeated. */
function mutation(good: Uint8Array, rng: ReturnType<typeof random>): Uint8Array {
  const bytes = good.slice();
  const at = (): number => rng.below(bytes.length);
  switch (rng.below(6)) {
    case 0:
      bytes[at()] = rng.below(256);
      return bytes;
    case 1:
      for (let i = rng.below(8); i >= 0; i--) bytes[at()] = rng.below(256);
      return bytes;
    case 2: {
      // A digit of the header as another one: sizes, shapes, offsets, counts.
      for (let tries = 0; tries < 200; tries++) {
        const i = 100 + rng.below(bytes.length - 100);
        const c = bytes[i] as number;
        if (c < 0x30 || c > 0x39) continue;
        bytes[i] = 0x30 + rng.below(10);
        break;
      }
      return bytes;
    }
    case 3: {
      // The data, which the header does not contradict.
      const data = 8 + new DataView(bytes.buffer).getUint32(0, true);
      for (let i = rng.below(4); i >= 0; i--)
        bytes[data + rng.below(bytes.length - data)] = rng.below(256);
      return bytes;
    }
    case 4: {
      const from = at();
      const length = rng.below(16);
      return new Uint8Array(
        Buffer.concat([bytes.subarray(0, from), bytes.subarray(from + length)]),
      );
    }
    default: {
      const from = at();
      const to = Math.min(bytes.length, from + rng.below(16));
      return new Uint8Array(Buffer.concat([bytes.subarray(0, to), bytes.subarray(from)]));
    }
  }
}

/** A coded file of one θ for thousands of layers of a weight each: contexts for each layer would take 49 KB. */
function manyLayers(): Uint8Array {
  const count = 3000;
  const layers = Array.from({ length: count }, (_, i) => dense(`l${i}`, 1, { bias: false }));
  const net = network({ name: "many", input: [1], layers });
  const levels = Float32Array.from({ length: 200 }, (_, k) => k);
  const assignments = Uint8Array.from({ length: count }, (_, i) => (i % 50 === 0 ? 100 : 0));
  const weights = net.parameters.map(({ key }, i) => [
    key,
    Float32Array.of(assignments[i] as number),
  ]);
  const tasks = [{ layers: net.names, compression: quantize({ levels: 200 }) }];
  const thetas = { l0: { rows: 1, cols: count, levels, assignments } };
  const compressed = { model: model(net, Object.fromEntries(weights)), tasks, thetas };
  return encodeFile(compressed as never, true).bytes;
}

/** 100,000 mutations; `grown` is by how many bytes the memory rose at most, after the first ones. */
export function mutations(): { refused: number; read: number; deep: number; grown: number } {
  const rng = random(20_261_127);
  let [refused, read, deep, before] = [0, 0, 0, 0];
  for (const good of [sample(false), sample(true)]) {
    for (let run = 0; run < 50_000; run++) {
      // The compiler, and the collector, have their own memory by then.
      if (run === 5000) before ||= process.resourceUsage().maxRSS;
      // Every sixth one with a right checksum, so that it comes as far as the mutation lets it.
      const mutated = mutation(good, rng);
      const bytes = run % 6 === 0 ? withChecksum(mutated) : mutated;
      try {
        const { model: found } = decodeFile(bytes, 2 ** 24);
        read++;
        for (const { key, rows, cols } of found.network.parameters) {
          assert.equal(found.weights[key]?.length, rows * cols);
        }
      } catch (error) {
        if (!isLCError(error, "LC_FILE")) throw error;
        refused++;
        if (!/checksum|header|JSON|tensor/.test(error.message)) deep++;
      }
    }
  }
  decodeFile(manyLayers(), 2 ** 26);
  return { refused, read, deep, grown: 1024 * (process.resourceUsage().maxRSS - before) };
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(JSON.stringify(mutations()));
