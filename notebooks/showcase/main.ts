/**
 * `npm run showcase`: the reference toolkit's six trained combinations of its LeNet300 on MNIST, with the full schedule: 40 LC steps,
 * 820 epochs of 60,000 images each. A run that was stopped goes on; one that has ended is only shown.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { machine } from "../../bench/machine.ts";
import { mnist } from "../../src/data/mnist.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import { save } from "../../src/files/save.ts";
import type { Progress } from "../../src/lc/progress.ts";
import { geometric, schedules } from "../../src/lc/schedules.ts";
import { files } from "../../src/runs/folder.ts";
import { openRun } from "../../src/runs/open.ts";
import { version } from "../../src/runs/record.ts";
import { table } from "../../src/table/table.ts";
import { referenceLenet300 } from "../../test/support/reference.ts";
import { type Row, rows } from "./rows.ts";

const help = `npm run showcase -- [ROW …] [--dir DIR] [--threads N] [--draw]

Trains rows of the reference toolkit's showcase, keeps each one's record and result in notebooks/showcase/ROW, and writes
docs/showcase.md of those that are done.
  ROW          ${rows.map(({ id }) => id).join(", ")}; default all
  --dir DIR    where the runs with all their checkpoints lie; default .lclab/showcase
  --threads N  default one a core
  --draw       trains nothing: writes docs/showcase.md again
MNIST and the toolkit's LeNet300 are read from LCLAB_DATA.`;

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: join(".lclab", "showcase") },
    threads: { type: "string" },
    draw: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const unknown = positionals.find((id) => !rows.some((row) => row.id === id));
const threads = values.threads === undefined ? undefined : Number(values.threads);
if (values.help) console.log(help);
else if (unknown !== undefined) {
  fail(`no row "${unknown}"; there are ${rows.map(({ id }) => id).join(", ")}`);
} else if (threads !== undefined && !(Number.isSafeInteger(threads) && threads >= 1)) {
  fail(`--threads must be a whole number from 1, got ${JSON.stringify(values.threads)}`);
} else {
  const chosen = rows.filter(({ id }) => positionals.length === 0 || positionals.includes(id));
  if (!values.draw) for (const row of chosen) await train(row);
  await writeFile("docs/showcase.md", await page());
}

function fail(problem: string): void {
  console.error(`showcase: ${problem}.\n\n${help}`);
  process.exitCode = 2;
}

/** What a row came to. */
interface Result {
  readonly testError: number;
  readonly trainLoss: number;
  readonly ratio: number;
  /** Of the whole network's file: header and data, packed; and coded arithmetically. */
  readonly bytes: number;
  readonly codedBytes: number;
  readonly epochs: number;
  /** Of all processes that worked on it. */
  readonly seconds: number;
  /** Of an epoch of an L step, the median. */
  readonly epochSeconds: number;
  readonly seed: number;
  readonly machine: string;
  readonly node: string;
  readonly lclab: string;
}

async function train({ id, rate, mu, plan }: Row): Promise<void> {
  const to = folderOf(id);
  if (existsSync(join(to, "result.json"))) {
    console.log(`${id}: done already`);
    return;
  }
  const net = await referenceLenet300();
  if (!net) throw new Error("showcase: LCLAB_DATA is not set.");
  const dir = resolve(values.dir, id);
  const began = performance.now();
  const running = plan(net).steps({
    ...{ data: await mnist(), lStep: { ...schedules.full.lStep, rate }, mu: geometric(mu) },
    ...{ seed: 1, evaluate: "ends", dir },
    engine: wasmEngine(threads === undefined ? {} : { threads }),
  });
  for (;;) {
    const { done, value } = await running.next();
    if (!done) {
      if (value.kind === "step") {
        const { step, steps, trainLoss, testError, distance } = value;
        const scores =
          trainLoss === undefined
            ? ""
            : `, loss of Δ(Θ) ${trainLoss.toPrecision(3)}, test error ${testError?.toFixed(2)} %`;
        const seconds = (performance.now() - began) / 1000;
        console.log(
          `${id}: LC step ${step} of ${steps}, distance ${distance.toPrecision(2)}${scores}, ${seconds.toFixed(0)} s`,
        );
      }
      continue;
    }
    if (value.status !== "finished") throw new Error(`showcase: ${id} is ${value.status}.`);
    const { history, trainLoss = Number.NaN, testError = Number.NaN, ratio } = value;
    const packed = await save(value, join(dir, "packed.safetensors"));
    const coded = await save(value, join(dir, "coded.safetensors"), { entropy: true });
    const times = { seconds: (await openRun(dir)).seconds, epochSeconds: epochSeconds(history) };
    const result: Result = {
      ...{ testError, trainLoss, ratio, bytes: packed.bytes, codedBytes: coded.bytes },
      ...{ epochs: history.at(-1)?.epochsDone ?? 0, ...times, seed: 1 },
      ...{ machine: machine(), node: process.version, lclab: version() },
    };
    await mkdir(to, { recursive: true });
    await writeFile(join(to, "result.json"), `${JSON.stringify(result, null, 2)}\n`);
    const record = await readFile(join(dir, files.record), "utf8");
    const data = resolve(process.env.LCLAB_DATA ?? "");
    await writeFile(join(to, files.record), record.replaceAll(`${data}/`, "$LCLAB_DATA/"));
    return;
  }
}

