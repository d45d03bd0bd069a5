import assert from "node:assert/strict";
import type { Request } from "../../kernel/dispatch.ts";
import { executeRoute } from "../../kernel/execute.ts";
import type { History } from "../../kernel/history.ts";
import type { Cell, Frontend, Interpreter, Outcome } from "../../kernel/interpreter.ts";
import { headers, message } from "../../kernel/protocol.ts";
import type { Stdin } from "../../kernel/stdin.ts";

const header = headers();

/** The route over an interpreter that does what the test says; `log` is what it published and stored, in order. */
function bench(run: (cell: Cell, frontend: Frontend) => Promise<Outcome>) {
  const log: unknown[] = [];
  const history = { store: (...entry: unknown[]) => log.push(["stored", ...entry]) };
  const stdin = {
    async ask(_: unknown, { prompt }: { prompt: string }) {
      log.push(["asked", prompt]);
      return "answer";
    },
    forget() {},
  };
  const { handle } = executeRoute(
    { execute: run } as unknown as Interpreter,
    history as unknown as History,
    stdin as unknown as Stdin,
  );
  const execute = (content: Record<string, unknown>) =>
    handle({
      message: message(header("execute_request"), {}, content),
      publish: (type: string, { text = "" }: { text?: unknown }) => log.push([type, text]),
      after() {},
      async abortQueued() {},
    } as unknown as Request);
  return { execute, log };
}
const ok = { status: "ok" } as const;

describe("execute", () => {
  it("publishes what a cell printed before it asks", async () => {
    const { execute, log } = bench(async (_, { show, ask }) => {
      show({ type: "stream", name: "stdout", text: "before" });
      show({ type: "stream", name: "stdout", text: await ask({ prompt: "?", password: false }) });
      return ok;
    });
    await execute({ code: "c", store_history: false });
    assert.deepEqual(log, [
      ["execute_input", ""],
      ["stream", "before"],
      ["asked", "?"],
      ["stream", "answer"],
    ]);
  });

  it("stores cells with their result, and counts them, unless told not to", async () => {
    const { execute, log } = bench(async ({ code }, { show }) => {
      show({ type: "execute_result", data: { "text/plain": `<${code}>` }, metadata: {} });
      return ok;
    });
    const count = async (content: object) =>
      (await execute(content as Record<string, unknown>)).execution_count;
    assert.equal(await count({ code: "a" }), 1);
    assert.equal(await count({ code: "b", store_history: false }), 1);
    assert.equal(await count({ code: "c", silent: true }), 1);
    assert.equal(await count({ code: "d" }), 2);
    assert.deepEqual(
      log.filter((entry) => (entry as string[])[0] === "stored"),
      [
        ["stored", 1, "a", "<a>"],
        ["stored", 2, "d", "<d>"],
      ],
    );
  });
});
