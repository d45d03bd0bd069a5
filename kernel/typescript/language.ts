import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import type { Completions, Match, MimeBundle } from "../interpreter.ts";
import { type LanguageServer, languageServer } from "./language-server.ts";

/** What the language server knows of the cells that ran. */
export interface Language {
  /** Tells that a cell ran, and the names that its top level declares. */
  ran(source: string, declared: readonly string[]): void;
  /** Completions at `cursor`, in UTF-16 units; none if TypeScript is not installed. */
  complete(code: string, cursor: number): Promise<Completions>;
  /** What is known of the name at `cursor`, as Markdown and as text. */
  inspect(code: string, cursor: number): Promise<MimeBundle | undefined>;
  /** Forgets the cells: their process is gone. */
  reset(): void;
  close(): Promise<void>;
}

/** A cell as a module: its text, and one more line that imports what it uses of earlier cells and exports its own. */
interface CellModule {
  name: string;
  text: string;
  imports: CellModule[];
}

/** Ambient declarations: Node's types, those of `folder` or else our own, and what the kernel gives every cell. */
const globals = (folder: string) => ({
  name: "lclab-globals.ts",
  text: `/// <reference ${nodeTypes(folder)} />
export {};
declare global {
  /** Shows a value below the cell; the handle can replace it. */
  function display(
    value: unknown,
    options?: { id?: string; metadata?: Record<string, unknown>; raw?: boolean },
  ): { readonly id: string; update(value: unknown): void };
  namespace display {
    /** Removes the outputs of the cell; with \`wait\`, only when the next one comes. */
    function clear(options?: { wait?: boolean }): void;
  }
  /** Channels to the client: widgets and the like. */
  const comms: {
    /** Opens a comm to what the client registered as \`target\`. */
    open(target: string, data?: Record<string, unknown>, options?: CommOptions): Comm;
    /** Lets clients open comms to \`target\`. */
    register(target: string, accept: (comm: Comm, content: CommContent) => void): void;
    unregister(target: string): void;
  };
  interface CommContent {
    data: Record<string, any>;
    metadata: Record<string, unknown>;
    buffers: Uint8Array[];
  }
  interface CommOptions {
    metadata?: Record<string, unknown>;
    buffers?: readonly (Uint8Array | ArrayBuffer | DataView)[];
  }
  interface Comm {
    readonly id: string;
    readonly target: string;
    send(data: Record<string, unknown>, options?: CommOptions): void;
    close(data?: Record<string, unknown>, options?: CommOptions): void;
    onMessage(handler: (content: CommContent) => void): void;
    onClose(handler: (content: CommContent) => void): void;
  }
  /** Asks for a line of text and waits for it; \`password\` hides what is typed. */
  function input(question?: string, options?: { password?: boolean }): Promise<string>;
  /** Asks for a line of text; nothing else runs until it has come. */
  function prompt(question?: string): string;
}
`,
});

function nodeTypes(folder: string): string {
  const path = (from: string) => createRequire(from).resolve("@types/node/package.json");
  try {
    path(join(folder, "notebook.ts"));
    return `types="node"`;
  } catch {
    // not there
  }
  try {
    return `path=${JSON.stringify(join(dirname(path(import.meta.url)), "index.d.ts"))}`;
  } catch {
    return `types="node"`;
  }
}

const questionName = "lclab-question.ts";

/** What a cell may use: Node, not a browser. Modules resolve as the kernel does it, also without extension. */
const configuration = {
  name: "lclab-tsconfig.json",
  text: JSON.stringify({
    compilerOptions: {
      target: "es2024",
      lib: ["es2024", "esnext.disposable"],
      types: [],
      module: "esnext",
      moduleResolution: "bundler",
      moduleDetection: "force",
      resolveJsonModule: true,
      allowImportingTsExtensions: true,
      strict: true,
      noEmit: true,
    },
    files: ["lclab-globals.ts", questionName],
  }),
};
const limit = 2000;

