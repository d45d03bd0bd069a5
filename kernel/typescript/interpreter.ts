import type {
  Cell,
  CommMessage,
  Failed,
  Frontend,
  Interpreter,
  Outcome,
  Output,
} from "../interpreter.ts";
import type { Failure, Frame } from "../runtime/frames.ts";
import { type UserProcess, type UserProcessEvents, userProcess } from "../runtime/process.ts";
import type { ImportSettings } from "../runtime/tsconfig.ts";
import { type CompiledCell, CompileError, compile, warm } from "./compile.ts";
import { isComplete } from "./complete.ts";
import { language } from "./language.ts";
import { compileTraceback, type KnownCell, located, traceback } from "./traceback.ts";
import { typeChecks } from "./type-checks.ts";
import { typeModes } from "./type-mode.ts";

/** Executions whose source and outputs are still known: late output and frames of older ones are not placed. */
const rememberedCells = 2000;

/** Type checks that may be under way when a cell ends. */
const mostChecks = 200;

/** TypeScript cells, compiled here and run in a user process that is replaced when it dies. */
export function typescriptInterpreter(): Interpreter {
  const cells = new Map<number, KnownCell>();
  const known = (id: number) => cells.get(id);
  /** Who shows the outputs of each execution and of each comm message. */
  const frontends = new Map<number, Frontend>();
  const types = language(process.cwd());
  const modes = typeModes();
  const checks = typeChecks(types);
  let user: UserProcess | undefined;
  let lastId = 0;
  let lastComm = 0;
  /** Globals of Node whose names cells declared. */
  const hidden = new Set<string>();
  /** Open comms: id → target. */
  const comms = new Map<string, string>();
  /** Comm messages whose handler has not returned. */
  const handling = new Map<number, () => void>();
  let running: { id: number; sent: boolean; end(outcome: Outcome): void } | undefined;
  /** How the process ended while no cell ran: the next cell must say so, for its variables are gone. */
  let lost: Failed | undefined;
  /** What a user process must know of tsconfig.json. */
  let imports: ImportSettings | undefined;
  let interrupted = false;
  const checksUnderWay = new Set<Promise<void>>();
  /** Cancels the type check of the cell that runs. */
  let checking: AbortController | undefined;
  let closed = false;

  function start(): UserProcess {
    let ready = false;
    let aborted = false;
    let exhausted = false;
    const events: UserProcessEvents = {
      frame(received, buffers) {
        if (received.type === "ready") {
          ready = true;
          // Not before: the first cell waits for this process.
          if (!modes.off) types.warm();
        } else frame(received, buffers);
      },
      output(name, text) {
        // Node's own report of a process that an interrupt broke: the error of the cell says it better.
        aborted ||= interrupted && /^\s*#.*Assertion failed/ms.test(text);
        exhausted ||= text.includes("JavaScript heap out of memory");
        if (!aborted)
          frontends.get(lastId)?.show({ type: "stream", name, text: located(text, known) });
      },
      exit(how) {
        if (user !== mine) return;
        user = undefined;
        if (closed) return;
        const outcome = exhausted ? outOfMemory : died(how);
        forget();
        if (running) running.end(interrupted ? interruptedDeath() : outcome);
        else lost = outcome;
        if (ready) user = start(); // one that never started would not start now either
      },
    };
    const mine = userProcess(events, imports);
    return mine;
  }

  /** What was in the process is gone: variables, and the other ends of the comms. */
  function forget(): void {
    types.reset();
    hidden.clear();
    for (const id of comms.keys()) {
      const message: CommMessage = { type: "comm_close", id, data: {}, metadata: {}, buffers: [] };
      frontends.get(lastId)?.show({ type: "comm", message });
    }
    comms.clear();
    for (const end of handling.values()) end();
    handling.clear();
  }

  function frame(frame: Exclude<Frame, { type: "ready" }>, buffers: Buffer[]): void {
    switch (frame.type) {
      case "done": {
        // Output of native code travels in another pipe: let it arrive first.
        const { failure } = frame;
        setImmediate(() => {
          if (running?.id === frame.cell)
            running.end(failure ? traceback(failure, known) : { status: "ok" });
        });
        break;
      }
      case "handled":
        handling.get(frame.cell)?.();
        handling.delete(frame.cell);
        break;
      case "input":
        void ask(frame);
        break;
      case "comm": {
        const { type, id, target } = frame.message;
        if (type === "comm_open") comms.set(id, target ?? "");
        if (type === "comm_close") comms.delete(id);
        const message = { ...frame.message, buffers };
        frontends.get(frame.cell)?.show({ type: "comm", message });
        break;
      }
      default:
        frontends.get(frame.cell)?.show(output(frame));
    }
  }

  async function ask({ cell, id, prompt, password }: Extract<Frame, { type: "input" }>) {
    const asked = user;
    try {
      const frontend = frontends.get(cell);
      if (!frontend) throw new Error("input: the cell that asks has ended.");
      asked?.answer({ type: "input", id, value: await frontend.ask({ prompt, password }) });
    } catch (error) {
      asked?.answer({ type: "input", id, error: (error as Error).message });
    }
  }

  /** The oldest are forgotten: a kernel that runs for days must not grow. */
  function remember(id: number, frontend: Frontend): void {
    frontends.set(id, frontend);
    frontends.delete(id > 0 ? id - rememberedCells : id + rememberedCells);
  }

  function output(
    frame: Exclude<Frame, { type: "ready" | "done" | "handled" | "input" | "comm" }>,
  ): Output {
    switch (frame.type) {
      case "stream":
        return { type: "stream", name: frame.name, text: located(frame.text, known) };
      case "result":
        return { type: "execute_result", data: placed(frame.data), metadata: frame.metadata };
      case "display": {
        const { id, metadata, update } = frame;
        const data = placed(frame.data);
        return { type: update ? "update_display_data" : "display_data", data, metadata, id };
      }
      case "clear":
        return { type: "clear_output", wait: frame.wait };
      case "background":
        return { type: "stream", name: "stderr", text: background(frame.failure) };
    }
  }

  const placed = (data: Record<string, unknown>) =>
    typeof data["text/plain"] === "string"
      ? { ...data, "text/plain": located(data["text/plain"], known) }
      : data;

  const background = (failure: Failure) =>
    `Uncaught in a background task: ${traceback(failure, known).traceback.join("\n")}\n`;

  async function execute(cell: Cell, frontend: Frontend, signal: AbortSignal): Promise<Outcome> {
    const { code, label } = cell;
    interrupted = false;
    const mode = modes.of(code);
    let compiled: CompiledCell;
    try {
      compiled = await compile(code, (await types.project).compiler, hidden);
    } catch (error) {
      if (error instanceof CompileError) return compileTraceback(error, code, label);
      throw error;
    }
    const module = types.cell(code, compiled);
    if (mode === "strict") {
      const refused = await checks.before({ cell, module, frontend, signal });
      if (interrupted) return traceback(interruption, known);
      if (refused) return refused;
    }
    // After the last wait: the process may have died while the cell was compiled.
    if (lost) {
      const outcome = lost;
      lost = undefined;
      return outcome;
    }
    const id = ++lastId;
    cells.set(id, { label, compiled });
    cells.delete(id - rememberedCells);
    remember(id, frontend);
    types.ran(module);
    const ended = new Promise<Outcome>((end) => {
      running = { id, sent: true, end };
      if (interrupted) end(traceback(interruption, known));
      else {
        user ??= start();
        user.send({ type: "execute", cell: id, code: compiled.code });
      }
    });
    const checked =
      mode === "warn" && frontend.remarks !== "never"
        ? checks.beside({ cell, module, frontend, signal }, ended)
        : undefined;
    if (checked) {
      checksUnderWay.add(checked);
      void checked.finally(() => checksUnderWay.delete(checked));
    }
    const outcome = await ended;
    running = undefined;
    // A name that a failed cell did not get to is still that of Node.
    if (outcome.status === "ok") for (const name of compiled.hidden) hidden.add(name);
    if (frontend.remarks === "before the end") await checked;
    // Thousands of cells in a row must not run away from their checks, which remember them.
    while (checksUnderWay.size > mostChecks) await Promise.race(checksUnderWay);
    return outcome;
  }

  return {
    start() {
      void types.project.then((project) => {
        imports = project.imports;
        if (!closed) user ??= start();
      });
      warm().catch(() => {}); // the first cell says what is wrong
    },
    async execute(cell, frontend) {
      const check = new AbortController();
      checking = check;
      try {
        return await execute(cell, frontend, check.signal);
      } catch (error) {
        const { name, message } = error as Error;
        return {
          status: "error",
          ename: name,
          evalue: message,
          traceback: [`${name}: ${message}`],
        };
      }
    },
    interrupt() {
      interrupted = true;
      checking?.abort();
      user?.interrupt(lastId);
    },
    isComplete: async (code) => isComplete(code, (await types.project).compiler),
    complete: types.complete,
    inspect: types.inspect,
    comm({ buffers, ...message }, frontend) {
      const id = --lastComm;
      remember(id, frontend);
      if (message.type === "comm_open") comms.set(message.id, message.target ?? "");
      if (message.type === "comm_close") comms.delete(message.id);
      user ??= start();
      user.send({ type: "comm", cell: id, message }, buffers);
      return new Promise((resolve) => handling.set(id, resolve));
    },
    comms: () => comms,
    async close() {
      closed = true;
      const { stop } = await import("esbuild");
      await Promise.all([user?.close(), types.close()]);
      await stop();
    },
  };
}

const interruption: Failure = {
  name: "Interrupted",
  message: "The cell was interrupted.",
  stack: "",
};

function died({ code, signal }: { code: number | null; signal: NodeJS.Signals | null }): Failed {
  const how = signal ? `by signal ${signal}` : `with exit code ${code}`;
  return gone("KernelProcessDied", `The process that runs the cells ended ${how}.`);
}

const outOfMemory = gone(
  "KernelProcessDied",
  "The process that runs the cells ran out of memory: its JavaScript heap is full. " +
    "NODE_OPTIONS=--max-old-space-size=8192 in Jupyter's environment makes that 8 GB.",
);

const interruptedDeath = () =>
  gone("Interrupted", "The cell was interrupted, and its process could not survive that.");

function gone(ename: string, reason: string): Failed {
  const evalue = `${reason} Its variables are lost; the next cell runs in a fresh process.`;
  return { status: "error", ename, evalue, traceback: [`${ename}: ${evalue}`] };
}
