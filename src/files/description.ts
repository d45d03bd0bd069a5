import { type CompressionSpec, partsOf } from "../compression/contract.ts";
import { fromSpec } from "../compression/from-spec.ts";
import { checkTasks } from "../lc/plan.ts";
import { parametersOf, type Task } from "../lc/task.ts";
import { type LayerSpec, type Loss, type Network, network as networkOf } from "../net/network.ts";
import { grouped } from "../text.ts";
import { checkLayer } from "./layer-options.ts";
import { memoryToRead } from "./memory.ts";
import { bad, object, parseJson } from "./safetensors.ts";
import { shown } from "./shown.ts";

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
  /** True if it is coded arithmetically; left out otherwise. */
  readonly coded: true | undefined;
}

const losses: readonly Loss[] = ["softmaxCrossEntropy", "squaredError"];

/** Starts of a sum's search: it is run on a single 0 where a sum stands for no weights, and must end. */
const MOST_STARTS = 10_000;
/** Of a sum that does not say, and the orders that it tries besides (alternation.ts). */
const DEFAULT_STARTS = 10;
const ORDERS = 6;

/** A task, and how its parts are stored. */
export interface DescribedTask {
  readonly task: Task;
  readonly parts: readonly PartDescription[];
}

/**
 * The network and the tasks in a description.
 * @param fileBytes Bytes of the file, which are in memory already.
 * @throws LCError LC_FILE if it describes nothing lclab could have saved, or reading it takes more than `maxBytes`.
 */
export function readDescription(
  text: string,
  fileBytes: number,
  maxBytes: number,
): { readonly network: Network; readonly tasks: readonly DescribedTask[] } {
  const { network: net, tasks: list } = object(parseJson(text), "the description");
  const network = networkIn(object(net, "the network"));
  if (!Array.isArray(list)) throw bad("the tasks must be a list");
  const all = list.map((one, i) => object(one, `task ${i}`));
  const made = all.map(taskIn);
  built("the tasks", () => checkTasks(network, [], made));
  const tasks = made.map((task, i) => partsIn(all[i] as Entries, `task ${i}`, network, task));
  const needed = fileBytes + memoryToRead(network, tasks);
  if (!(needed <= maxBytes)) {
    throw bad(
      `reading it takes ${grouped(needed)} bytes of memory, more than maxBytes = ${grouped(maxBytes)}. If the file is to be trusted, write load(path, { maxBytes: ${needed} })`,
    );
  }
  return { network, tasks };
}

/** An object of a description, with anything in it. */
type Entries = Readonly<Record<string, unknown>>;

function networkIn({ name, input, loss, layers }: Entries): Network {
  if (typeof name !== "string") throw bad("the network must have a name");
  if (!losses.includes(loss as Loss))
    throw bad(`the loss must be ${losses.join(" or ")}, got ${shown(String(loss))}`);
  const size = (n: unknown): boolean =>
    Number.isInteger(n) && (n as number) >= 1 && (n as number) < 2 ** 31;
  if (!(Array.isArray(input) && (input.length === 1 || input.length === 3) && input.every(size))) {
    throw bad("the network's input must be [features] or [height, width, channels]");
  }
  if (!Array.isArray(layers)) throw bad("the network's layers must be a list");
  for (const [i, layer] of layers.entries()) checkLayer(object(layer, `layer ${i}`), i);
  return built("the network", () =>
    networkOf({ name, input, loss: loss as Loss, layers: layers as LayerSpec[] }),
  );
}

function taskIn({ layers, compression: spec }: Entries, i: number): Task {
  const where = `task ${i}`;
  if (!Array.isArray(layers) || !layers.every((layer) => typeof layer === "string")) {
    throw bad(`the layers of ${where} must be names`);
  }
  checkStarts(object(spec, `the compression of ${where}`));
  const compression = built(where, () => fromSpec(spec as CompressionSpec));
  return { layers, compression };
}

function partsIn(
  { shapes, parts }: Entries,
  where: string,
  network: Network,
  task: Task,
): DescribedTask {
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

function partIn({ counts, bits, coded }: Entries, where: string): PartDescription {
  const numbers = Array.isArray(counts) && counts.every((n) => typeof n === "number");
  if (!numbers || typeof bits !== "number" || !(coded === undefined || coded === true)) {
    throw bad(`${where} must have counts and bits, and coded: true or nothing`);
  }
  return { counts: counts as number[], bits, coded };
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
