import { readFileSync } from "node:fs";

const ports = ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"] as const;

/** A connection file, checked: where to bind, and the key that signs the messages. */
export interface Connection {
  transport: "tcp" | "ipc";
  ip: string;
  /** Secret of HMAC-SHA256, never empty. */
  key: string;
  shell_port: number;
  iopub_port: number;
  stdin_port: number;
  control_port: number;
  hb_port: number;
  /** Keys of the kernel if its connections are encrypted by CurveZMQ, each 40 characters of Z85. */
  curve?: { publicKey: string; secretKey: string };
}

/**
 * Reads a connection file.
 * @throws TypeError or RangeError that names the field; also for an empty key or another scheme than hmac-sha256,
 * because a kernel without signatures runs code for anybody who reaches its ports.
 */
export function readConnection(path: string): Connection {
  return parseConnection(readFileSync(path, "utf8"), path);
}

/** The text of a connection file as a `Connection`; `name` is for the messages. */
export function parseConnection(text: string, name: string): Connection {
  const rule = (expected: string, got: unknown) =>
    `connection file ${name}: ${expected}, got ${JSON.stringify(got)}.`;
  let fields: Record<string, unknown>;
  try {
    fields = JSON.parse(text) as Record<string, unknown>;
  } catch (cause) {
    throw new TypeError(`connection file ${name}: is not JSON.`, { cause });
  }
  if (typeof fields !== "object" || fields === null)
    throw new TypeError(rule("must be an object", fields));
  const { transport = "tcp", ip, key, signature_scheme: scheme = "hmac-sha256" } = fields;
  if (transport !== "tcp" && transport !== "ipc")
    throw new RangeError(rule(`transport must be "tcp" or "ipc"`, transport));
  if (typeof ip !== "string" || ip === "") throw new TypeError(rule("ip must be an address", ip));
  if (scheme !== "hmac-sha256")
    throw new RangeError(rule(`signature_scheme must be "hmac-sha256"`, scheme));
  if (typeof key !== "string" || key === "")
    throw new TypeError(
      rule("key must be a non-empty string, for unsigned messages are refused", key),
    );
  const numbers = Object.fromEntries(
    ports.map((port) => {
      const value = fields[port];
      if (!Number.isInteger(value) || (value as number) < 1 || (value as number) > 65535)
        throw new RangeError(rule(`${port} must be a port from 1 to 65535`, value));
      return [port, value as number];
    }),
  ) as Record<(typeof ports)[number], number>;
  return { transport, ip, key, ...numbers, ...curve(fields, rule) };
}

/** Both keys or neither: a kernel that should encrypt must not talk in the clear. */
function curve(
  { curve_publickey: publicKey, curve_secretkey: secretKey }: Record<string, unknown>,
  rule: (expected: string, got: unknown) => string,
): Pick<Connection, "curve"> {
  if (publicKey == null && secretKey == null) return {};
  const isKey = (value: unknown): value is string =>
    typeof value === "string" && /^[0-9a-zA-Z.\-:+=^!/*?&<>()[\]{}@%$#]{40}$/.test(value);
  if (!isKey(publicKey))
    throw new TypeError(rule("curve_publickey must be 40 characters of Z85", publicKey));
  // The secret is not for a log.
  if (!isKey(secretKey))
    throw new TypeError(rule("curve_secretkey must be 40 characters of Z85", typeof secretKey));
  return { curve: { publicKey, secretKey } };
}

/** The ZeroMQ address of one port of a connection. */
export function address({ transport, ip }: Connection, port: number): string {
  return transport === "tcp" ? `tcp://${ip}:${port}` : `ipc://${ip}-${port}`;
}
