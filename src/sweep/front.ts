import type { Figure } from "../charts/figure.ts";
import { frontFigure } from "../charts/panels/front.ts";
import type { Compression } from "../compression/contract.ts";
import { compress, type Plan } from "../lc/plan.ts";
import { flopsOf } from "../lc/size.ts";
import { layerGeometry, parametersOf } from "../lc/task.ts";
import type { Model, Parameter, Weights } from "../net/network.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { type Table, table } from "../table/table.ts";
import { combine, type Priced } from "./allocate.ts";

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
export interface Front extends Displayable {
  readonly allocations: readonly Allocation[];
  /** C steps it took. */
  readonly cSteps: number;
  /** Error over bytes of every allocation, with the knee; shown for the front itself. */
  readonly figure: Figure;
  /** The allocation with the least error within a budget. @throws RangeError if there is none. */
  best(budget: Budget): Allocation;
  /**
   * Where the front, in logarithms of size and error, bends most: farthest below the line between its ends. The smallest, if all
   * errors are 0.
   * @throws RangeError if nothing is smaller than the network.
   */
  knee(): Allocation;
}

/** What a candidate does to a layer; `compression` undefined: nothing. */
export interface LayerChoice extends Priced {
  readonly layer: string;
  readonly compression: Compression<unknown> | undefined;
  readonly flops: number;
}

/** Whether C steps take importance weights without alternating: a weighted low-rank one would take longer than learning saves. */
export function isWeighted({ weighted, elementwise }: Compression<unknown>): boolean {
  return weighted && elementwise;
}

/** The front of all choices. `importance`: what the layers were priced by. */
export function frontOf(
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
  const kneeOf = (): (typeof totals)[number] => {
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
    return points[knee] as (typeof totals)[number];
  };
  const draw = (): Figure => {
    const point = ({ choices, bits, error }: (typeof totals)[number]) => ({
      bytes: (bits + rest) / 8,
      error,
      choice: choices.map(({ layer, compression }) => `${layer}: ${nameOf(compression)}`),
    });
    return frontFigure(
      net.network.name,
      totals.map(point),
      totals.length > 0 ? point(kneeOf()) : undefined,
    );
  };
  let allocations: readonly Allocation[] | undefined;
  let drawn: Figure | undefined;
  const front: Front = Object.freeze({
    get allocations() {
      allocations ??= bySize.map(build);
      return allocations;
    },
    cSteps,
    best(budget: Budget) {
      const given = Object.keys(budget);
      if (given.length !== 1) {
        throw new RangeError(
          `best: one budget of maxBytes, minRatio, maxFlops must be given, got ${given.join(" and ") || "none"}.`,
        );
      }
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
    knee: () => build(kneeOf().choices),
    get figure() {
      drawn ??= draw();
      return drawn;
    },
    [displaySymbol]: () => ({ ...front.figure[displaySymbol]() }),
  });
  return front;
}

function nameOf(compression: Compression<unknown> | undefined): string {
  return compression?.name ?? "kept as float32";
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
      ...[layer, nameOf(compression), b, f, e],
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
