/**
 * The automatic choice beside hand-made combinations on the reference toolkit's LeNet300 and MNIST, learned by the short schedule:
 *
 *     npm run choose -- --data DIR [options]      DIR has mnist/ and lenet300_reference/
 *
 * Ends with 1 if the median training loss of a choice is worse than that of a hand-made combination at the same or fewer real bytes.
 */
import { mkdir, writeFile } from "node:fs/promises";
import { dirname, join } from "node:path";
import { parseArgs } from "node:util";
import type { Dataset } from "../../src/data/dataset.ts";
import { mnist } from "../../src/data/mnist.ts";
import type { Engine } from "../../src/engine/engine.ts";
import { wasmEngine } from "../../src/engine/wasm/engine.ts";
import type { Plan } from "../../src/lc/plan.ts";
import { geometric, type LStep, schedules } from "../../src/lc/schedules.ts";
import type { Weights } from "../../src/net/network.ts";
import { openRun } from "../../src/runs/open.ts";
import { version } from "../../src/runs/record.ts";
import { choose } from "../../src/sweep/choose.ts";
import type { Front } from "../../src/sweep/front.ts";
import { referenceLenet300 } from "../../test/support/reference.ts";
import { machine, median } from "../machine.ts";
import { handMade } from "./hand-made.ts";
import {
  type Automatic,
  budgetsOf,
  compare,
  type Entry,
  epochsOf,
  type Run,
  shortened,
  tableOf,
} from "./report.ts";

const help = `npm run choose -- --data DIR [--seeds 1,2,3] [--images N] [--threads N] [--dir DIR] [--out FILE] [--json]

Learns the toolkit's combinations with ρ ≥ 20 and the automatic choice for the same bytes, all by the short schedule, and
compares their training losses. The choice learns for one epoch in seven less: its search must take no longer than these.
  --data DIR   has mnist/ and lenet300_reference/; default LCLAB_DATA
  --seeds      of the order of the data; default 1,2,3
  --images N   training images; default 10000
  --threads N  of each run; default one a core
  --dir DIR    keeps the runs: the same command goes on where it was stopped
  --out FILE   where the table goes; default docs/choose.md, "" for nowhere
  --json       prints numbers instead of the table`;

/** The choice does without one epoch in so many. */
const EVERY = 7;
/** Positions of corrections move while they are learned, and with them the bytes. */
const MARGIN = 0.99;

