import type { Cell, Failed, Interpreter, Outcome, Output } from "../interpreter.ts";
import type { Failure, Frame } from "../runtime/frames.ts";
import { type UserProcess, userProcess } from "../runtime/process.ts";
import { type CompiledCell, CompileError, compile, warm } from "./compile.ts";
import { isComplete } from "./complete.ts";
import { compileTraceback, type KnownCell, located, traceback } from "./traceback.ts";

/** Executions whose source and outputs are still known: late output and frames of older ones are not placed. */
const rememberedCells = 2000;

interface Execution extends KnownCell {
  show(output: Output): void;
}

/** TypeScript cells, compiled here and run in a user process that is replaced when it dies. */
export function typescriptInterpreter(): Interpreter {
  const executions = new Map<number, Execution>();
  const known = (id: number) => executions.get(id);
  let user: UserProcess | undefined;
  let lastId = 0;
  let running: { id: number; sent: boolean; end(outcome: Outcome): void } | undefined;
  /** How the process ended while no cell ran: the next cell must say so, for its variables are gone. */
  let lost: Failed | undefined;
  let interrupted = false;
  let closed = false;

  function start(): UserProcess {
    let ready = false;
    let aborted = false;
    const mine: UserProcess = userProcess({
      frame(received) {
        if (received.type === "ready") ready = true;
        else frame(received);
      },
      output(name, text) {
        // Node's own report of a process that an interrupt broke: the error of the cell says it better.
        aborted ||= interrupted && /^\s*#.*Assertion failed/ms.test(text);
        if (!aborted) executions.get(lastId)?.show({ type: "stream", name, text });
      },
      exit(how) {
        if (user !== mine) return;
        user = undefined;
        if (closed) return;
        const outcome = died(how);
        if (running) running.end(interrupted ? interruptedDeath() : outcome);
        else lost = outcome;
        if (ready) user = start(); // one that never started would not start now either
      },
    });
    return mine;
  }

  function frame(frame: Exclude<Frame, { type: "ready" }>): void {
    const execution = executions.get(frame.cell);
    if (frame.type === "done") {
      // Output of native code travels in another pipe: let it arrive first.
      const { failure } = frame;
      setImmediate(() => {
        if (running?.id === frame.cell)
          running.end(failure ? traceback(failure, known) : { status: "ok" });
      });
    } else execution?.show(output(frame));
  }

  function output(frame: Exclude<Frame, { type: "ready" | "done" }>): Output {
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

  async function execute({ code, label }: Cell, show: Execution["show"]): Promise<Outcome> {
    if (lost) {
      const outcome = lost;
      lost = undefined;
      return outcome;
    }
    interrupted = false;
    let compiled: CompiledCell;
    try {
      compiled = await compile(code);
    } catch (error) {
      if (error instanceof CompileError) return compileTraceback(error, code, label);
      throw error;
    }
    const id = ++lastId;
    executions.set(id, { label, compiled, show });
    executions.delete(id - rememberedCells);
    const outcome = await new Promise<Outcome>((end) => {
      running = { id, sent: true, end };
      if (interrupted) end(traceback(interruption, known));
      else {
        user ??= start();
        user.send({ type: "execute", cell: id, code: compiled.code });
      }
    });
    running = undefined;
    return outcome;
  }

  return {
    start() {
      user ??= start();
      void warm();
    },
    async execute(cell, show) {
      try {
        return await execute(cell, show);
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
      user?.interrupt(lastId);
    },
    isComplete,
    async close() {
      closed = true;
      const { stop } = await import("esbuild");
      await user?.close();
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

const interruptedDeath = () =>
  gone("Interrupted", "The cell was interrupted, and its process could not survive that.");

function gone(ename: string, reason: string): Failed {
  const evalue = `${reason} Its variables are lost; the next cell runs in a fresh process.`;
  return { status: "error", ename, evalue, traceback: [`${ename}: ${evalue}`] };
}
