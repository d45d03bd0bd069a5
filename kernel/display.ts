import { fileURLToPath } from "node:url";
import { inspect } from "node:util";
import { isProxy } from "node:util/types";
import type { MimeBundle } from "./interpreter.ts";
import { type Convention, isThenable } from "./values/convention.ts";
import { arquero, danfo } from "./values/frames.ts";
import { ijavascript } from "./values/ijavascript.ts";
import { jupyter } from "./values/jupyter.ts";
import { tensor } from "./values/tensor.ts";
import { typedArray } from "./values/typed-array.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Array, Buffer, Error, Object, Promise, TypeError, Uint8Array } = globalThis;

/** The first that knows a value shows it: how it wants to be shown itself comes before what we make of it. */
const conventions: readonly Convention[] = [
  jupyter,
  ijavascript,
  danfo,
  arquero,
  tensor,
  typedArray,
];

/**
 * How a value shows itself by one of the conventions, always with `text/plain`, which by default is `util.inspect`
 * without colours. Bytes in a bundle become base64. If showing it fails, its bundle is its text with what went wrong;
 * only what `isFatal` holds for is thrown.
 */
export function bundle(
  value: unknown,
  isFatal: (error: unknown) => boolean = () => false,
): MimeBundle | Promise<MimeBundle> {
  if ((typeof value !== "object" || value === null) && typeof value !== "function")
    return { "text/plain": plain(value) };
  for (const convention of isOpaque(value) ? [jupyter] : conventions) {
    const show = convention.of(value);
    if (!show) continue;
    const finish = (shown: unknown) => withText(encoded(readable(shown)), value);
    const recover = (error: unknown): MimeBundle => {
      if (isFatal(error)) throw error;
      return textBundle(value, convention.name, error);
    };
    try {
      const shown = show();
      return isThenable(shown) ? Promise.resolve(shown).then(finish).catch(recover) : finish(shown);
    } catch (error) {
      return recover(error);
    }
  }
  return { "text/plain": plain(value) };
}

/** A Proxy may refuse every other question; a prototype has the methods of its instances, which it is none of. */
const isOpaque = (value: object) => isProxy(value) || Object.hasOwn(value, "constructor");

/** The bundle of a value that could not be shown otherwise: its text, and why. */
export function textBundle(value: unknown, what: string, error: unknown): MimeBundle {
  const reason = because(`Shown as text because ${what} failed`, error);
  return { "text/plain": `${plain(value)}\n\n${reason}` };
}

const withText = (data: MimeBundle, value: unknown): MimeBundle =>
  "text/plain" in data ? data : { ...data, "text/plain": plain(value) };

/** A MIME bundle given as it is. */
export function rawBundle(value: unknown): MimeBundle {
  return encoded(object(value));
}

const look = { colors: false, depth: 4, maxArrayLength: 100, breakLength: 100 };

/** The text of a value, as a Node console shows it. Never throws: what goes wrong is said in it. */
export function plain(value: unknown): string {
  try {
    return inspect(value, look);
  } catch (error) {
    return `${bare(value)}\n\n${because("Inspecting it failed", error)}`;
  }
}

/** The text of a value without its own `inspect.custom`. */
function bare(value: unknown): string {
  try {
    return inspect(value, { ...look, customInspect: false });
  } catch {
    return `[${typeof value}]`; // such as one whose prototype is a Proxy that refuses everything
  }
}

/** An error with its stack down to the kernel, which called the value; the front process turns places into the user's. */
function because(what: string, error: unknown): string {
  const stack = error instanceof Error && error.stack ? error.stack : bare(error);
  const lines = stack.split("\n");
  const end = lines.findIndex(
    (line) => /^\s+at /.test(line) && ownPlaces.some((place) => line.includes(place)),
  );
  return `${what}:\n${lines.slice(0, end < 0 ? undefined : end).join("\n")}`;
}

const own = new URL(".", import.meta.url);
const ownPlaces = [own.href, fileURLToPath(own)];

/** A bundle that front ends can show: text and pictures are no numbers or objects. */
function readable(value: unknown): MimeBundle {
  const data = object(value);
  for (const [type, content] of Object.entries(data))
    if (/^(?:text|image)\/(?!.*json$)/.test(type) && !isContent(content))
      throw new TypeError(`display: ${type} must be a string or bytes, got ${plain(content)}.`);
  return data;
}

/** Text may also be a list of lines, as in a notebook's file. */
const isContent = (content: unknown) =>
  content === undefined ||
  typeof content === "string" ||
  content instanceof Uint8Array ||
  (Array.isArray(content) && content.every((line) => typeof line === "string"));

function object(value: unknown): MimeBundle {
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new TypeError(
      `display: a MIME bundle must be an object like { "text/plain": "…" }, got ${plain(value)}.`,
    );
  return value as MimeBundle;
}

function encoded(data: MimeBundle): MimeBundle {
  return Object.fromEntries(
    Object.entries(data)
      .filter(([, content]) => content !== undefined)
      .map(([type, content]) => [
        type,
        content instanceof Uint8Array ? Buffer.from(content).toString("base64") : content,
      ]),
  );
}
