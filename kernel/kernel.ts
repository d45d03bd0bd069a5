import { readConnection } from "./connection.ts";
import { type Dispatcher, dispatcher, type Route } from "./dispatch.ts";
import { executeRoute } from "./execute.ts";
import type { Interpreter } from "./interpreter.ts";
import { headers, kernelInfo, message, text } from "./protocol.ts";
import { bind } from "./sockets.ts";
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
      if (requests) requests.receive(channel, decoded);
      else early.push(() => requests?.receive(channel, decoded));
    },
    subscribed(topic) {
      const welcome = message(header("iopub_welcome"), {}, { subscription: topic.toString() });
      early.push(() => sockets.publish([topic, ...encode(welcome)]));
      if (requests) for (const action of early.splice(0)) action();
    },
  });
  requests = dispatcher(routes(interpreter, version, stop), {
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

function routes(
  interpreter: Interpreter,
  version: string,
  stop: () => void,
): Record<string, Route> {
  return {
    kernel_info_request: { handle: () => kernelInfo(version) },
    execute_request: executeRoute(interpreter),
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
        request.after(stop);
        return { status: "ok", restart: request.message.content.restart === true };
      },
    },
    // No comms, completion, inspection or history yet: the empty answers keep clients from waiting.
    comm_info_request: { handle: () => ({ status: "ok", comms: {} }) },
    history_request: { handle: () => ({ status: "ok", history: [] }) },
    complete_request: {
      handle({ message }) {
        const cursor = Number(message.content.cursor_pos);
        return {
          status: "ok",
          matches: [],
          cursor_start: cursor,
          cursor_end: cursor,
          metadata: {},
        };
      },
    },
    inspect_request: { handle: () => ({ status: "ok", found: false, data: {}, metadata: {} }) },
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
