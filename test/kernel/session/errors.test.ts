import assert from "node:assert/strict";
import { type KernelClient, startKernel } from "../../support/kernel-client.ts";
import { type Session, show } from "../../support/session.ts";

/** Cells, and the traceback of the last one with its number as N. */
const tracebacks: [name: string, cells: string[], expected: RegExp][] = [
  [
    "a call of a name that is not there, as the last expression",
    ["nope(1)"],
    /at Cell N:1:1\n {4}1 \| nope\(1\)\n/,
  ],
  ["columns count UTF-16 units", ['const e = "😀"; nope(e)'], /at Cell N:1:17\n/],
  ["lines of a cell with CRLF", ["1;\r\n2;\r\nnope()"], /at Cell N:3:1\n/],
  ["a line separator in a string", ['"\u2028"; throw new Error("x")'], /at Cell N:1:12\n/],
  [
    "a message that looks like a stack",
    ["throw new Error('a\\n    at fake (file:///x.js:1:1)')"],
    /x\.js:1:1\)\n {2}at Cell N:1:7\n/,
  ],
  [
    "an error of a subclass without a name",
    ["class Http extends Error {} ; throw new Http('x')"],
    /^Http: x\n/,
  ],
  [
    "a cause that is a circle",
    ["const c: any = new Error('c'); c.cause = c; throw c"],
    /^Error: c\n(?:(?!Caused by)[\s\S])*$/,
  ],
  [
    "an AggregateError",
    ["throw new AggregateError([new TypeError('a'), 'b'], 'm')"],
    /^AggregateError: m\n[\s\S]*\n {2}\[0\] TypeError: a\n[\s\S]*\n {2}\[1\] thrown string: 'b'$/,
  ],
  [
    "a disposal that fails after the cell did",
    [
      "using u = { [Symbol.dispose ?? Symbol.for('Symbol.dispose')]() { throw new RangeError('d') } };\nthrow new Error('b')",
    ],
    /^SuppressedError: [\s\S]*\[0\] RangeError: d\n[\s\S]*\[1\] Error: b\n/,
  ],
  ["minus zero", ["throw -0"], /^thrown number: -0$/],
  ["a big integer", ["throw 10n"], /^thrown bigint: 10n$/],
  [
    "an error whose stack cannot be read",
    ["const s = new Error('s'); Object.defineProperty(s, 'stack', { get() { throw 1 } }); throw s"],
    /^Error: s$/,
  ],
  [
    "a stack overflow",
    ["const r = (n: number): number => r(n + 1) + 1; r(0)"],
    /^RangeError: Maximum call stack size exceeded\n/,
  ],
  ["a break outside a loop", ["break"], /^SyntaxError: Cannot use "break" here\n/],
];

const results: Session[] = [
  [
    "a Proxy whose traps throw is shown",
    ["new Proxy({ a: 1 }, { get() { throw new Error('trap') } })"],
    "{ a: 1 }",
  ],
  [
    "a getter of a display is not called",
    ["({ get [Symbol.for('Jupyter.display')]() { throw new Error('own') } })"],
    "{ [Symbol(Jupyter.display)]: [Getter] }",
  ],
  ["a promise is not awaited", ["Promise.resolve(5)"], "Promise { 5 }"],
  ["a thenable is not called", ["({ then(r: any) { r(7) } })"], "{ then: [Function: then] }"],
  ["getters are not called", ["({ get x() { throw 1 } })"], "{ x: [Getter] }"],
  ["circles are marked", ["const c: any = {}; c.c = c; c"], "<ref *1> { c: [Circular *1] }"],
  ["null and symbols are results", ["[null, Symbol('s'), 1n]"], "[ null, Symbol(s), 1n ]"],
  [
    "half a surrogate pair can be saved",
    ["console.log('a\\ud800b\\\\ud800')"],
    { stdout: "a\ufffdb\\ud800\n" },
  ],
];

describe("errors and results of a session", () => {
  let kernel: KernelClient;
  before(async () => {
    kernel = await startKernel();
  });
  after(() => kernel.shutdown());

  for (const [name, cells, expected] of tracebacks)
    it(`traceback of ${name}`, async () => {
      let traceback: string[] = [];
      for (const cell of cells) ({ traceback } = await show(kernel, cell));
      const text = traceback.join("\n").replace(/Cell \[\d+\]/g, "Cell N");
      assert.match(text + (expected.source.endsWith("\\n") ? "\n" : ""), expected);
    });

  for (const [name, cells, expected] of results)
    it(name, async () => {
      const { result, stdout, error } = await show(kernel, cells[0]);
      if (typeof expected === "string") assert.equal(result ?? error, expected);
      else if ("stdout" in expected) assert.equal(stdout, expected.stdout);
      else assert.equal(error, expected.error);
    });

  it("cuts a message of 3 MB, and says so", async () => {
    const { error = "" } = await show(kernel, "throw new Error('x'.repeat(3e6))");
    assert.ok(error.length < 21_000);
    assert.match(error, /… \(3000000 characters in all\)$/);
  });

  it("errors of timers, promises, emitters, streams and workers are shown with their places", async () => {
    for (const code of [
      "setTimeout(() => { throw new Error('bg') }); await new Promise((r) => setTimeout(r, 20))",
      "Promise.reject(new Error('bg')); await new Promise((r) => setTimeout(r, 5))",
      "queueMicrotask(() => { throw new Error('bg') }); await new Promise((r) => setTimeout(r, 5))",
      "setTimeout(() => new (require('events'))().emit('error', new Error('bg'))); await new Promise((r) => setTimeout(r, 20))",
      "new (require('stream').Readable)({ read() { this.destroy(new Error('bg')) } }).resume(); await new Promise((r) => setTimeout(r, 20))",
    ]) {
      const { stderr, error } = await show(kernel, code);
      assert.equal(error, undefined);
      assert.match(
        stderr,
        /^Uncaught in a background task: Error: bg\n {2}at Cell \[\d+\]:1:\d+/,
        code,
      );
    }
    const worker = await show(
      kernel,
      "const w = new (require('worker_threads').Worker)('throw new Error(\"bg\")', { eval: true }); await new Promise((r) => w.on('exit', r))",
    );
    assert.match(worker.stderr, /^Uncaught in a background task: Error: bg\n/);
  });

  it("a promise that is awaited late says nothing more", async () => {
    const { stderr } = await show(
      kernel,
      "const p = Promise.reject(new Error('bg')); await new Promise((r) => setTimeout(r, 5)); p.catch(() => {}); await new Promise((r) => setTimeout(r, 5))",
    );
    assert.doesNotMatch(stderr, /Warning/);
  });

  it("whole outputs of 5 MB arrive, in order with those of children and native code", async () => {
    const { order } = await show(
      kernel,
      "console.log('a'); require('child_process').spawnSync('echo', ['b'], { stdio: 'inherit' }); console.log('y'.repeat(5e6)); display(1); process.stdout.write(Buffer.from('é')); console.error('z')",
    );
    assert.equal(
      order.join("").replace(/y+/, (all) => `${all.length}`),
      "a\nb\n5000000\ndisplay_dataéz\n",
    );
    const big = await show(
      kernel,
      "console.log(require('child_process').execSync('seq 1 200000', { maxBuffer: 1e8 }).length)",
    );
    assert.equal(big.stdout, "1288895\n");
  });
});
