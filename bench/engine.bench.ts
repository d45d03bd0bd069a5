import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
// @ts-expect-error [ts7016] a build script without types
import { build } from "../scripts/build.mjs";
import { machine, median, textTable } from "./machine.ts";
import type { OpTime, Profile } from "./peers/engine_profile.ts";

const help = `npm run bench -- engine [--python PY] [--node PATH]... [--tfjs-node PATH] [--net NET]... [--threads N]...
                          [--rounds N] [--seconds S] [--json]
npm run bench -- engine --profile [--node PATH]... [--seconds S] [--json]

Milliseconds per step (gather, forward, backward, penalty, Nesterov; batch 128) and peak memory of LeNet300, LeNet5 and
ResNet-20, and seconds per LeNet300 epoch of 60,000 images in minibatches of 256. Builds what is out of date first.
  --python PY   a Python with torch: its variants (layout, fused optimiser) measured in turns with ours, the fastest shown
  --node PATH   a node binary for our side; repeat to compare several (default: this one)
  --tfjs-node PATH  a tfjs-node, as npm run tfjs-node prints it: our tfjs engine on it, with oneDNN, beside the others
  --net NET     lenet300, lenet5 or resnet20; repeat for several, default all
  --threads N   repeat for several, default 2
  --rounds N    turns per contestant, default 5
  --seconds S   length of a turn, default 2
  --profile     instead: each kernel of a training step on one thread, beside the most the dense tile reaches here
  --json        one object per line and row

Memory is the most a process had, less what it had after its imports; ours is that of all threads.`;

/** What one contestant's process prints. */
interface Timing {
  readonly peer: string;
  readonly median_ms: number;
  /** 10th percentile: what the machine gives when nothing else runs. */
  readonly p10_ms: number;
  readonly peak_bytes: number;
}

const execute = promisify(execFile);
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));
const batch = 128;

/** Networks; the multiply-adds of one example: of a forward pass, and of the layers that read the input. */
const nets = [
  {
    ...{ net: "lenet300", peer: "mlp", variants: ["plain", "fused"], minibatches: 20 },
    ...{ sums: 266_200, first: 235_200 },
  },
  {
    ...{ net: "lenet5", peer: "lenet5", variants: ["plain", "cl", "cl-fused"], minibatches: 20 },
    ...{ sums: 2_293_000, first: 288_000 },
  },
  {
    ...{ net: "resnet20", peer: "resnet20", variants: ["plain", "cl", "cl-fused"], minibatches: 2 },
    ...{ sums: 40_552_064, first: 442_368 },
  },
] as const;

/** glibc settings without which PyTorch pays for page faults on small virtual machines. */
const malloc = {
  MALLOC_MMAP_THRESHOLD_: "4294967296",
  MALLOC_TRIM_THRESHOLD_: "8589934592",
  MALLOC_TOP_PAD_: "268435456",
};

