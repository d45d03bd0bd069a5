import { inspect, types } from "node:util";
import type { MimeBundle } from "./interpreter.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Array, Buffer, Object, Promise, TypeError, Uint8Array } = globalThis;

/** A value with this method shows itself: it returns a MIME bundle, or a promise of one. */
export const displaySymbol: symbol = Symbol.for("Jupyter.display");

/**
 * How a value shows itself: the MIME bundle of its `Symbol.for("Jupyter.display")`, else `text/plain` by
 * `util.inspect`, without colours. Bytes in a bundle become base64.
 */
export function bundle(value: unknown): MimeBundle | Promise<MimeBundle> {
  if (hasDisplay(value)) {
    const shown = value[displaySymbol]();
    return shown instanceof Promise ? shown.then(checked) : checked(shown);
  }
  return { "text/plain": plain(value) };
}

/** A MIME bundle given as it is. */
export function rawBundle(value: unknown): MimeBundle {
  return checked(value);
}

/** The text of a value, as a Node console shows it. */
export function plain(value: unknown): string {
  return inspect(value, { colors: false, depth: 4, maxArrayLength: 100, breakLength: 100 });
}

function checked(value: unknown): MimeBundle {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(
      `display: a MIME bundle must be an object like { "text/plain": "…" }, got ${plain(value)}.`,
    );
  return Object.fromEntries(
    Object.entries(value)
      .filter(([, content]) => content !== undefined)
      .map(([type, content]) => [
        type,
        content instanceof Uint8Array ? Buffer.from(content).toString("base64") : content,
      ]),
  );
}

function hasDisplay(value: unknown): value is Record<symbol, () => unknown> {
  if ((typeof value !== "object" || value === null) && typeof value !== "function") return false;
  try {
    return typeof (value as Record<symbol, unknown>)[displaySymbol] === "function";
  } catch (error) {
    if (types.isProxy(value)) return false; // its trap knows nothing of us
    throw error;
  }
}
