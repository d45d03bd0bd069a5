import type { Compression, CStepResult } from "../compression/contract.ts";
import type { Dataset } from "../data/dataset.ts";
import type { Engine } from "../engine/engine.ts";
import { cStepper } from "../lc/c-step.ts";
import { fisher } from "../lc/fisher.ts";
import { stopSignal } from "../lc/interrupt.ts";
import { storedBits } from "../lc/size.ts";
import { layerGeometry, parametersOf, taskImportance, taskView } from "../lc/task.ts";
import type { Model, Parameter, Weights } from "../net/network.ts";
import { candidates } from "./candidates.ts";
import { type Front, frontOf, isWeighted, type LayerChoice } from "./front.ts";

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
