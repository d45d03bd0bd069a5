import type { Request, Route } from "./dispatch.ts";
import type { History } from "./history.ts";
import type { Frontend, Interpreter, MimeBundle, Outcome, Output } from "./interpreter.ts";
import { executeRequest } from "./protocol.ts";
import type { Stdin } from "./stdin.ts";
import { streams } from "./streams.ts";

/** The route of `execute_request`: counts cells, publishes their outputs, aborts the queue after an error. */
export function executeRoute(interpreter: Interpreter, history: History, stdin: Stdin): Route {
  let count = 0;

  async function handle(request: Request): Promise<Record<string, unknown>> {
    const { code, silent, storeHistory, userExpressions, stopOnError, allowStdin } = executeRequest(
      request.message.content,
    );
    if (storeHistory) count++;
    const number = Math.max(count, 1);
    const publish = silent ? () => {} : request.publish;
    publish("execute_input", { code, execution_count: number });
    const { show, flush } = publisher(request.publish, number);
    let result: string | undefined;
    let running = true;
    const frontend: Frontend = {
      // Where nobody can be asked, a program reads the outputs, and it stops reading when the cell ends.
      remarks: silent ? "never" : allowStdin ? "anytime" : "before the end",
      show(output) {
        if (output.type === "execute_result") result = plainText(output.data);
        // A comm message is no output: the other end needs it, however silent the cell.
        if (!silent || output.type === "comm") show(output);
      },
      async ask(question) {
        if (!running) throw new Error("input: the cell that asks has ended.");
        if (!allowStdin)
          throw new Error("input: this client takes no questions (allow_stdin is false).");
        flush(); // what the cell printed before its question
        return await stdin.ask(request.message, question);
      },
    };
    const { cellId } = request.message.metadata;
    const id = typeof cellId === "string" ? cellId : undefined;
    const outcome = await interpreter.execute({ code, label: `[${number}]`, id }, frontend);
    running = false;
    stdin.forget(request.message);
    flush();
    if (storeHistory) history.store(number, code, result);
    if (outcome.status === "error") {
      const { ename, evalue, traceback } = outcome;
      publish("error", { ename, evalue, traceback });
      if (stopOnError) await request.abortQueued();
      return { ...outcome, execution_count: number, user_expressions: {}, payload: [] };
    }
    const expressions = await evaluateAll(interpreter, userExpressions);
    return { status: "ok", execution_count: number, user_expressions: expressions, payload: [] };
  }

  return { handle, queued: true };
}

function plainText(data: MimeBundle): string | undefined {
  const text = data["text/plain"];
  return typeof text === "string" ? text : undefined;
}

/** Turns the outputs of one request into iopub messages; `count` is the number of its cell. */
export function publisher(
  publish: Request["publish"],
  count: number,
): { show: (output: Output) => void; flush: () => void } {
  const text = streams((name, text) => publish("stream", { name, text }));
  const show = (output: Output) => {
    if (output.type === "stream") {
      text.write(output.name, output.text);
      return;
    }
    text.flush();
    switch (output.type) {
      case "execute_result":
        publish(output.type, {
          data: output.data,
          metadata: output.metadata,
          execution_count: count,
        });
        break;
      case "clear_output":
        publish(output.type, { wait: output.wait });
        break;
      case "comm": {
        const { type, id, target, data, metadata, buffers } = output.message;
        const name = target === undefined ? {} : { target_name: target };
        publish(type, { comm_id: id, ...name, data }, { metadata, buffers });
        break;
      }
      default:
        publish(output.type, {
          data: output.data,
          metadata: output.metadata,
          transient: { display_id: output.id },
        });
    }
  };
  return { show, flush: text.flush };
}

async function evaluateAll(
  interpreter: Interpreter,
  expressions: Record<string, string>,
): Promise<Record<string, unknown>> {
  const results: Record<string, unknown> = {};
  for (const [name, code] of Object.entries(expressions)) {
    let data: MimeBundle = {};
    let metadata: MimeBundle = {};
    const outcome: Outcome = await interpreter.execute(
      { code, label: `[${name}]` },
      {
        show(output) {
          if (output.type === "execute_result") ({ data, metadata } = output);
        },
        ask: () => Promise.reject(new Error("input: a user expression cannot ask.")),
        remarks: "never",
      },
    );
    results[name] = outcome.status === "ok" ? { status: "ok", data, metadata } : outcome;
  }
  return results;
}
