/** What must be true before any long work: the Node version, and a free port. */
import { createServer } from "node:net";
import { Refusal } from "./say.mjs";

const oldestNode = [20, 19];

/** Refuses a Node older than package.json's engines. */
export function checkNode(who, version = process.versions.node) {
  const [major, minor] = version.split(".").map(Number);
  if (major < oldestNode[0] || (major === oldestNode[0] && minor < oldestNode[1])) {
    throw new Refusal(
      `${who}: Node must be ${oldestNode.join(".")} or newer, got ${version}. Install Node 24 from nodejs.org, then start again.`,
    );
  }
}

/** The port that `text` says. */
export function parsePort(who, text) {
  const port = /^\d+$/.test(text ?? "") ? Number(text) : Number.NaN;
  if (!(port >= 1 && port <= 65535)) {
    const got = text === undefined ? "nothing" : JSON.stringify(text);
    throw new Refusal(
      `${who}: --port must be a whole number from 1 to 65535, got ${got}. Write --port 8888.`,
    );
  }
  return port;
}

/** Refuses a port that another program listens on, on either loopback address. */
export async function checkPort(who, port) {
  for (const host of ["127.0.0.1", "::1"]) {
    const code = await listenError(port, host);
    if (code === "EADDRINUSE") {
      throw new Refusal(
        `${who}: port ${port} is in use by another program. Leave out --port to take a free one, or choose another.`,
      );
    }
    if (code === "EACCES") {
      throw new Refusal(
        `${who}: port ${port} is reserved for the administrator. Choose one above 1023.`,
      );
    }
  }
}

/** A port that is free now. */
export function freePort() {
  return new Promise((resolve, reject) => {
    const server = createServer().once("error", reject);
    server.listen(0, "127.0.0.1", () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

function listenError(port, host) {
  return new Promise((resolve) => {
    const server = createServer();
    server.once("error", (error) => resolve(error.code));
    server.listen({ port, host, exclusive: true }, () => server.close(() => resolve(undefined)));
  });
}
