/**
 * `npm run gallery`: combinations of compressions at two sizes each, on LeNet5 and ResNet-20, as sweeps whose records – not the
 * weights – are kept beside this file. What a sweep has done already is not done again.
 */
import { existsSync } from "node:fs";
import { mkdir, readFile, writeFile } from "node:fs/promises";
import { hostname } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import {
  attachSweep,
  type CombinationName,
  type Combinations,
  cifar10,
  type Dataset,
  geometric,
  type Levels,
  type LStep,
  lenet5,
  type Model,
  mnist,
  openSweep,
  pool,
  resnet,
  type Schedule,
  type Sweep,
  type SweepPoint,
  type SweepResult,
  sgd,
  sweep,
  train,
} from "../../src/index.ts";
import { displaySymbol } from "../../src/notebook.ts";
import { paperGrid } from "../../src/sweep/combinations.ts";
import { readSpec, type SweepSpec } from "../../src/sweep/folder.ts";

const help = `npm run gallery -- [NET …] [--dir DIR] [--draw]

Runs Q, P, L, Q + P and L + P at two sizes each and keeps the records, a table and a figure in notebooks/gallery/NET.
  NET        lenet5, resnet20; default both
  --dir DIR  where the sweeps with all their checkpoints lie; default .lclab/gallery
  --draw     runs nothing: makes pages and figures from the records again
MNIST and CIFAR-10 are read from LCLAB_DATA.`;

interface Exhibit {
  /** What it is trained on, in words. */
  readonly images: string;
  readonly data: () => Promise<Dataset>;
  readonly reference: { readonly net: () => Model; readonly lStep: LStep };
  readonly curves: readonly Curve[];
  readonly lStep: LStep;
  readonly mu: Schedule;
}

/** A combination at some levels each; layers too small for a rank go without it. */
type Curve = readonly [name: CombinationName, ...levels: Levels[]];

const exhibits: Readonly<Record<string, Exhibit>> = {
  lenet5: {
    images: "the first 10,000 training images",
    data: () => mnist({ trainCount: 10_000 }),
    reference: {
      net: () => lenet5({ seed: 1 }),
      lStep: sgd({ rate: 0.05, epochs: 12, batch: 128, decay: 0.85 }),
    },
    curves: [
      ["Q", { bits: [1, 2] }],
      ["P", { keep: [0.03, 0.06] }],
      ["L", { rank: [7, 14] }],
      ["Q+P", { bits: [1], keep: [0.005] }, { bits: [2], keep: [0.01] }],
      ["L+P", { rank: [4], keep: [0.01] }, { rank: [8], keep: [0.02] }],
    ],
    lStep: sgd({ rate: 0.05, epochs: 1, batch: 128, decay: 0.95 }),
    mu: geometric({ from: 5e-3, factor: 1.5, steps: 12 }),
  },
  resnet20: {
    images: "3,000 images, flipped and cropped at random",
    data: () => cifar10({ copy: "lossless4000", augment: true }),
    reference: {
      net: () => resnet({ depth: 20, seed: 1 }),
      lStep: sgd({ rate: 0.1, epochs: 16, batch: 64, decay: 0.85 }),
    },
    curves: [
      ["Q", { bits: [1, 2] }],
      ["P", { keep: [0.03, 0.06] }],
      ["L", { rank: [2, 3] }],
      ["Q+P", { bits: [1], keep: [0.005] }, { bits: [2], keep: [0.01] }],
      ["L+P", { rank: [1], keep: [0.01] }, { rank: [2], keep: [0.02] }],
    ],
    lStep: sgd({ rate: 0.03, epochs: 1, firstEpochs: 2, batch: 64, decay: 0.95 }),
    mu: geometric({ from: 1e-2, factor: 1.5, steps: 13 }),
  },
};

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    dir: { type: "string", default: join(".lclab", "gallery") },
    draw: { type: "boolean", default: false },
    help: { type: "boolean", default: false },
  },
});
const names = positionals.length > 0 ? positionals : Object.keys(exhibits);
const unknown = names.find((name) => !(name in exhibits));
if (values.help) console.log(help);
else if (unknown !== undefined) {
  console.error(
    `gallery: no net "${unknown}"; there are ${Object.keys(exhibits).join(", ")}.\n\n${help}`,
  );
  process.exitCode = 2;
} else {
  for (const name of names) {
    await (values.draw ? draw : exhibit)(name, exhibits[name] as Exhibit);
  }
}

async function exhibit(name: string, what: Exhibit): Promise<void> {
  const dir = resolve(values.dir, name);
  const result = await (await begin(dir, what)).live();
  console.log(result.table.toText());
  if (result.status !== "finished") throw new Error(`${dir} is ${result.status}.`);
  await keepRecords(
    dir,
    folderOf(name),
    result.points.map(({ id }) => id),
  );
  await draw(name, what);
}

function folderOf(name: string): string {
  return fileURLToPath(new URL(name, import.meta.url));
}

