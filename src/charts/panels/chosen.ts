/** Which tasks a figure with a panel for each of them shows. */

/** Of which tasks. */
export interface Chosen {
  /** Names of layers; default: those of the first six tasks. */
  readonly layers?: readonly string[];
}

const MOST = 6;

/**
 * Those of `tasks` that have one of the layers, or the first six with a line that says so.
 * @throws RangeError, as `who`, if no task has a layer of that name.
 */
export function choose<Task extends { readonly layers: readonly string[] }>(
  tasks: readonly Task[],
  { layers }: Chosen,
  who: string,
): { readonly shown: readonly Task[]; readonly subtitle?: string } {
  if (!layers) {
    const shown = tasks.slice(0, MOST);
    if (shown.length === tasks.length) return { shown };
    const last = tasks.at(-1)?.layers[0];
    return {
      shown,
      subtitle: `The first ${MOST} of ${tasks.length}; others by { layers: [${JSON.stringify(last)}] }`,
    };
  }
  const known = tasks.flatMap((task) => task.layers);
  const unknown = layers.find((name) => !known.includes(name));
  if (unknown !== undefined) {
    throw new RangeError(
      `${who}: there is nothing to show of layer ${JSON.stringify(unknown)}. Layers with something to show: ${known.join(", ") || "none"}.`,
    );
  }
  return { shown: tasks.filter((task) => task.layers.some((name) => layers.includes(name))) };
}