/** A row of the tables, as `--json` prints it. */
type Row = Readonly<Record<string, string | number | null>>;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: "string" },
      node: { type: "string", multiple: true, default: [process.execPath] },
      "tfjs-node": { type: "string" },
      net: { type: "string", multiple: true },
      threads: { type: "string", multiple: true, default: ["2"] },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      profile: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const { python, seconds } = values;
  const threads = values.threads.map((n) => whole("threads", n));
  const rounds = whole("rounds", values.rounds);
  if (!(Number(seconds) > 0)) {
    throw new RangeError(`bench: --seconds must be a number above 0, got "${seconds}".`);
  }
  if (values.profile && python) {
    throw new RangeError("bench: --profile has no peer, got --python too. Leave one of them out.");
  }
  const names = nets.map(({ net }) => net);
  const unknown = values.net?.find((net) => !names.some((name) => name === net));
  if (unknown !== undefined) {
    throw new RangeError(`bench: --net must be one of ${names.join(", ")}, got "${unknown}".`);
  }
  const chosen = nets.filter(({ net }) => values.net?.includes(net) ?? true);
  const { "tfjs-node": tfjs } = values;
  if (values.profile && tfjs) {
    throw new RangeError("bench: --profile is of our kernels, got --tfjs-node too. Leave one out.");
  }
  const torch = python && (await torchOf(python));
  await build({ only: ["wasm", "code"] });
  const nodes = await Promise.all(
    values.node.map(async (file) => ({ file, version: await versionOf(file) })),
  );
  const contestants: Contestant[] = [...nodes];
  if (tfjs) contestants.push({ file: process.execPath, version: "tfjs-node", tfjs: resolve(tfjs) });
  const show = (rows: readonly Row[], text: () => string) => {
    const on = { machine: machine(), ...(torch ? { torch } : {}) };
    for (const row of rows) if (values.json) console.log(JSON.stringify({ ...row, ...on }));
    if (!values.json) console.log(`${text()}\n`);
  };
  if (!values.json) console.log(`${machine()}${torch ? `; PyTorch ${torch}` : ""}\n`);
  if (values.profile) {
    for (const { net } of chosen) {
      for (const node of nodes) {
        const script = ["engine_profile.ts", net, `${batch}`, seconds];
        const profile = await ours<Profile>(node.file, script);
        const stepMs = round(profile.stepMs, 3);
        const head = { net, node: node.version, stepMs };
        const rows = kernelRows(profile).map((row) => ({ ...head, ...row }));
        show(rows, () => profileText(`${net}, Node ${node.version}`, profile));
      }
    }
    return;
  }
  const all: Row[] = [];
  for (const net of chosen) {
    for (const count of threads) {
      const found = await compare(net, count, contestants, python, rounds, seconds);
      all.push(...found);
      if (values.json) show(found, () => "");
    }
  }
  if (!values.json) console.log(`${textTable(all.map(stepCells))}\n`);
  const epochs: Row[] = [];
  for (const { file, version } of chosen.some(({ net }) => net === "lenet300") ? nodes : []) {
    for (const count of threads) {
      const script = ["engine_step.ts", "lenet300", `${count}`, "256", "234", seconds];
      const { median_ms: ms } = await ours<Timing>(file, script);
      // 60,000 images are 234.375 minibatches of 256.
      const epochSeconds = round((ms * 60_000) / 256 / 1e3, 3);
      epochs.push({ net: "lenet300", node: version, threads: count, batch: 256, epochSeconds });
    }
  }
  if (epochs.length > 0) show(epochs, () => textTable(epochs as Record<string, string | number>[]));
}

/** One of our engines: on the Node in `file`, and on tfjs if the path of a module is given. */
interface Contestant {
  readonly file: string;
  readonly version: string;
  readonly tfjs?: string;
}

/** Turns of all contestants, one after the other; a row for each of ours. */
async function compare(
  { net, peer, variants, minibatches, sums, first }: (typeof nets)[number],
  threads: number,
  nodes: readonly Contestant[],
  python: string | undefined,
  rounds: number,
  seconds: string,
): Promise<Row[]> {
  const torch: Timing[][] = variants.map(() => []);
  const own: Timing[][] = nodes.map(() => []);
  const sizes = [threads, batch, minibatches, seconds].map(String);
  for (let round = 0; round < rounds; round++) {
    for (const [i, variant] of variants.entries()) {
      if (!python) break;
      const args = [path("peers/pytorch_step.py"), peer, ...sizes, variant];
      torch[i]?.push(await timing(python, args));
    }
    for (const [i, { file, tfjs }] of nodes.entries()) {
      const script = ["engine_step.ts", net, ...sizes, ...(tfjs ? [tfjs] : [])];
      // TensorFlow takes all processors otherwise.
      const tensorflow = { TF_NUM_INTRAOP_THREADS: `${threads}`, TF_ENABLE_ONEDNN_OPTS: "1" };
      const more = tfjs ? { ...tensorflow, TF_CPP_MIN_LOG_LEVEL: "3" } : {};
      own[i]?.push(await ours<Timing>(file, script, more));
    }
  }
  const middle = (times: readonly Timing[], key: "median_ms" | "p10_ms" | "peak_bytes") =>
    median(times.map((each) => each[key]));
  const [best = []] = torch.toSorted((a, b) => middle(a, "median_ms") - middle(b, "median_ms"));
  // Forward and weight gradients of all layers, input gradients of all but the first.
  const flops = 2 * batch * (3 * sums - first);
  return own.map((times, i): Row => {
    const ratio = (key: "median_ms" | "p10_ms") =>
      round(median(times.map((each, r) => each[key] / (best[r]?.[key] ?? Number.NaN))), 3);
    const ms = middle(times, "median_ms");
    return {
      ...{ net, node: nodes[i]?.version ?? "", threads, batch, ms: round(ms, 3) },
      ...{ p10Ms: round(middle(times, "p10_ms"), 3), gflops: round(flops / ms / 1e6, 1) },
      ...{ peer: best[0]?.peer ?? null, peerMs: round(middle(best, "median_ms"), 3) },
      ...{ peerP10Ms: round(middle(best, "p10_ms"), 3) },
      ...{ ratio: ratio("median_ms"), ratioP10: ratio("p10_ms") },
      ...{ peakBytes: middle(times, "peak_bytes") },
      peerPeakBytes: round(middle(best, "peak_bytes"), 0),
    };
  });
}

