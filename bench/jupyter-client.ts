import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { Dealer, Subscriber } from "zeromq";
import { type Message, wire } from "../kernel/wire.ts";
import { freePorts } from "../test/support/kernel-client.ts";

/** What Jupyter knows of a kernel: its kernel.json. */
export interface KernelSpec {
  /** With "{connection_file}". */
  argv: readonly string[];
  /** "signal" by default, as in Jupyter. */
  interrupt_mode?: "signal" | "message";
}

/** What one request caused, and when. */
export interface Exchange {
  reply: Message;
  /** Text of the cell on stdout. */
  text: string;
  /** From sending the request until both the reply and idle were here. */
  ms: number;
}

/** A running kernel and its only client. */
export interface JupyterKernel {
  /** From its start to its first kernel_info_reply. */
  startMs: number;
  /** @throws Error if it takes longer than `seconds`, 60 by default. */
  request(msgType: string, content: object, seconds?: number): Promise<Exchange>;
  /** Runs a cell that prints `started`, interrupts it there; `ms` is from the interrupt on. */
  interrupted(code: string, seconds: number): Promise<Exchange>;
  close(): Promise<void>;
}

/** A request on its way. */
interface Waiting {
  since: number;
  text: string;
  reply?: Message;
  idle: boolean;
  onReply?(): void;
  onText?(): void;
  done(): void;
}

const startSeconds = 60;
const ports = ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"] as const;

/**
 * Starts a kernel as Jupyter does and connects to it. ZeroMQ tries again every 5 ms instead of every 100 until the kernel
 * listens, so that `startMs` is the kernel's time.
 */
export async function startJupyterKernel({
  argv,
  interrupt_mode: mode = "signal",
}: KernelSpec): Promise<JupyterKernel> {
  const folder = await mkdtemp(join(tmpdir(), "lclab-bench-"));
  const key = randomUUID();
  const free = await freePorts(ports.length);
  const file = join(folder, "connection.json");
  const connection = {
    transport: "tcp",
    ip: "127.0.0.1",
    key,
    signature_scheme: "hmac-sha256",
    ...Object.fromEntries(ports.map((name, i) => [name, free[i]])),
  };
  await writeFile(file, JSON.stringify(connection), { mode: 0o600 });

  const session = randomUUID();
  const dealer = () => new Dealer({ routingId: session, linger: 0, reconnectInterval: 5 });
  const [shell, control] = [dealer(), dealer()];
  const iopub = new Subscriber({ linger: 0, receiveHighWaterMark: 0, reconnectInterval: 5 });
  iopub.subscribe("");
  for (const [socket, port] of [
    [shell, free[0]],
    [iopub, free[1]],
    [control, free[3]],
  ] as const)
    socket.connect(`tcp://127.0.0.1:${port}`);

  const { encode, decode } = wire(key);
  const waiting = new Map<string, Waiting>();
  const settle = (id: string, one: Waiting) => {
    if (!one.reply || !one.idle) return;
    waiting.delete(id);
    one.done();
  };
  const pump = async (socket: Dealer | Subscriber, take: (m: Message, one: Waiting) => void) => {
    for await (const frames of socket) {
      const message = decode(frames);
      const id = message.parent.msg_id;
      const one = id === undefined ? undefined : waiting.get(id);
      if (id === undefined || !one) continue;
      take(message, one);
      settle(id, one);
    }
  };
  const replied = (message: Message, one: Waiting) => {
    one.reply = message;
    one.onReply?.();
  };
  void pump(shell, replied);
  void pump(control, replied);
  void pump(iopub, ({ header, content }, one) => {
    if (header.msg_type === "stream" && content.name === "stdout") {
      one.text += content.text;
      one.onText?.();
    } else if (content.execution_state === "idle") one.idle = true;
  });

  function send(msgType: string, content: object, socket: Dealer = shell): string {
    const header = {
      ...{ msg_id: randomUUID(), msg_type: msgType, session, username: "bench" },
      ...{ date: new Date().toISOString(), version: "5.4" },
    };
    const message = { identities: [], header, parent: {}, metadata: {}, buffers: [] };
    void socket.send(encode({ ...message, content: content as Record<string, unknown> }));
    return header.msg_id;
  }

  /** Sends, and resolves when all is back; `onText` hears of each piece of output. */
  function exchange(
    msgType: string,
    content: object,
    seconds: number,
    onText?: (one: Waiting) => void,
  ): Promise<Exchange> {
    return new Promise((resolve, reject) => {
      const one: Waiting = {
        ...{ since: performance.now(), text: "", idle: false },
        ...(onText ? { onText: () => onText(one) } : {}),
        done() {
          clearTimeout(timer);
          const { reply, text, since } = one;
          resolve({ reply: reply as Message, text, ms: performance.now() - since });
        },
      };
      const timer = setTimeout(
        () => reject(new Error(`${msgType} took longer than ${seconds} s`)),
        seconds * 1000,
      );
      waiting.set(send(msgType, content), one);
    });
  }

  const before = performance.now();
  const [program, ...args] = argv.map((arg) => arg.replace("{connection_file}", file));
  const child = spawn(program, args, { cwd: folder, stdio: ["ignore", "ignore", "ignore"] });
  const exited = once(child, "exit");
  // Not once for both: a kernel that does not start has no "exit".
  child.once("error", () => {});

  const close = async () => {
    if (child.pid !== undefined && child.exitCode === null && child.signalCode === null) {
      send("shutdown_request", { restart: false }, control);
      const timer = setTimeout(() => child.kill("SIGKILL"), 5000);
      await exited;
      clearTimeout(timer);
    }
    for (const socket of [shell, control, iopub]) socket.close();
    await rm(folder, { recursive: true, force: true });
  };

  try {
    const startMs = await firstAnswer(child, waiting, () => send("kernel_info_request", {}));
    return {
      startMs: startMs - before,
      request: (msgType, content, seconds = 60) => exchange(msgType, content, seconds),
      interrupted: (code, seconds) =>
        exchange("execute_request", { code }, seconds, (one) => {
          if (!one.text.includes("started")) return;
          delete one.onText;
          one.since = performance.now();
          if (mode === "message") send("interrupt_request", {}, control);
          else child.kill("SIGINT");
        }),
      close,
    };
  } catch (error) {
    await close();
    throw error;
  }
}

/**
 * Resolves with the time of the first kernel_info_reply, after the subscription to iopub was seen to work: like
 * jupyter_client, this asks again until an answer comes on both.
 */
function firstAnswer(
  child: ChildProcess,
  waiting: Map<string, Waiting>,
  ask: () => string,
): Promise<number> {
  return new Promise((resolve, reject) => {
    let first: number | undefined;
    const asked = () => {
      waiting.set(ask(), {
        ...{ since: 0, text: "", idle: false },
        onReply() {
          first ??= performance.now();
        },
        done() {
          clearInterval(again);
          clearTimeout(late);
          resolve(first as number);
        },
      });
    };
    const fail = (why: string) => {
      clearInterval(again);
      clearTimeout(late);
      reject(new Error(`${child.spawnargs.join(" ")} ${why}`));
    };
    const again = setInterval(() => {
      // One question waits in the socket until the kernel listens.
      if (first !== undefined) asked();
    }, 20);
    const late = setTimeout(
      () => fail(`did not answer within ${startSeconds} s`),
      startSeconds * 1000,
    );
    child.once("error", ({ message }) => fail(`did not start: ${message}`));
    child.once("exit", (code, signal) => fail(`ended (${code ?? signal}) before it answered`));
    asked();
  });
}
