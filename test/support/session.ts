import type { KernelClient } from "./kernel-client.ts";

/** What one cell showed. */
export interface Shown {
  /** `text/plain` of its result. */
  result: string | undefined;
  stdout: string;
  stderr: string;
  /** `ename: evalue`. */
  error: string | undefined;
  traceback: string[];
  /** Types of the outputs in their order, the text of streams in place of the type. */
  order: string[];
}

/** Runs a cell and sorts what it published. */
export async function show(kernel: KernelClient, code: string): Promise<Shown> {
  const { published, reply } = await kernel.execute(code, { stop_on_error: false });
  const outputs = published.slice(2, -1);
  const text = (name: string) =>
    outputs
      .filter(({ content }) => content.name === name)
      .map(({ content }) => content.text)
      .join("");
  const data = outputs.find(({ header }) => header.msg_type === "execute_result")?.content.data;
  const { ename, evalue, traceback = [] } = reply.content;
  return {
    result: (data as Record<string, string> | undefined)?.["text/plain"],
    stdout: text("stdout"),
    stderr: text("stderr"),
    error: ename === undefined ? undefined : `${ename}: ${evalue}`,
    traceback: traceback as string[],
    order: outputs.map(({ header, content }) => String(content.text ?? header.msg_type)),
  };
}

/** What the last of some cells is to show: its result, its output, or its error. */
export type Expected = string | { stdout: string } | { error: string | RegExp };

/** Name, cells, and what the last of them shows. */
export type Session = [name: string, cells: string[], expected: Expected];
