import { createHmac, timingSafeEqual } from "node:crypto";

const delimiter = Buffer.from("<IDS|MSG>");

/** Header of a message; `{}` as parent header when there is no parent. */
export interface Header {
  msg_id: string;
  msg_type: string;
  session: string;
  username: string;
  /** ISO 8601. */
  date: string;
  version: string;
}

/** A Jupyter message. */
export interface Message {
  /** Routing prefix of the client, returned as it came. */
  identities: Buffer[];
  header: Header;
  parent: Header | Record<string, never>;
  metadata: Record<string, unknown>;
  content: Record<string, unknown>;
  buffers: Buffer[];
}

/** Frames ⇄ `Message` for one key. */
export interface Wire {
  encode(message: Message): Buffer[];
  /** @throws Error that says which rule the frames break. */
  decode(frames: Buffer[]): Message;
}

/**
 * The wire format with HMAC-SHA256 signatures. Signatures are compared in constant time; a signature that was seen
 * among the last `remembered` messages is refused as a replay.
 */
export function wire(key: string, { remembered = 65536 }: { remembered?: number } = {}): Wire {
  if (key === "")
    throw new TypeError("wire: key must not be empty, for unsigned messages are refused.");
  const seen = new Set<string>();

  const sign = (parts: readonly Buffer[]): string => {
    const hmac = createHmac("sha256", key);
    for (const part of parts) hmac.update(part);
    return hmac.digest("hex");
  };

  return {
    encode({ identities, header, parent, metadata, content, buffers }) {
      const parts = [header, parent, metadata, content].map((part) => Buffer.from(json(part)));
      return [...identities, delimiter, Buffer.from(sign(parts)), ...parts, ...buffers];
    },
    decode(frames) {
      const at = frames.findIndex((frame) => frame.equals(delimiter));
      if (at < 0) throw new Error("dropped a message without the delimiter <IDS|MSG>.");
      if (frames.length < at + 6)
        throw new Error(
          `dropped a message of ${frames.length - at - 1} parts, it must have 5 or more.`,
        );
      const parts = frames.slice(at + 2, at + 6);
      const signature = frames[at + 1].toString("latin1");
      if (signature === "") throw new Error("dropped an unsigned message.");
      const expected = Buffer.from(sign(parts));
      const given = Buffer.from(signature, "latin1");
      if (given.length !== expected.length || !timingSafeEqual(given, expected))
        throw new Error(
          "dropped a message with a wrong HMAC signature. The client uses another connection file.",
        );
      if (seen.has(signature)) throw new Error("dropped a replayed message.");
      const [header, parent, metadata, content] = parts.map(object);
      for (const field of ["msg_id", "msg_type", "session"])
        if (typeof header[field] !== "string")
          throw new Error(`dropped a message whose header has no ${field}.`);
      seen.add(signature);
      if (seen.size > remembered) seen.delete(seen.values().next().value as string);
      return {
        identities: frames.slice(0, at),
        header: header as unknown as Header,
        parent: parent as unknown as Header,
        metadata,
        content,
        buffers: frames.slice(at + 6),
      };
    },
  };
}

/** JSON without halves of surrogate pairs: Python cannot write them as UTF-8, so the notebook could not be saved. */
function json(part: object): string {
  const text = JSON.stringify(part);
  if (!text.includes("\\ud")) return text;
  return text.replace(/\\(?:u(d[89a-f][0-9a-f]{2})|.)/g, (whole, half) =>
    half ? "\ufffd" : whole,
  );
}

function object(part: Buffer): Record<string, unknown> {
  let value: unknown;
  try {
    value = JSON.parse(part.toString("utf8"));
  } catch (cause) {
    throw new Error("dropped a message that is not JSON.", { cause });
  }
  if (typeof value !== "object" || value === null || Array.isArray(value))
    throw new Error("dropped a message whose parts are not objects.");
  return value as Record<string, unknown>;
}
