import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { decodeFile, encodeFile } from "../../src/files/file.ts";
import { readSafetensors } from "../../src/files/safetensors.ts";
import {
  compress,
  dense,
  float16,
  isLCError,
  load,
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
function file(header: string | Uint8Array, data = new Uint8Array(), claimed?: number): Uint8Array {
  const json = typeof header === "string" ? text.encode(header) : header;
  const bytes = new Uint8Array(8 + json.length + data.length);
  const length = claimed ?? json.length;
  new DataView(bytes.buffer).setUint32(0, length % 2 ** 32, true);
  new DataView(bytes.buffer).setUint32(4, Math.floor(length / 2 ** 32), true);
  bytes.set(json, 8);
  bytes.set(data, 8 + json.length);
  return bytes;
}

const four = new Uint8Array(4);
const tensor = (from: number, to: number, shape = `[${to - from}]`, dtype = "U8"): string =>
  `{"dtype":"${dtype}","shape":${shape},"data_offsets":[${from},${to}]}`;

/** What is wrong, and what the message must say. */
const attacks: readonly [string, Uint8Array, RegExp][] = [
  ["nothing", new Uint8Array(), /8 bytes at least, got 0/],
  ["a header longer than the file", file("{}", four, 7), /claims 7 bytes.*cut off/],
  ["a header above 100 MB", file("{}", four, 100_000_001), /100000001 bytes.*allows 100000000/],
  ["a header of 2⁶³ bytes", file("{}", four, 2 ** 63), /allows 100000000/],
  ["a header above 2 MiB", file(`{${" ".repeat(2 ** 21)}}`), /this reader takes 2097152/],
  ["bytes that are not UTF-8", file(Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x7d)), /not UTF-8/],
  ["no JSON", file("{nothing"), /JSON cannot be read/],
  ["a list", file("[]"), /begin with \{/],
  [
    "overlapping tensors",
    file(`{"a":${tensor(0, 3)},"b":${tensor(2, 4)}}`, four),
    /"b" begins at 2, inside/,
  ],
  [
    "a hole",
    file(`{"a":${tensor(0, 1)},"b":${tensor(2, 4)}}`, four),
    /1 … 2 of the data belong to no tensor/,
  ],
  [
    "data behind the last tensor",
    file(`{"a":${tensor(0, 3)}}`, four),
    /3 … 4 of the data belong to no/,
  ],
  ["a tensor beyond the data", file(`{"a":${tensor(0, 5)}}`, four), /0 … 5, and the data have 4/],
  ["a tensor that ends before it begins", file(`{"a":${tensor(4, 0, "[4]")}}`, four), /4 … 0/],
  [
    "a shape of another size",
    file(`{"a":${tensor(0, 4, "[2]", "F32")}}`, four),
    /4 bytes.*needs 8/,
  ],
  [
    "a shape whose size overflows",
    file(`{"a":${tensor(0, 4, `[${"4294967296,".repeat(40)}1]`)}}`, four),
    /needs/,
  ],
  ["a shape of −1", file(`{"a":${tensor(0, 4, "[-4]")}}`, four), /whole numbers from 0/],
  [
    "an unknown type",
    file(`{"a":${tensor(0, 4, "[4]", "toString")}}`, four),
    /must be F32, F16, U8, got "toString"/,
  ],
  ["an extra key", file(`{"a":{"x":1,${tensor(0, 4).slice(1)}}`, four), /nothing else/],
  ["metadata that are no text", file('{"__metadata__":{"a":{}}}'), /metadata "a" must be text/],
  ["a key __proto__", file('{"__metadata__":{"__proto__":"x"}}'), /key "__proto__"/],
  ["a key __proto__ with another escape", file('{"__pr\\u006fto__":{}}'), /key "__proto__"/],
  ["an escaped key __proto__", file('{"\\u005f_proto__":{}}'), /key "__proto__"/],
  ["a JSON bomb, deep", file(`{"a":${"[".repeat(1e6)}${"]".repeat(1e6)}}`), /inside each other/],
  ["a JSON bomb, wide", file(`{"a":[${"[],".repeat(6e5)}0]}`), /lists and objects/],
  [
    "safetensors of something else",
    file(`{"a":${tensor(0, 4)}}`, four),
    /without lclab's description/,
  ],
];

/** A file of one network with parts of many kinds. */
function sample(entropy: boolean): Uint8Array {
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

function withChecksum(bytes: Uint8Array): Uint8Array {
  const whole = bytes.slice().fill(0x30, DIGITS, DIGITS + 64);
  whole.set(text.encode(createHash("sha256").update(whole).digest("hex")), DIGITS);
  return whole;
}

/** The file with another header; the data stay. */
function edited(bytes: Uint8Array, edit: (header: string) => string): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = edit(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  return withChecksum(file(header, bytes.slice(8 + length)));
}

/** @returns The message of the LCError LC_FILE that reading must give. */
function refusal(bytes: Uint8Array, maxBytes = 2 ** 20): string {
  try {
    decodeFile(bytes, maxBytes);
  } catch (error) {
    assert.ok(isLCError(error, "LC_FILE"), String((error as Error).stack));
    return error.message;
  }
  return assert.fail("it was read");
}

describe("a file that is not what save wrote", () => {
  for (const [what, bytes, expected] of attacks) {
    it(`is refused: ${what}`, () => assert.match(refusal(bytes), expected));
  }

  /** Changes of a good file's header, with a right checksum. */
  const lies: readonly [string, (header: string) => string, RegExp][] = [
    [
      "an unknown version",
      (h) => h.replace('"version":"1"', '"version":"7"'),
      /version "7".*reads "1"/,
    ],
    [
      "an unknown compression",
      (h) => h.replace('kind\\":\\"uniform', 'kind\\":\\"toString'),
      /unknown compression/,
    ],
    [
      "an unknown layer",
      (h) => h.replace('kind\\":\\"tanh', 'kind\\":\\"constructor'),
      /unknown kind "constructor"/,
    ],
    [
      "a layer twice",
      (h) => h.replace('layers\\":[\\"b\\"]', 'layers\\":[\\"a\\"]'),
      /already has/,
    ],
    [
      "another shape",
      (h) => h.replace("[[4,6]]", "[[6,4]]"),
      /shapes of task 0 must be \[\[4,6\]\]/,
    ],
    ["other bits", (h) => h.replace(/bits\\":(\d+)/, 'bits\\":1$1'), /the header says/],
    [
      "more positions than weights",
      (h) => h.replace('counts\\":[4,', 'counts\\":[25,'),
      /from 0 to 24, got 25/,
    ],
    [
      "more positions than bits",
      (h) => h.replace('counts\\":[4,', 'counts\\":[24,'),
      /cannot be in/,
    ],
    ["a missing tensor", (h) => h.replace('"d.b"', '"d.c"'), /"d.b" must be F32 \[4\], got none/],
    [
      "a network that takes too much memory",
      (h) => h.replace('units\\":4', 'units\\":400000000'),
      /(shapes|memory)/,
    ],
    [
      "a sum with endless starts",
      (h) => h.replace('kind\\":\\"sum', 'starts\\":1e9,\\"kind\\":\\"sum'),
      /at most 10000 starts/,
    ],
  ];
  for (const [what, edit, expected] of lies) {
    it(`is refused, though its checksum is right: ${what}`, () => {
      const good = sample(false);
      const bad = edited(good, edit);
      assert.notDeepEqual(bad, good, "the edit must change something");
      assert.match(refusal(bad), expected);
    });
  }

  it("is refused if a single bit is another, wherever it is", () => {
    const good = sample(true);
    for (let i = 0; i < good.length; i += 7) {
      const bad = good.slice();
      bad[i] = (bad[i] as number) ^ (1 << (i % 8));
      refusal(bad);
    }
  });

  it("is refused by maxBytes before anything is decoded", () => {
    assert.match(refusal(sample(false), 1000), /more than maxBytes = 1,000/);
  });

  it("gives a code and the file's name from load, too", async () => {
    const folder = await mkdtemp(join(tmpdir(), "lclab-attacks-"));
    try {
      const path = join(folder, "cut.safetensors");
      await writeFile(path, sample(false).subarray(0, 900));
      await assert.rejects(load(path), (e) => isLCError(e, "LC_FILE") && e.message.includes(path));
      await assert.rejects(load(path, { maxBytes: 800 }), /has 900 bytes, more than maxBytes/);
      await assert.rejects(load(join(folder, "none")), (e) => isLCError(e, "LC_DISK"));
      await assert.rejects(load(path, { maxBytes: Number.NaN }), RangeError);
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it("never gives anything but LC_FILE or a whole network: 100,000 seeded mutations", function () {
    this.timeout(300_000);
    const rng = random(20_261_127);
    const before = process.memoryUsage().rss;
    let [refused, read, deep] = [0, 0, 0];
    for (const good of [sample(false), sample(true)]) {
      for (let run = 0; run < 50_000; run++) {
        // Every fourth one with a right checksum, so that it comes as far as the mutation lets it.
        const mutated = mutation(good, rng);
        const bytes = run % 4 === 0 ? withChecksum(mutated) : mutated;
        try {
          const { model: found } = decodeFile(bytes, 2 ** 20);
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
    assert.equal(refused + read, 100_000);
    // Mutations must come everywhere: through to a network, and into the decoders.
    assert.ok(read > 1000 && deep > 1000, `${read} were read, ${deep} refused late`);
    const grown = process.memoryUsage().rss - before;
    assert.ok(grown < 256 * 2 ** 20, `memory grew by ${grown} bytes`);
  });
});

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

describe("readSafetensors", () => {
  it("reads what Python's safetensors writes: any order, no metadata", () => {
    const data = Uint8Array.of(0, 0, 128, 63, 7);
    const json = `{"b":${tensor(4, 5)},"a":${tensor(0, 4, "[1,1]", "F32")}} `;
    const { tensors, metadata, header } = readSafetensors(file(json, data));
    assert.deepEqual([...tensors.keys()], ["b", "a"]);
    assert.deepEqual(tensors.get("a")?.shape, [1, 1]);
    assert.deepEqual(tensors.get("b")?.bytes, Uint8Array.of(7));
    assert.equal(metadata.size, 0);
    assert.equal(header, 8 + json.length);
  });
});
