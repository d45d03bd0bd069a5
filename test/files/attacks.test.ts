import assert from "node:assert/strict";
import { execFile } from "node:child_process";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { promisify } from "node:util";
import { readSafetensors } from "../../src/files/safetensors.ts";
import { isLCError, load } from "../../src/index.ts";
import { file, type mutations, refusal, sample, withChecksum } from "./mutations.ts";

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

/** The file with another header; the data stay. */
function edited(bytes: Uint8Array, edit: (header: string) => string): Uint8Array {
  const length = new DataView(bytes.buffer, bytes.byteOffset).getUint32(0, true);
  const header = edit(new TextDecoder().decode(bytes.subarray(8, 8 + length)));
  return withChecksum(file(header, bytes.slice(8 + length)));
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
      /from 0 to 4, got 25/,
    ],
    [
      "more positions than bits",
      (h) => h.replace('counts\\":[4,', 'counts\\":[24,').replace('count\\":4', 'count\\":24'),
      /cannot be in/,
    ],
    ["a missing tensor", (h) => h.replace('"d.b"', '"d.c"'), /"d.b" must be F32 \[4\], got none/],
    [
      "a network that takes too much memory",
      (h) =>
        h
          .replace('units\\":4', 'units\\":400000000')
          .replace("[[4,6]]", "[[400000000,6]]")
          .replace("[[5,4]]", "[[5,400000000]]"),
      /of memory/,
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

  it("never gives anything but LC_FILE or a whole network: 100,000 seeded mutations", async function () {
    this.timeout(300_000);
    // In a process of its own, whose memory is its own.
    const script = fileURLToPath(new URL("mutations.ts", import.meta.url));
    const options = ["--import", "tsx", "--max-semi-space-size=4", script];
    const { stdout } = await promisify(execFile)(process.execPath, options);
    const { refused, read, deep, grown } = JSON.parse(stdout) as ReturnType<typeof mutations>;
    assert.equal(refused + read, 100_000);
    // Mutations must come everywhere: through to a network, and into the decoders.
    assert.ok(read > 1000 && deep > 1000, `${read} were read, ${deep} refused late`);
    assert.ok(grown < 65 * 2 ** 20, `memory grew by ${grown} bytes`);
  });
});

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
