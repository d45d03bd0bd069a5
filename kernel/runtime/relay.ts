import { Session } from "node:inspector";
import { Socket } from "node:net";
import { workerData } from "node:worker_threads";
import { helpers } from "../typescript/names.ts";
import type { control, InterruptReply } from "./cells.ts";
import { descriptors, frameReader, type InputAnswer, type RelayCommand } from "./frames.ts";
import type { RelayData } from "./relay-worker.ts";

/** How long a cell whose AbortSignal has listeners may take to settle by itself. */
const patienceMs = 5000;
/** A main thread that answers no question for so long is blocked in native code, most likely by a child process. */
const blockedMs = 300;
/**
 * How long a cell may take to end when its child process has: `execSync` fails then, and a termination that comes while
 * the inspector's native code hands that failure on ends the process.
 */
const returnMs = 100;
/** How long `catch` and `finally` of a cell may take after its awaits were rejected. */
const graceMs = 1000;

/**
 * Worker of the user process that interrupts its main thread: the inspector runs our questions there even in the
 * middle of a loop. It also ends the process when the front process is gone.
 */
const session = new Session();
session.connectToMainThread();

function post(method: string, params?: object): Promise<Record<string, unknown> | undefined> {
  return new Promise((resolve) => {
    session.post(method, params, (error: Error | null, result?: object) =>
      resolve(error ? undefined : (result as Record<string, unknown>)),
    );
  });
}

/** Calls a function of `control` in the main thread; undefined if the call itself was terminated. */
async function ask(name: keyof typeof control, cell: number): Promise<unknown> {
  const expression = `${helpers}.control.${name}(${cell})`;
  const reply = await post("Runtime.evaluate", { expression, returnByValue: true });
  if (!reply || reply.exceptionDetails) return undefined;
  return (reply.result as { value?: unknown }).value;
}

async function interrupt(cell: number): Promise<void> {
  let blocked = false;
  const timer = setTimeout(() => {
    blocked = true;
    interruptChildren();
  }, blockedMs);
  const reply = (await ask("interrupt", cell)) as InterruptReply | undefined;
  clearTimeout(timer);
  if (!reply?.running) {
    if (reply?.blocked) await post("Runtime.terminateExecution");
    return;
  }
  if (reply.count === 1 && reply.listening) setTimeout(() => void force(cell), patienceMs);
  else if (blocked) setTimeout(() => void force(cell), returnMs);
  else await force(cell);
}

/** What Ctrl-C does in a terminal: `execSync` returns when its child has ended. The main thread itself ignores it. */
function interruptChildren(): void {
  if (process.platform !== "win32") process.kill(-process.pid, "SIGINT");
}

async function force(cell: number): Promise<void> {
  const reply = (await ask("force", cell)) as InterruptReply | undefined;
  if (!reply?.running) return;
  if (reply.nested) await terminate(cell);
  else setTimeout(() => void finish(cell), graceMs);
}

/** Ends a cell whose `catch` and `finally` have had their time, even if one of them loops. */
async function finish(cell: number): Promise<void> {
  const reply = (await ask("force", cell)) as InterruptReply | undefined;
  if (reply?.nested) await terminate(cell);
  else await ask("settle", cell);
}

async function terminate(cell: number): Promise<void> {
  await post("Runtime.terminateExecution");
  // The loop may have ended just before: then the termination hits the next JavaScript, perhaps this question.
  for (let attempt = 0; attempt < 20; attempt++) if (await ask("settle", cell)) return;
}

const { answers, arrived } = workerData as RelayData;
const count = new Int32Array(arrived);

function answer(given: InputAnswer): void {
  answers.postMessage(given);
  Atomics.add(count, 0, 1);
  Atomics.notify(count, 0);
}

const commands = new Socket({ fd: descriptors.relay, readable: true, writable: false });
const end = () => {
  // The whole group, so that children of the user's code do not stay behind.
  if (process.platform !== "win32") process.kill(-process.pid, "SIGKILL");
  process.kill(process.pid, "SIGKILL");
};
commands.on(
  "data",
  frameReader<RelayCommand>((command) => {
    if (command.type === "interrupt") void interrupt(command.cell);
    else answer(command);
  }),
);
commands.on("end", end);
commands.on("error", end);
