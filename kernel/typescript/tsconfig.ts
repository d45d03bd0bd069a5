import { execFile } from "node:child_process";
import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { promisify } from "node:util";
import type { TransformOptions } from "esbuild";
import type { ImportSettings } from "../runtime/tsconfig.ts";
import { type Document, program } from "./language-server.ts";

/** How the cells of one folder are compiled and checked: TypeScript's options, those of its tsconfig.json first. */
export interface Project {
  /** What esbuild must know of them: those that change what the code does. */
  compiler: CompilerOptions;
  /** What the user process must know of tsconfig.json; undefined where there is none. */
  imports: ImportSettings | undefined;
  /** The configuration that the language server reads for the modules `files`; the first one must be opened first. */
  documents(files: readonly string[]): Document[];
  /** True if tsconfig.json itself wants every implicit `any` to be an error. */
  implicitAny: boolean;
  /** What of tsconfig.json cannot be honoured, one sentence each. */
  notes: string[];
}

export type CompilerOptions = Exclude<
  Exclude<TransformOptions["tsconfigRaw"], string | undefined>["compilerOptions"],
  undefined
>;

/** Those of esbuild's options that a cell takes from tsconfig.json. */
const compiled = [
  "alwaysStrict",
  "experimentalDecorators",
  "jsx",
  "jsxFactory",
  "jsxFragmentFactory",
  "jsxImportSource",
  "target",
  "useDefineForClassFields",
] as const;

/** What a cell is: an ES module that nobody emits, with imports as the kernel resolves them. */
const always = {
  module: "esnext",
  moduleResolution: "bundler",
  moduleDetection: "force",
  resolveJsonModule: true,
  allowImportingTsExtensions: true,
  noEmit: true,
  composite: false,
  incremental: false,
  declaration: false,
  isolatedDeclarations: false,
  isolatedModules: false,
  verbatimModuleSyntax: false,
  skipLibCheck: true,
};

/** Where tsconfig.json says nothing. */
const otherwise = {
  target: "es2024",
  lib: libraries(Number(process.versions.node.split(".")[0])),
  types: [],
  jsx: "react",
};

/** What this Node has, not a browser. */
function libraries(node: number): string[] {
  if (node >= 24) return ["es2025", "esnext.array", "esnext.disposable", "esnext.error"];
  const iterators = node >= 22 ? ["es2025.collection", "es2025.iterator", "esnext.array"] : [];
  return ["es2024", "esnext.disposable", ...iterators];
}

const ours = "tsconfig.json";
/** The user's file under another name, for ours to extend: ours takes its place in the language server. */
export const theirs = "lclab-tsconfig.json";

/** Reads the tsconfig.json of `folder`, if there is one, with what it extends. Never rejects: what is wrong is a note. */
export async function project(folder: string): Promise<Project> {
  const path = join(folder, ours);
  if (!existsSync(path)) return made({}, undefined, []);
  const notes: string[] = [];
  let given: Record<string, unknown> = {};
  let text = "{}";
  try {
    text = readFileSync(path, "utf8");
    const { stdout } = await promisify(execFile)(await program(), ["--showConfig", "-p", path], {
      windowsHide: true,
    });
    given = (JSON.parse(stdout) as { compilerOptions?: object }).compilerOptions as typeof given;
  } catch (error) {
    notes.push(`tsconfig.json could not be read, it counts for nothing: ${firstLine(error)}.`);
  }
  return made(given ?? {}, text, notes);
}

const firstLine = (error: unknown) => (error as Error).message.split("\n")[0].replace(/\.$/, "");

function made(given: Record<string, unknown>, text: string | undefined, notes: string[]): Project {
  const forced: Record<string, unknown> = { ...always };
  if (given.jsx === "preserve" || given.jsx === "react-native") {
    forced.jsx = "react-jsx";
    notes.push(
      `tsconfig.json: jsx ${JSON.stringify(given.jsx)} cannot be honoured, for nothing compiles a cell after the kernel. It means "react-jsx" here.`,
    );
  }
  if (given.emitDecoratorMetadata) {
    forced.emitDecoratorMetadata = false;
    notes.push(
      "tsconfig.json: emitDecoratorMetadata has no effect, for cells are compiled without looking at types.",
    );
  }
  const options = { ...given, ...forced };
  const compiler = Object.fromEntries(
    compiled.flatMap((name) => (options[name] === undefined ? [] : [[name, options[name]]])),
  ) as CompilerOptions;
  const added = Object.entries(otherwise).filter(([name]) => given[name] === undefined);
  const compilerOptions = {
    ...Object.fromEntries(added),
    ...(text === undefined ? { strict: true } : {}),
    ...forced,
  };
  // What the printed paths are relative to is known only of the file itself.
  const inherited = given.paths !== undefined && !/"paths"\s*:/.test(text ?? "");
  if (inherited)
    notes.push(
      "tsconfig.json: paths that it extends count for types, not for imports. Write them into it.",
    );
  const paths = inherited ? {} : ((given.paths ?? {}) as ImportSettings["paths"]);
  return {
    compiler,
    imports: text === undefined ? undefined : { compiler: { ...compiler }, paths },
    documents(files) {
      const own = { compilerOptions, include: [], files };
      if (text === undefined) return [{ name: ours, text: JSON.stringify(own) }];
      return [
        { name: ours, text: JSON.stringify({ extends: `./${theirs}`, ...own }) },
        { name: theirs, text },
      ];
    },
    implicitAny: given.strict === true || given.noImplicitAny === true,
    notes,
  };
}
