import { Session } from "node:inspector";
import { Socket } from "node:net";
import { helpers } from "../typescript/names.ts";
import { control, currentCell, Interrupted, ownerId, type RunningCell, runCell } from "./cells.ts";
import { comms, receiveComm } from "./comms.ts";
import { describe } from "./failure.ts";
import { type Command, descriptors, frameReader } from "./frames.ts";
import { gate, gated } from "./gate.ts";
import { cellImports } from "./imports.ts";
import { questions } from "./input.ts";
import { display, installStreams, result, send } from "./output.ts";
import { relayWorker } from "./relay-worker.ts";

/** Entry of the user process: evaluates cells on the main thread, one after the other. */
const session = new Session();
session.connect();

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
  let value: unknown = new Error(text);
  if (!exception) return value;
  if (!exception.objectId) return exception.unserializableValue ?? exception.value;
  const take = (error: unknown) => {
    value = error;
  };
  Object.defineProperty(globalThis, takeSymbol, { value: take, configurable: true });
  session.post("Runtime.callFunctionOn", {
    objectId: exception.objectId,
    functionDeclaration: `function () { globalThis[Symbol.for("lclab.take")](this); }`,
    silent: true,
  });
  session.post("Runtime.releaseObject", { objectId: exception.objectId });
  return value;
}

const takeSymbol = Symbol.for("lclab.take");

async function execute(cell: number, code: string): Promise<void> {
  const settled = await runCell(cell, (running) => evaluate(code, running));
  send({ type: "done", cell, ...(settled.ok ? {} : { failure: describe(settled.error) }) });
}

function offer(name: PropertyKey, value: unknown, fixed: boolean): void {
  Object.defineProperty(globalThis, name, { value, writable: !fixed, configurable: !fixed });
}

installStreams();
const imports = cellImports(process.cwd());
offer(Symbol.for("lclab.control"), control, true);
offer(
  helpers,
  Object.freeze({
    gate,
    gated,
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
        void execute(command.cell, command.code);
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
