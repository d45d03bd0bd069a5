import { parseArgs } from "node:util";
// @ts-expect-error [ts7016] a build script without types
import { build } from "../scripts/build.mjs";
import {
  compress,
  inference,
  lenet5,
  lenet300,
  lowRank,
  type Model,
  type Predictor,
  prune,
  quantize,
  resnet,
} from "../src/index.ts";
import { random } from "../src/math/random.ts";
import { machine, median, textTable } from "./machine.ts";

const help = `npm run bench -- inference [--net NET] [--batch N]... [--rounds N] [--seconds S] [--json]

Compressed inference beside dense inference of the same weights, on one thread: bytes of weights that are resident, bytes of them that
are read for each example of a batch, and milliseconds a batch. Initial weights, compressed directly. Builds what is out of date first.
  --net NET     lenet300 (default), lenet5 or resnet20
  --batch N     examples a call; repeat for several, default 1 and 128
  --rounds N    turns of each, one after the other; default 7
  --seconds S   length of a turn, default 0.2
  --json        one object per line and row

"packed" are the bytes of the data in a file, "resident" those of the weights in memory. "ms" is the median call; "best" is the fastest
one, what the machine gives when nothing else runs. "ratio" is the median of the turns' ratios of time to dense, "best ratio" that of the
fastest calls: below 1 compressed inference is faster. "differs" is the largest difference of a logit, relative to the largest.`;

const nets: Readonly<Record<string, () => Model>> = {
  lenet300: () => lenet300({ seed: 1 }),
  lenet5: () => lenet5({ seed: 1 }),
  resnet20: () => resnet({ depth: 20, seed: 1 }),
};

/** One order and no seeded starts: which θ it is makes no difference to time and bytes. */
const quick = { search: "alternate", order: [0, 1], starts: 0, tolerance: 0.1 } as const;
const [p1, l10] = [prune({ keep: 0.01 }), lowRank({ rank: 10 })];
const combinations = [
  ["Q, K = 2", quantize({ levels: 2 })],
  ["Q, K = 16", quantize({ levels: 16, search: "lloyd" })],
  ["P, 1 %", p1],
  ["P, 5 %", prune({ keep: 0.05 })],
  ["L, r = 10", l10],
  ["Q + P, K = 2, 1 %", quantize({ levels: 2 }).plus(p1)],
  ["L + P, r = 10, 1 %", l10.plus(p1, quick)],
] as const;

type Row = Readonly<Record<string, string | number>>;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      net: { type: "string", default: "lenet300" },
      batch: { type: "string", multiple: true, default: ["1", "128"] },
      rounds: { type: "string", default: "7" },
      seconds: { type: "string", default: "0.2" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const [batches, rounds] = [
    values.batch.map((n) => above0("batch", n)),
    above0("rounds", values.rounds),
  ];
  const seconds = above0("seconds", values.seconds);
  const net = nets[values.net]?.();
  if (!net) {
    const known = Object.keys(nets).join(", ");
    throw new RangeError(
      `bench: --net must be one of ${known}, got ${JSON.stringify(values.net)}.`,
    );
  }
  await build({ only: ["wasm"] });
  if (!values.json)
    console.log(`${machine()}; ${net.network.name}, Node ${process.version}, 1 thread\n`);
  const rows: Row[] = [];
  for (const [name, compression] of combinations) {
    const solution = await compress(net)
      .each(net.network.names, compression as never)
      .direct();
    const pair = { ours: await inference(solution), dense: await inference(solution.model) };
    for (const batch of batches) {
      const row = await measured(pair, net, batch, rounds, seconds);
      rows.push({ weights: name, ...row });
      if (values.json)
        console.log(JSON.stringify({ net: values.net, ...rows.at(-1), machine: machine() }));
    }
    pair.ours.close();
    pair.dense.close();
  }
  if (!values.json) console.log(textTable(rows));
}

interface Pair {
  readonly ours: Predictor;
  readonly dense: Predictor;
}

/** Turns of both, one after the other. */
async function measured(
  { ours, dense }: Pair,
  { network }: Model,
  batch: number,
  rounds: number,
  seconds: number,
): Promise<Row> {
  const rng = random(1);
  const size = network.input.reduce((product, n) => product * n, batch);
  const x = Float32Array.from({ length: size }, () => rng.uniform() - 0.5);
  const differs = difference(await ours.logits(x), await dense.logits(x));
  const times: { ours: Turn; dense: Turn }[] = [];
  // The first turn compiles.
  for (let round = 0; round <= rounds; round++) {
    const turn = { ours: await turnOf(ours, x, seconds), dense: await turnOf(dense, x, seconds) };
    if (round > 0) times.push(turn);
  }
  const { weightBytes, packedBytes } = ours.memory;
  const read = ({ memory }: Predictor) => Math.round(memory.readBytes(batch) / batch);
  const best = (of: "ours" | "dense") => Math.min(...times.map((turn) => turn[of].best));
  return {
    batch,
    packed: packedBytes,
    resident: weightBytes,
    "dense bytes": dense.memory.weightBytes,
    "read/example": read(ours),
    "dense read": read(dense),
    ms: median(times.map((turn) => turn.ours.middle)).toFixed(3),
    "dense ms": median(times.map((turn) => turn.dense.middle)).toFixed(3),
    ratio: median(times.map((turn) => turn.ours.middle / turn.dense.middle)).toFixed(2),
    best: best("ours").toFixed(3),
    "dense best": best("dense").toFixed(3),
    "best ratio": (best("ours") / best("dense")).toFixed(2),
    differs: differs.toExponential(0),
  };
}

/** Milliseconds of a call in one turn. */
interface Turn {
  readonly middle: number;
  readonly best: number;
}

async function turnOf(predictor: Predictor, x: Float32Array, seconds: number): Promise<Turn> {
  const times: number[] = [];
  const end = performance.now() + 1000 * seconds;
  while (times.length < 3 || performance.now() < end) {
    const start = performance.now();
    await predictor.logits(x);
    times.push(performance.now() - start);
  }
  return { middle: median(times), best: Math.min(...times) };
}

function difference(a: Float32Array, b: Float32Array): number {
  const away = a.reduce((most, z, i) => Math.max(most, Math.abs(z - (b[i] as number))), 0);
  return away / b.reduce((most, z) => Math.max(most, Math.abs(z)), 0);
}

function above0(name: string, text: string): number {
  const n = Number(text);
  if (n > 0 && (name === "seconds" || Number.isInteger(n))) return n;
  const kind = name === "seconds" ? "number" : "whole number";
  throw new RangeError(`bench: --${name} must be a ${kind} above 0, got ${JSON.stringify(text)}.`);
}
