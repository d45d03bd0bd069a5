import { execFile } from "node:child_process";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { machine, median, textTable } from "./machine.ts";

const help = `npm run bench -- engine [--python PY] [--node PATH]... [--rounds N] [--seconds S] [--json]

Milliseconds per step (forward, backward, penalty, Nesterov; batch 128) of LeNet300, LeNet5 and ResNet-20, 1 and 2
threads, and seconds per LeNet300 epoch of 60,000 images in minibatches of 256.
  --python PY   a Python with torch: measured in turns with ours, ratio per round
  --node PATH   a node binary for our side; repeat to compare several (default: this one)
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
  const { python, node: nodes, seconds } = values;
  const rounds = Number(values.rounds);
  const versions = await Promise.all(nodes.map((node) => versionOf(node)));
  const rows = [];
  for (const { net, threads } of nets.flatMap((each) =>
    [1, 2].map((t) => ({ net: each, threads: t })),
  )) {
    const torch: Timing[] = [];
    const ours: Timing[][] = nodes.map(() => []);
    for (let round = 0; round < rounds; round++) {
      if (python) torch.push(await torchStep(python, net, threads, seconds));
      for (const [i, node] of nodes.entries()) {
        ours[i]?.push(
          await ourStep(node, [threads, 128, net.net === "resnet20" ? 2 : 20, seconds, net.net]),
        );
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
        node: versions[i] ?? "",
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
  for (const [i, node] of nodes.entries()) {
    const minibatches = 234;
    const { median_ms: ms } = await ourStep(node, [2, 256, minibatches, seconds, "lenet300"]);
    // 60,000 images are 234.375 minibatches of 256.
    const epoch = ((ms * 60_000) / 256 / 1e3).toFixed(2);
    epochs.push({ node: versions[i] ?? "", threads: 2, batch: 256, "s/epoch": epoch });
  }
  if (values.json) console.log(JSON.stringify({ machine: machine(), steps: rows, epochs }));
  else console.log([machine(), textTable(rows), textTable(epochs)].join("\n\n"));
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

function ourStep(node: string, args: readonly (number | string)[]): Promise<Timing> {
  const script = path("peers/engine_step.ts");
  return timing(node, ["--import", import.meta.resolve("tsx"), script, ...args.map(String)]);
}

async function timing(command: string, args: string[]): Promise<Timing> {
  const { stdout } = await execute(command, args, { env: { ...process.env, ...malloc } });
  return JSON.parse(stdout.trim().split("\n").at(-1) ?? "") as Timing;
}

async function versionOf(node: string): Promise<string> {
  return (await execute(node, ["--version"])).stdout.trim();
}
