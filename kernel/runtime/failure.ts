import { plain } from "../display.ts";
import type { Failure } from "./frames.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { AggregateError, Array, Error, Object, Set, String } = globalThis;

/** Source maps of local TypeScript modules, by URL; each module registers its own. */
export const maps: Map<string, string> = new Map();

/** Longer messages are cut: they would come three times, in `evalue`, in the traceback and in the notebook's file. */
const longestMessage = 20_000;
const deepest = 5;

/** A thrown value as plain data. Never throws, whatever getters the value has. */
export function describe(error: unknown): Failure {
  return describeBelow(error, new Set(), 0);
}

function describeBelow(error: unknown, above: Set<unknown>, depth: number): Failure {
  if (!isError(error))
    return { name: thrownName(error), message: cut(read(() => plain(error), "")), stack: "" };
  const message = read(() => String(error.message), "");
  const stack = framesOf(
    read(() => error.stack, ""),
    message,
  );
  const used = [...maps].filter(([url]) => stack.includes(url));
  const below = (inner: unknown): Failure =>
    describeBelow(inner, new Set([...above, error]), depth + 1);
  const cause = read(() => error.cause, undefined);
  const errors = read(() => innerErrors(error), []);
  return {
    name: read(() => nameOf(error), "Error"),
    message: cut(message),
    stack,
    // A circle ends where it closes.
    ...(cause !== undefined && depth < deepest && !above.has(cause) && cause !== error
      ? { cause: below(cause) }
      : {}),
    ...(errors.length > 0 && depth < deepest ? { errors: errors.slice(0, 10).map(below) } : {}),
    ...(used.length > 0 ? { maps: Object.fromEntries(used) } : {}),
  };
}

/** The errors inside of one that combines several. */
function innerErrors(error: Error): unknown[] {
  if (error instanceof AggregateError) return Array.isArray(error.errors) ? error.errors : [];
  // `using` makes it when a disposal fails after the body did.
  if (error.name === "SuppressedError" && "error" in error && "suppressed" in error)
    return [error.error, error.suppressed];
  return [];
}

/** A subclass that sets no name of its own is called by its class. */
function nameOf(error: Error): string {
  const own = String(error.name);
  return own === "Error" || own === "" ? error.constructor?.name || "Error" : own;
}

/** The frames of a stack: its head repeats the message, and a message may look like frames. */
function framesOf(stack: unknown, message: string): string {
  if (typeof stack !== "string") return "";
  const at = message === "" ? -1 : stack.indexOf(message);
  return at < 0 ? stack : stack.slice(at + message.length);
}

function cut(message: string): string {
  if (message.length <= longestMessage) return message;
  return `${message.slice(0, longestMessage)}… (${message.length} characters in all)`;
}

function read<T>(get: () => T, otherwise: T): T {
  try {
    return get();
  } catch {
    return otherwise;
  }
}

/** Errors of another realm (vm, worker) are no instances of our Error. */
function isError(value: unknown): value is Error {
  return read(() => {
    const tag = Object.prototype.toString.call(value);
    return value instanceof Error || tag === "[object Error]" || tag === "[object DOMException]";
  }, false);
}

function thrownName(value: unknown): string {
  if (typeof value === "object" && value !== null)
    return read(() => (value as object).constructor?.name, "") || "Object";
  return `thrown ${value === null ? "null" : typeof value}`;
}
