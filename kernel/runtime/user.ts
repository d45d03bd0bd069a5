import { Session } from "node:inspector";
import { Socket } from "node:net";
import { helpers } from "../typescript/names.ts";
import {
  control,
  currentCell,
  Interrupted,
  ownerId,
  type RunningCell,
  runCell,
  type Settled,
} from "./cells.ts";
import { comms, receiveComm } from "./comms.ts";
import { describe, maps } from "./failure.ts";
import { type Command, descriptors, frameReader } from "./frames.ts";
import { gate, gated } from "./gate.ts";
import { cellImports } from "./imports.ts";
import { questions } from "./input.ts";
import { display, installStreams, result, send } from "./output.ts";
import { relayWorker } from "./relay-worker.ts";

/** Entry of the user process: evaluates cells on the main thread, one after the other. */
const session = new Session();
session.connect();

// A cell may overwrite any global: the runtime keeps those it started with.
const { BigInt, Error, Number, Promise, process } = globalThis;

interface Evaluated {
  exceptionDetails?: { text: string; exception?: RemoteValue };
}
interface RemoteValue {
  objectId?: string;
  value?: unknown;
  unserializableValue?: string;
}

function evaluate(code: string, cell: RunningCell): void {
  const expression = `${code}\n//# sourceURL=lclab:cell/${cell.id}`;
  session.post(
    "Runtime.evaluate",
    { expression, replMode: true, awaitPromise: true },
    (error: Error | null, reply?: Evaluated) => {
      if (error) cell.settle({ ok: false, error: cell.interrupts > 0 ? new Interrupted() : error });
      else if (reply?.exceptionDetails)
        cell.settle({ ok: false, error: thrown(reply.exceptionDetails) });
      else if (cell.displays.size === 0) cell.settle({ ok: true });
      else
        Promise.all(cell.displays).then(
          () => cell.settle({ ok: true }),
          (failure) => cell.settle({ ok: false, error: failure }),
        );
    },
  );
}

/** The value behind the inspector's description of an exception: only a call can hand it over. */
function thrown({ text, exception }: NonNullable<Evaluated["exceptionDetails"]>): unknown {
  if (!exception) return new Error(text);
  const { objectId, unserializableValue, value } = exception;
  if (unserializableValue !== undefined)
    return unserializableValue.endsWith("n")
      ? BigInt(unserializableValue.slice(0, -1))
      : Number(unserializableValue);
  if (objectId === undefined) return value;
  taken = new Error(text);
  session.post("Runtime.callFunctionOn", {
    objectId,
    functionDeclaration: `function () { "use strict"; ${helpers}.take(this); }`,
    silent: true,
  });
  session.post("Runtime.releaseObject", { objectId });
  return taken;
}

let taken: unknown;
const take = (error: unknown) => {
  taken = error;
};

function execute(cell: number, code: string): void {
  const report = (settled: Settled) =>
    send({ type: "done", cell, ...(settled.ok ? {} : { failure: describe(settled.error) }) });
  try {
    runCell(cell, (running) => evaluate(code, running), report);
  } catch {
    // A cell that broke what the runtime itself is built on must not leave its client waiting.
    const message = "The cell has broken its process. Restart the kernel.";
    send({ type: "done", cell, failure: { name: "Error", message, stack: "" } });
  }
}

function offer(name: PropertyKey, value: unknown, fixed: boolean): void {
  Object.defineProperty(globalThis, name, { value, writable: !fixed, configurable: !fixed });
}

installStreams();
const imports = cellImports(process.cwd());
offer(
  helpers,
  Object.freeze({
    control,
    take,
    gate,
    gated,
    maps,
    ...imports.helpers,
    result: (value: unknown) => result(value, gate),
  }),
  true,
);
offer("display", display, false);
const { input, prompt, relay: relayData } = questions();
offer("input", input, false);
offer("prompt", prompt, false);
offer("comms", comms, false);
offer("require", imports.require, false);
offer("__dirname", process.cwd(), false);
offer("__filename", imports.filename, false);

const background = (error: unknown) => {
  const running = currentCell();
  send({ type: "background", cell: running?.id ?? ownerId(), failure: describe(error) });
};
process.on("uncaughtException", background);
process.on("unhandledRejection", background);
process.on("SIGINT", () => {}); // an interrupt is a message, the signal is for the front process

const relay = relayWorker(relayData);
relay.unref();

const commands = new Socket({ fd: descriptors.commands, readable: true, writable: false });
commands.on(
  "data",
  frameReader<Command>((command, buffers) => {
    switch (command.type) {
      case "execute":
        // On a stack of its own: the user's stacks show nothing of how the command came.
        void Promise.resolve().then(() => execute(command.cell, command.code));
        break;
      case "comm":
        receiveComm(command.cell, command.message, buffers);
        break;
      case "close":
        process.exit(0);
    }
  }),
);
commands.on("end", () => process.exit(0));
relay.once("online", () => {
  send({ type: "ready" });
  imports.warm();
});
