import { createServer } from "node:http";
import type { AddressInfo } from "node:net";

export interface Behaviour {
  /** Whether it knows Range requests; default true. */
  readonly ranges?: boolean;
  /** The connection is cut after so many bytes of the body: one number per answer, Infinity for not at all. */
  readonly cuts?: number[];
  /** Answers this status to everything. */
  readonly status?: number;
  /** Further headers of an answer. */
  readonly headers?: Record<string, string>;
  /** Sends half of the body and then nothing more. */
  readonly stalls?: boolean;
}

export interface FileServer {
  readonly url: string;
  /** What was asked for: "path" or "path from BYTE". */
  readonly requests: string[];
  close(): Promise<void>;
}

/** A local HTTP server with the given files (by name), which misbehaves as asked. */
export async function fileServer(
  files: Readonly<Record<string, Uint8Array>>,
  behaviour: Behaviour = {},
): Promise<FileServer> {
  const { ranges = true, cuts = [], status, headers = {}, stalls = false } = behaviour;
  const requests: string[] = [];
  const server = createServer((request, response) => {
    const name = (request.url ?? "").split("/").at(-1) as string;
    const range = /^bytes=(\d+)-$/.exec(request.headers.range ?? "")?.[1];
    requests.push(range ? `${name} from ${range}` : name);
    const file = files[name];
    if (status || !file) {
      response.writeHead(status ?? 404, headers).end();
      return;
    }
    const from = ranges && range ? Number(range) : 0;
    if (from >= file.length && from > 0) {
      response.writeHead(416, headers).end();
      return;
    }
    const body = file.subarray(from);
    const part = { "content-range": `bytes ${from}-${file.length - 1}/${file.length}` };
    response.writeHead(from > 0 ? 206 : 200, {
      "content-length": body.length,
      ...(from > 0 ? part : {}),
      ...headers,
    });
    if (stalls) {
      response.write(body.subarray(0, body.length >> 1));
      return;
    }
    const cut = cuts.shift() ?? Infinity;
    if (cut >= body.length) response.end(body);
    else response.write(body.subarray(0, cut), () => setImmediate(() => response.destroy()));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
