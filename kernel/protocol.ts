import { randomUUID } from "node:crypto";
import { userInfo } from "node:os";
import type { CommMessage } from "./interpreter.ts";
import { typescriptVersion } from "./typescript/version.ts";
import type { Header, Message } from "./wire.ts";

/** Version of Jupyter's messaging protocol. */
export const protocolVersion = "5.4";

/** Content of an `execute_request`, every field checked and defaulted. */
export interface ExecuteRequest {
  code: string;
  silent: boolean;
  storeHistory: boolean;
  userExpressions: Record<string, string>;
  stopOnError: boolean;
  allowStdin: boolean;
}

/** Reads the content of an `execute_request`; absent fields get the protocol's defaults. */
export function executeRequest(content: Record<string, unknown>): ExecuteRequest {
  const silent = content.silent === true;
  const expressions =
    typeof content.user_expressions === "object" && content.user_expressions !== null
      ? Object.entries(content.user_expressions)
      : [];
  return {
    code: text(content, "code"),
    silent,
    storeHistory: content.store_history !== false && !silent,
    userExpressions: Object.fromEntries(expressions.map(([name, code]) => [name, String(code)])),
    stopOnError: content.stop_on_error !== false,
    allowStdin: content.allow_stdin !== false,
  };
}

/** Content of a `history_request`. Counts are whole numbers ≥ 0, `Infinity` without limit. */
export type HistoryRequest = { output: boolean } & (
  | { type: "tail"; n: number }
  | { type: "search"; pattern: string; n: number; unique: boolean }
  | { type: "range"; session: number; start: number; stop: number }
);

/**
 * Reads the content of a `history_request`.
 * @throws TypeError or RangeError that names the field.
 */
export function historyRequest(content: Record<string, unknown>): HistoryRequest {
  const output = content.output === true;
  const whole = (field: string, absent: number) => {
    const value = content[field];
    if (value === undefined || value === null) return absent;
    if (!Number.isSafeInteger(value))
      throw new TypeError(
        `request: ${field} must be a whole number, got ${JSON.stringify(value)}.`,
      );
    return value as number;
  };
  const { hist_access_type: type = "tail" } = content;
  switch (type) {
    case "tail":
      return { type, output, n: whole("n", 10) };
    case "search": {
      const { pattern = "*" } = content;
      if (typeof pattern !== "string")
        throw new TypeError(`request: pattern must be a string, got ${JSON.stringify(pattern)}.`);
      const n = whole("n", Number.POSITIVE_INFINITY);
      return { type, output, pattern, n, unique: content.unique === true };
    }
    case "range":
      return {
        type,
        output,
        session: whole("session", 0),
        start: whole("start", 1),
        stop: whole("stop", Number.POSITIVE_INFINITY),
      };
    default:
      throw new RangeError(
        `request: hist_access_type must be "tail", "search" or "range", got ${JSON.stringify(type)}.`,
      );
  }
}

/**
 * The code and the cursor, in UTF-16 units, of a `complete_request` or `inspect_request`, which count code points.
 * Without a cursor, the end of the code.
 * @throws TypeError if the code is no string or the cursor no number.
 */
export function codeAndCursor(content: Record<string, unknown>): { code: string; cursor: number } {
  const code = text(content, "code");
  const { cursor_pos: points = Number.POSITIVE_INFINITY } = content;
  if (typeof points !== "number")
    throw new TypeError(`request: cursor_pos must be a number, got ${JSON.stringify(points)}.`);
  let cursor = 0;
  for (let left = points; left >= 1 && cursor < code.length; left--)
    cursor += (code.codePointAt(cursor) as number) > 0xffff ? 2 : 1;
  return { code, cursor };
}

/** How many code points the first `units` UTF-16 units of `code` are. */
export function codePoints(code: string, units: number): number {
  return [...code.slice(0, units)].length;
}

/**
 * A comm message as the interpreter takes it.
 * @throws TypeError if it has no id, or opens a comm without a target.
 */
export function commMessage({ header, content, metadata, buffers }: Message): CommMessage {
  const { data } = content;
  return {
    type: header.msg_type as CommMessage["type"],
    id: text(content, "comm_id"),
    ...(header.msg_type === "comm_open" ? { target: text(content, "target_name") } : {}),
    data: typeof data === "object" && data !== null ? (data as Record<string, unknown>) : {},
    metadata,
    buffers,
  };
}

/**
 * A text field of a content.
 * @throws TypeError if it is missing or no string.
 */
export function text(content: Record<string, unknown>, field: string): string {
  const value = content[field];
  if (typeof value !== "string")
    throw new TypeError(`request: ${field} must be a string, got ${JSON.stringify(value)}.`);
  return value;
}

/** Makes the headers of one kernel: its session, user and protocol version. */
export function headers(): (msgType: string) => Header {
  const session = randomUUID();
  const username = name();
  return (msgType) => ({
    msg_id: randomUUID(),
    msg_type: msgType,
    session,
    username,
    date: new Date().toISOString(),
    version: protocolVersion,
  });
}

function name(): string {
  try {
    return userInfo().username;
  } catch {
    return "kernel"; // a container may run under an id without a name
  }
}

/** What a message may carry beside its content. */
export interface Attached {
  metadata?: Record<string, unknown>;
  buffers?: readonly Uint8Array[];
}

/** A message without identities. */
export function message(
  header: Header,
  parent: Message["parent"],
  content: Record<string, unknown>,
  { metadata = {}, buffers = [] }: Attached = {},
): Message {
  return { identities: [], header, parent, metadata, content, buffers: buffers.map(asBuffer) };
}

const asBuffer = ({ buffer, byteOffset, byteLength }: Uint8Array) =>
  Buffer.from(buffer, byteOffset, byteLength);

/** Content of `kernel_info_reply`. */
export function kernelInfo(version: string): Record<string, unknown> {
  return {
    status: "ok",
    protocol_version: protocolVersion,
    implementation: "lclab",
    implementation_version: version,
    // No codemirror_mode: JupyterLab finds the right mode by the MIME type, and an object breaks highlighting.
    language_info: {
      name: "typescript",
      version: typescriptVersion(),
      mimetype: "text/typescript",
      file_extension: ".ts",
      pygments_lexer: "typescript",
      nbconvert_exporter: "script",
    },
    banner: `lclab ${version}: TypeScript on Node ${process.versions.node}`,
    help_links: [{ text: "TypeScript", url: "https://www.typescriptlang.org/docs/" }],
    debugger: false,
  };
}
