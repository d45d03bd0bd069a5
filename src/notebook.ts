/** The contract with notebooks: how a value shows itself, and the global function that shows one. */

/** The method that returns a value's MIME bundle. */
export const displaySymbol: unique symbol = Symbol.for("Jupyter.display") as never;

export interface Displayable {
  [displaySymbol](): Readonly<Record<string, unknown>>;
}

/** What `display` returns: shows another value in the same place. */
export interface DisplayHandle {
  update(value: unknown): unknown;
}

type Display = (value: unknown, options?: { readonly id?: string }) => unknown;

/** The notebook's `display`, or undefined outside a notebook. */
export function notebookDisplay(): Display | undefined {
  const display = (globalThis as { display?: unknown }).display;
  return typeof display === "function" ? (display as Display) : undefined;
}
