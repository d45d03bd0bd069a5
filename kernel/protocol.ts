import { randomUUID } from "node:crypto";
import { createRequire } from "node:module";
import { userInfo } from "node:os";
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

/** A message with empty identities, metadata and buffers. */
export function message(
  header: Header,
  parent: Message["parent"],
  content: Record<string, unknown>,
): Message {
  return { identities: [], header, parent, metadata: {}, content, buffers: [] };
}

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

function typescriptVersion(): string {
  try {
    return (createRequire(import.meta.url)("typescript/package.json") as { version: string })
      .version;
  } catch {
    return "7.0"; // the syntax is esbuild's; the compiler itself is optional
  }
}
