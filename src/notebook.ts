/** The contract with notebooks: how a value shows itself, and the function that shows one. */

import { randomUUID } from "node:crypto";
import { inspect } from "node:util";

/** The method that returns a value's MIME bundle. */
export const displaySymbol: unique symbol = Symbol.for("Jupyter.display") as never;

export interface Displayable {
  [displaySymbol](): Readonly<Record<string, unknown>>;
}

/**
 * `value` with a display that its type need not mention: a value of the same form made by hand or by spread is shown as
 * what it is. Must come before the value is frozen; a later display replaces it.
 */
export function displayed<T extends object>(
  value: T,
  bundle: (value: T) => Readonly<Record<string, unknown>>,
): T {
  return Object.defineProperty(value, displaySymbol, {
    value: () => bundle(value),
    configurable: true,
  });
}

/** What `display` returns: shows another value in the same place. */
export interface DisplayHandle {
  update(value: unknown): unknown;
}

type Display = (value: unknown, options?: { readonly id?: string }) => unknown;

/** The notebook's `display`: that of our kernel, or one made of what tslab's has. Undefined outside a notebook. */
export function notebookDisplay(): Display | undefined {
  const display = (globalThis as { display?: unknown }).display;
  return typeof display === "function" ? (display as Display) : tslabDisplay();
}

/**
 * Shows a value in the notebook, in our kernel and in tslab, which by itself prints the values of cells as text. Outside
 * a notebook, prints its text.
 * @example
 * show(errorCompression(points))
 */
export function show(value: unknown): void {
  const display = notebookDisplay();
  if (display) display(value);
  else process.stdout.write(`${bundleOf(value)["text/plain"]}\n`);
}

function bundleOf(value: unknown): Readonly<Record<string, unknown>> {
  const shown = (value as Partial<Displayable> | null | undefined)?.[displaySymbol];
  return typeof shown === "function" ? shown.call(value) : { "text/plain": inspect(value) };
}

/** What tslab's kernel tells the front end, by the module in which it keeps that. */
interface TslabModule {
  lastWriteDisplayData?(
    content: {
      data: Readonly<Record<string, unknown>>;
      metadata: object;
      transient: { display_id: string };
    },
    update: boolean,
  ): void;
}

/** tslab's public API sends one MIME type at a time, so that a front end could not choose; this is what it calls. */
function tslabDisplay(): Display | undefined {
  const { require } = (globalThis as { __tslab__?: { require?: NodeJS.Require } }).__tslab__ ?? {};
  const path = Object.keys(require?.cache ?? {}).find((path) =>
    /[\\/]tslab[\\/]dist[\\/]jupyter\.js$/.test(path),
  );
  if (!require || path === undefined) return undefined;
  const jupyter: TslabModule = require.cache[path]?.exports;
  if (typeof jupyter.lastWriteDisplayData !== "function") return undefined;
  return (value, { id = randomUUID() } = {}) => {
    const send = (next: unknown, update: boolean) =>
      jupyter.lastWriteDisplayData?.(
        { data: bundleOf(next), metadata: {}, transient: { display_id: id } },
        update,
      );
    send(value, false);
    return { update: (next: unknown) => send(next, true) };
  };
}
