import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, extname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** A text document of the language server, as it is in the editor and not on disk. */
export interface Document {
  /** Name of the file below the folder of the notebook. */
  name: string;
  text: string;
}

/** A diagnostic of the Language Server Protocol; lines and characters count from 0. */
export interface ServerDiagnostic {
  range: { start: { line: number; character: number } };
  /** 1 is an error. */
  severity?: number;
  /** Number of TypeScript's message. */
  code?: number | string;
  message: string;
}

/** The TypeScript language server of one folder. */
export interface LanguageServer {
  /** Opens a document, or replaces the text of an open one. */
  open(document: Document): void;
  /** Closes the open documents that `wanted` refuses. */
  keep(wanted: (name: string) => boolean): void;
  /** Asks about a position, both counts from 0 and the character in UTF-16 units. Rejects if the server ends or is late. */
  at(method: "completion" | "hover", name: string, offset: number): Promise<unknown>;
  /** Checks an open document. Rejects if the server ends or is late, and at once if `signal` aborts. */
  diagnostics(name: string, signal?: AbortSignal): Promise<ServerDiagnostic[]>;
  /** What the server has said of itself about a document, such as the configuration. */
  published(name: string): readonly ServerDiagnostic[];
  /** True until the process ended. */
  readonly alive: boolean;
  close(): Promise<void>;
}

/** In every section. By default the server would have npm fetch types from the network. */
const configuration = {
  disableAutomaticTypeAcquisition: true,
  tsserver: { automaticTypeAcquisition: { enabled: false } },
};

interface Answer {
  id?: number | string;
  method?: string;
  params?: { items?: unknown[]; uri?: string; diagnostics?: ServerDiagnostic[] };
  result?: unknown;
  error?: { message: string };
}

/**
 * Starts `tsc --lsp --stdio` for the files of `folder`; `ended` is told before the open questions are rejected. A server that does not answer within `patienceMs` is ended. It ends when our end of its stdin closes, so it does not outlive this process.
 * @throws Error if TypeScript 7 is not installed.
 */
