import { type Convention, isThenable, methodOf } from "./convention.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Object, Promise, String, TypeError } = globalThis;

/** Methods of IJavascript's documentation, each with the MIME type of the text that it returns. */
const methods = {
  _toHtml: "text/html",
  _toSvg: "image/svg+xml",
  _toPng: "image/png",
  _toJpeg: "image/jpeg",
} as const;

/** `_toMime()` returns a whole bundle; what the others return is added to it. Each may be asynchronous. */
export const ijavascript: Convention = {
  name: "one of its methods _toMime, _toHtml, _toSvg, _toPng, _toJpeg",
  of(value) {
    const whole = methodOf(value, "_toMime");
    const parts = Object.entries(methods).flatMap(([name, type]) => {
      const method = methodOf(value, name);
      return method ? [{ type, method }] : [];
    });
    if (!whole && parts.length === 0) return undefined;
    const add = (bundle: unknown) => {
      if (typeof bundle !== "object" || bundle === null)
        throw new TypeError(`_toMime must return an object by MIME type, got ${String(bundle)}.`);
      const missing = parts.filter(({ type }) => !(type in bundle));
      const contents = missing.map(({ method }) => method.call(value));
      const join = (given: unknown[]) => ({
        ...bundle,
        ...Object.fromEntries(missing.map(({ type }, i) => [type, given[i]])),
      });
      return contents.some(isThenable) ? Promise.all(contents).then(join) : join(contents);
    };
    return () => {
      const base = whole ? whole.call(value) : {};
      return isThenable(base) ? base.then(add) : add(base);
    };
  },
};
