import assert from "node:assert/strict";
import { createHash } from "node:crypto";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import {
  card,
  compress,
  defineCompression,
  fixedCodebook,
  lenet300,
  load,
  lowRank,
  perChannel,
  prune,
  quantize,
  save,
  saveCard,
} from "../../src/index.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { solved } from "../support/solved.ts";

describe("a card", () => {
  const quick = { search: "alternate", order: [0, 1], starts: 0, tolerance: 0.1 } as const;
  const solution = solved(
    compress(lenet300())
      .layer("fc1", lowRank({ rank: 2 }).plus(prune({ count: 100 }), quick))
      .layer("fc2", perChannel(quantize({ levels: 2 })))
      .layer("out", quantize({ levels: 4 })),
  );
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), "lclab-card-"));
  });
  after(() => rm(folder, { recursive: true }));

  it("is one page: no scripts, nothing from elsewhere, every element closed", () => {
    const html = card(solution, { notes: "One.\n\nTwo." }).toHTML();
    assert.doesNotMatch(html, /<script|<link|<img|@import|url\(|(src|href)=/);
    // The only addresses are names of formats.
    assert.deepEqual(
      new Set(html.match(/https?:[^"'\s]*/g)),
      new Set(["http://www.w3.org/2000/svg"]),
    );
    const open: string[] = [];
    for (const [, end, tag = "", self] of html.matchAll(/<(\/?)([a-zA-Z0-9]+)[^>]*?(\/?)>/g)) {
      if (end) assert.equal(open.pop(), tag);
      else if (!self && tag !== "meta") open.push(tag);
    }
    assert.deepEqual(open, []);
    assert.match(html, /prefers-color-scheme:dark/);
    assert.match(html, /<p class="notes">One\.<\/p>\n<p class="notes">Two\.<\/p>/);
  });

  it("says the bytes, the ratio, the FLOPs and the checksum of the file that save writes", async () => {
    const path = join(folder, "net.safetensors");
    for (const entropy of [false, true]) {
      const size = await save(solution, path, { entropy });
      const back = await load(path);
      const html = card(back).toHTML();
      const sha256 = createHash("sha256")
        .update(await readFile(path))
        .digest("hex");
      assert.ok(html.includes(sha256));
      const grouped = (n: number) => n.toLocaleString("en-US");
      for (const n of [size.bytes, size.header, size.data]) assert.ok(html.includes(grouped(n)));
      assert.ok(html.includes(`${back.ratio.toPrecision(3)} ×`));
      assert.ok(
        html.includes(
          `<td class="n">${grouped(solution.table.toRecords()[0]?.FLOPs as number)}</td>`,
        ),
      );
    }
  });

  it("gives the same bytes each time, with a date only if it is given", async () => {
    const html = card(solution).toHTML();
    assert.equal(card(solution).toHTML(), html);
    assert.doesNotMatch(html, /20\d\d-\d\d/);
    const path = join(folder, "card.html");
    await saveCard(card(solution, { date: "2026-11-28" }), path);
    assert.match(
      await readFile(path, "utf8"),
      /<footer>Made by lclab [\d.]+, 2026-11-28\.<\/footer>/,
    );
  });

  it("draws a dot for each level, the larger the more weights have it", () => {
    const html = card(solution).toHTML();
    const lines = [...html.matchAll(/<tr><td>(\w+)<\/td>[^\n]*class="dots"[^\n]*/g)];
    const dots = lines.map(([line, layer]) => [layer, line.match(/<circle/g)?.length]);
    assert.deepEqual(dots, [
      ["fc2", 200],
      ["out", 4],
    ]);
    const radii = [...(lines[1]?.[0] ?? "").matchAll(/ r="([\d.]+)"/g)].map(([, r]) => Number(r));
    const { assignments } = solution.thetas.out as { assignments: Uint8Array };
    const counts = [0, 1, 2, 3].map((code) => assignments.filter((one) => one === code).length);
    const bySize = (values: readonly number[]) => values.indexOf(Math.max(...values));
    assert.equal(bySize(radii), bySize(counts));
  });

  it("shows texts as texts, results by name, and itself in a frame", () => {
    const texts = {
      title: "<b>&",
      notes: "<script>alert(1)</script>",
      results: { "a < b": "1 > 0" },
    };
    const made = card({ ...solution, testError: 2.5 }, texts);
    const html = made.toHTML();
    assert.ok(html.includes("<h1>&lt;b&gt;&amp;</h1>") && html.includes("&lt;script&gt;"));
    assert.match(html, /<td>test error<\/td><td class="n">2\.50 %<\/td>/);
    assert.match(html, /<td>a &lt; b<\/td><td class="n">1 &gt; 0<\/td>/);
    const bundle = made[displaySymbol]() as Record<string, string>;
    assert.match(bundle["text/html"] ?? "", /^<iframe [^>]*sandbox[^>]*>/);
    assert.match(bundle["text/plain"] ?? "", /<b>&: [\d.]+ × smaller, [\d,]+ bytes/);
    assert.throws(() => card(solution, { title: 5 as never }), /card: title must be text, got 5/);
  });

  it("of weights that are not what θ stands for there is none, as there is no file", () => {
    const weights = { ...solution.model.weights };
    weights["out.w"] = Float32Array.from(weights["out.w"] as Float32Array, (w) => w + 1);
    const trained = { ...solution, model: { ...solution.model, weights } };
    assert.throws(
      () => card(trained),
      (error: Error) =>
        error instanceof RangeError &&
        /^card: layer "out" is not what its θ stands for: weight 0 is/.test(error.message),
    );
  });

  it("of a layer that takes no bytes there is no ratio", () => {
    const html = card(solved(compress(lenet300()).layer("out", fixedCodebook([0])))).toHTML();
    assert.match(html, /<td>out<\/td>.*<td class="n">0<\/td><td class="n">–<\/td>/);
    assert.doesNotMatch(html, /Infinity/);
  });

  it("of a compression of one's own there is no file, and it says so", () => {
    const zero = defineCompression({
      ...{ name: "zero", exact: true, elementwise: true, bits: () => 0 },
      cStep: ({ rows, cols }) => ({ rows, cols }),
      decompress: ({ rows, cols }) => ({ rows, cols, data: new Float64Array(rows * cols) }),
    });
    const html = card(solved(compress(lenet300()).layer("out", zero))).toHTML();
    assert.match(html, /it has no file of lclab/);
    assert.doesNotMatch(html, /SHA-256|await load/);
  });
});
