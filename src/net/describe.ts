/** How networks and models show themselves in a notebook. */

import { displayed } from "../notebook.ts";
import { table } from "../table/table.ts";
import { escapeMarkup, grouped } from "../text.ts";
import type { Layer, Model, Network, Weights } from "./network.ts";

/** Layers that are listed; a ResNet has hundreds. */
const mostLayers = 40;

/** A frozen network that shows its layers with parameters. */
export function shownNetwork<Names extends string>(network: Network<Names>): Network<Names> {
  return Object.freeze(displayed(network, describe));
}

/** A frozen model that shows what its network does. */
export function shownModel<Names extends string>(
  network: Network<Names>,
  weights: Weights,
): Model<Names> {
  return Object.freeze(displayed({ network, weights }, () => describe(network)));
}

function describe({ name, input, layers, parameters }: Network): Record<string, string> {
  const output = layers.at(-1)?.outputShape ?? input;
  const count = parameters.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
  const title = `${name}: ${input.join(" × ")} → ${output.join(" × ")}, ${layers.length} layers, ${grouped(count)} parameters`;
  const weighted = layers.filter((layer) => layer.parameters.length > 0);
  const details = table(
    [
      { name: "layer" },
      { name: "kind" },
      { name: "output" },
      { name: "weights" },
      { name: "parameters", format: grouped },
    ],
    weighted.slice(0, mostLayers).map(row),
  );
  const left = weighted.length - mostLayers;
  const rest = left > 0 ? [`… ${left} more layers with parameters`] : [];
  return {
    "text/plain": [title, details.toText(), ...rest].join("\n"),
    "text/html": `<p><b>${escapeMarkup(title)}</b></p>${details.toHTML()}${rest.map((line) => `<p>${line}</p>`).join("")}`,
  };
}

function row({ name, spec, outputShape, parameters }: Layer): (string | number)[] {
  const weights = parameters.find(({ compressible }) => compressible);
  const count = parameters.reduce((sum, { rows, cols }) => sum + rows * cols, 0);
  const shape = weights ? `${weights.rows} × ${weights.cols}` : "";
  return [name, spec.kind, outputShape.join(" × "), shape, count];
}
