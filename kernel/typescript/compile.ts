import { LEAST_UPPER_BOUND, originalPositionFor, TraceMap } from "@jridgewell/trace-mapping";
import type { Message, TransformOptions } from "esbuild";
import { constantEnds, kept } from "./constant.ts";
import { rewrite } from "./rewrite.ts";
import type { CompilerOptions } from "./tsconfig.ts";

/** A place in a source text. Both count from 1. */
export interface Position {
  line: number;
  column: number;
}

/** A cell as JavaScript that the user process can evaluate. */
export interface CompiledCell {
  /** TypeScript as the user wrote it. */
  source: string;
  /** JavaScript in REPL mode, bindings redeclarable, imports and awaits routed through the runtime. */
  code: string;
  /** Names that its top level declares, without those of types. */
  declared: string[];
  /** Those of them that hide a global of Node from the cells. */
  hidden: string[];
  /** Those of them that it exports. */
  exported: string[];
  /** Names that it assigns to, its own or others. */
  assigned: string[];
  /** True if it is TSX. */
  jsx: boolean;
  /** Where a place in `code` comes from in `source`. */
  original(generated: Position): Position | undefined;
}

/** Syntax that cannot be compiled. */
export interface Issue extends Position {
  message: string;
  /** True if the text just ends too early. */
  unfinished: boolean;
}

/** Thrown by `compile`, with every issue found. */
export class CompileError extends SyntaxError {
  readonly issues: readonly Issue[];
  constructor(issues: readonly Issue[]) {
    super(issues[0].message);
    this.issues = issues;
  }
}

/** Cells compiled so far. */
let compiled = 0;

const options: TransformOptions = {
  target: `node${process.versions.node}`,
  sourcemap: "external",
  sourcesContent: false,
  sourcefile: "cell.ts",
  // A script may not declare `using` at its top level, although node may know it elsewhere.
  supported: { using: false },
  logLevel: "silent",
};

/** Loads esbuild and starts its service, so that the first cell need not. */
export async function warm(): Promise<void> {
  await transform("0", {});
}

/**
 * Compiles a cell: TypeScript → JavaScript (esbuild, with those options of tsconfig.json that change what code does), then
 * the rewrite of its top level. `hiddenBefore` are the globals of Node whose names earlier cells declared.
 * @throws CompileError with the places in the cell.
 */
export async function compile(
  source: string,
  compiler: CompilerOptions = {},
  hiddenBefore: ReadonlySet<string> = new Set(),
): Promise<CompiledCell> {
  const { code: javascript, map, jsx } = await transform(source, compiler);
  const naming = { source, number: ++compiled, hidden: new Set(hiddenBefore) };
  const first = lazy(() => new TraceMap(map));
  const toSource = ({ line, column }: Position) => {
    const found = lookup(first(), line, column);
    return found && editorPlace(source, found);
  };
  const rewriteAgain = () =>
    rewrite(javascript, naming, ({ message, ...place }) => {
      throw new CompileError([{ message, ...(toSource(place) ?? place), unfinished: false }]);
    });
  const { code, declared, hidden, exported, assigned } = rewriteAgain();
  // Thousands of cells are remembered and few fail: what makes the map is not kept but made again.
  const second = lazy(() => new TraceMap(rewriteAgain().map()));
  return {
    source,
    code,
    declared,
    hidden,
    exported,
    assigned,
    jsx,
    original({ line, column }) {
      const between = lookup(second(), line, column);
      return between && toSource({ ...between, line: between.line - 1 });
    },
  };
}

/** Without the empty statements at the end. */
const bare = (javascript: string) => javascript.replace(/[;\s]+$/, "");

interface Transformed {
  code: string;
  map: string;
  /** True if only TSX could read it. */
  jsx: boolean;
}

