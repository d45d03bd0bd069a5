import { MessageChannel, receiveMessageOnPort } from "node:worker_threads";
import { ownerId } from "./cells.ts";
import type { InputAnswer } from "./frames.ts";
import { send } from "./output.ts";
import type { RelayData } from "./relay-worker.ts";

// A cell may overwrite any global: the runtime keeps those it started with.
const { Atomics, Error, Promise, String } = globalThis;

interface Waiting {
  resolve(value: string): void;
  reject(error: Error): void;
}

/** The global `input` and `prompt`. */
export interface Questions {
  /** Asks for a line of text; `password` hides what is typed. The cell can be interrupted meanwhile. */
  input(question?: unknown, options?: { password?: boolean }): Promise<string>;
  /** Asks for a line of text and blocks the process until it has come. */
  prompt(question?: unknown): string;
  /** What the relay worker needs to hand over the answers. */
  relay: RelayData;
}

/** Questions to the person at the client. The relay worker hears the answers, so that `prompt` may block. */
export function questions(): Questions {
  const { port1: port, port2: answers } = new MessageChannel();
  const arrived = new SharedArrayBuffer(4);
  const count = new Int32Array(arrived);
  const waiting = new Map<number, Waiting>();
  let lastId = 0;

  const take = (answer: InputAnswer) => {
    const asked = waiting.get(answer.id);
    waiting.delete(answer.id);
    if ("value" in answer) asked?.resolve(answer.value);
    else asked?.reject(new Error(answer.error));
  };
  port.on("message", take);
  port.unref();
  const ask = (question: unknown, password: boolean, asked: Waiting) => {
    const id = ++lastId;
    waiting.set(id, asked);
    send({ type: "input", cell: ownerId(), id, prompt: String(question ?? ""), password });
  };

  return {
    relay: { answers, arrived },
    input: (question, { password = false } = {}) =>
      new Promise((resolve, reject) => ask(question, password, { resolve, reject })),
    prompt(question) {
      let settled: { value: string } | { error: Error } | undefined;
      ask(question, false, {
        resolve: (value) => {
          settled = { value };
        },
        reject: (error) => {
          settled = { error };
        },
      });
      while (!settled) {
        const seen = Atomics.load(count, 0);
        // Also answers to what was asked before with `input`.
        for (let next = receiveMessageOnPort(port); next; next = receiveMessageOnPort(port))
          take(next.message as InputAnswer);
        if (!settled) Atomics.wait(count, 0, seen);
      }
      const outcome: { value: string } | { error: Error } = settled;
      if ("error" in outcome) throw outcome.error;
      return outcome.value;
    },
  };
}
