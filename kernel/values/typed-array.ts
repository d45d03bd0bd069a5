import { isTypedArray } from "node:util/types";
import type { Convention } from "./convention.ts";
import { first, type Numbers, range } from "./numbers.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Object, Symbol, Uint8Array } = globalThis;

/** Shorter ones are shown whole, as by a Node console. */
const summarizedFrom = 21;

/** What all kinds of typed arrays inherit from; subclasses of a kind are one step further away. */
const base: unknown = Object.getPrototypeOf(Uint8Array.prototype);

/** Long typed arrays in two lines: length and range, and the first values. Subclasses, such as Buffer, are left as they are. */
export const typedArray: Convention = {
  name: "the summary of typed arrays",
  of(value) {
    if (!isTypedArray(value) || value.length < summarizedFrom) return undefined;
    const kind = value[Symbol.toStringTag];
    if (Object.getPrototypeOf(Object.getPrototypeOf(value)) !== base) return undefined;
    return () => {
      const facts = [`${kind}(${value.length.toLocaleString("en-US")})`, range(value as Numbers)];
      return { "text/plain": `${facts.filter(Boolean).join(" · ")}\n${first(value)}` };
    };
  },
};
