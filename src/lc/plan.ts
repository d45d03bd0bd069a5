import type { Compression } from "../compression/contract.ts";
import { shapeOf } from "../math/matrix.ts";
import {
  model as checkModel,
  type Model,
  type Network,
  unknownLayer,
  type Weights,
} from "../net/network.ts";
import { RecordedRun } from "../runs/recorder.ts";
import { LcRun, type Run } from "./algorithm.ts";
import { type DirectOptions, direct } from "./direct.ts";
import { shownPlan } from "./plan-table.ts";
import { checkImportance, checkRun, type RunOptions } from "./run-options.ts";
import type { Solution } from "./solution.ts";
import type { PlanSpec } from "./state.ts";
import { parametersOf, type Task, taskPlace, taskShape } from "./task.ts";

/**
 * Which layers are compressed how. A frozen value: every method returns a new plan, so a cell can be run again.
 * `Open` are the layers without a compression so far, `Thetas` the θ type of the others.
 */
export interface Plan<Open extends string, Thetas = Record<never, never>> {
  readonly model: Model;
  readonly tasks: readonly Task[];
  /** Compresses one layer. @throws RangeError if the layer is unknown or taken, or the compression does not fit it. */
  layer<const Name extends Open, Theta>(
    name: Name,
    compression: Compression<Theta>,
  ): Plan<Exclude<Open, Name>, Thetas & Record<Name, Theta>>;
  /** Compresses several layers, each with a θ of its own. */
  each<const Name extends Open, Theta>(
    names: readonly Name[],
    compression: Compression<Theta>,
  ): Plan<Exclude<Open, Name>, Thetas & Record<Name, Theta>>;
  /** Compresses several layers with one θ: one codebook, one budget. Compressions that act on single weights only. */
  joint<const Name extends Open, Theta>(
    names: readonly Name[],
    compression: Compression<Theta>,
  ): Plan<Exclude<Open, Name>, Thetas & Record<Name, Theta>>;
  /** Θ ← argmin ‖w − Δ(Θ)‖², no training. Evaluated on `data` if given. */
  direct(options?: DirectOptions): Promise<Solution<Thetas>>;
  /** The LC algorithm as a stream of records; returns the solution. `break` or an abort stops it. */
  steps(options: RunOptions): Run<Thetas>;
  /** Drains `steps`. */
  run(options: RunOptions): Promise<Solution<Thetas>>;
}

/**
 * Starts a plan for `model` with no layer compressed.
 * @throws LCError LC_NONFINITE if a weight is NaN or infinite; RangeError if weights are missing or of the wrong length.
 * @example
 * compress(lenet300()).layer("fc1", quantize({ bits: 1 })).tasks.length   //=> 1
 */
export function compress<Names extends string>(model: Model<Names>): Plan<Names> {
  return plan(checkModel(model.network, model.weights), []) as unknown as Plan<Names>;
}

function plan(model: Model, tasks: readonly Task[]): Plan<string, Record<string, unknown>> {
  const extended = (added: readonly Task[]): never => {
    checkTasks(model.network, tasks, added);
    return plan(model, Object.freeze([...tasks, ...added])) as never;
  };
  const self: Plan<string, Record<string, unknown>> = shownPlan({
    model,
    tasks,
    layer: (name: string, compression: Compression<never>) =>
      extended([{ layers: [name], compression: compression as Compression<unknown> }]),
    each: (names: readonly string[], compression: Compression<never>) =>
      extended(
        names.map((name) => ({ layers: [name], compression: compression as Compression<unknown> })),
      ),
    joint: (names: readonly string[], compression: Compression<never>) =>
      extended([{ layers: [...names], compression: compression as Compression<unknown> }]),
    direct: (options: DirectOptions = {}) => {
      checkPenalties(tasks, options.mu);
      checkWeighted(tasks, options.importance);
      return direct(model, started(tasks), options);
    },
    steps(options: RunOptions) {
      const spec = specOf(model, started(tasks));
      checkRun(spec, options);
      checkImportance(model.network, options.importance);
      checkWeighted(tasks, options.importance);
      const { dir, ...rest } = options;
      if (dir === undefined) return run(new LcRun(model, tasks, spec, rest));
      return run(new RecordedRun(model, tasks, spec, { ...rest, dir }));
    },
    async run(options: RunOptions) {
      const steps = self.steps(options);
      for (;;) {
        const { done, value } = await steps.next();
        if (done) return value;
      }
    },
  });
  return self;
}