/** The page and the figure, from the records that are kept. */
async function draw(name: string, what: Exhibit): Promise<void> {
  const folder = folderOf(name);
  const result = await openSweep(folder);
  const svg = String(result.figure[displaySymbol]()["image/svg+xml"]);
  await writeFile(join(folder, "figure.svg"), svg);
  await writeFile(join(folder, "README.md"), pageOf(name, what, result, await readSpec(folder)));
}

/** What was run, and what came out. */
function pageOf(
  name: string,
  { images, reference }: Exhibit,
  { figure, table, points, reference: scores }: SweepResult,
  { lStep, mu, network }: SweepSpec,
): string {
  const epochs = lStep.firstEpochs + (mu.length - 1) * lStep.epochs;
  const chance = Math.log(network.layers.findLast((layer) => layer.kind === "dense")?.units ?? 1);
  const lost = points.filter((point) => (point.scores?.trainLoss ?? 0) >= chance);
  const single = lost.length === 1;
  const caution =
    lost.length === 0
      ? ""
      : `${lost.map(({ combination, level }) => `${combination} ${level}`).join(", ")} ${single ? "ends" : "end"} at chance, with a loss of ${chance.toFixed(2)} or more. `;
  return `# ${figure.chart.title}

![Error–compression curves](figure.svg)

${table.toMarkdown()}
The smaller size of each, by test error: ${ranked(points, 0)}.
The larger: ${ranked(points, 1)}.

The reference, trained for ${reference.lStep.epochs} epochs on ${images}, has a training loss of ${scores.trainLoss.toPrecision(3)} and a test error of ${scores.testError.toFixed(2)} %. Each point is one LC run of ${mu.length} steps
(${epochs} epochs, μ from ${mu[0]} to ${(mu.at(-1) ?? 0).toPrecision(2)}) with seed 1; "direct" is the compression of the reference without learning. The ratio counts the packed bits of
all parameters. ${caution}One seed and short runs on a part of the data: what is seen here is this net on these images, and differences of
a few tenths of a percent may be chance.

\`npm run gallery -- ${name}\` makes this page; \`openSweep("notebooks/gallery/${name}")\` opens the records.
`;
}

/** The points of one size, the best first. */
function ranked(points: readonly SweepPoint[], size: 0 | 1): string {
  const names = [...new Set(points.map(({ combination }) => combination))];
  return names
    .flatMap((name) => points.filter(({ combination }) => combination === name)[size] ?? [])
    .map(({ combination, scores }) => ({
      combination,
      error: scores?.testError ?? Number.NaN,
      ratio: scores?.ratio ?? Number.NaN,
    }))
    .sort((a, b) => a.error - b.error)
    .map((p) => `${p.combination} ${p.error.toFixed(2)} % (${p.ratio.toFixed(1)} ×)`)
    .join(", ");
}

/** The sweep in `dir`, or a new one from a reference trained for it. */
async function begin(dir: string, what: Exhibit): Promise<Sweep> {
  if (existsSync(join(dir, "sweep.json"))) {
    const { lStep, mu } = await readSpec(dir);
    if (JSON.stringify([lStep, mu]) !== JSON.stringify([what.lStep, what.mu])) {
      throw new Error(`gallery: ${dir} holds a sweep of another schedule. Remove it.`);
    }
    return attachSweep(dir);
  }
  const data = await what.data();
  const net = what.reference.net();
  const combinations = combinationsOf(net, what.curves);
  const training = train(net, { data, lStep: what.reference.lStep, seed: 1 });
  for (;;) {
    const { done, value } = await training.next();
    if (done) {
      const { lStep, mu } = what;
      return sweep({
        ...{ net: value.model, data, combinations, lStep, mu, dir },
        ...{ seeds: [1], evaluate: "ends", executor: pool({ workers: 2 }) },
      });
    }
    const { epoch, epochs, loss, testError = Number.NaN, seconds } = value;
    console.log(
      `reference, epoch ${epoch} of ${epochs}: loss ${loss.toFixed(4)}, test error ${testError.toFixed(2)} %, ${seconds.toFixed(0)} s`,
    );
  }
}

function combinationsOf(net: Model, curves: readonly Curve[]): Combinations {
  return Object.fromEntries(
    curves.map(([name, ...levels]) => [
      name,
      Object.assign({}, ...levels.map((level) => paperGrid(net, [name], level)[name])),
    ]),
  );
}

/** Copies what `openSweep` reads, without what only this machine knows. */
async function keepRecords(from: string, to: string, ids: readonly string[]): Promise<void> {
  const runs = ids.flatMap((id) => [`points/${id}/run.json`, `points/${id}/journal.jsonl`]);
  for (const file of ["sweep.json", "journal.jsonl", ...runs]) {
    let text = await readFile(join(from, file), "utf8");
    text = text.replaceAll(`"host":${JSON.stringify(hostname())}`, '"host":"localhost"');
    const data = process.env.LCLAB_DATA;
    if (data) text = text.replaceAll(join(resolve(data), "/"), "$LCLAB_DATA/");
    await mkdir(dirname(join(to, file)), { recursive: true });
    await writeFile(join(to, file), text);
  }
}
