/** A MIME bundle: MIME type → text, or a JSON value for the JSON types. */
export type MimeBundle = Record<string, unknown>;

/** One cell as it reaches an interpreter. */
export interface Cell {
  code: string;
  /** What a traceback calls the cell: `[3]` is shown as `Cell [3]`. */
  label: string;
  /** Which cell of the notebook it is, if the client says so: the same again when it runs again. */
  id?: string | undefined;
}

/** What a running cell shows, in the order in which it shows it. */
export type Output =
  | { type: "stream"; name: "stdout" | "stderr"; text: string }
  | { type: "execute_result"; data: MimeBundle; metadata: MimeBundle }
  | { type: "display_data"; data: MimeBundle; metadata: MimeBundle; id: string }
  | { type: "update_display_data"; data: MimeBundle; metadata: MimeBundle; id: string }
  | { type: "clear_output"; wait: boolean }
  | { type: "comm"; message: CommMessage };

/** Why a cell failed, as Jupyter's `error` message has it. */
export interface Failed {
  status: "error";
  /** Name of the error, `TypeError`. */
  ename: string;
  /** Its message, one or more lines. */
  evalue: string;
  /** Lines to show: the error, then one entry per frame of the user, the innermost with its source line. */
  traceback: string[];
}

/** How a cell ended. */
export type Outcome = { status: "ok" } | Failed;

/** Whether a console should run what was typed or wait for the rest. */
export type Completeness =
  | { status: "complete" | "invalid" | "unknown" }
  | { status: "incomplete"; indent: string };

/** One completion. */
export interface Match {
  text: string;
  /** What it names, such as `function`; empty if unknown. */
  type: string;
}

/** Completions, and the part of the code that they replace, in UTF-16 units. */
export interface Completions {
  matches: Match[];
  start: number;
  end: number;
}

/** A question of a cell to the person at the client. */
export interface Question {
  prompt: string;
  /** True if the answer must not be shown. */
  password: boolean;
}

/** What a cell may use of its client. */
export interface Frontend {
  show(output: Output): void;
  /** Asks the person at the client; rejects if this client takes no questions. */
  ask(question: Question): Promise<string>;
  /**
   * How what is found out about a cell beside running it, such as type errors, reaches the client: also when the cell has
   * ended, only before it ends, or not at all.
   */
  remarks: "anytime" | "before the end" | "never";
}

/** A comm message, from a client or from a cell. */
export interface CommMessage {
  type: "comm_open" | "comm_msg" | "comm_close";
  /** Identity of the comm. */
  id: string;
  /** Of `comm_open` only: who shall take it. */
  target?: string | undefined;
  data: Record<string, unknown>;
  metadata: Record<string, unknown>;
  buffers: Uint8Array[];
}

/**
 * A language as the kernel sees it. It never meets a socket or a message: outputs go to the callback of the cell
 * that made them, which stays valid after the cell ended (a timer may still print).
 */
export interface Interpreter {
  /** Starts whatever is slow, so that the first cell does not wait for it. */
  start(): void;
  /** Runs one cell; the caller never runs two at once. Never rejects: a failure is an outcome. */
  execute(cell: Cell, frontend: Frontend): Promise<Outcome>;
  /** Interrupts the running cell; without one, does nothing. */
  interrupt(): void;
  isComplete(code: string): Promise<Completeness>;
  /** Completions at `cursor`, in UTF-16 units, also while a cell runs. */
  complete(code: string, cursor: number): Promise<Completions>;
  /** What is known of the name at `cursor`, also while a cell runs; undefined if nothing is. */
  inspect(code: string, cursor: number): Promise<MimeBundle | undefined>;
  /** Hands over a comm message of a client; resolves when its handler has returned. */
  comm(message: CommMessage, frontend: Frontend): Promise<void>;
  /** The open comms: id → target. */
  comms(): ReadonlyMap<string, string>;
  /** Ends the processes of the interpreter. Resolves when none is left. */
  close(): Promise<void>;
}
