import { plain } from "../display.ts";
import type { Failure } from "./frames.ts";

/** Symbol of the source maps of local TypeScript modules, by URL; each module registers its own. */
export const mapsSymbol: symbol = Symbol.for("lclab.maps");

/** A thrown value as plain data. Never throws, whatever getters the value has. */
export function describe(error: unknown, depth = 0): Failure {
  try {
    if (!isError(error)) return { name: thrownName(error), message: plain(error), stack: "" };
    const stack = typeof error.stack === "string" ? error.stack : "";
    const maps = mapsOf(stack);
    return {
      name: String(error.name || error.constructor?.name || "Error"),
      message: String(error.message),
      stack,
      ...(depth < 5 && error.cause !== undefined
        ? { cause: describe(error.cause, depth + 1) }
        : {}),
      ...(depth < 5 && error instanceof AggregateError
        ? { errors: error.errors.slice(0, 10).map((each) => describe(each, depth + 1)) }
        : {}),
      ...(maps ? { maps } : {}),
    };
  } catch {
    return { name: "Error", message: "An error that cannot be shown was thrown.", stack: "" };
  }
}

/** Errors of another realm (vm, worker) are no instances of our Error. */
function isError(value: unknown): value is Error {
  return (
    value instanceof Error ||
    Object.prototype.toString.call(value) === "[object Error]" ||
    Object.prototype.toString.call(value) === "[object DOMException]"
  );
}

function thrownName(value: unknown): string {
  if (typeof value === "object" && value !== null)
    return (value as object).constructor?.name ?? "Object";
  return `thrown ${value === null ? "null" : typeof value}`;
}

function mapsOf(stack: string): Record<string, string> | undefined {
  const all = (globalThis as unknown as Record<symbol, Map<string, string> | undefined>)[
    mapsSymbol
  ];
  if (!all || all.size === 0) return undefined;
  const used = [...all].filter(([url]) => stack.includes(url));
  return used.length > 0 ? Object.fromEntries(used) : undefined;
}
