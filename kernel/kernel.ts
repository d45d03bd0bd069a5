import { readConnection } from "./connection.ts";
import { type Dispatcher, dispatcher, type Route } from "./dispatch.ts";
import { executeRoute, publisher } from "./execute.ts";
import { type History, history, historyFolder } from "./history.ts";
import type { Interpreter } from "./interpreter.ts";
import {
  codeAndCursor,
  codePoints,
  commMessage,
  headers,
  historyRequest,
  kernelInfo,
  message,
  text,
} from "./protocol.ts";
import { bind } from "./sockets.ts";
import { type Stdin, stdin } from "./stdin.ts";
import { type Message, wire } from "./wire.ts";

/** How often the kernel looks whether its parent still lives. */
const parentPollMs = 1000;

/** Serves one Jupyter kernel until it is shut down; resolves after everything has ended. */
export async function serve(
  connectionFile: string,
  interpreter: Interpreter,
  version: string,
): Promise<void> {
  const connection = readConnection(connectionFile);
  const { encode, decode } = wire(connection.key);
  const header = headers();
  let stop = () => {};
  const stopped = new Promise<void>((resolve) => {
    stop = resolve;
  });

  let requests: Dispatcher | undefined;
  const early: (() => void)[] = [];
  const sockets = await bind(connection, {
    receive(channel, frames) {
      let decoded: Message;
      try {
        decoded = decode(frames);
      } catch (error) {
        console.error(`${channel}: ${(error as Error).message}`);
        return;
      }
      if (decoded.header.msg_type === "input_reply") questions.receive(decoded);
      else if (requests) requests.receive(channel, decoded);
      else early.push(() => requests?.receive(channel, decoded));
    },
    subscribed(topic) {
      const welcome = message(header("iopub_welcome"), {}, { subscription: topic.toString() });
      early.push(() => sockets.publish([topic, ...encode(welcome)]));
      if (requests) for (const action of early.splice(0)) action();
    },
  });
  const questions = stdin((request, question) => {
    const asked = message(header("input_request"), request.header, { ...question });
    sockets.send("stdin", encode({ ...asked, identities: request.identities }));
    return asked.header;
  });
  const past = history(historyFolder());
  requests = dispatcher(routes({ interpreter, version, stop, questions, past }), {
    header,
    send: (channel, reply) => sockets.send(channel, encode(reply)),
    publish: (output) =>
      sockets.publish([Buffer.from(`kernel.${output.header.msg_type}`), ...encode(output)]),
  });
  sockets.publish([
    Buffer.from("kernel.status"),
    ...encode(message(header("status"), {}, { execution_state: "starting" })),
  ]);
  for (const action of early.splice(0)) action();
  interpreter.start();
  watchParent(stop);
  process.on("SIGINT", () => interpreter.interrupt());
  process.on("SIGTERM", stop);

  await stopped;
  await Promise.all([interpreter.close(), sockets.close()]);
}

function routes({
  interpreter,
  version,
  stop,
  questions,
  past,
}: {
  interpreter: Interpreter;
  version: string;
  stop(): void;
  questions: Stdin;
  past: History;
}): Record<string, Route> {
  return {
    kernel_info_request: { handle: () => kernelInfo(version) },
    execute_request: executeRoute(interpreter, past, questions),
    is_complete_request: {
      handle: async ({ message }) => ({
        ...(await interpreter.isComplete(text(message.content, "code"))),
      }),
    },
    interrupt_request: {
      handle() {
        interpreter.interrupt();
        return { status: "ok" };
      },
    },
    shutdown_request: {
      handle(request) {
        const content = { status: "ok", restart: request.message.content.restart === true };
        request.publish("shutdown_reply", content); // for the other clients
        request.after(stop);
        return content;
      },
    },
    history_request: {
      handle: ({ message }) => ({
        status: "ok",
        history: past.find(historyRequest(message.content)),
      }),
    },
    complete_request: {
      async handle({ message }) {
        const { code, cursor } = codeAndCursor(message.content);
        const { matches, start, end } = await interpreter.complete(code, cursor);
        const place = { start: codePoints(code, start), end: codePoints(code, end) };
        const typed = matches.map((match) => ({ ...match, ...place }));
        return {
          status: "ok",
          matches: matches.map(({ text }) => text),
          cursor_start: place.start,
          cursor_end: place.end,
          metadata: { _jupyter_types_experimental: typed },
        };
      },
    },
    inspect_request: {
      async handle({ message }) {
        const { code, cursor } = codeAndCursor(message.content);
        const data = await interpreter.inspect(code, cursor);
        return { status: "ok", found: data !== undefined, data: data ?? {}, metadata: {} };
      },
    },
    comm_info_request: {
      handle({ message }) {
        const { target_name: wanted } = message.content;
        const comms = [...interpreter.comms()].filter(
          ([, target]) => typeof wanted !== "string" || wanted === "" || target === wanted,
        );
        return {
          status: "ok",
          comms: Object.fromEntries(comms.map(([id, target]) => [id, { target_name: target }])),
        };
      },
    },
    comm_open: commRoute(interpreter),
    comm_msg: commRoute(interpreter),
    comm_close: commRoute(interpreter),
  };
}

/** A message to an open comm reaches a cell that awaits it; one to a comm that a waiting cell will open waits, too. */
function commRoute(interpreter: Interpreter): Route {
  return {
    queued: ({ content }) => !interpreter.comms().has(String(content.comm_id)),
    async handle(request) {
      const { show, flush } = publisher(request.publish, 0);
      await interpreter.comm(commMessage(request.message), {
        show,
        ask: () => Promise.reject(new Error("input: a comm handler cannot ask.")),
        remarks: "never",
      });
      flush();
      return {};
    },
  };
}

/** Stops the kernel when the process that started it is gone; a kernel nobody can reach must not stay. */
function watchParent(stop: () => void): void {
  const parent = process.ppid;
  if (parent <= 1) return;
  setInterval(() => {
    if (process.ppid !== parent) stop();
  }, parentPollMs).unref();
}
