import { type CompressionSpec, partsOf } from "../compression/contract.ts";
import { fromSpec } from "../compression/from-spec.ts";
import { checkTasks } from "../lc/plan.ts";
import { parametersOf, type Task } from "../lc/task.ts";
import { type LayerSpec, type Loss, type Network, network as networkOf } from "../net/network.ts";
import { grouped } from "../text.ts";
import { bad, object, parseJson, shown } from "./safetensors.ts";

/** What a file says about its data; JSON under the key "lc" of the metadata. */
export interface Description {
  readonly network: {
    readonly name: string;
    readonly input: readonly number[];
    readonly loss: Loss;
    readonly layers: readonly LayerSpec[];
  };
  readonly tasks: readonly TaskDescription[];
}

export interface TaskDescription {
  readonly layers: readonly string[];
  /** [rows, cols] of each layer's weight matrix. */
  readonly shapes: readonly (readonly [number, number])[];
  readonly compression: CompressionSpec;
  /** Of each term of the sum, in order; one if it is no sum. */
  readonly parts: readonly PartDescription[];
}

export interface PartDescription {
  /** Whole numbers its θ begins with: sizes of codebooks, numbers of kept weights, bits of gaps, ranks. */
  readonly counts: readonly number[];
  /** Packed bits, as the table of sizes counts them before it fills up the last byte. */
  readonly bits: number;
  readonly coded?: boolean;
}

/** Layers a network can have, and losses. */
const kinds: readonly LayerSpec["kind"][] = [
  ...([
    "dense",
    "conv2d",
    "maxPool",
    "averagePool",
    "globalAveragePool",
    "flatten",
    "tanh",
    "relu",
  ] as const),
  ...(["sigmoid", "batchNorm", "dropout", "localResponseNorm", "add"] as const),
];
const losses: readonly Loss[] = ["softmaxCrossEntropy", "squaredError"];

/** Starts of a sum's search: it is run on a single 0 where a sum stands for no weights, and must end. */
const MOST_STARTS = 10_000;
/** Of a sum that does not say, and the orders that it tries besides (alternation.ts). */
const DEFAULT_STARTS = 10;
const ORDERS = 6;

/**
 * The network and the tasks in a description.
 * @throws LCError LC_FILE if it describes nothing lclab could have saved, or more than `maxBytes` of it.
 */
export function described(
  text: string,
  maxBytes: number,
): {
  readonly network: Network;
  readonly tasks: readonly { readonly task: Task; readonly parts: readonly PartDescription[] }[];
} {
  const { network: net, tasks: list } = object(parseJson(text), "the description");
  const network = networkIn(object(net, "the network"));
  if (!Array.isArray(list)) throw bad("the tasks must be a list");
  const tasks: { task: Task; parts: readonly PartDescription[] }[] = [];
  for (const [i, one] of list.entries()) {
    const before = tasks.map(({ task }) => task);
    tasks.push(taskIn(object(one, `task ${i}`), i, network, before));
  }
  const needed = memoryOf(
    network,
    tasks.map(({ task }) => task),
  );
  if (!(needed <= maxBytes)) {
    throw bad(
      `reading it takes ${grouped(needed)} bytes of memory, more than maxBytes = ${grouped(maxBytes)}. If the file is to be trusted, write load(path, { maxBytes: ${needed} })`,
    );
  }
  return { network, tasks };
}

/** Bytes in memory: the network in float32; and of each weight and part θ and Δ(θ), and their sum, while they are made. */
export function memoryOf(network: Network, tasks: readonly Task[]): number {
  let bytes = 0;
  for (const { rows, cols } of network.parameters) bytes += 4 * rows * cols;
  for (const task of tasks) {
    const perWeight = 8 + 16 * partsOf(task.compression).length;
    for (const { rows, cols } of parametersOf({ network }, task)) {
      bytes += perWeight * rows * cols;
    }
  }
  return bytes;
}

