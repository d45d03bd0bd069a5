import type { Question } from "./interpreter.ts";
import type { Header, Message } from "./wire.ts";

/** Questions of cells to the people at their clients. */
export interface Stdin {
  /** Sends `input_request` to the client of `request`, after the questions before it; rejects if it is told to forget. */
  ask(request: Message, question: Question): Promise<string>;
  /** Takes an `input_reply`; one that nobody waits for is ignored. */
  receive(reply: Message): void;
  /** Drops the open questions of `request`, whose cell has ended. */
  forget(request: Message): void;
}

interface Open {
  request: Message;
  question: Question;
  /** Header of the `input_request`, once it was sent. */
  sent?: Header;
  resolve(value: string): void;
  reject(error: Error): void;
}

/** One question at a time, because a reply need not say which one it answers. */
export function stdin(send: (request: Message, question: Question) => Header): Stdin {
  let open: Open[] = [];
  const advance = () => {
    const [first] = open;
    if (first && !first.sent) first.sent = send(first.request, first.question);
  };
  return {
    ask: (request, question) =>
      new Promise((resolve, reject) => {
        open.push({ request, question, resolve, reject });
        advance();
      }),
    receive({ parent, content }) {
      const [first] = open;
      if (!first?.sent) return;
      // JupyterLab names the question it answers, jupyter_client does not. An answer to an older one came too late.
      if (parent.msg_id !== undefined && parent.msg_id !== first.sent.msg_id) return;
      open.shift();
      if (typeof content.value === "string") first.resolve(content.value);
      else first.reject(new Error("input: the client gave no answer."));
      advance();
    },
    forget(request) {
      const gone = open.filter((each) => each.request === request);
      open = open.filter((each) => each.request !== request);
      for (const { reject } of gone) reject(new Error("input: the cell that asked has ended."));
      advance();
    },
  };
}
