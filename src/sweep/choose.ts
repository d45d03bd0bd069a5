import type { Compression, CStepResult } from "../compression/contract.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Engine } from "../engine/engine.ts";
import { cStepper } from "../lc/c-step.ts";
import { fisher } from "../lc/fisher.ts";
import { stopSignal } from "../lc/interrupt.ts";
import { compress, type Plan } from "../lc/plan.ts";
import { flopsOf, storedBits } from "../lc/size.ts";
import { layerGeometry, parametersOf, taskImportance, taskView } from "../lc/task.ts";
import type { Model, Parameter, Weights } from "../net/network.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { type Table, table } from "../table/table.ts";
import { combine, type Priced } from "./allocate.ts";
import { candidates } from "./candidates.ts";

export interface ChooseOptions {
  readonly net: Model;
  /** Given: errors count by the Fisher diagonal of the loss on it, so that layers compare; else all weights count the same. */
  readonly data?: Dataset;
  /**
   * What may be done to a layer, by its name and the shape of its weight matrix; each layer may stay as it is, too. Default
   * `candidates`: quantization, pruning, low rank and sums of two, with low-bit insides.
   */
  readonly candidates?: (layer: string, shape: Parameter) => readonly Compression<unknown>[];
  readonly engine?: Engine;
  readonly signal?: AbortSignal;
  /** Told after every C step. */
  readonly onProgress?: (done: { readonly cSteps: number; readonly of: number }) => void;
}

/** One choice for every layer. */
export interface Allocation extends Displayable {
  /** To be learned: `allocation.plan.run({ …, importance: allocation.importance })`. */
  readonly plan: Plan<never, Record<string, unknown>>;
  /**
   * The importance weights by which its layers were priced, to learn with: what is cheap to lose is then also what learning lets go
   * first. Empty without data; layers that were priced without have none.
   */
  readonly importance: Weights;
  /** Of the whole network as it would be stored. */
  readonly bits: number;
  readonly bytes: number;
  readonly ratio: number;
  readonly flops: number;
  /** Σ h (w − Δ)² of direct compression, h the Fisher diagonal with mean 1 (1 without data). */
  readonly error: number;
  /** What each layer gets; layers not named stay as they are. */
  readonly choice: Readonly<Record<string, Compression<unknown>>>;
  readonly table: Table;
}

/** A budget: one of them. */
export type Budget =
  | { readonly maxBytes: number }
  | { readonly minRatio: number }
  | { readonly maxFlops: number };

/** Allocations none of which is beaten in both size and error, by falling size. */
export interface Front {
  readonly allocations: readonly Allocation[];
  /** C steps it took. */
  readonly cSteps: number;
  /** The allocation with the least error within a budget. @throws RangeError if there is none. */
  best(budget: Budget): Allocation;
  /**
   * Where the front, in logarithms of size and error, bends most: farthest below the line between its ends. The smallest, if all
   * errors are 0.
   * @throws RangeError if nothing is smaller than the network.
   */
  knee(): Allocation;
}

/**
 * Chooses a combination and its level for every layer: prices each candidate of each layer by one C step – its bits, its FLOPs,
 * and the error Σ h (w − Δ)² –, and finds the allocations with the least total error at every size. The errors of layers add up; with the
 * Fisher diagonal half of the total estimates what compression costs in loss. Learn the one that is taken with `plan.run`.
 * @throws RangeError if there is nothing to choose from.
 */
export async function choose(options: ChooseOptions): Promise<Front> {
  const { net, data, candidates: of = candidates, engine, onProgress } = options;
  const importance = data
    ? await fisher(net, data, {
        ...(engine ? { engine } : {}),
        ...(options.signal ? { signal: options.signal } : {}),
      })
    : undefined;
  const work = net.network.names.flatMap((layer) => {
    const [shape] = parametersOf(net, { layers: [layer] });
    return of(layer, shape as Parameter).map((compression) => ({ layer, compression }));
  });
  if (work.length === 0) {
    throw new RangeError("choose: there are no candidates for any layer. Leave candidates out.");
  }
  const { signal, release } = stopSignal(options.signal);
  const stepper = cStepper();
  const priced = new Map<string, LayerChoice[]>();
  try {
    for (const [i, { layer, compression }] of work.entries()) {
      const found = await price(net, layer, compression, importance, stepper, signal);
      priced.set(layer, [...(priced.get(layer) ?? []), found]);
      onProgress?.({ cSteps: i + 1, of: work.length });
    }
  } finally {
    release();
    await stepper.close();
  }
  return frontOf(net, priced, work.length, importance ?? {});
}

