import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import type { Completions, Match, MimeBundle } from "../interpreter.ts";
import { type CellFacts, type CellModule, cellModules, looksLikeJsx } from "./cell-modules.ts";
import { type LanguageServer, languageServer, type ServerDiagnostic } from "./language-server.ts";
import { type Project, project, theirs } from "./tsconfig.ts";

/** A type error of a cell. Line and column count from 1, the column in UTF-16 units. */
export interface Diagnostic {
  /** Number of TypeScript's message, 2322. */
  code: number;
  /** One or more lines. */
  message: string;
  line: number;
  column: number;
}

/** What the language server knows of the cells that ran. */
export interface Language {
  /** How the cells are compiled and checked. */
  project: Promise<Project>;
  /** A cell that is about to run, over those that ran. */
  cell(source: string, facts: CellFacts): CellModule;
  /** Tells that a cell ran. */
  ran(cell: CellModule): void;
  /**
   * The type errors of a cell, in the order of its text. One cell is checked at a time. Rejects with the reason of
   * `signal` as soon as it aborts, and if TypeScript is not installed, fails twice, or takes longer than 10 s.
   */
  check(cell: CellModule, signal: AbortSignal): Promise<Diagnostic[]>;
  /** What of tsconfig.json cannot be honoured, or is wrong, one sentence each; known after the first check. */
  notes(): Promise<string[]>;
  /** Completions at `cursor`, in UTF-16 units; none if TypeScript is not installed. */
  complete(code: string, cursor: number): Promise<Completions>;
  /** What is known of the name at `cursor`, as Markdown and as text. */
  inspect(code: string, cursor: number): Promise<MimeBundle | undefined>;
  /** Starts the server and has it read what every cell needs, so that the first question need not wait. */
  warm(): void;
  /** Forgets the cells: their process is gone. */
  reset(): void;
  close(): Promise<void>;
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
  ): {
    readonly id: string;
    update(value: unknown, options?: { metadata?: Record<string, unknown>; raw?: boolean }): void;
  };
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

/** What the kernel imports by itself. */
const modules = {
  name: "lclab-modules.d.ts",
  text: `declare module "tslab" {
  type Show = (content: string | Uint8Array) => void;
  interface Display {
    html: Show; javascript: Show; latex: Show; markdown: Show; svg: Show; text: Show;
    jpeg: Show; png: Show; gif: Show; pdf: Show;
    json(value: unknown): void;
    raw(type: string, value: unknown): void;
  }
  const display: Display;
  /** A display that each further call replaces. */
  function newDisplay(): Display;
  const versions: Record<"tslab" | "typescript" | "node", string>;
}
`,
};

const names = { question: "lclab-question", check: "lclab-check" } as const;
const limit = 2000;
/** After a server that failed twice on one question. */
const restMs = 60_000;

