import { execFile } from "node:child_process";
import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { machine, median, textTable } from "./machine.ts";

const help = `npm run bench -- engine [--python PY] [--node PATH]... [--tfjs-node PATH] [--net NET] [--rounds N] [--seconds S] [--json]

Milliseconds per step (forward, backward, penalty, Nesterov; batch 128) of LeNet300, LeNet5 and ResNet-20, 1 and 2
threads, and seconds per LeNet300 epoch of 60,000 images in minibatches of 256.
  --python PY   a Python with torch: measured in turns with ours, ratio per round
  --node PATH   a node binary for our side; repeat to compare several (default: this one)
  --tfjs-node PATH  a tfjs-node, as npm run tfjs-node prints it: engine tfjs on it beside ours, with oneDNN
  --net NET     only lenet300, lenet5 or resnet20
  --rounds N    turns per contestant, default 5
  --seconds S   length of a turn, default 2`;

/** What one contestant's process prints. */
interface Timing {
  readonly median_ms: number;
  /** 10th percentile: what the machine gives when nothing else runs. */
  readonly p10_ms: number;
}

const execute = promisify(execFile);
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

/** Networks, and the multiply-adds of one example: of a forward pass, and of the layers that read the input. */
const nets = [
  { net: "lenet300", peer: "mlp", variants: ["plain", "fused"], sums: 266_200, first: 235_200 },
  { net: "lenet5", peer: "lenet5", variants: ["plain", "cl"], sums: 2_293_000, first: 288_000 },
  { net: "resnet20", peer: "resnet20", variants: ["cl"], sums: 40_552_064, first: 442_368 },
] as const;

/** glibc settings without which PyTorch pays for page faults on small virtual machines. */
const malloc = {
  MALLOC_MMAP_THRESHOLD_: "4294967296",
  MALLOC_TRIM_THRESHOLD_: "8589934592",
  MALLOC_TOP_PAD_: "268435456",
};

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: "string" },
      node: { type: "string", multiple: true, default: [process.execPath] },
      "tfjs-node": { type: "string" },
      net: { type: "string" },
      rounds: { type: "string", default: "5" },
      seconds: { type: "string", default: "2" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const { python, node: nodes, net: only, seconds } = values;
  const chosen = nets.filter(({ net }) => only === undefined || net === only);
  if (chosen.length === 0) {
    const names = nets.map(({ net }) => net).join(", ");
    throw new RangeError(
      `bench engine: --net must be one of ${names}, got ${JSON.stringify(only)}.`,
    );
  }
  const rounds = Number(values.rounds);
  const contestants: { readonly engine: string; readonly node: string; readonly tfjs?: string }[] =
    await Promise.all(nodes.map(async (node) => ({ engine: await versionOf(node), node })));
  const { "tfjs-node": tfjs } = values;
  if (tfjs) contestants.push({ engine: "tfjs-node", node: process.execPath, tfjs: resolve(tfjs) });
  const rows = [];
  for (const { net, threads } of chosen.flatMap((each) =>
    [1, 2].map((t) => ({ net: each, threads: t })),
  )) {
    const torch: Timing[] = [];
    const ours: Timing[][] = contestants.map(() => []);
    for (let round = 0; round < rounds; round++) {
      if (python) torch.push(await torchStep(python, net, threads, seconds));
      for (const [i, { node, tfjs }] of contestants.entries()) {
        const minibatches = net.net === "resnet20" ? 2 : 20;
        ours[i]?.push(await ourStep(node, [threads, 128, minibatches, seconds, net.net], tfjs));
      }
    }
    for (const [i, times] of ours.entries()) {
      const ms = median(times.map((t) => t.median_ms));
      const ratio = (key: keyof Timing) =>
        python ? median(times.map((t, r) => t[key] / (torch[r]?.[key] ?? Number.NaN))) : Number.NaN;
      // Forward and weight gradients of all layers, input gradients of all but the first.
      const flops = 2 * 128 * (3 * net.sums - net.first);
      rows.push({
        net: net.net,
        engine: contestants[i]?.engine ?? "",
        threads,
        "ms/step": ms.toFixed(2),
        p10: median(times.map((t) => t.p10_ms)).toFixed(2),
        "GF/s": (flops / ms / 1e6).toFixed(1),
        "torch ms": median(torch.map((t) => t.median_ms)).toFixed(2),
        "torch p10": median(torch.map((t) => t.p10_ms)).toFixed(2),
        ratio: ratio("median_ms").toFixed(2),
        "ratio p10": ratio("p10_ms").toFixed(2),
      });
    }
  }
  const epochs = [];
  for (const { engine, node, tfjs } of contestants) {
    if (tfjs || only === "lenet5" || only === "resnet20") continue;
    const minibatches = 234;
    const { median_ms: ms } = await ourStep(node, [2, 256, minibatches, seconds, "lenet300"]);
    // 60,000 images are 234.375 minibatches of 256.
    const epoch = ((ms * 60_000) / 256 / 1e3).toFixed(2);
    epochs.push({ engine, threads: 2, batch: 256, "s/epoch": epoch });
  }
  if (values.json) console.log(JSON.stringify({ machine: machine(), steps: rows, epochs }));
  else console.log([machine(), textTable(rows), textTable(epochs)].join("\n\n").trimEnd());
}

/** The fastest of PyTorch's optimisers and layouts. */
async function torchStep(
  python: string,
  { peer, variants }: (typeof nets)[number],
  threads: number,
  seconds: string,
): Promise<Timing> {
  const times: Timing[] = [];
  for (const variant of variants) {
    const args = [path("peers/pytorch_step.py"), peer, `${threads}`, "128", seconds, variant];
    times.push(await timing(python, args));
  }
  return {
    median_ms: Math.min(...times.map((t) => t.median_ms)),
    p10_ms: Math.min(...times.map((t) => t.p10_ms)),
  };
}

/** Of our engine, or of tfjs on the module at `tfjs`. */
function ourStep(
  node: string,
  args: readonly [threads: number, ...(number | string)[]],
  tfjs?: string,
): Promise<Timing> {
  const script = path("peers/engine_step.ts");
  const all = ["--import", import.meta.resolve("tsx"), script, ...args.map(String)];
  if (tfjs === undefined) return timing(node, all);
  // TensorFlow takes all processors otherwise.
  const tensorflow = { TF_NUM_INTRAOP_THREADS: `${args[0]}`, TF_ENABLE_ONEDNN_OPTS: "1" };
  return timing(node, [...all, tfjs], { ...tensorflow, TF_CPP_MIN_LOG_LEVEL: "3" });
}

async function timing(
  command: string,
  args: string[],
  more: Readonly<Record<string, string>> = {},
): Promise<Timing> {
  const { stdout } = await execute(command, args, { env: { ...process.env, ...malloc, ...more } });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Timing;
}

async function versionOf(node: string): Promise<string> {
  return (await execute(node, ["--version"])).stdout.trim();
}
