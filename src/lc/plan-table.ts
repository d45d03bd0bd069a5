/** How a plan shows itself in a notebook. */

import { shapeOf } from "../math/matrix.ts";
import { displayed } from "../notebook.ts";
import { table } from "../table/table.ts";
import { escapeMarkup } from "../text.ts";
import type { Plan } from "./plan.ts";
import { parametersOf } from "./task.ts";

/** A frozen plan that shows the table of its layers, those without a compression too. */
export function shownPlan<P extends Pick<Plan<string>, "model" | "tasks">>(plan: P): P {
  return Object.freeze(displayed(plan, describe));
}

function describe({ model, tasks }: Pick<Plan<string>, "model" | "tasks">): Record<string, string> {
  const { name, names } = model.network;
  const compressed = tasks.flatMap(({ layers }) => layers);
  const title = `${name}: ${compressed.length} of ${names.length} layers to be compressed`;
  const rows = names.map((layer) => {
    const [parameter] = parametersOf(model, { layers: [layer] });
    const task = tasks.find(({ layers }) => layers.includes(layer));
    const others = task?.layers.filter((other) => other !== layer) ?? [];
    const joint = others.length > 0 ? `, one θ with ${others.join(", ")}` : "";
    const how = task ? `${task.compression.name}${joint}` : null;
    return [layer, parameter ? shapeOf(parameter) : null, how];
  });
  const details = table([{ name: "layer" }, { name: "shape" }, { name: "compression" }], rows);
  return {
    "text/plain": `${title}\n${details.toText()}`,
    "text/html": `<p><b>${escapeMarkup(title)}</b></p>${details.toHTML()}`,
  };
}
