import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { parseArgs } from "node:util";
// @ts-expect-error [ts7016] a build script without types
import { build } from "../scripts/build.mjs";
import type { Dataset } from "../src/data/dataset.ts";
import { readJournal } from "../src/runs/journal.ts";
import { pointFolder } from "../src/sweep/folder.ts";
import type { SweepEntry } from "../src/sweep/journal.ts";
import { machine, textTable } from "./machine.ts";

const help = `npm run bench -- sweep [--data DIR] [--json]

How busy a sweep keeps two cores: 12 points of LeNet300 on two workers of one thread. About two minutes.
"busy" is the workers' processor time ÷ (2 × wall time). The processor time is what each worker process says of itself at its end
(getrusage, all threads, its start included); the wall time is from the supervisor's first to its last line in the journal.
  --data DIR    30,000 images of DIR/mnist, once an LC step; otherwise 10,000 digits that lclab draws, three times
  --json        an object on one line`;

// As users run it, without the TypeScript loader's time.
type Library = typeof import("../src/index.ts");
const CORES = 2;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      data: { type: "string" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  await build({ only: ["wasm", "code"] });
  const library = (await import(new URL("../dist/src/index.js", import.meta.url).href)) as Library;
  if (values.data) process.env.LCLAB_DATA = values.data;
  const data = values.data ? await library.mnist({ trainCount: 30_000 }) : library.digits();
  const folder = await mkdtemp(join(tmpdir(), "lclab-bench-"));
  if (!values.json) console.log(`${machine()}; ${data.name}\n`);
  try {
    const row = await measure(library, data, join(folder, "sweep"));
    if (values.json) console.log(JSON.stringify({ ...row, machine: machine() }));
    else console.log(textTable([row]));
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

type Row = Readonly<Record<string, string | number>>;

async function measure(library: Library, data: Dataset, dir: string): Promise<Row> {
  const usage = `${dir}.usage`;
  process.env.LCLAB_BENCH_USAGE = usage;
  const before = process.env.NODE_OPTIONS;
  process.env.NODE_OPTIONS = `${before ?? ""} --import ${new URL("usage.mjs", import.meta.url).href}`;
  const running = await library.sweep({
    ...{ net: library.lenet300({ seed: 1 }), data, dir },
    executor: library.pool({ workers: CORES, threads: 1 }),
    combinations: ["Q", "P", "L", "Q+P"],
    levels: { bits: [1, 2, 3], keep: [0.02, 0.1], rank: [10] },
    lStep: library.sgd({ rate: 0.05, epochs: data.train.count < 30_000 ? 3 : 1 }),
    mu: library.geometric({ from: 1e-3, factor: 1.5, steps: 4 }),
  });
  const { status, points } = await running.live({ stream: { write: () => true } });
  // The supervisor ends after it has written that it does.
  while ((await running.result()).supervisor) await new Promise((next) => setTimeout(next, 20));
  if (before === undefined) delete process.env.NODE_OPTIONS;
  else process.env.NODE_OPTIONS = before;
  delete process.env.LCLAB_BENCH_USAGE;
  if (status !== "finished" || points.some((point) => point.attempts !== 1)) {
    throw new Error(`bench: the sweep was not undisturbed; see ${join(dir, "supervisor.log")}.`);
  }
  const journal = await readJournal<SweepEntry>(join(dir, "journal.jsonl"));
  const wall = between(journal.at(0)?.time, journal.at(-1)?.time);
  const cpu = (await readFile(usage, "utf8"))
    .trim()
    .split("\n")
    .map((line) => JSON.parse(line) as { program: string; seconds: number })
    .filter(({ program }) => program === "worker.js");
  if (cpu.length !== points.length) {
    throw new Error(`bench: ${cpu.length} of ${points.length} workers told their processor time.`);
  }
  const seconds = cpu.reduce((sum, one) => sum + one.seconds, 0);
  let [start, work] = [0, 0];
  for (const { id } of points) {
    const time = (type: "attempt" | "end") =>
      journal.find((entry) => entry.type === type && entry.id === id)?.time;
    const own = await readJournal(join(pointFolder(dir, id), "journal.jsonl"));
    const began = own.find((entry) => entry.type === "start")?.time;
    start += between(time("attempt"), began);
    work += between(began, time("end"));
  }
  const mean = (sum: number): number => round(sum / points.length);
  return {
    ...{ points: points.length, "wall s": round(wall), "workers' CPU s": round(seconds) },
    busy: round(seconds / (CORES * wall)),
    // Of a point, on average: from when it was given out until its run began, and until it had ended.
    ...{ "start s": mean(start), "run s": mean(work) },
  };
}

/** Seconds from one time of a journal to another. */
function between(from: string | undefined, to: string | undefined): number {
  return (Date.parse(to ?? "") - Date.parse(from ?? "")) / 1000;
}

function round(value: number): number {
  return Number(value.toFixed(3));
}
