import { setImmediate as turn } from "node:timers/promises";
import { type Attached, message } from "./protocol.ts";
import type { Channel } from "./sockets.ts";
import type { Header, Message } from "./wire.ts";

/** One request while it is handled. */
export interface Request {
  message: Message;
  /** Publishes on iopub with this request as the parent; valid after the reply too. */
  publish(msgType: string, content: Record<string, unknown>, attached?: Attached): void;
  /** Lets every execute_request that has already arrived be answered `aborted` instead of run. */
  abortQueued(): Promise<void>;
  /** Runs `action` after the reply and `idle` have been sent. */
  after(action: () => void): void;
}

/** Content of the reply. A handler that throws is answered with status `error`. */
export type Handler = (
  request: Request,
) => Record<string, unknown> | Promise<Record<string, unknown>>;

/** How to handle one message type. */
export interface Route {
  handle: Handler;
  /** True if it waits for the cells before it; all others are answered while a cell runs. */
  queued?: boolean | ((request: Message) => boolean);
}

/** What the dispatcher needs from the transport. */
export interface Outbox {
  header(msgType: string): Header;
  send(channel: Channel, message: Message): void;
  publish(message: Message): void;
}

/** Takes decoded requests. */
export interface Dispatcher {
  receive(channel: Channel, request: Message): void;
}

/**
 * The table `msg_type → route`: publishes busy before and idle after every request with the request as parent, also
 * when its handler fails, and sends exactly one reply. A request without a route is answered with status `error`,
 * so that no client waits for an answer that never comes.
 */
export function dispatcher(routes: Record<string, Route>, outbox: Outbox): Dispatcher {
  const queue: { channel: Channel; request: Message; route: Route; aborted: boolean }[] = [];
  let draining = false;

  async function answer(channel: Channel, request: Message, handle: Handler): Promise<void> {
    const { header, identities } = request;
    const publish: Request["publish"] = (msgType, content, attached) =>
      outbox.publish(message(outbox.header(msgType), header, content, attached));
    const actions: (() => void)[] = [];
    publish("status", { execution_state: "busy" });
    let content: Record<string, unknown>;
    try {
      content = await handle({
        message: request,
        publish,
        after: (action) => actions.push(action),
        async abortQueued() {
          // Two turns of the event loop: what the client sent before this reply is then in the queue.
          await turn();
          await turn();
          for (const waiting of queue)
            waiting.aborted ||= waiting.request.header.msg_type === "execute_request";
        },
      });
    } catch (error) {
      content = failure(error);
    }
    if (header.msg_type.endsWith("_request")) {
      const reply = header.msg_type.replace(/_request$/, "_reply");
      outbox.send(channel, { ...message(outbox.header(reply), header, content), identities });
    }
    publish("status", { execution_state: "idle" });
    for (const action of actions) action();
  }

  async function drain(): Promise<void> {
    if (draining) return;
    draining = true;
    for (let next = queue.shift(); next; next = queue.shift())
      await answer(next.channel, next.request, next.aborted ? aborted : next.route.handle);
    draining = false;
  }

  return {
    receive(channel, request) {
      const type = request.header.msg_type;
      const route = Object.hasOwn(routes, type) ? routes[type] : unknown(type, Object.keys(routes));
      const { queued = false } = route;
      if (!(typeof queued === "function" ? queued(request) : queued))
        void answer(channel, request, route.handle);
      else {
        queue.push({ channel, request, route, aborted: false });
        void drain();
      }
    },
  };
}

const aborted: Handler = () => ({ status: "aborted" });

const unknown = (type: string, known: readonly string[]): Route => ({
  handle() {
    throw new RangeError(`kernel: has no ${type}. It answers ${known.join(", ")}.`);
  },
});

function failure(error: unknown): Record<string, unknown> {
  const { name, message } = error instanceof Error ? error : new Error(String(error));
  return { status: "error", ename: name, evalue: message, traceback: [`${name}: ${message}`] };
}
