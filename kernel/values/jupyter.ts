import { isProxy } from "node:util/types";
import type { Convention } from "./convention.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Symbol } = globalThis;

/** A value with this method shows itself: it returns a MIME bundle, or a promise of one. Deno's convention. */
const displaySymbol: symbol = Symbol.for("Jupyter.display");

export const jupyter: Convention = {
  name: 'its method Symbol.for("Jupyter.display")',
  of(value) {
    const method = display(value);
    return method && (() => method.call(value));
  },
};

function display(value: object): (() => unknown) | undefined {
  const of = (name: symbol) => (value as Record<symbol, unknown>)[name];
  try {
    const found = of(displaySymbol);
    if (typeof found !== "function") return undefined;
    // A Proxy that has whatever it is asked for, such as the other end of a wire, means nothing by it.
    if (isProxy(value) && of(Symbol("any")) !== undefined) return undefined;
    return found as () => unknown;
  } catch {
    return undefined; // a getter or a Proxy that refuses the question
  }
}
