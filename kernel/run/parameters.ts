import { CompileError, compile } from "../typescript/compile.ts";
import type { Notebook, NotebookCell } from "./notebook.ts";

/** A parameter of a run: a name of the notebook, and a JSON value. */
export interface Parameter {
  name: string;
  value: unknown;
}

/**
 * Reads `name=value`; what is no JSON is a string, so `rate=0.1` is a number and `name=LeNet` needs no quotes.
 * @throws RangeError if the name is missing or cannot be declared.
 */
export function parseParameter(text: string): Parameter {
  const at = text.indexOf("=");
  const name = text.slice(0, Math.max(at, 0)).trim();
  // JSON has no words to confuse: a reserved one fails in the cell, at its place.
  if (at < 0 || !/^[\p{ID_Start}$_][\p{ID_Continue}$]*$/u.test(name))
    throw new RangeError(
      `-p must be name=value with a name that can be declared, got ${JSON.stringify(text)}. Write -p rate=0.1`,
    );
  const given = text.slice(at + 1);
  try {
    return { name, value: JSON.parse(given) };
  } catch {
    return { name, value: given };
  }
}

/**
 * Refuses a parameter that the cell tagged `parameters` does not declare: a wrong name would leave the default in force.
 * Without such a cell every name will do.
 * @throws RangeError that lists the declared names.
 */
export async function checkDeclared(
  { cells }: Notebook,
  parameters: readonly Parameter[],
): Promise<void> {
  const defaults = cells.find((cell) => tagged(cell, "parameters"));
  if (!defaults || parameters.length === 0) return;
  let declared: readonly string[];
  try {
    ({ declared } = await compile(defaults.source));
  } catch (error) {
    if (error instanceof CompileError) return; // it fails at its place
    throw error;
  }
  for (const { name } of parameters)
    if (!declared.includes(name))
      throw new RangeError(
        `-p must name what the cell tagged "parameters" declares, ${declared.join(", ") || "which is nothing"}, got ${JSON.stringify(name)}. Write one of these, or declare it there.`,
      );
}

/**
 * Adds a cell that declares the parameters, as papermill does: after the cell tagged `parameters`, whose defaults it
 * overrides, or else before the first code cell. One that an earlier run added is replaced.
 */
export function injectParameters(notebook: Notebook, parameters: readonly Parameter[]): void {
  if (parameters.length === 0) return;
  const { cells } = notebook;
  const injected: NotebookCell = {
    cell_type: "code",
    source: [
      "// Parameters",
      ...parameters.map(({ name, value }) => `let ${name} = ${literal(value)};`),
    ].join("\n"),
    metadata: { tags: ["injected-parameters"] },
    outputs: [],
    execution_count: null,
  };
  const before = cells.findIndex((cell) => tagged(cell, "injected-parameters"));
  if (before >= 0) {
    cells[before] = injected;
    return;
  }
  const defaults = cells.findIndex((cell) => tagged(cell, "parameters"));
  const first = cells.findIndex(({ cell_type: type }) => type === "code");
  cells.splice(defaults >= 0 ? defaults + 1 : Math.max(first, 0), 0, injected);
}

/** JSON is TypeScript but for a key `__proto__`, which would set the prototype. */
const literal = (value: unknown) =>
  JSON.stringify(value).replace(/"(?:[^"\\]|\\.)*"(?=:)/g, (key) =>
    key === '"__proto__"' ? `["__proto__"]` : key,
  );

const tagged = ({ metadata: { tags } }: NotebookCell, tag: string) =>
  Array.isArray(tags) && tags.includes(tag);
