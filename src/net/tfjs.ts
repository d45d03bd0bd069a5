import { type Loss, type Model, model as modelOf, type Network, network } from "./network.ts";
import { buildTfjs } from "./tfjs-build.ts";
import type { Tf, TfLayersModel } from "./tfjs-module.ts";
import { bindings, readVariable, writeVariables } from "./tfjs-parameters.ts";
import { customNetwork, describe, endsInSoftmax, inputShape, readable } from "./tfjs-read.ts";

/**
 * Reads a Sequential or functional tf.LayersModel: names, weights, shapes. An activation inside a layer becomes a layer
 * of its own, `fc1_relu`; zeros around an image become the padding of the layer behind; a softmax at the end becomes the
 * loss softmaxCrossEntropy, and any other end squaredError unless `loss` says that the outputs are logits.
 *
 * With `customLayers: true` a model that has layers, shared layers or options we cannot describe is not refused. Its
 * layers then have the kind "custom", only kernels of dense and convolution layers are compressible, and only the
 * engine `tfjs(tf, { model })` can train it.
 * @throws RangeError naming every layer and option that cannot be described.
 */
export function fromTfjs(
  model: TfLayersModel,
  options: { readonly loss?: Loss; readonly customLayers?: boolean } = {},
): Model {
  const input = inputShape("fromTfjs", model);
  const loss = options.loss ?? (endsInSoftmax(model) ? "softmaxCrossEntropy" : "squaredError");
  const { specs, problems } = describe(model, loss);
  if (problems.length > 0 && !options.customLayers) {
    throw new RangeError(
      `fromTfjs: ${problems.join("; ")}. ${readable} To train the model as it is, write fromTfjs(model, { customLayers: true }) and engine: tfjs(tf, { model }).`,
    );
  }
  const { name } = model;
  const description =
    problems.length > 0
      ? customNetwork(model, input, loss)
      : network({ name, input, layers: specs, loss });
  const weights = bindings(model).map(
    (b) => [b.parameter.key, readVariable(b, b.variable)] as const,
  );
  return modelOf(description, Object.fromEntries(weights));
}

/**
 * A functional tf.LayersModel with the layers and weights of `model`, made with the user's own `tf`. It ends in a softmax
 * if the loss is softmaxCrossEntropy. Where a dense layer reads an image it gets a flatten layer, and a shortcut of
 * fewer channels layers that stride and pad it. To free its memory, call its `dispose()`.
 * @throws RangeError naming a layer that tfjs has none for.
 */
export function toTfjs<M extends TfLayersModel>(
  tf: Tf & { model(args: never): M },
  model: Model,
): M {
  const built = buildTfjs(tf, model.network, model.network.loss === "softmaxCrossEntropy");
  writeVariables(tf, bindings(built), model.weights);
  return built as M;
}

/**
 * Writes the weights of `model` into the tf.LayersModel it was read from: how a compressed network gets back into a
 * model with custom layers.
 * @throws RangeError if `target` has other parameters.
 */
export function writeTfjs(tf: Tf, model: Model, target: TfLayersModel): void {
  const all = bindings(target);
  checkParameters("writeTfjs", model.network, target, all);
  writeVariables(tf, all, model.weights);
}

/** @throws RangeError if the parameters of `network` are not those of `target`. */
export function checkParameters(
  who: string,
  { name, parameters }: Network,
  target: TfLayersModel,
  all: ReturnType<typeof bindings> = bindings(target),
): void {
  const text = (list: readonly { key: string; rows: number; cols: number }[]) =>
    list.map(({ key, rows, cols }) => `${key} (${rows} × ${cols})`).sort();
  const [ours, theirs] = [text(parameters), text(all.map(({ parameter }) => parameter))];
  const other = ours.find((p) => !theirs.includes(p)) ?? theirs.find((p) => !ours.includes(p));
  if (!other) return;
  throw new RangeError(
    `${who}: network "${name}" and the LayersModel "${target.name}" have different parameters; only one has ${other}. Read the network with fromTfjs from this model.`,
  );
}
