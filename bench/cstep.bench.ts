import { execFile } from "node:child_process";
import { mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { monitorEventLoopDelay } from "node:perf_hooks";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { binarize } from "../src/compression/binarize.ts";
import { type Compression, distortion, objective } from "../src/compression/contract.ts";
import { lowRank } from "../src/compression/low-rank.ts";
import { prune } from "../src/compression/prune.ts";
import { quantize } from "../src/compression/quantize.ts";
import { uniform } from "../src/compression/uniform.ts";
import { compress } from "../src/lc/plan.ts";
import type { Matrix } from "../src/math/matrix.ts";
import { random } from "../src/math/random.ts";
import { type Model, model, weightsOf } from "../src/net/network.ts";
import { lenet300 } from "../src/net/zoo.ts";
import { machine, median, textTable } from "./machine.ts";

const help = `npm run bench -- cstep [--python PY] [--data DIR] [--rounds N] [--memory] [--json]

Milliseconds per C step on LeNet300's weights, beside scikit-learn's KMeans and SciPy's full SVD in the same run.
  --python PY   a Python with numpy, scipy and scikit-learn
  --data DIR    takes the weights of DIR/lenet300_reference; otherwise random ones of the same shapes
  --rounds N    repetitions, median taken; default 5
  --memory      also peak memory, in float64 arrays of the number of weights (N = 4,000,000)`;

const execute = promisify(execFile);
const path = (name: string) => fileURLToPath(new URL(name, import.meta.url));

interface Peer {
  readonly versions: string;
  readonly kmeans_ms: number;
  readonly kmeans_distortion: number;
  readonly svd_ms: number;
  readonly svd_distortion: number;
}

type Row = Readonly<Record<"step" | "ms" | "distortion" | "exact" | "note", string>>;

export async function run(args: string[]): Promise<void> {
  const { values } = parseArgs({
    args,
    options: {
      python: { type: "string" },
      data: { type: "string" },
      rounds: { type: "string", default: "5" },
      memory: { type: "boolean", default: false },
      json: { type: "boolean", default: false },
      help: { type: "boolean", default: false },
    },
  });
  if (values.help) {
    console.log(help);
    return;
  }
  const rounds = Number(values.rounds);
  const net = await network(values.data);
  const fc1 = float64(weightsOf(net, "fc1"));
  const layers = (["fc1", "fc2", "out"] as const).map((name) => float64(weightsOf(net, name)));
  const all = layers.flatMap((layer) => [...layer.data]);
  const joint = { rows: 1, cols: all.length, data: Float64Array.from(all) };
  const warmFc1 = perturbed(fc1, 0.01);
  const warmJoint = perturbed(joint, 0.01);

  const peer = values.python ? await python(values.python, fc1, warmFc1, rounds) : undefined;
  const rows: Row[] = [];
  const add = (
    step: string,
    c: Compression<unknown>,
    w: Matrix<Float64Array>,
    start?: Matrix<Float64Array>,
    note: (ms: number, error: number) => string = () => "",
  ): void => {
    const warm = start && c.cStep(start);
    const context = warm === undefined ? {} : { warm };
    const times: number[] = [];
    let result = c.solve(w, context);
    // The compiler needs some calls before it makes its best code.
    for (const end = performance.now() + 50; performance.now() < end; ) c.solve(w, context);
    for (let round = 0; round < rounds; round++) {
      const before = performance.now();
      result = c.solve(w, context);
      times.push(performance.now() - before);
    }
    const [ms, error] = [median(times), objective(c, w, result.theta)];
    const exact = result.exact
      ? "yes"
      : result.gap === undefined
        ? "no"
        : result.gap.toExponential(1);
    rows.push({
      step,
      ms: ms.toFixed(1),
      distortion: error.toPrecision(10),
      exact,
      note: note(ms, error),
    });
  };
  const any = <T>(c: Compression<T>): Compression<unknown> => c as Compression<unknown>;
  const ratio = (theirs: number | undefined, ms: number, what: string): string =>
    theirs === undefined
      ? ""
      : `${what} ${theirs.toFixed(1)} ms, ${(theirs / ms).toFixed(1)} × ours`;

  add("K = 2, fc1, exact", any(quantize({ levels: 2 })), fc1, undefined, (ms, error) =>
    peer
      ? `${ratio(peer.kmeans_ms, ms, "KMeans(n_init=10)")}; its distortion ${relative(peer.kmeans_distortion, error)}`
      : "",
  );
  for (const levels of [4, 16, 256])
    add(`K = ${levels}, fc1, exact`, any(quantize({ levels })), fc1);
  for (const levels of [2, 4, 16]) {
    const c = quantize({ levels });
    const optimum = distortion(fc1, c.decompress(c.cStep(fc1)));
    const lloyd = any(quantize({ levels, search: "lloyd" }));
    add(
      `K = ${levels}, fc1, Lloyd cold`,
      lloyd,
      fc1,
      undefined,
      (_, error) => `excess ${relative(error, optimum)}`,
    );
    const moved = distortion(warmFc1, c.decompress(c.cStep(warmFc1)));
    add(
      `K = ${levels}, fc1, Lloyd warm`,
      lloyd,
      warmFc1,
      fc1,
      (_, error) => `excess ${relative(error, moved)}`,
    );
  }
  add("uniform 8 bits, fc1, exact", any(uniform({ bits: 8 })), fc1);
  add("rank 10, fc1, cold", any(lowRank({ rank: 10 })), fc1);
  add(
    "rank 10, fc1, warm (1 % perturbed)",
    any(lowRank({ rank: 10 })),
    warmFc1,
    fc1,
    (ms, error) =>
      peer
        ? `${ratio(peer.svd_ms, ms, "SciPy svd")}; distortion ${relative(error, peer.svd_distortion)} against its`
        : "",
  );
  add("rank 10, fc1, full", any(lowRank({ rank: 10, full: true })), fc1);
  const exact = any(quantize({ levels: 2 }).plus(prune({ count: 2662 })));
  add("(K = 2) + (l0 2662) joint, exact cold", exact, joint);
  add("(K = 2) + (l0 2662) joint, exact warm", exact, warmJoint, joint);
  const pair = any(quantize({ levels: 2 }).plus(prune({ count: 2662 }), { search: "alternate" }));
  add("(K = 2) + (l0 2662) joint, alternate cold", pair, joint);
  add("(K = 2) + (l0 2662) joint, alternate warm", pair, warmJoint, joint);
  add("{−a, a} + (l0 2662) joint, exact", any(binarize().plus(prune({ count: 2662 }))), joint);
  const sixteen = any(quantize({ levels: 16 }).plus(prune({ count: 2662 })));
  add("(K = 16) + (l0 2662) joint, warm", sixteen, warmJoint, joint);

  const loop = await eventLoop(net);
  const memory = values.memory ? await peaks() : [];
  const head = [machine(), `Node ${process.version}`, ...(peer ? [peer.versions] : [])].join("; ");
  if (values.json) console.log(JSON.stringify({ machine: head, rows, loop, memory }));
  else {
    const tables = [rows, loop, ...(memory.length > 0 ? [memory] : [])].map((t) => textTable(t));
    console.log([head, ...tables].join("\n\n"));
  }
}

/** LeNet300 with the reference weights, or seeded ones that are roughly normal. */
async function network(folder: string | undefined): Promise<Model<"fc1" | "fc2" | "out">> {
  const net = lenet300();
  const weights: Record<string, Float32Array> = {};
  const rng = random(7);
  const all =
    folder && (await readFile(join(folder, "lenet300_reference", "lenet300_classic.f32")));
  const numbers =
    all && new Float32Array(all.buffer.slice(all.byteOffset, all.byteOffset + all.length));
  let at = 0;
  for (const { key, rows, cols } of net.network.parameters) {
    const normal = (): number => {
      let total = -3;
      for (let i = 0; i < 6; i++) total += rng.uniform();
      return 0.06 * total;
    };
    weights[key] = numbers
      ? numbers.slice(at, at + rows * cols)
      : Float32Array.from({ length: rows * cols }, normal);
    at += rows * cols;
  }
  return model(net.network, weights);
}

function float64({ rows, cols, data }: Matrix): Matrix<Float64Array> {
  return { rows, cols, data: Float64Array.from(data) };
}

/** w with a random change of the given size relative to ‖w‖. */
function perturbed(w: Matrix<Float64Array>, size: number): Matrix<Float64Array> {
  const rng = random(11);
  const noise = w.data.map(() => rng.uniform() + rng.uniform() + rng.uniform() - 1.5);
  const norm = (x: Float64Array): number => Math.sqrt(x.reduce((total, v) => total + v * v, 0));
  const scale = (size * norm(w.data)) / norm(noise);
  return { ...w, data: w.data.map((x, i) => x + scale * (noise[i] as number)) };
}

async function python(
  command: string,
  weights: Matrix<Float64Array>,
  warm: Matrix<Float64Array>,
  rounds: number,
): Promise<Peer> {
  const folder = await mkdtemp(join(tmpdir(), "lclab-bench-"));
  try {
    await writeFile(join(folder, "weights.f64"), weights.data);
    await writeFile(join(folder, "warm.f64"), warm.data);
    const { rows, cols } = warm;
    await writeFile(join(folder, "shape.json"), JSON.stringify({ rows, cols, rank: 10 }));
    const { stdout } = await execute(command, [path("peers/cstep.py"), folder, `${rounds}`]);
    return JSON.parse(stdout) as Peer;
  } finally {
    await rm(folder, { recursive: true });
  }
}

function relative(value: number, to: number): string {
  const by = value / to - 1;
  return `${by < 0 ? "−" : "+"}${Math.abs(by).toExponential(1)} relative`;
}

/** The longest the caller's event loop waits while a plan is compressed directly. */
async function eventLoop(net: Model<"fc1" | "fc2" | "out">): Promise<Record<string, string>[]> {
  const all = ["fc1", "fc2", "out"] as const;
  const plans = {
    "exact K = 16 per layer": compress(net).each(all, quantize({ levels: 16 })),
    "(K = 2) + (l0 2662) joint": compress(net).joint(
      all,
      quantize({ levels: 2 }).plus(prune({ count: 2662 })),
    ),
    "rank 10 in fc1 and fc2": compress(net).each(["fc1", "fc2"], lowRank({ rank: 10 })),
    "Q + L + P in fc2": compress(net).layer(
      "fc2",
      quantize({ levels: 2 })
        .plus(lowRank({ rank: 5 }))
        .plus(prune({ count: 300 })),
    ),
  };
  const rows = [];
  for (const [name, plan] of Object.entries(plans)) {
    await plan.direct();
    const delay = monitorEventLoopDelay({ resolution: 1 });
    delay.enable();
    const before = performance.now();
    await plan.direct();
    const ms = performance.now() - before;
    delay.disable();
    rows.push({
      "direct compression": name,
      ms: ms.toFixed(0),
      "longest wait of the event loop, ms": (delay.max / 1e6).toFixed(1),
    });
  }
  return rows;
}

async function peaks(): Promise<Record<string, string>[]> {
  const count = 4_000_000;
  const kept = { kind: "prune", keep: 0.01 };
  const specs: Record<string, object> = {
    "K = 2": { kind: "quantize", levels: 2 },
    "K = 16": { kind: "quantize", levels: 16 },
    "K = 256": { kind: "quantize", levels: 256 },
    "l0 1 %": kept,
    "uniform 4 bits": { kind: "uniform", bits: 4 },
    "(K = 2) + (l0 1 %)": { kind: "sum", parts: [{ kind: "quantize", levels: 2 }, kept] },
    "(K = 2) + (l0 1 %), alternate": {
      kind: "sum",
      parts: [{ kind: "quantize", levels: 2 }, kept],
      search: "alternate",
      starts: 0,
    },
    "(K = 4) + (K = 4)": {
      kind: "sum",
      parts: [
        { kind: "quantize", levels: 4 },
        { kind: "quantize", levels: 4 },
      ],
      starts: 0,
    },
    "(K = 8) + (l0 1 %)": { kind: "sum", parts: [{ kind: "quantize", levels: 8 }, kept] },
  };
  const rows = [];
  for (const [name, spec] of Object.entries(specs)) {
    const script = [
      "--expose-gc",
      "--import",
      import.meta.resolve("tsx"),
      path("peers/cstep_memory.ts"),
    ];
    const { stdout } = await execute(process.execPath, [
      ...script,
      JSON.stringify(spec),
      `${count}`,
    ]);
    const { arrays } = JSON.parse(stdout) as { arrays: number };
    rows.push({ "C step of 4,000,000 weights": name, "peak, float64 arrays": arrays.toFixed(1) });
  }
  return rows;
}