const { values } = parseArgs({
  options: {
    data: { type: "string" },
    seeds: { type: "string", default: "1,2,3" },
    images: { type: "string", default: "10000" },
    threads: { type: "string" },
    dir: { type: "string" },
    out: { type: "string", default: join("docs", "choose.md") },
    json: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
if (values.help) {
  console.log(help);
  process.exit(0);
}
if (values.data) process.env.LCLAB_DATA = values.data;
if (!process.env.LCLAB_DATA) fail("no data. Write npm run choose -- --data DIR.");
const seeds = values.seeds.split(",").map((seed) => whole("seeds", seed, 0));
const images = whole("images", values.images, 1);
const threads =
  values.threads === undefined ? {} : { threads: whole("threads", values.threads, 1) };

const net = (await referenceLenet300()) as NonNullable<
  Awaited<ReturnType<typeof referenceLenet300>>
>;
const data: Dataset = await mnist({ trainCount: images });
const engine: Engine = wasmEngine(threads);
const { lStep, mu } = schedules.short;
const fewer = shortened(lStep, EVERY);
const allowed = epochsOf(lStep, mu) - epochsOf(fewer, mu);
const say = (line: string): void => console.error(line);

const search = await searched();
say(
  `search: ${search.seconds.toFixed(1)} CPU seconds, ${search.epochs.toFixed(1)} epochs of ${search.epochSeconds.toFixed(2)}; ${allowed} allowed`,
);
const made: Entry[] = [];
for (const { name, folder, plan } of handMade) {
  made.push({ name, searchEpochs: 0, runs: await learn(name, folder, plan(net), lStep) });
}
const automatic: Automatic[] = [];
for (const budget of budgetsOf(made)) {
  const choice = search.front.best({ maxBytes: MARGIN * budget });
  const parts = Object.entries(choice.choice).map(([layer, c]) => `${layer} ${c.name}`);
  const name = `automatic, ≤ ${budget} bytes: ${parts.join("; ")}`;
  const folder = `automatic-${Math.floor(budget)}`;
  const runs = await learn(name, folder, choice.plan, fewer, choice.importance);
  automatic.push({ name, budget, searchEpochs: allowed, runs });
}
const comparisons = compare(made, automatic);
const claim = comparisons.every(({ holds }) => holds) && search.epochs <= allowed;
const result = tableOf(comparisons);
if (values.json) {
  const { front: _, ...cost } = search;
  console.log(JSON.stringify({ holds: claim, search: cost, images, comparisons }, null, 2));
} else console.log(result.toText());
if (values.out !== "") {
  await mkdir(dirname(values.out), { recursive: true });
  await writeFile(values.out, page());
}
if (search.epochs > allowed) {
  say(`The search took more than the ${allowed} epochs that the choice does without.`);
}
say(claim ? "The choice is no worse at any size." : "The choice is worse, or larger: see NO.");
process.exitCode = claim ? 0 : 1;

/** The choice's front, and what finding it cost: CPU seconds of all threads, so that other processes do not count. */
async function searched(): Promise<{
  readonly front: Front;
  readonly seconds: number;
  readonly epochSeconds: number;
  readonly epochs: number;
}> {
  const cpu = (): number => {
    const { user, system } = process.cpuUsage();
    return (user + system) / 1e6;
  };
  // One thread: several also wait for each other, and a longer epoch would allow a longer search.
  const alone = wasmEngine({ threads: 1 });
  const [first] = handMade as [(typeof handMade)[number]];
  const once = geometric({ from: mu[0] as number, factor: 1, steps: 1 });
  const epochs: number[] = [];
  let before = Number.NaN;
  for await (const { kind, epoch } of first.plan(net).steps({
    ...{ data, mu: once, engine: alone, evaluate: "never" },
    lStep: { ...lStep, firstEpochs: 5 },
  })) {
    const now = cpu();
    if (kind === "epoch" && epoch > 1) epochs.push(now - before);
    before = now;
  }
  const start = cpu();
  const front = await choose({ net, data, engine: alone });
  const seconds = cpu() - start;
  const epochSeconds = median(epochs);
  return { front, seconds, epochSeconds, epochs: seconds / epochSeconds };
}

/** A run for each seed. */
async function learn(
  name: string,
  folder: string,
  plan: Plan<string, Record<string, unknown>>,
  how: LStep,
  importance?: Weights,
): Promise<Run[]> {
  const runs: Run[] = [];
  for (const seed of seeds) {
    const dir = values.dir === undefined ? undefined : join(values.dir, `${folder}-seed-${seed}`);
    const solution = await plan.run({
      ...{ data, mu, seed, engine, lStep: how, evaluate: "last" },
      ...(importance ? { importance } : {}),
      ...(dir === undefined ? {} : { dir }),
    });
    const seconds =
      dir === undefined ? solution.history.at(-1)?.seconds : (await openRun(dir)).seconds;
    const { ratio, history } = solution;
    const bits = Math.round(dense() / ratio);
    const run: Run = {
      seed,
      bytes: Math.ceil(bits / 8),
      ratio,
      trainLoss: solution.trainLoss as number,
      testError: solution.testError as number,
      epochs: history.at(-1)?.epochsDone ?? 0,
      seconds: seconds ?? Number.NaN,
    };
    runs.push(run);
    say(
      `${name}, seed ${seed}: training loss ${run.trainLoss.toPrecision(3)}, test error ${run.testError.toFixed(2)} %, ${run.bytes} bytes, ${run.epochs} epochs in ${run.seconds.toFixed(0)} s`,
    );
  }
  return runs;
}

/** Bits of the network as it was. */
function dense(): number {
  return 32 * net.network.parameters.reduce((n, { rows, cols }) => n + rows * cols, 0);
}

function page(): string {
  const command = [
    "npm run choose -- --data DIR",
    `--seeds ${seeds.join(",")} --images ${images}`,
    ...(values.threads === undefined ? [] : [`--threads ${values.threads}`]),
  ].join(" ");
  return `# The automatic choice beside hand-made combinations

The reference toolkit's LeNet300 on ${images.toLocaleString("en")} training images of MNIST, learned by \`schedules.short\` from the
same weights: the toolkit's combinations with ρ ≥ 20, and below each what \`choose\` gives for at most its bytes. Training loss is
the median of L(Δ(Θ)) over the seeds, with the least and the most; bytes and ρ are the largest and the smallest of the networks
as they would be stored, test error and seconds medians. The claim: the median training loss of the choice is not above that of
any combination of the same size or smaller.

The schedule is short, with few images: by the toolkit's full one, on 60,000, its authors reach test errors of 2.1 to 2.6 % with the same
combinations. What is compared here is how far each comes in the same ${epochsOf(lStep, mu)} epochs.

${result.toMarkdown()}
The search took ${search.seconds.toFixed(1)} CPU seconds, ${search.epochs.toFixed(1)} epochs of ${search.epochSeconds.toFixed(2)} CPU seconds; the choice does without ${allowed} epochs for it in
every run, although one search serves all of them.

\`\`\`sh
${command}
\`\`\`

lclab ${version()}, Node ${process.version}, ${machine()}.
`;
}

function whole(name: string, text: string, least: number): number {
  const value = Number(text);
  if (text.trim() !== "" && Number.isSafeInteger(value) && value >= least) return value;
  return fail(`--${name} must be a whole number from ${least}, got ${JSON.stringify(text)}.`);
}

function fail(message: string): never {
  console.error(`choose: ${message}\n\n${help}`);
  process.exit(2);
}
