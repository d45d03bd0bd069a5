import { type Exchange, type KernelSpec, startJupyterKernel } from "./jupyter-client.ts";

/** The cells of one language that the kernels are measured with; `i` makes each one a new text. */
export interface Samples {
  trivial(i: number): string;
  /** Five lines that print `typicalText(i)`. */
  typical(i: number): string;
  variable(i: number): string;
  useVariable(i: number): string;
  /** Declares `point`, whose member is `alpha`, of a class or interface `Point`. */
  point: string;
  /** Ends where a member of `point` is to be completed. */
  completion(i: number): string;
  /** Ends in `point`. */
  hover(i: number): string;
  lines: string;
  loop: string;
  wait: string;
  keep: string;
  showKept: string;
}

/** Lines of output in `lines`. */
export const lineCount = 20_000;

const started = `console.log("started");`;

export const typescript: Samples = {
  trivial: (i) => `${i} + 1`,
  typical: (i) => `interface Reading { at: number; value: number }
const readings: Reading[] = Array.from({ length: 100 }, (_, at) => ({ at, value: (7 * at + ${i}) % 13 }));
const mean = readings.reduce((sum, { value }) => sum + value, 0) / readings.length;
const above = (limit: number): Reading[] => readings.filter(({ value }) => value > limit);
console.log(above(mean).length);`,
  variable: (i) => `const v${i} = ${i};`,
  useVariable: (i) => `v${i} + 1`,
  point: `interface Point { alpha: number; beta: string }
const point: Point = { alpha: 1, beta: "b" };`,
  completion: (i) => `const c${i} = point.al`,
  hover: (i) => `const h${i} = point`,
  lines: `for (let i = 0; i < ${lineCount}; i++) console.log("line " + i);`,
  loop: `${started} while (true) {}`,
  wait: `${started} await new Promise((resolve) => setTimeout(resolve, 1e6));`,
  keep: "let kept = 42;",
  showKept: "console.log(kept);",
};

export const python: Samples = {
  trivial: (i) => `${i} + 1`,
  typical: (i) => `from dataclasses import dataclass
readings = [{"at": at, "value": (7 * at + ${i}) % 13} for at in range(100)]
mean = sum(reading["value"] for reading in readings) / len(readings)
def above(limit): return [reading for reading in readings if reading["value"] > limit]
print(len(above(mean)))`,
  variable: (i) => `v${i} = ${i}`,
  useVariable: (i) => `v${i} + 1`,
  point: `class Point:
    def __init__(self): self.alpha, self.beta = 1, "b"
point = Point()`,
  completion: (i) => `c${i} = point.al`,
  hover: (i) => `h${i} = point`,
  lines: `for i in range(${lineCount}): print("line", i)`,
  loop: `print("started")\nwhile True: pass`,
  wait: `import asyncio\nprint("started")\nawait asyncio.sleep(1e6)`,
  keep: "kept = 42",
  showKept: "print(kept)",
};

function typicalText(i: number): string {
  const values = Array.from({ length: 100 }, (_, at) => (7 * at + i) % 13);
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  return `${values.filter((value) => value > mean).length}\n`;
}

/** The rows of the table. */
export const metrics = [
  "start",
  "trivial cell",
  "typical 5-line cell",
  "trivial cell after 100 variables",
  "completion",
  "hover",
  "20,000 lines",
  "interrupt of a loop",
  "interrupt of an await",
] as const;
export type Metric = (typeof metrics)[number];

/** What a visit found: times in ms, and what was wrong besides them. */
export interface Visit {
  times: Map<Metric, number[]>;
  wrong: Map<Metric, string>;
}

/** The longest that a kernel may take for its output, and to hear an interrupt. */
const [lineSeconds, interruptSeconds] = [30, 10];

/**
 * A kernel from its start to its end, through all measurements. One that fails is noted, and a fresh process does the rest.
 * @throws Error if the kernel does not start.
 */
export async function visit(spec: KernelSpec, samples: Samples, cells: number): Promise<Visit> {
  const times = new Map<Metric, number[]>();
  const wrong = new Map<Metric, string>();
  const record = (metric: Metric, ms: number) => {
    times.set(metric, [...(times.get(metric) ?? []), ms]);
  };
  let kernel = await startJupyterKernel(spec);
  record("start", kernel.startMs);

  const run = async (code: string, expected?: string, seconds?: number): Promise<Exchange> => {
    const done = await kernel.request("execute_request", { code }, seconds);
    const { status, evalue } = done.reply.content;
    if (status !== "ok") throw new Error(`failed: ${evalue}`);
    if (expected !== undefined && done.text !== expected) {
      const lines = (text: string) => text.split("\n").length - 1;
      throw new Error(`wrong text, ${lines(done.text)} lines of ${lines(expected)}`);
    }
    return done;
  };
  const attempt = async (metric: Metric, work: () => Promise<void>) => {
    try {
      await work();
    } catch (error) {
      wrong.set(metric, (error as Error).message);
      await kernel.close();
      kernel = await startJupyterKernel(spec);
      await run(samples.point);
    }
  };
  /** The first answers are left out: something may be loaded for them. */
  const repeat = (metric: Metric, ask: (i: number) => Promise<Exchange>) =>
    attempt(metric, async () => {
      for (let i = 0; i < cells + 3; i++) {
        const { ms } = await ask(i);
        if (i >= 3) record(metric, ms);
      }
    });
  /** tslab aborts what comes soon after an interrupt: then it is asked again. */
  const stateKept = async () => {
    const end = performance.now() + 1000 * interruptSeconds;
    let status: unknown;
    do {
      const asked = { code: samples.showKept };
      const done = await kernel.request("execute_request", asked, interruptSeconds);
      if (done.text === "42\n") return;
      ({ status } = done.reply.content);
    } while (String(status).startsWith("abort") && performance.now() < end);
    throw new Error("stopped, but the state is lost");
  };
  const ask = async (msgType: string, code: string, found: (content: object) => boolean) => {
    const content = { code, cursor_pos: code.length, detail_level: 0 };
    const done = await kernel.request(msgType, content);
    if (!found(done.reply.content)) throw new Error("does not find it");
    return done;
  };

  try {
    // Completion comes first: from then on its server, or what a kernel has, is up and takes part in what follows.
    await run(samples.point);
    await repeat("completion", (i) =>
      ask("complete_request", samples.completion(i), (content) =>
        (content as { matches: string[] }).matches.some((match) => match.endsWith("alpha")),
      ),
    );
    await repeat("hover", (i) =>
      ask("inspect_request", samples.hover(i), (content) =>
        JSON.stringify(content).includes("Point"),
      ),
    );
    await repeat("trivial cell", (i) => run(samples.trivial(i)));
    await repeat("typical 5-line cell", (i) => run(samples.typical(i), typicalText(i)));
    for (let i = 0; i < 100; i++) await run(samples.variable(i));
    await repeat("trivial cell after 100 variables", (i) => run(samples.useVariable(i)));
    await attempt("20,000 lines", async () => {
      const expected = Array.from({ length: lineCount }, (_, i) => `line ${i}\n`).join("");
      record("20,000 lines", (await run(samples.lines, expected, lineSeconds)).ms);
    });
    for (const [metric, code] of [
      ["interrupt of a loop", samples.loop],
      ["interrupt of an await", samples.wait],
    ] as const)
      await attempt(metric, async () => {
        await run(samples.keep);
        const { ms } = await kernel.interrupted(code, interruptSeconds);
        await stateKept();
        record(metric, ms);
      });
    return { times, wrong };
  } finally {
    await kernel.close();
  }
}
