import { createServer, type ServerResponse } from "node:http";
import type { AddressInfo } from "node:net";

export interface Behaviour {
  /** Whether it knows Range requests; default true. */
  readonly ranges?: boolean;
  /** Sends so many bytes of the body and then waits for `cut`: one number per answer, then whole ones. */
  readonly pauses?: number[];
  /** Answers this status to everything. */
  readonly status?: number;
  /** Further headers of an answer. */
  readonly headers?: Record<string, string>;
}

export interface FileServer {
  readonly url: string;
  /** What was asked for: "path" or "path from BYTE". */
  readonly requests: string[];
  /** Cuts the connections that wait. */
  cut(): void;
  close(): Promise<void>;
}

/** A local HTTP server with the given files (by name), which misbehaves as asked. */
export async function fileServer(
  files: Readonly<Record<string, Uint8Array>>,
  behaviour: Behaviour = {},
): Promise<FileServer> {
  const { ranges = true, pauses = [], status, headers = {} } = behaviour;
  const requests: string[] = [];
  const waiting = new Set<ServerResponse>();
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
    const pause = pauses.shift() ?? body.length;
    if (pause >= body.length) {
      response.end(body);
      return;
    }
    waiting.add(response);
    response.write(body.subarray(0, pause));
  });
  await new Promise<void>((done) => server.listen(0, "127.0.0.1", done));
  return {
    url: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    requests,
    cut: () => {
      for (const response of waiting) response.destroy();
      waiting.clear();
    },
    close: () =>
      new Promise((done) => {
        server.close(() => done());
        server.closeAllConnections();
      }),
  };
}
