import {
  appendFileSync,
  closeSync,
  mkdirSync,
  openSync,
  readdirSync,
  readFileSync,
  rmSync,
} from "node:fs";
import { homedir } from "node:os";
import { join } from "node:path";
import type { HistoryRequest } from "./protocol.ts";

/** Sessions kept on disk; the oldest go first. */
const keptSessions = 1000;

/** One cell that ran. */
interface Entry {
  line: number;
  input: string;
  /** Its result as text, if it had one. */
  output?: string;
}

/** One row of a `history_reply`: session, line, and the input, or input and output. */
export type HistoryRow = [number, number, string | [string, string | null]];

/** What ran in this session and in the earlier ones. */
export interface History {
  store(line: number, input: string, output?: string): void;
  find(request: HistoryRequest): HistoryRow[];
}

/** Where histories are kept: $LCLAB_HISTORY, or the platform's folder for state. */
export function historyFolder(
  env: NodeJS.ProcessEnv = process.env,
  platform: NodeJS.Platform = process.platform,
): string {
  if (env.LCLAB_HISTORY) return env.LCLAB_HISTORY;
  if (platform === "darwin")
    return join(homedir(), "Library", "Application Support", "lclab", "history");
  if (platform === "win32")
    return join(env.LOCALAPPDATA ?? join(homedir(), "AppData", "Local"), "lclab", "History");
  return join(env.XDG_STATE_HOME || join(homedir(), ".local", "state"), "lclab", "history");
}

/**
 * The history kept in `folder`, one file of JSON lines per session. A session begins, and takes its number, with its
 * first cell; creating the file claims the number, so kernels that start together get different ones. A folder that
 * cannot be written costs persistence only.
 */
export function history(folder: string): History {
  const entries: Entry[] = [];
  const earlier = new Map<number, Entry[]>();
  let session: number | undefined;
  let file: string | undefined;

  function begin(): void {
    if (session !== undefined) return;
    const known = sessionsIn(folder);
    session = (known.at(-1) ?? 0) + 1;
    try {
      mkdirSync(folder, { recursive: true, mode: 0o700 });
      for (;;) {
        try {
          closeSync(openSync(join(folder, fileName(session)), "wx", 0o600));
          break;
        } catch (error) {
          if ((error as NodeJS.ErrnoException).code !== "EEXIST") throw error;
          session++;
        }
      }
      file = join(folder, fileName(session));
      for (const old of known.slice(0, Math.max(0, known.length + 1 - keptSessions)))
        rmSync(join(folder, fileName(old)), { force: true });
    } catch (error) {
      console.error(
        `history: cannot write to ${folder} (${(error as Error).message}). It lasts until the kernel ends; set LCLAB_HISTORY to a folder that can be written.`,
      );
    }
  }

  function entriesOf(number: number): Entry[] {
    if (number === session) return entries;
    let read = earlier.get(number);
    if (!read) {
      read = readSession(join(folder, fileName(number)));
      earlier.set(number, read);
    }
    return read;
  }

  /** All entries from the newest back, so that few files are read for the last few. */
  function* backwards(): Generator<[number, Entry]> {
    const older = sessionsIn(folder).filter((number) => number !== session);
    const numbers = session === undefined ? older : [...older, session];
    for (const number of numbers.reverse())
      for (const entry of [...entriesOf(number)].reverse()) yield [number, entry];
  }

  function collect(
    count: number,
    wanted: (input: string) => boolean,
    unique: boolean,
  ): [number, Entry][] {
    const found: [number, Entry][] = [];
    const seen = new Set<string>();
    for (const pair of backwards()) {
      if (found.length >= count) break;
      const { input } = pair[1];
      if (!wanted(input) || (unique && seen.has(input))) continue;
      seen.add(input);
      found.push(pair);
    }
    return found.reverse();
  }

  function select(request: HistoryRequest): [number, Entry][] {
    switch (request.type) {
      case "tail":
        return collect(request.n, () => true, false);
      case "search":
        return collect(request.n, glob(request.pattern), request.unique);
      case "range": {
        // 0 is this session, −1 the one before.
        const next = (sessionsIn(folder).at(-1) ?? 0) + 1;
        const number = request.session > 0 ? request.session : (session ?? next) + request.session;
        return entriesOf(number)
          .filter(({ line }) => line >= request.start && line < request.stop)
          .map((entry) => [number, entry]);
      }
    }
  }

  return {
    store(line, input, output) {
      begin();
      const entry: Entry = { line, input, ...(output === undefined ? {} : { output }) };
      entries.push(entry);
      if (file === undefined) return;
      try {
        appendFileSync(file, `${JSON.stringify(entry)}\n`);
      } catch {
        file = undefined; // a full disk must not fail the cell
      }
    },
    find: (request) =>
      select(request).map(([number, { line, input, output }]) => [
        number,
        line,
        request.output ? [input, output ?? null] : input,
      ]),
  };
}

const fileName = (session: number) => `${String(session).padStart(8, "0")}.jsonl`;

function sessionsIn(folder: string): number[] {
  try {
    return readdirSync(folder)
      .filter((name) => /^\d{8,}\.jsonl$/.test(name))
      .map((name) => Number.parseInt(name, 10))
      .sort((a, b) => a - b);
  } catch {
    return [];
  }
}

/** The lines that can be read: the last one may be half of what a killed kernel wrote. */
function readSession(file: string): Entry[] {
  let text: string;
  try {
    text = readFileSync(file, "utf8");
  } catch {
    return [];
  }
  return text.split("\n").flatMap((line) => {
    try {
      const entry = JSON.parse(line) as Entry;
      return typeof entry.input === "string" && typeof entry.line === "number" ? [entry] : [];
    } catch {
      return [];
    }
  });
}

/** `*` stands for any text, `?` for one character, `[…]` and `[^…]` for one of a set; the whole input must match. */
function glob(pattern: string): (input: string) => boolean {
  const source = pattern.replace(
    /\[(\^?)(\]?[^\]]*)\]|[*?]|[\\.+^${}()|[\]]/g,
    (token, not: string, set: string | undefined) => {
      if (set) return `[${not}${set.replace(/[\\\]^[]/g, "\\$&")}]`;
      return { "*": "[^]*", "?": "[^]" }[token] ?? `\\${token}`;
    },
  );
  try {
    const whole = new RegExp(`^${source}$`);
    return (input) => whole.test(input);
  } catch {
    return () => false; // a range from high to low holds nothing
  }
}