/** The TypeScript of the notebook in `folder`; its server starts with the first question or `warm`. */
export function language(folder: string, patienceMs = 10_000): Language {
  const ambient = globals(folder);
  const cells = cellModules(ambient.name);
  const configuration = project(folder);
  let server: Promise<LanguageServer> | undefined;
  /** Why a server failed twice. Until then nothing is asked: a notebook must not wait for it cell after cell. */
  let failure: { error: unknown; until: number } | undefined;
  /** The check that is under way, and those before it. */
  let checks: Promise<unknown> = Promise.resolve();

  function running(): Promise<LanguageServer> {
    if (server) return server;
    const gone = () => {
      if (server === mine) server = undefined;
    };
    const mine = start(gone);
    mine.catch(gone);
    server = mine;
    return mine;
  }

  async function start(ended: () => void): Promise<LanguageServer> {
    const { documents } = await configuration;
    const started = await languageServer(folder, ended, patienceMs);
    const roots = Object.values(names).flatMap((name) => [`${name}.ts`, `${name}.tsx`]);
    for (const document of documents([ambient.name, modules.name, ...roots]))
      started.open(document);
    started.open(ambient);
    started.open(modules);
    return started;
  }

  /** Asks the server about a module; a second time if it died of the first. */
  async function ask<T>(
    module: CellModule,
    question: (server: LanguageServer) => Promise<T>,
  ): Promise<T> {
    if (failure && performance.now() < failure.until) throw failure.error;
    for (let again = true; ; again = false) {
      let server: LanguageServer | undefined;
      try {
        server = await running();
        open(server, module, new Set());
        return await question(server);
      } catch (error) {
        if (server?.alive) throw error;
        if (again) continue;
        failure = { error, until: performance.now() + restMs };
        throw error;
      }
    }
  }

  /** Opens a module after those that it imports. */
  function open(server: LanguageServer, module: CellModule, done: Set<CellModule>): void {
    if (done.has(module)) return;
    done.add(module);
    for (const each of module.imports) open(server, each, done);
    server.open(module);
  }

  async function at(
    method: "completion" | "hover",
    code: string,
    cursor: number,
  ): Promise<unknown> {
    const module = cells.question(names.question, code, looksLikeJsx(code, cursor));
    try {
      return await ask(module, (server) => server.at(method, module.name, cursor));
    } catch {
      return undefined; // no TypeScript here, or it failed: a cell runs without it
    }
  }

  async function check(cell: CellModule, signal: AbortSignal): Promise<Diagnostic[]> {
    signal.throwIfAborted();
    // Under one name, so that it need not be among the configured files, and goes when the next one comes.
    const module = { ...cell, name: names.check + extname(cell.name) };
    const reachable = cells.reachable(cell);
    const { implicitAny } = await configuration;
    const found = await ask(module, (server) => {
      server.keep((name) => !name.startsWith("lclab-cell-") || reachable.has(name));
      return server.diagnostics(module.name, signal);
    });
    const lines = cell.text.split("\n").length - 1;
    return chosen(found, lines, implicitAny);
  }

  return {
    project: configuration,
    cell: cells.cell,
    ran: cells.ran,
    check(cell, signal) {
      const checked = checks.then(() => check(cell, signal));
      checks = checked.catch(() => {});
      // One that waits for its turn is cancelled at once, too.
      return Promise.race([checked, aborted(signal)]);
    },
    async notes() {
      const { notes } = await configuration;
      const current = await server?.catch(() => undefined);
      const wrong = ["tsconfig.json", theirs].flatMap((name) => current?.published(name) ?? []);
      return [
        ...notes,
        ...wrong
          .filter(({ code, severity }) => severity === 1 && code !== missingFile)
          .map(({ code, message }) => `tsconfig.json: TS${code} ${message}`),
      ];
    },
    async complete(code, cursor) {
      const prefix = /[\p{ID_Continue}$#]*$/u.exec(code.slice(0, cursor))?.[0] ?? "";
      const found = (await at("completion", code, cursor)) as
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
        const hover = (await at("hover", code, offset)) as
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
    warm: () => void at("completion", "", 0),
    reset: cells.reset,
    async close() {
      const running = await server?.catch(() => undefined);
      await running?.close();
    },
  };
}

/** Of our own modules that no cell has needed yet. */
const missingFile = 6053;

/** That something is any because nothing says what it is, which a notebook may leave so; 7016: a package without types. */
const implicitAnys = new Set([
  2683, 7005, 7006, 7008, 7010, 7011, 7013, 7015, 7016, 7017, 7018, 7019, 7020, 7022, 7023, 7024,
  7026, 7031, 7032, 7033, 7034, 7041, 7052, 7053, 7055, 7057,
]);
const untypedModule = 7016;
/** `import x = require("x")`, which the kernel runs. */
const importRequire = 1202;

/** The errors in the first `lines` lines, without those that a notebook is not told. */
function chosen(
  found: readonly ServerDiagnostic[],
  lines: number,
  implicitAny: boolean,
): Diagnostic[] {
  return found
    .filter(({ severity, range }) => severity === 1 && range.start.line < lines)
    .map(({ code, message, range: { start } }) => ({
      code: Number(code),
      message,
      line: start.line + 1,
      column: start.character + 1,
    }))
    .filter(
      ({ code }) =>
        code !== untypedModule &&
        code !== importRequire &&
        (implicitAny || !implicitAnys.has(code)),
    )
    .sort((a, b) => a.line - b.line || a.column - b.column);
}

/** Rejects when `signal` aborts. */
function aborted(signal: AbortSignal): Promise<never> {
  return new Promise((_, reject) => {
    const abort = () => reject(signal.reason);
    if (signal.aborted) abort();
    else signal.addEventListener("abort", abort, { once: true });
  });
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