/** The generator of a run with the run's newest state on it. */
function run(lc: LcRun | RecordedRun): Run<Record<string, unknown>> {
  const steps = lc.steps();
  return Object.defineProperty(steps, "state", { get: () => lc.state }) as Run<
    Record<string, unknown>
  >;
}

function started(tasks: readonly Task[]): readonly Task[] {
  if (tasks.length > 0) return tasks;
  throw new RangeError(
    'compress: the plan compresses nothing yet. Write .layer("fc1", quantize({ bits: 1 })) or .each(names, …) first.',
  );
}

/** Without training a penalty has no schedule to take its μ from. */
function checkPenalties(tasks: readonly Task[], mu = 0): void {
  const penalty = tasks.find(({ compression }) => compression.cost);
  if (!penalty || mu > 0) return;
  throw new RangeError(
    `direct: ${penalty.compression.name} on ${penalty.layers.join(", ")} needs μ > 0: at μ = 0 only its cost counts, which is least with every weight 0. Write direct({ mu: 1e-3 }).`,
  );
}

/** Importance weights are for compressions whose C step takes them. */
function checkWeighted(tasks: readonly Task[], importance: Weights = {}): void {
  for (const { layers, compression } of tasks) {
    const layer = layers.find((name) => importance[`${name}.w`]);
    if (layer === undefined || compression.weighted) continue;
    throw new RangeError(
      `importance: layer "${layer}" has ${compression.name}, whose C step takes no importance weights. Leave "${layer}.w" out of importance.`,
    );
  }
}

/** @throws RangeError if a layer of `added` is unknown or taken by `tasks`, or its compression does not fit it. */
export function checkTasks(network: Network, tasks: readonly Task[], added: readonly Task[]): void {
  const { names } = network;
  const known = new Set<string>(names);
  const taken = new Map(
    tasks.flatMap((t) => t.layers.map((l) => [l, t.compression.name] as const)),
  );
  for (const task of added) {
    if (task.layers.length === 0) {
      throw new RangeError(
        `compress: no layers given for ${task.compression.name}. The layers are ${names.join(", ")}.`,
      );
    }
    for (const layer of task.layers) {
      if (!known.has(layer)) throw unknownLayer("compress", layer, names);
      const other = taken.get(layer);
      if (other) {
        throw new RangeError(
          `compress: layer "${layer}" already has ${other}. To add the two, write .layer("${layer}", a.plus(b)).`,
        );
      }
      taken.set(layer, task.compression.name);
    }
    const parameters = parametersOf({ network }, task);
    if (parameters.length > 1 && !task.compression.elementwise) {
      throw new RangeError(
        `compress: ${task.compression.name} acts on a matrix, not jointly on ${parameters.map(shapeOf).join(", ")}. Write .each(names, …) for one θ per layer.`,
      );
    }
    const shape = taskShape(network, parameters);
    task.compression.check(shape, taskPlace(network, task, parameters));
  }
}

/** Layers and compressions of a plan, and its network, as plain data. */
export function specOf(model: Model, tasks: readonly Task[]): PlanSpec {
  return {
    network: model.network.name,
    parameters: model.network.parameters.map(({ key, rows, cols }) => [key, rows, cols] as const),
    tasks: tasks.map(({ layers, compression }) => ({
      layers,
      compression: compression.spec ?? compression.name,
    })),
  };
}
