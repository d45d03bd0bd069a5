import assert from "node:assert/strict";
import { createRequire } from "node:module";
import { prune } from "../src/compression/prune.ts";
import { quantize } from "../src/compression/quantize.ts";
import { augmented } from "../src/data/augment.ts";
import type { Dataset } from "../src/data/dataset.ts";
import { digits } from "../src/data/digits.ts";
import { shownDataset } from "../src/data/shown.ts";
import { compress } from "../src/lc/plan.ts";
import { conv2d, dense, network, relu } from "../src/net/network.ts";
import { lenet300, resnet } from "../src/net/zoo.ts";
import { type Displayable, displaySymbol, notebookDisplay, show } from "../src/notebook.ts";
import { table } from "../src/table/table.ts";

type Bundle = Readonly<Record<string, string>>;
const bundle = (value: object): Bundle => (value as Displayable)[displaySymbol]() as Bundle;
const text = (value: object): string => bundle(value)["text/plain"] as string;

/** Calls `action` with these globals, and puts the old ones back. */
function withGlobals<T>(globals: Record<string, unknown>, action: () => T): T {
  const scope = globalThis as Record<string, unknown>;
  const before = Object.keys(globals).map((name) => [name, scope[name]] as const);
  Object.assign(scope, globals);
  try {
    return action();
  } finally {
    for (const [name, value] of before)
      if (value === undefined) delete scope[name];
      else scope[name] = value;
  }
}

describe("values in a notebook", () => {
  it("a data set is one line with counts, shape, source and augmentation", () => {
    const data = digits({ trainCount: 20, testCount: 10 });
    const line =
      "procedural digits: 20 training and 10 test images of 28 × 28 × 1, 10 classes · digits drawn by lclab (seed 0); no data set was read";
    assert.equal(text(data), line);
    assert.equal(
      text(augmented(data)),
      `${line} · training images flipped and cropped from 4 pixels of padding at random`,
    );
    assert.equal(text(augmented(data, { flip: false, crop: 0 })), line);
  });

  it("a changed copy does not show what its original was", () => {
    const data = digits({ trainCount: 20, testCount: 10 });
    const copy: Dataset = { ...data, name: "mine" };
    assert.ok(!(displaySymbol in copy));
    assert.match(text(shownDataset(copy)), /^mine: 20 training/);
  });

  it("a network and its model are the table of their layers with parameters", () => {
    const net = network({
      name: "a <b>",
      input: [8, 8, 1],
      layers: [conv2d("conv", 4, { kernel: [3, 3] }), relu(), dense("out", 10)],
    });
    assert.equal(
      text(net),
      [
        "a <b>: 8 × 8 × 1 → 10, 3 layers, 1,490 parameters",
        "layer  kind    output     weights   parameters",
        "conv   conv2d  6 × 6 × 4  4 × 9             40",
        "out    dense   10         10 × 144       1,450",
      ].join("\n"),
    );
    assert.match(bundle(net)["text/html"] as string, /^<p><b>a &lt;b&gt;: 8 × 8 × 1 → 10/);
    const model = lenet300();
    assert.equal(text(model), text(model.network));
    assert.match(text(model), /^LeNet300: .*, 266,610 parameters\n/);
  });

  it("a deep network shows its first 40 layers and how many are left out", () => {
    const lines = text(resnet({ depth: 56 }).network).split("\n");
    assert.equal(lines.length, 2 + 40 + 1);
    const left = Number(/^… (\d+) more layers with parameters$/.exec(lines.at(-1) as string)?.[1]);
    const all = resnet({ depth: 56 }).network.layers.filter(
      ({ parameters }) => parameters.length > 0,
    );
    assert.equal(40 + left, all.length);
  });

  it("a compression says its name and whether its C step is exact", () => {
    assert.equal(text(quantize({ bits: 1 })), "quantize(K = 2) · C step: exact");
    assert.equal(
      text(quantize({ bits: 1 }).plus(prune({ keep: 0.01 }))),
      "quantize(K = 2) + prune(1 %) · C step: each result says whether it is exact",
    );
  });

  it("a plan is the table of its layers, with what is left open", () => {
    const plan = compress(lenet300());
    assert.match(text(plan), /^LeNet300: 0 of 3 layers to be compressed\n/);
    assert.equal(
      text(plan.joint(["fc1", "out"], quantize({ bits: 1 }))),
      [
        "LeNet300: 2 of 3 layers to be compressed",
        "layer  shape      compression",
        "fc1    300 × 784  quantize(K = 2), one θ with out",
        "fc2    100 × 300  –",
        "out    10 × 100   quantize(K = 2), one θ with fc1",
      ].join("\n"),
    );
  });
});

describe("show", () => {
  const shown = { [displaySymbol]: () => ({ "text/plain": "text", "text/html": "<b>html</b>" }) };

  it("is the kernel's display where there is one", () => {
    const calls: unknown[] = [];
    withGlobals({ display: (value: unknown) => calls.push(value) }, () => show(shown));
    assert.deepEqual(calls, [shown]);
  });

  it("sends tslab the whole bundle, and its handle updates the same display, also in later cells", () => {
    const require = createRequire(import.meta.url);
    const jupyter = require("tslab/dist/jupyter.js");
    const sent: unknown[] = [];
    withGlobals({ __tslab__: { require } }, () => {
      jupyter.lastWriteDisplayData = (content: object, update: boolean) =>
        sent.push([1, content, update]);
      const handle = notebookDisplay()?.(shown, { id: "d" }) as { update(value: unknown): void };
      jupyter.lastWriteDisplayData = (content: object, update: boolean) =>
        sent.push([2, content, update]);
      handle.update(table([{ name: "n" }], [[1]]));
      handle.update(7);
      jupyter.lastWriteDisplayData = null;
      assert.equal(notebookDisplay(), undefined);
    });
    const message = (data: object) => ({ data, metadata: {}, transient: { display_id: "d" } });
    assert.deepEqual(sent, [
      [1, message({ "text/plain": "text", "text/html": "<b>html</b>" }), false],
      [2, message(bundle(table([{ name: "n" }], [[1]]))), true],
      [2, message({ "text/plain": "7" }), true],
    ]);
  });

  it("prints the text outside a notebook", () => {
    const written: string[] = [];
    const { write } = process.stdout;
    process.stdout.write = (text: string | Uint8Array) => {
      written.push(String(text));
      return true;
    };
    try {
      show(shown);
      show(new Map([[1, 2]]));
    } finally {
      process.stdout.write = write;
    }
    assert.deepEqual(written, ["text\n", "Map(1) { 1 => 2 }\n"]);
  });
});