/** The TypeScript of the notebook in `folder`; its server starts with the first question. */
export function language(folder: string): Language {
  /** The module that declared each name last. */
  let visible = new Map<string, CellModule>();
  let count = 0;
  let server: Promise<LanguageServer> | undefined;
  const ambient = globals(folder);

  function module(
    name: string,
    source: string,
    declared: readonly string[],
    wanted: (name: string) => boolean,
  ): CellModule {
    const own = new Set(declared);
    const imports = new Map<CellModule, string[]>();
    for (const [known, from] of visible)
      if (!own.has(known) && wanted(known))
        imports.set(from, [...(imports.get(from) ?? []), known]);
    const lines = [...imports].map(
      ([from, names]) => `import { ${names.join(", ")} } from "./${from.name}";`,
    );
    // After the text, on one line: places in the cell do not shift.
    const tail = `;import "./${ambient.name}";${lines.join("")}export { ${declared.join(", ")} };`;
    return { name, text: `${source}\n${tail}`, imports: [...imports.keys()] };
  }

  async function ask(
    method: "completion" | "hover",
    code: string,
    cursor: number,
  ): Promise<unknown> {
    try {
      if (server && !(await server).alive) server = undefined;
      server ??= languageServer(folder, configuration.name);
      const running = await server;
      const open = (cell: CellModule, done: Set<CellModule>) => {
        if (done.has(cell)) return;
        done.add(cell);
        for (const each of cell.imports) open(each, done);
        running.open(cell);
      };
      running.open(configuration);
      running.open(ambient);
      open(
        module(questionName, code, [], () => true),
        new Set(),
      );
      return await running.at(method, questionName, cursor);
    } catch {
      return undefined; // no TypeScript here, or it failed: a cell runs without it
    }
  }

  return {
    ran(source, declared) {
      const types = [
        ...source.matchAll(/^\s*(?:export\s+)?(?:declare\s+)?(?:interface|type)\s+([\w$]+)/gm),
      ].map(([, name]) => name);
      const names = [...new Set([...declared, ...types])];
      if (names.length === 0) return;
      const words = new Set(source.match(/[\p{ID_Start}$_][\p{ID_Continue}$]*/gu));
      const made = module(`lclab-cell-${++count}.ts`, source, names, (name) => words.has(name));
      for (const name of names) visible.set(name, made);
    },
    async complete(code, cursor) {
      const prefix = /[\p{ID_Continue}$#]*$/u.exec(code.slice(0, cursor))?.[0] ?? "";
      const found = (await ask("completion", code, cursor)) as
        | { items?: Item[] }
        | Item[]
        | null
        | undefined;
      const items = (Array.isArray(found) ? found : (found?.items ?? [])).filter(
        // What another file exports is not there before the cell imports it.
        ({ data, additionalTextEdits }) => !data?.autoImport && !additionalTextEdits,
      );
      const starting = items.filter(({ label }) => label.startsWith(prefix));
      const lower = prefix.toLowerCase();
      const chosen =
        starting.length > 0
          ? starting
          : items.filter(({ label }) => label.toLowerCase().startsWith(lower));
      const matches = chosen
        .sort((a, b) => compare(a.sortText ?? "", b.sortText ?? "") || compare(a.label, b.label))
        .slice(0, limit)
        .map((item): Match => ({ text: item.label, type: kinds[item.kind ?? 0] ?? "" }));
      return { matches, start: cursor - prefix.length, end: cursor };
    },
    async inspect(code, cursor) {
      const text = async (offset: number) => {
        const hover = (await ask("hover", code, offset)) as
          | { contents?: string | { value?: string } }
          | null
          | undefined;
        const { contents } = hover ?? {};
        const markdown = typeof contents === "string" ? contents : contents?.value;
        // That names of earlier cells are imported is our doing, not the user's.
        return markdown?.replace(/^(```\w*\n)\(alias\) /, "$1");
      };
      // Inside the parentheses of a call, the function is meant.
      const call = /[\p{ID_Continue}$](?=\([^()]*$)/u.exec(code.slice(0, cursor));
      const markdown = (await text(cursor)) || (call && (await text(call.index)));
      if (!markdown) return undefined;
      const plain = markdown.replace(/^```.*\n?/gm, "").trim();
      return { "text/markdown": markdown, "text/plain": plain };
    },
    reset() {
      visible = new Map();
    },
    async close() {
      const running = await server?.catch(() => undefined);
      await running?.close();
    },
  };
}

interface Item {
  label: string;
  kind?: number;
  sortText?: string;
  data?: { autoImport?: unknown };
  additionalTextEdits?: unknown;
}

const compare = (a: string, b: string) => (a < b ? -1 : a > b ? 1 : 0);

/** Kinds of the Language Server Protocol, as JupyterLab writes them. */
const kinds: Record<number, string> = {
  2: "method",
  3: "function",
  4: "constructor",
  5: "property",
  6: "variable",
  7: "class",
  8: "interface",
  9: "module",
  10: "property",
  13: "enum",
  14: "keyword",
  20: "enum member",
  21: "constant",
  22: "class",
  25: "type",
};
