import { execFile } from "node:child_process";
import { existsSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
// @ts-expect-error [ts7016] a build script without types
import { build } from "../scripts/build.mjs";
import type { KernelSpec } from "./jupyter-client.ts";
import {
  type Metric,
  metrics,
  python,
  type Samples,
  typescript,
  type Visit,
  visit,
} from "./kernel-measures.ts";
import { machine, median, textTable } from "./machine.ts";

const help = `npm run bench -- kernel [--python PY] [--tslab DIR|auto] [--rounds N] [--cells N] [--json]

Our kernel, as lclab install sets it up, beside ipykernel and tslab: milliseconds from a request until its reply and idle
are here, median; the start is from the process to the first kernel_info_reply. Builds what is out of date first.
  --python PY   a Python with ipykernel
  --tslab DIR   a folder whose node_modules have tslab, or auto: this one's; it runs on the Node of our kernel
  --rounds N    fresh processes of each kernel, in turns; default 3
  --cells N     repetitions of a cell or question per process; default 20
  --json        one object per line and row: metric, unit, ours, ipykernel, tslab, target, ok, note

One client for all, in this process, on ZeroMQ itself: jupyter_client would add its own milliseconds to every message.`;

const execute = promisify(execFile);

/** Milliseconds. Those of the interrupts are what the first prototype took. */
const targets: Readonly<Record<Metric, number>> = {
  start: 400,
  "trivial cell": 7,
  "typical 5-line cell": 15,
  "trivial cell after 100 variables": 7,
  completion: 30,
  hover: 30,
  "20,000 lines": 1000,
  "interrupt of a loop": 130,
  "interrupt of an await": 10,
};

interface Contestant {
  name: "ours" | "ipykernel" | "tslab";
  version: string;
  spec: KernelSpec;
  samples: Samples;
}

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: "string" },
      tslab: { type: "string" },
      rounds: { type: "string", default: "3" },
      cells: { type: "string", default: "20" },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const [rounds, cells] = [count("rounds", values.rounds), count("cells", values.cells)];
  await build();
  const folder = await mkdtemp(join(tmpdir(), "lclab-bench-kernel-"));
  try {
    const ours = await installed(folder);
    const all = [
      ours,
      ...(values.python ? [await ipykernel(values.python)] : []),
      ...(values.tslab ? [await tslab(values.tslab, ours)] : []),
    ];
    const visits = new Map(all.map(({ name }) => [name, [] as Visit[]]));
    for (let round = 0; round < rounds; round++)
      for (let turn = 0; turn < all.length; turn++) {
        // Another one goes first in every round.
        const { name, spec, samples } = all[(round + turn) % all.length];
        visits.get(name)?.push(await visit(spec, samples, cells));
      }
    const rows = metrics.map((metric) => row(metric, visits));
    if (values.json) for (const each of rows) console.log(JSON.stringify(each));
    else {
      const versions = all.map(({ name, version }) => `${name}: ${version}`);
      console.log(`${[machine(), ...versions].join("; ")}\n\n${textTable(rows.map(shown))}`);
    }
  } finally {
    await rm(folder, { recursive: true, force: true });
  }
}

function count(name: string, text: string): number {
  const value = Number(text);
  if (!Number.isInteger(value) || value < 1)
    throw new RangeError(`bench kernel: --${name} must be a whole number from 1, got ${text}.`);
  return value;
}

/** Ours as a user has it: by `lclab install`, so on the Node that it picks. */
async function installed(folder: string): Promise<Contestant> {
  const main = fileURLToPath(new URL("../dist/kernel/main.js", import.meta.url));
  await execute(process.execPath, [main, "install", "--prefix", folder]);
  const file = join(folder, "share", "jupyter", "kernels", "lclab", "kernel.json");
  const spec = JSON.parse(await readFile(file, "utf8")) as KernelSpec;
  const { stdout } = await execute(spec.argv[0], ["--version"]);
  return { name: "ours", version: `Node ${stdout.trim()}`, spec, samples: typescript };
}

/** With the kernelspec that ipykernel itself would install. */
async function ipykernel(command: string): Promise<Contestant> {
  const code = `import json, sys, ipykernel
from ipykernel.kernelspec import get_kernel_dict
print(json.dumps({"version": f"{ipykernel.__version__}, Python {sys.version.split()[0]}", "spec": get_kernel_dict()}))`;
  const { stdout } = await execute(command, ["-c", code]).catch((cause: Error) => {
    throw new Error(
      `bench kernel: --python must be a Python with ipykernel, got ${command}. Write pip install ipykernel.`,
      { cause },
    );
  });
  const { version, spec } = JSON.parse(stdout) as { version: string; spec: KernelSpec };
  return { name: "ipykernel", version, spec, samples: python };
}

async function tslab(given: string, { spec: ours }: Contestant): Promise<Contestant> {
  const folder = given === "auto" ? fileURLToPath(new URL("..", import.meta.url)) : given;
  const manifest = join(resolve(folder), "node_modules", "tslab", "package.json");
  if (!existsSync(manifest))
    throw new Error(
      `bench kernel: --tslab must be a folder with tslab in its node_modules, got ${folder}. Write npm install tslab there.`,
    );
  const { version } = JSON.parse(await readFile(manifest, "utf8")) as { version: string };
  const program = join(dirname(manifest), "bin", "tslab");
  const argv = [ours.argv[0], program, "kernel", "--config-path", "{connection_file}"];
  return { name: "tslab", version, spec: { argv }, samples: typescript };
}

interface Row {
  metric: Metric;
  unit: "ms";
  /** Medians; null where it was not measured, or failed, which the note says. */
  ours: number | null;
  ipykernel: number | null;
  tslab: number | null;
  target: number;
  /** True if ours did what was asked, in time. */
  ok: boolean;
  note: string;
}

function row(metric: Metric, visits: ReadonlyMap<Contestant["name"], readonly Visit[]>): Row {
  const value = (name: Contestant["name"]): number | null => {
    const times = (visits.get(name) ?? []).flatMap(({ times }) => times.get(metric) ?? []);
    return times.length > 0 ? Number(median(times).toFixed(2)) : null;
  };
  const notes = [...visits].flatMap(([name, all]) => {
    const found = all.find(({ wrong }) => wrong.has(metric))?.wrong.get(metric);
    return found === undefined ? [] : [`${name}: ${found}`];
  });
  const ours = value("ours");
  const right = visits.get("ours")?.every(({ wrong }) => !wrong.has(metric)) ?? false;
  const target = targets[metric];
  return {
    ...{ metric, unit: "ms", ours, ipykernel: value("ipykernel"), tslab: value("tslab"), target },
    ok: right && ours !== null && ours <= target,
    note: notes.join("; "),
  };
}

function shown({ metric, ours, ipykernel, tslab, target, ok, note }: Row) {
  const number = (ms: number | null) => (ms === null ? "–" : ms.toFixed(ms < 20 ? 1 : 0));
  return {
    "median, ms": metric,
    ours: number(ours),
    ipykernel: number(ipykernel),
    tslab: number(tslab),
    target: `≤ ${target} ${ok ? "✓" : "✗"}`,
    note,
  };
}