/** Plain TypeScript first; a cell that only TSX can read is JSX. */
async function transform(source: string, compiler: CompilerOptions): Promise<Transformed> {
  const { transform } = await import("esbuild");
  const tsconfigRaw = { compilerOptions: { ...compiler, verbatimModuleSyntax: true } };
  const attempt = (text: string, loader: "ts" | "tsx") =>
    transform(text, { ...options, tsconfigRaw, loader });
  /** With the constant that a cell ends with, where esbuild has dropped it. */
  const whole = async (loader: "ts" | "tsx") => {
    const plain = await attempt(source, loader);
    for (const span of constantEnds(source)) {
      try {
        const before =
          span.start === 0 ? "" : (await attempt(source.slice(0, span.start), loader)).code;
        if (bare(before) === bare(plain.code)) return await attempt(kept(source, span), loader);
      } catch {
        // No statement begins there.
      }
    }
    return plain;
  };
  try {
    const { code, map, warnings } = await whole("ts");
    const constant = warnings.filter(({ id }) => id === "assign-to-constant");
    if (constant.length > 0)
      throw new CompileError(constant.map((warning) => issue(warning, source)));
    return { code, map, jsx: false };
  } catch (error) {
    if (error instanceof CompileError) throw error;
    if (/<\/|\/>/.test(source)) {
      try {
        const { code, map } = await whole("tsx");
        return { code, map, jsx: true };
      } catch {
        // The message of the plain reading is the better one.
      }
    }
    const { errors } = error as { errors?: Message[] };
    if (!errors?.length) throw error;
    throw new CompileError(errors.map((message) => issue(message, source)));
  }
}

function issue({ text, location }: Message, source: string): Issue {
  const lines = source.split("\n");
  const line = location?.line ?? 1;
  const column = characters(lines[line - 1] ?? "", location?.column ?? 0) + 1;
  const message = text
    .replace(
      /^This assignment will throw because "(.+)" is a constant$/,
      (_, name) => `Cannot assign to "${name}" because it is a constant`,
    )
    .replace(/:$/, ""); // a note would follow
  const atEnd = line >= lines.length && column > lines[lines.length - 1].length;
  const unfinished =
    /end of file/.test(text) ||
    /Expected "\*\/"/.test(text) ||
    (atEnd && /^Unterminated/.test(text) && source.lastIndexOf("`") >= 0 && openTemplate(source));
  return { message, line, column, unfinished };
}

/** esbuild counts columns in UTF-8 bytes, editors in UTF-16 units. */
function characters(line: string, bytes: number): number {
  return Buffer.from(line).subarray(0, bytes).toString().length;
}

function openTemplate(source: string): boolean {
  const lastLine = source.slice(source.lastIndexOf("\n") + 1);
  return (source.split("`").length - 1) % 2 === 1 && !/^[^`]*['"][^'"`]*$/.test(lastLine);
}

/** For esbuild a lone carriage return and the separators of Unicode end a line too, for editors they do not. */
function editorPlace(source: string, { line, column }: Position): Position {
  if (!/[\u2028\u2029]|\r(?!\n)/.test(source)) return { line, column };
  const ends = [...source.matchAll(/\r\n|[\n\r\u2028\u2029]/g)].map(
    ({ index, 0: end }) => index + end.length,
  );
  const offset = (line > 1 ? ends[line - 2] : 0) + column - 1;
  const before = source.slice(0, offset).split("\n");
  return { line: before.length, column: (before.at(-1) as string).length + 1 };
}

function lookup(map: TraceMap, line: number, column: number): Position | undefined {
  const needle = { line, column: column - 1 };
  const before = originalPositionFor(map, needle);
  // What the rewrite put in front of a line has no place of its own: that of what follows.
  const found =
    before.line === null
      ? originalPositionFor(map, { ...needle, bias: LEAST_UPPER_BOUND })
      : before;
  return found.line === null ? undefined : { line: found.line, column: found.column + 1 };
}

function lazy<T>(make: () => T): () => T {
  let value: { made: T } | undefined;
  return () => {
    value ??= { made: make() };
    return value.made;
  };
}