function networkIn({ name, input, loss, layers }: Readonly<Record<string, unknown>>): Network {
  if (typeof name !== "string") throw bad("the network must have a name");
  if (!losses.includes(loss as Loss))
    throw bad(`the loss must be ${losses.join(" or ")}, got ${shown(String(loss))}`);
  const size = (n: unknown): boolean =>
    Number.isInteger(n) && (n as number) >= 1 && (n as number) < 2 ** 31;
  if (!(Array.isArray(input) && (input.length === 1 || input.length === 3) && input.every(size))) {
    throw bad("the network's input must be [features] or [height, width, channels]");
  }
  if (!Array.isArray(layers)) throw bad("the network's layers must be a list");
  for (const [i, layer] of layers.entries()) {
    const spec = object(layer, `layer ${i}`);
    if (!kinds.includes(spec.kind as LayerSpec["kind"])) {
      throw bad(
        `layer ${i} is of the unknown kind ${shown(String(spec.kind))}; known are ${kinds.join(", ")}`,
      );
    }
    const texts = [spec.name ?? "", spec.from ?? "", spec.with ?? ""];
    if (texts.some((text) => typeof text !== "string"))
      throw bad(`names in layer ${i} must be text`);
  }
  return built("the network", () =>
    networkOf({ name, input, loss: loss as Loss, layers: layers as LayerSpec[] }),
  );
}

function taskIn(
  { layers, shapes, compression: spec, parts }: Readonly<Record<string, unknown>>,
  i: number,
  network: Network,
  before: readonly Task[],
): { task: Task; parts: readonly PartDescription[] } {
  const where = `task ${i}`;
  if (!Array.isArray(layers) || !layers.every((layer) => typeof layer === "string")) {
    throw bad(`the layers of ${where} must be names`);
  }
  checkStarts(object(spec, `the compression of ${where}`));
  const task = built(where, () => {
    const made = { layers: layers as string[], compression: fromSpec(spec as CompressionSpec) };
    checkTasks(network, before, [made]);
    return made;
  });
  const expected = parametersOf({ network }, task).map(({ rows, cols }) => [rows, cols]);
  if (JSON.stringify(shapes) !== JSON.stringify(expected)) {
    throw bad(`the shapes of ${where} must be ${JSON.stringify(expected)}`);
  }
  const terms = partsOf(task.compression);
  if (!Array.isArray(parts) || parts.length !== terms.length) {
    throw bad(`${where} must have ${terms.length} parts`);
  }
  return {
    task,
    parts: parts.map((part, k) =>
      partIn(object(part, `part ${k} of ${where}`), `part ${k} of ${where}`),
    ),
  };
}

function partIn(
  { counts, bits, coded }: Readonly<Record<string, unknown>>,
  where: string,
): PartDescription {
  const numbers = Array.isArray(counts) && counts.every((n) => typeof n === "number");
  if (!numbers || typeof bits !== "number" || !(coded === undefined || coded === true)) {
    throw bad(`${where} must have counts and bits, and coded: true or nothing`);
  }
  return { counts: counts as number[], bits, ...(coded ? { coded } : {}) };
}

/** Sums within sums search in each search of the outer one. */
function checkStarts(spec: object, outer = 1): void {
  const { kind, starts = DEFAULT_STARTS } = spec as { kind?: unknown; starts?: unknown };
  const searches = kind === "sum" ? outer * (Number(starts) + ORDERS) : outer;
  if (!(searches <= MOST_STARTS + ORDERS)) {
    throw bad(
      `a sum must have at most ${MOST_STARTS} starts, those of sums within it counted for each, got ${searches}`,
    );
  }
  for (const value of Object.values(spec)) {
    if (typeof value === "object" && value !== null) checkStarts(value, searches);
  }
}

/** Factories say in a RangeError what they refuse, and trip over what is no option at all. */
function built<Result>(where: string, work: () => Result): Result {
  try {
    return work();
  } catch (cause) {
    throw bad(`${where} cannot be: ${(cause as Error).message.replace(/\.$/, "")}`, { cause });
  }
}