/** Whether C steps take importance weights without alternating: a weighted low-rank one would take longer than learning saves. */
function isWeighted({ weighted, elementwise }: Compression<unknown>): boolean {
  return weighted && elementwise;
}

/** What a candidate does to a layer; `compression` undefined: nothing. */
interface LayerChoice extends Priced {
  readonly layer: string;
  readonly compression: Compression<unknown> | undefined;
  readonly flops: number;
}

async function price(
  net: Model,
  layer: string,
  compression: Compression<unknown>,
  importance: Weights | undefined,
  stepper: ReturnType<typeof cStepper>,
  signal: AbortSignal,
): Promise<LayerChoice> {
  const task = { layers: [layer], compression };
  const parameters = parametersOf(net, task);
  const view = taskView(net.network, parameters, net.weights, {}, 0);
  const h = taskImportance(parameters, isWeighted(compression) ? importance : undefined);
  const { theta }: CStepResult<unknown> = await stepper.solve(
    task,
    view,
    { mu: 0, ...(h ? { importance: h } : {}) },
    signal,
  );
  const delta = compression.decompress(theta).data;
  const weights = taskImportance(parameters, importance);
  let error = 0;
  for (let i = 0; i < delta.length; i++) {
    const away = (view.data[i] as number) - (delta[i] as number);
    error += (weights ? (weights[i] as number) : 1) * away * away;
  }
  const bits = storedBits(compression, theta);
  const flops = compression.flops(theta, layerGeometry(net.network, layer));
  return { layer, compression, bits, flops, error };
}

function frontOf(
  net: Model,
  priced: ReadonlyMap<string, readonly LayerChoice[]>,
  cSteps: number,
  importance: Weights,
): Front {
  const layers = [...priced].map(([layer, choices]) => {
    const [{ rows, cols }] = parametersOf(net, { layers: [layer] }) as [Parameter];
    const { channels: _, ...geometry } = layerGeometry(net.network, layer);
    const uses = geometry.output[0] * geometry.output[1];
    const kept: LayerChoice = {
      ...{ layer, compression: undefined, error: 0 },
      ...{ bits: 32 * rows * cols, flops: 2 * rows * cols * uses },
    };
    return [kept, ...choices];
  });
  const all = net.network.parameters.reduce((n, { rows, cols }) => n + rows * cols, 0);
  const chosen = layers.reduce((n, [kept]) => n + (kept as LayerChoice).bits, 0);
  const rest = 32 * all - chosen;
  const build = (choices: readonly LayerChoice[]): Allocation =>
    allocation(net, choices, rest, 32 * all, importance);
  const bySize = combine(layers).filter((choices) => choices.some((c) => c.compression));
  const totals = bySize.map((choices) => ({ choices, ...totalOf(choices) }));
  /** The front in FLOPs and error. */
  let flopsFront: readonly (readonly LayerChoice[])[] | undefined;
  const byFlops = (): readonly (readonly LayerChoice[])[] => {
    if (flopsFront) return flopsFront;
    const priced = new Map<Priced, LayerChoice>();
    const groups = layers.map((choices) =>
      choices.map((choice) => {
        const price: Priced = { bits: choice.flops, error: choice.error };
        priced.set(price, choice);
        return price;
      }),
    );
    flopsFront = combine(groups).map((found) => found.map((c) => priced.get(c) as LayerChoice));
    return flopsFront;
  };
  const least = (
    within: readonly (readonly LayerChoice[])[],
    what: string,
    fewest: () => string,
  ): Allocation => {
    const [first, ...others] = within;
    if (!first) {
      throw new RangeError(
        `best: no allocation has ${what}; ${fewest()}. Give candidates that compress more.`,
      );
    }
    const error = (choices: readonly LayerChoice[]) => totalOf(choices).error;
    return build(others.reduce((a, b) => (error(b) < error(a) ? b : a), first));
  };
  let allocations: readonly Allocation[] | undefined;
  return Object.freeze({
    get allocations() {
      allocations ??= bySize.map(build);
      return allocations;
    },
    cSteps,
    best(budget: Budget) {
      if ("maxFlops" in budget) {
        positive("maxFlops", budget.maxFlops);
        const fixed = layers.reduce(
          (n, [kept]) => n - (kept as LayerChoice).flops,
          flopsOf(net, [], []).after,
        );
        const flopsOfAll = (choices: readonly LayerChoice[]) =>
          choices.reduce((n, { flops }) => n + flops, fixed);
        return least(
          byFlops().filter((choices) => flopsOfAll(choices) <= budget.maxFlops),
          `at most ${budget.maxFlops} FLOPs`,
          () => `the fewest are ${Math.min(...byFlops().map(flopsOfAll))} FLOPs`,
        );
      }
      const name = "maxBytes" in budget ? "maxBytes" : "minRatio";
      const value = positive(name, "maxBytes" in budget ? budget.maxBytes : budget.minRatio);
      const bits = name === "maxBytes" ? 8 * value : (32 * all) / value;
      return least(
        totals.filter((total) => total.bits + rest <= bits).map(({ choices }) => choices),
        name === "maxBytes" ? `at most ${value} bytes` : `a ratio of ${value} or more`,
        () => `the smallest takes ${Math.ceil(((totals.at(-1)?.bits ?? chosen) + rest) / 8)} bytes`,
      );
    },
    knee() {
      const points = totals.filter(({ error }) => error > 0);
      // Nothing is lost by any: the smallest.
      if (points.length === 0) points.push(...totals.slice(-1));
      if (points.length === 0) {
        throw new RangeError(
          "knee: no allocation is smaller than the network. Give candidates that compress more.",
        );
      }
      const [x, y] = [
        points.map(({ bits }) => Math.log(bits + rest)),
        points.map(({ error }) => Math.log(error)),
      ];
      const last = points.length - 1;
      const scale = (v: readonly number[], i: number) =>
        ((v[i] as number) - (v[0] as number)) / ((v[last] as number) - (v[0] as number) || 1);
      let [knee, farthest] = [0, Number.NEGATIVE_INFINITY];
      for (let i = 0; i <= last; i++) {
        // By falling size errors rise: below the diagonal of the unit square.
        const distance = scale(x, i) - scale(y, i);
        if (distance > farthest) [knee, farthest] = [i, distance];
      }
      return build((points[knee] as { choices: readonly LayerChoice[] }).choices);
    },
  });
}