export async function languageServer(
  folder: string,
  ended: () => void,
  patienceMs: number,
): Promise<LanguageServer> {
  const server = spawn(await program(), ["--lsp", "--stdio"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "ignore"],
    windowsHide: true,
  });
  let alive = true;
  let stuck = false;
  let lastId = 0;
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  const published = new Map<string, ServerDiagnostic[]>();
  const texts = new Map<string, { text: string; version: number }>();
  const exited = new Promise<void>((resolve) => {
    const end = () => {
      if (!alive) return;
      alive = false;
      ended();
      for (const { reject } of waiting.values())
        reject(new Error("the language server has ended."));
      waiting.clear();
      resolve();
    };
    server.once("error", end);
    server.once("exit", end);
  });
  server.stdin.on("error", () => {}); // its exit tells

  const send = (message: object) => {
    const body = Buffer.from(JSON.stringify({ jsonrpc: "2.0", ...message }));
    server.stdin.write(`Content-Length: ${body.length}\r\n\r\n`);
    server.stdin.write(body);
  };
  server.stdout.on(
    "data",
    messageReader((answer) => {
      if (answer.method !== undefined) {
        const { uri, items, diagnostics = [] } = answer.params ?? {};
        if (answer.method === "textDocument/publishDiagnostics" && uri !== undefined)
          published.set(uri, diagnostics);
        if (answer.id === undefined) return;
        // Its questions: about settings, and what it registers, to which we agree.
        const asked = answer.method === "workspace/configuration" ? items : undefined;
        send({ id: answer.id, result: asked ? asked.map(() => configuration) : null });
        return;
      }
      const asked = waiting.get(answer.id as number);
      waiting.delete(answer.id as number);
      if (answer.error) asked?.reject(new Error(answer.error.message));
      else asked?.resolve(answer.result);
    }),
  );
  const request = (method: string, params: object, signal?: AbortSignal) =>
    new Promise<unknown>((resolve, reject) => {
      if (signal?.aborted) {
        reject(signal.reason);
        return;
      }
      if (!alive || stuck) {
        reject(new Error("the language server has ended."));
        return;
      }
      const id = ++lastId;
      const late = setTimeout(() => {
        waiting.delete(id);
        reject(new Error(`the language server did not answer ${method} in time.`));
        // It hangs: another one is started for the next question.
        stuck = true;
        ended();
        server.kill("SIGKILL");
      }, patienceMs);
      late.unref();
      const abort = () => {
        send({ method: "$/cancelRequest", params: { id } });
        waiting.get(id)?.reject(signal?.reason);
        waiting.delete(id);
      };
      signal?.addEventListener("abort", abort, { once: true });
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(late);
          signal?.removeEventListener("abort", abort);
          settle(value);
        };
      };
      waiting.set(id, { resolve: settled(resolve), reject: settled(reject) });
      send({ id, method, params });
    });

  const uri = (name: string) => pathToFileURL(join(folder, name)).href;
  const rootUri = pathToFileURL(folder).href;
  await request("initialize", {
    processId: process.pid,
    rootUri,
    workspaceFolders: [{ uri: rootUri, name: "notebook" }],
    capabilities: {
      workspace: { configuration: true },
      textDocument: {
        completion: { completionItem: { documentationFormat: ["markdown"] } },
        hover: { contentFormat: ["markdown"] },
        diagnostic: {},
      },
    },
  });
  send({ method: "initialized", params: {} });

  return {
    get alive() {
      return alive && !stuck;
    },
    open({ name, text }) {
      const before = texts.get(name);
      if (before?.text === text) return;
      const version = (before?.version ?? 0) + 1;
      texts.set(name, { text, version });
      if (before)
        send({
          method: "textDocument/didChange",
          params: { textDocument: { uri: uri(name), version }, contentChanges: [{ text }] },
        });
      else {
        const languageId = languages[extname(name)] ?? "typescript";
        send({
          method: "textDocument/didOpen",
          params: { textDocument: { uri: uri(name), languageId, version, text } },
        });
      }
    },
    keep(wanted) {
      for (const name of [...texts.keys()].filter((each) => !wanted(each))) {
        texts.delete(name);
        send({ method: "textDocument/didClose", params: { textDocument: { uri: uri(name) } } });
      }
    },
    at(method, name, offset) {
      const lines = (texts.get(name)?.text ?? "").slice(0, offset).split("\n");
      const position = { line: lines.length - 1, character: lines[lines.length - 1].length };
      return request(`textDocument/${method}`, { textDocument: { uri: uri(name) }, position });
    },
    async diagnostics(name, signal) {
      const params = { textDocument: { uri: uri(name) } };
      const report = (await request("textDocument/diagnostic", params, signal)) as {
        items?: ServerDiagnostic[];
      } | null;
      return report?.items ?? [];
    },
    published: (name) => published.get(uri(name)) ?? [],
    async close() {
      server.stdin.end();
      const timer = setTimeout(() => kill(server), 500);
      await exited;
      clearTimeout(timer);
    },
  };
}

function kill(server: ChildProcess): void {
  server.kill("SIGKILL");
}

const languages: Record<string, string> = { ".json": "json", ".tsx": "typescriptreact" };

/** The native program: TypeScript's own script would start it as a child that outlives a killed script. */
export async function program(): Promise<string> {
  const require = createRequire(import.meta.url);
  const folder = dirname(require.resolve("typescript/package.json"));
  const { default: path } = (await import(
    pathToFileURL(join(folder, "lib", "getExePath.js")).href
  )) as { default: () => string };
  return path();
}

/** Splits the server's output, `Content-Length: n` and a blank line before each JSON text. */
function messageReader(take: (answer: Answer) => void): (chunk: Buffer) => void {
  let data: Buffer = Buffer.alloc(0);
  return (chunk) => {
    data = data.length === 0 ? chunk : Buffer.concat([data, chunk]);
    for (;;) {
      const head = data.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = /Content-Length: (\d+)/i.exec(data.toString("latin1", 0, head));
      const end = head + 4 + Number(length?.[1] ?? 0);
      if (data.length < end) return;
      const text = data.toString("utf8", head + 4, end);
      data = data.subarray(end);
      take(JSON.parse(text) as Answer);
    }
  };
}
