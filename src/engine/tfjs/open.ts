import type { Dataset } from "../../data/dataset.ts";
import { LCError } from "../../errors.ts";
import type { Network } from "../../net/network.ts";
import { checkParameters } from "../../net/tfjs.ts";
import type { Tf, TfLayersModel, TfTensor } from "../../net/tfjs-module.ts";
import { bindings } from "../../net/tfjs-parameters.ts";
import { endsInSoftmax } from "../../net/tfjs-read.ts";
import { checkData, checkOptimizer } from "../checks.ts";
import type { EngineSession, OpenOptions } from "../engine.ts";
import { checkMachine } from "../machine.ts";
import { type Forward, forwardOf, variablesOf } from "./forward.ts";
import { kernelsOf } from "./kernels.ts";
import { lossOf, type TfjsLoss } from "./loss.ts";
import { Session } from "./session.ts";

/** Models in a session: a second one would train the same variables. */
const inUse = new WeakSet<TfLayersModel>();

/** @throws RangeError or LCError before anything is changed. */
export async function openSession(
  tf: Tf,
  network: Network,
  data: Dataset,
  options: OpenOptions & { readonly model?: TfLayersModel; readonly loss?: TfjsLoss },
): Promise<EngineSession> {
  const { model: own, batch } = options;
  checkOptimizer("tfjs engine", options.optimizer);
  const size = (shape: readonly number[]) => shape.reduce((product, n) => product * n, 1);
  const end = own?.outputs[0]?.shape ?? [null, size(network.layers.at(-1)?.outputShape ?? [])];
  const outputs = end[1];
  if (own && (own.outputs.length !== 1 || end.length !== 2 || typeof outputs !== "number")) {
    throw new RangeError(
      `tfjs engine: the model must have one output of shape [examples, classes], got ${own.outputs.length} of shape [${end.map((n) => n ?? "?").join(", ")}].`,
    );
  }
  checkData("tfjs engine", network, data, batch, outputs as number);
  checkMemory(network, data, batch);
  if (own) checkParameters("tfjs engine", network, own);
  if (own && inUse.has(own)) {
    throw new LCError(
      "LC_ENGINE",
      `tfjs engine: the model "${own.name}" is in another session. Close that one first.`,
    );
  }
  const variables = own ? bindings(own) : variablesOf(tf, network);
  const kernels = kernelsOf(tf);
  const softmax = own !== undefined && endsInSoftmax(own);
  const loss = options.loss ?? lossOf(tf, kernels, network.loss, softmax);
  const forward: Forward = own
    ? (x, masks) => own.apply(x, { training: masks !== undefined }) as TfTensor
    : forwardOf(tf, kernels, network, variables);
  if (own) inUse.add(own);
  const session = new Session(tf, network, data, {
    ...options,
    ...{ variables, loss, forward, outputs: outputs as number },
    onClose: () => own && inUse.delete(own),
  });
  try {
    session.tryLoss();
  } catch (error) {
    await session.close();
    throw error;
  }
  return session;
}

/** Weights, momentum and gradients, and the outputs of all layers of a minibatch, in float32: less than tfjs will take. */
function checkMemory(network: Network, data: Dataset, batch: number): void {
  const parameters = network.parameters.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
  const outputs = network.layers.reduce(
    (sum, { outputShape }) => sum + outputShape.reduce((product, n) => product * n, 1),
    0,
  );
  const bytes = 4 * (3 * parameters + batch * outputs);
  const needed = `at least ${(bytes / 2 ** 20).toFixed(1)} MiB`;
  checkMachine("tfjs engine", `network "${network.name}" with ${data.name}`, bytes, needed);
}
