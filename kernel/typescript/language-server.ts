import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import { dirname, join } from "node:path";
import { pathToFileURL } from "node:url";

/** The longest that one answer may take; a client rather has no completion than a late one. */
const patienceMs = 10_000;

/** A text document of the language server, as it is in the editor and not on disk. */
export interface Document {
  /** Name of the file below the folder of the notebook. */
  name: string;
  text: string;
}

/** The TypeScript language server of one folder. */
export interface LanguageServer {
  /** Opens a document, or replaces the text of an open one. */
  open(document: Document): void;
  /** Asks about a position, both counts from 0 and the character in UTF-16 units. Rejects if the server ends or is late. */
  at(method: "completion" | "hover", name: string, offset: number): Promise<unknown>;
  /** True until the process ended. */
  readonly alive: boolean;
  close(): Promise<void>;
}

interface Answer {
  id?: number | string;
  method?: string;
  params?: { items?: unknown[] };
  result?: unknown;
  error?: { message: string };
}

/**
 * Starts `tsc --lsp --stdio` for the files of `folder`, which reads `configuration`, open or on disk, where it would
 * read tsconfig.json. It ends when our end of its stdin closes, so it does not outlive this process.
 * @throws Error if TypeScript 7 is not installed.
 */
export async function languageServer(
  folder: string,
  configuration: string,
): Promise<LanguageServer> {
  const server = spawn(await program(), ["--lsp", "--stdio"], {
    cwd: folder,
    stdio: ["pipe", "pipe", "ignore"],
    windowsHide: true,
  });
  let alive = true;
  let lastId = 0;
  const waiting = new Map<number, { resolve(result: unknown): void; reject(error: Error): void }>();
  const texts = new Map<string, { text: string; version: number }>();
  const exited = new Promise<void>((resolve) => {
    const end = () => {
      alive = false;
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
        if (answer.id === undefined) return;
        // Its questions: about settings, and what it registers, to which we agree.
        const asked =
          answer.method === "workspace/configuration" ? answer.params?.items : undefined;
        const settings = { customConfigFileName: configuration };
        send({ id: answer.id, result: asked ? asked.map(() => settings) : null });
        return;
      }
      const asked = waiting.get(answer.id as number);
      waiting.delete(answer.id as number);
      if (answer.error) asked?.reject(new Error(answer.error.message));
      else asked?.resolve(answer.result);
    }),
  );
  const request = (method: string, params: object) =>
    new Promise<unknown>((resolve, reject) => {
      if (!alive) {
        reject(new Error("the language server has ended."));
        return;
      }
      const id = ++lastId;
      const late = setTimeout(() => {
        waiting.delete(id);
        reject(new Error(`the language server did not answer ${method} in time.`));
      }, patienceMs);
      late.unref();
      const settled = <T>(settle: (value: T) => void) => {
        return (value: T) => {
          clearTimeout(late);
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
      },
    },
  });
  send({ method: "initialized", params: {} });

  return {
    get alive() {
      return alive;
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
        const languageId = name.endsWith(".json") ? "json" : "typescript";
        send({
          method: "textDocument/didOpen",
          params: { textDocument: { uri: uri(name), languageId, version, text } },
        });
      }
    },
    at(method, name, offset) {
      const lines = (texts.get(name)?.text ?? "").slice(0, offset).split("\n");
      const position = { line: lines.length - 1, character: lines[lines.length - 1].length };
      return request(`textDocument/${method}`, { textDocument: { uri: uri(name) }, position });
    },
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

/** The native program: TypeScript's own script would start it as a child that outlives a killed script. */
async function program(): Promise<string> {
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