function folderOf(id: string): string {
  return fileURLToPath(new URL(id, import.meta.url));
}

/** Median of the epochs that follow another one of the same process. */
function epochSeconds(history: readonly Progress[]): number {
  const took = history.flatMap(({ kind, seconds }, i) => {
    const before = history[i - 1];
    const follows = kind === "epoch" && before?.kind === "epoch" && before.seconds < seconds;
    return follows ? [seconds - before.seconds] : [];
  });
  return took.sort((a, b) => a - b)[took.length >> 1] ?? Number.NaN;
}

async function page(): Promise<string> {
  const done: (Row & { readonly result: Result })[] = [];
  for (const row of rows) {
    const path = join(folderOf(row.id), "result.json");
    if (!existsSync(path)) continue;
    done.push({ ...row, result: JSON.parse(await readFile(path, "utf8")) as Result });
  }
  const left = rows.filter(({ id }) => !done.some((row) => row.id === id));
  const two = (x: number): string => x.toFixed(2);
  const details = table(
    [
      { name: "combination" },
      { name: "test error %", format: two },
      { name: "theirs", format: two },
      { name: "difference", format: (x) => `${x > 0 ? "+" : x < 0 ? "−" : ""}${two(Math.abs(x))}` },
      { name: "training loss", format: (x) => x.toPrecision(3) },
      { name: "ρ", format: (x) => x.toFixed(2) },
      { name: "file, bytes" },
      { name: "coded" },
      { name: "seed" },
      { name: "minutes", format: (x) => x.toFixed(0) },
      { name: "s an epoch", format: two },
    ],
    done.map(({ name, published, result }) => [
      ...[name, result.testError, published, result.testError - published, result.trainLoss],
      ...[result.ratio, result.bytes, result.codedBytes, result.seed],
      ...[result.seconds / 60, result.epochSeconds],
    ]),
  );
  const machines = [
    ...new Set(
      done.map(({ result }) => `lclab ${result.lclab}, Node ${result.node}, ${result.machine}`),
    ),
  ];
  return `# The reference toolkit's showcase

The toolkit's own LeNet300 (784-300-100-10, tanh) on the 60,000 training images of MNIST, compressed by the combinations that its
authors publish, by their schedule: 40 LC steps of 20 epochs (40 in the first), Nesterov momentum 0.9, minibatches of 256. "Theirs" is
the test error that the authors publish, of one run each without a seed; their runs differ among themselves, so that ± 0.2 is a
fair band. Each row of ours is one run with its seed, to the same bytes on every machine. Files hold the whole network, header
included: packed, and coded arithmetically. Minutes are wall time, other work on the machine included; seconds an epoch
the median.

${details.toMarkdown()}
${left.length > 0 ? `Not done yet: ${left.map(({ name }) => name).join("; ")}.\n\n` : ""}\`npm run showcase\` trains them, and goes on where it was stopped; the records are in notebooks/showcase.

${machines.join("  \n")}
`;
}
