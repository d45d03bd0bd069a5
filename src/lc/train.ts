import type { Dataset } from "../data/dataset.ts";
import { firstNot } from "../engine/checks.ts";
import type { Engine, EngineSession } from "../engine/engine.ts";
import { wasmEngine } from "../engine/wasm/engine.ts";
import { LCError } from "../errors.ts";
import { permutation, random } from "../math/random.ts";
import { shownModel } from "../net/describe.ts";
import type { Model } from "../net/network.ts";
import { type Displayable, displaySymbol } from "../notebook.ts";
import { rest } from "../rest.ts";
import { stopSignal } from "./interrupt.ts";
import type { Progress } from "./progress.ts";
import { checkBatch } from "./run-options.ts";
import { type LStep, stepOptions } from "./schedules.ts";

/** A trained, uncompressed network. */
export interface Trained<Names extends string = string> extends Displayable {
  readonly status: "finished" | "stopped";
  readonly model: Model<Names>;
  /** Mean cross-entropy over the training set. */
  readonly trainLoss: number;
  readonly testErrors: number;
  /** Percent. */
  readonly testError: number;
  readonly history: readonly Progress[];
}

export interface TrainOptions {
  readonly data: Dataset;
  /** `epochs` in all; `decay` is per epoch. `firstEpochs` is not used. */
  readonly lStep: LStep;
  /** Seed of the data order; default 0. */
  readonly seed?: number;
  readonly engine?: Engine;
  /** Stops within one minibatch; the interrupt of a notebook cell does so too. */
  readonly signal?: AbortSignal;
}

/**
 * Trains a network without compression (an L step with μ = 0): a stream with a record per epoch that returns the trained
 * network. Same seed, same bytes.
 * @throws LCError LC_DIVERGED if the loss becomes NaN or infinite; RangeError if the batch exceeds the data.
 */
export async function* train<Names extends string>(
  model: Model<Names>,
  options: TrainOptions,
): AsyncGenerator<Progress, Trained<Names>, undefined> {
  const { data, lStep, seed = 0, engine = wasmEngine() } = options;
  checkBatch(lStep, data);
  const started = performance.now();
  const { signal, release } = stopSignal(options.signal);
  const history: Progress[] = [];
  let opened: EngineSession | undefined;
  try {
    const session = await engine.open(model.network, data, {
      batch: lStep.batch,
      optimizer: lStep.kind,
    });
    opened = session;
    await session.write(model.weights);
    let rate = lStep.rate;
    for (let epoch = 1; epoch <= lStep.epochs && !signal.aborted; epoch++) {
      const order = permutation(data.train.count, random(seed, 0x7ea1, epoch));
      const how = stepOptions(lStep, (epoch - 1) * Math.ceil(data.train.count / lStep.batch));
      const result = await session.train({ order, from: 0, rate, ...how, mu: 0, signal });
      if (!result.finite) {
        throw new LCError(
          "LC_DIVERGED",
          `train, epoch ${epoch}: loss became NaN or infinite in minibatch ${result.next + 1}. Lower the learning rate (now ${rate.toPrecision(3)}).`,
        );
      }
      if (signal.aborted) break;
      const { weights } = await session.read();
      const bad = (await firstNot(weights, Number.isFinite, rest))?.key;
      if (bad) {
        throw new LCError(
          "LC_DIVERGED",
          `train, epoch ${epoch}: weights "${bad}" became NaN or infinite. Lower the learning rate (now ${rate.toPrecision(3)}).`,
        );
      }
      const test = await session.evaluate("test");
      const record: Progress = Object.freeze({
        kind: "epoch",
        step: 0,
        steps: 0,
        epoch,
        epochs: lStep.epochs,
        epochsDone: epoch,
        epochsTotal: lStep.epochs,
        mu: 0,
        rate,
        loss: result.lossSum / result.examples,
        penalty: 0,
        distance: 0,
        testError: (100 * test.errors) / test.count,
        seconds: (performance.now() - started) / 1000,
      });
      history.push(record);
      yield record;
      rate *= lStep.decay;
    }
    const { weights } = await session.read();
    const train = await session.evaluate("train");
    const test = await session.evaluate("test");
    const trained: Trained<Names> = {
      status: history.length < lStep.epochs ? "stopped" : "finished",
      model: shownModel(model.network, weights),
      trainLoss: train.loss,
      testErrors: test.errors,
      testError: (100 * test.errors) / test.count,
      history,
      [displaySymbol]: () => ({ "text/plain": summary(trained, data) }),
    };
    return Object.freeze(trained);
  } finally {
    release();
    await opened?.close();
  }
}

function summary(
  { model, status, trainLoss, testErrors, testError }: Trained,
  data: Dataset,
): string {
  const stopped = status === "stopped" ? ", stopped early" : "";
  return `${model.network.name} trained on ${data.train.count} images of ${data.name}${stopped}: training loss ${trainLoss.toPrecision(3)}, test error ${testError.toFixed(2)} % (${testErrors} of ${data.test.count})`;
}