function totalOf(choices: readonly Priced[]): { bits: number; error: number } {
  let [bits, error] = [0, 0];
  for (const choice of choices) {
    bits += choice.bits;
    error += choice.error;
  }
  return { bits, error };
}

function positive(name: string, value: number): number {
  if (value > 0 && value < Number.POSITIVE_INFINITY) return value;
  throw new RangeError(`best: ${name} must be a number above 0, got ${value}.`);
}

function allocation(
  net: Model,
  choices: readonly LayerChoice[],
  rest: number,
  dense: number,
  importance: Weights,
): Allocation {
  const { bits: chosen, error } = totalOf(choices);
  const bits = chosen + rest;
  let plan = compress(net) as unknown as Plan<string, Record<string, unknown>>;
  const choice: Record<string, Compression<unknown>> = {};
  const own: Record<string, Float32Array> = {};
  for (const { layer, compression } of choices) {
    if (!compression) continue;
    const [{ key }] = parametersOf(net, { layers: [layer] }) as [Parameter];
    const h = importance[key];
    if (h && isWeighted(compression)) own[key] = h;
    choice[layer] = compression;
    plan = plan.layer(layer, compression) as typeof plan;
  }
  const before = flopsOf(net, [], []).after;
  const flops = choices.reduce((n, { layer, flops: after }) => {
    const [{ rows, cols }] = parametersOf(net, { layers: [layer] }) as [Parameter];
    const { output } = layerGeometry(net.network, layer);
    return n + after - 2 * rows * cols * output[0] * output[1];
  }, before);
  const details = table(
    [
      { name: "layer" },
      { name: "compression" },
      { name: "bits" },
      { name: "FLOPs" },
      { name: "error" },
    ],
    choices.map(({ layer, compression, bits: b, flops: f, error: e }) => [
      ...[layer, compression?.name ?? "kept as float32", b, f, e],
    ]),
  );
  const ratio = dense / bits;
  const result: Allocation = {
    plan: plan as unknown as Allocation["plan"],
    importance: Object.freeze(own),
    ...{ bits, bytes: Math.ceil(bits / 8), ratio, flops, error, choice, table: details },
    [displaySymbol]: () => {
      const facts = `${net.network.name}: ${ratio.toPrecision(3)} × smaller, ${Math.ceil(bits / 8)} bytes, ${flops} FLOPs, error ${error.toPrecision(3)}`;
      return {
        "text/plain": `${facts}\n${details.toText()}`,
        "text/html": `<p><b>${facts}</b></p>${details.toHTML()}`,
      };
    },
  };
  return Object.freeze(result);
}