function stepCells(row: Row): Record<string, string | number> {
  const text = (key: string, unit = 1) =>
    typeof row[key] === "number" ? `${round(row[key] / unit, 2)}` : (row[key] ?? "");
  return {
    ...{ net: text("net"), node: text("node"), threads: text("threads"), "ms/step": text("ms") },
    ...{ p10: text("p10Ms"), "GF/s": text("gflops"), peer: text("peer"), ms: text("peerMs") },
    ...{ "p10 ": text("peerP10Ms"), ratio: text("ratio"), "ratio p10": text("ratioP10") },
    ...{ "peak MB": text("peakBytes", 1e6), "peer MB": text("peerPeakBytes", 1e6) },
  };
}

/** Ops of the same kernel and size in one row, the slowest first. */
function kernelRows({ ops, peakGflops }: Profile): Row[] {
  const groups = new Map<string, OpTime[]>();
  for (const op of ops) {
    const key = `${op.kernel} ${op.shape}`;
    groups.set(key, [...(groups.get(key) ?? []), op]);
  }
  const rows = [...groups.values()].map((group): Row & { readonly ms: number } => {
    const [{ kernel, shape }] = group as [OpTime];
    const ms = group.reduce((sum, op) => sum + op.ms, 0);
    const flops = group.reduce((sum, op) => sum + op.flops, 0);
    const gflops = flops > 0 ? round(flops / ms / 1e6, 1) : null;
    const peak = round(peakGflops, 1);
    return { kernel, shape, ops: group.length, ms: round(ms, 4) ?? 0, gflops, peakGflops: peak };
  });
  return rows.sort((a, b) => b.ms - a.ms);
}

function profileText(title: string, profile: Profile): string {
  const rows = kernelRows(profile) as (Row & { readonly ms: number })[];
  const sum = rows.reduce((total, { ms }) => total + ms, 0);
  const flops = profile.ops.reduce((total, op) => total + op.flops, 0);
  const { stepMs, peakGflops } = profile;
  const cells = rows.map(({ kernel, shape, ops, ms, gflops }) => ({
    ...{ kernel: kernel ?? "", size: shape ?? "", ops: ops ?? 0, ms: ms.toFixed(3) },
    ...{ share: `${((100 * ms) / sum).toFixed(1)} %`, "GF/s": gflops ?? "" },
    peak: typeof gflops === "number" ? `${((100 * gflops) / peakGflops).toFixed(0)} %` : "",
  }));
  return [
    `${title}: ${stepMs.toFixed(2)} ms a step on one thread, ${(flops / stepMs / 1e6).toFixed(1)} GF/s (ops one by one: ${sum.toFixed(2)} ms); the dense tile reaches ${peakGflops.toFixed(1)} GF/s`,
    textTable(cells),
  ].join("\n");
}

function round(value: number, digits: number): number | null {
  return Number.isFinite(value) ? Number(value.toFixed(digits)) : null;
}

function whole(name: string, text: string): number {
  const n = Number(text);
  if (Number.isInteger(n) && n > 0) return n;
  throw new RangeError(`bench: --${name} must be a whole number above 0, got "${text}".`);
}

async function ours<T>(
  node: string,
  [script, ...args]: readonly string[],
  more: Readonly<Record<string, string>> = {},
): Promise<T> {
  const file = path(`peers/${script}`);
  return (await last(node, ["--import", import.meta.resolve("tsx"), file, ...args], more)) as T;
}

async function timing(command: string, args: string[]): Promise<Timing> {
  return (await last(command, args)) as Timing;
}

/** The JSON in the last line a process prints. */
async function last(
  command: string,
  args: string[],
  more: Readonly<Record<string, string>> = {},
): Promise<unknown> {
  const { stdout } = await execute(command, args, { env: { ...process.env, ...malloc, ...more } });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "");
}

async function versionOf(node: string): Promise<string> {
  const cannot = (cause: unknown) => {
    throw new RangeError(
      `bench: --node must be a node binary, got "${node}", which does not run.`,
      {
        cause,
      },
    );
  };
  return (await execute(node, ["--version"]).catch(cannot)).stdout.trim();
}

async function torchOf(python: string): Promise<string> {
  const cannot = (cause: unknown) => {
    throw new RangeError(
      `bench: --python must be a Python that can import torch, got "${python}", which cannot.`,
      { cause },
    );
  };
  const script = "import torch; print(torch.__version__)";
  return (await execute(python, ["-c", script]).catch(cannot)).stdout.trim();
}
