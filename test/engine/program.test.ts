import assert from "node:assert/strict";
import { Arena } from "../../src/engine/arena.ts";
import { compile } from "../../src/engine/compile.ts";
import { encode, print } from "../../src/engine/program.ts";
import { plan } from "../../src/engine/wasm/plan.ts";
import { dense, network, tanh } from "../../src/net/network.ts";
import { lenet300 } from "../../src/net/zoo.ts";
import { formulaData } from "./support.ts";

const net = network({
  name: "small",
  input: [12],
  layers: [dense("fc1", 9), tanh(), dense("out", 4)],
});

describe("training programs", () => {
  it("of two dense layers are two phases, rows and tiles", () => {
    const { train } = compile(net, new Arena(), { batch: 8, evaluation: 40 });
    const kernels = train.phases.map(({ axis, serial, ops }) => [
      axis,
      serial,
      ops.map(({ kernel, layer, tasks }) => `${kernel} ${layer} ${tasks}`),
    ]);
    assert.deepEqual(kernels, [
      [
        "rows",
        ["loss", "guard"],
        ["gather input 0", "dense fc1 0", "dense out 0", "softmax loss 0", "denseInput out 0"],
      ],
      ["tiles", ["advance"], ["denseUpdate fc1 2", "denseUpdate out 1"]],
    ]);
  });

  it("are the same data whatever the number of threads", () => {
    const programs = (threads: number) => {
      const { compiled } = plan(net, formulaData(20, 12, 4), { batch: 8 }, threads);
      return [compiled.train, compiled.evaluate, compiled.evaluateOther].map(print);
    };
    assert.deepEqual(programs(1), programs(7));
  });

  it("print one op per line, and encode to the words the interpreter reads", () => {
    const { evaluate } = compile(net, new Arena(), { batch: 8, evaluation: 40 });
    const lines = print(evaluate).split("\n");
    assert.deepEqual(lines.slice(0, 2), ["evaluate", "  rows, then loss, advance"]);
    assert.match(lines[2] ?? "", /^ {4}gather "input" x=\d+ mean=\d+ inputs=12 /);
    assert.equal(lines.length, 6);
    const words = encode(evaluate);
    assert.deepEqual([words[0], (words[1] ?? 0) / 4], [1, words.length - 1]);
  });

  it("have a memory plan whose pieces overlap only between training and evaluation", () => {
    for (const [batch, count] of [
      [8, 20],
      [600, 700],
    ] as const) {
      const { regions, bytes } = plan(
        lenet300().network,
        formulaData(count, 784, 10),
        { batch },
        3,
      );
      const split = regions.findLastIndex(({ name }) => name === "input activation");
      const first = regions.findIndex(({ name }) => name === "input activation");
      const end = regions.findIndex(({ name }) => name === "program train");
      const [before, after] = [regions.slice(0, first), regions.slice(end)];
      for (const middle of [regions.slice(first, split), regions.slice(split, end)]) {
        let last = 64;
        for (const { name, offset, bytes } of [...before, ...middle, ...after]) {
          assert.ok(offset >= last && offset % 64 === 0, `${name} at ${offset}, last end ${last}`);
          last = offset + bytes;
        }
        assert.ok(last <= bytes);
      }
    }
  });
});
