import { type ChildProcess, spawn } from "node:child_process";
import { randomUUID } from "node:crypto";
import { once } from "node:events";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Dealer, Request, Subscriber } from "zeromq";
import { nodeOptions } from "../../kernel/install.ts";
import { type Message, type Wire, wire } from "../../kernel/wire.ts";

const main = fileURLToPath(new URL("../../kernel/main.ts", import.meta.url));
// As a CommonJS module, which is how mocha loads it, this one has no import.meta.resolve.
const tsx = pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;
const ports = ["shell_port", "iopub_port", "stdin_port", "control_port", "hb_port"] as const;

type Channel = "shell" | "control" | "stdin";

/** Everything one request caused. */
export interface Exchange {
  id: string;
  reply: Message;
  /** iopub messages with the request as parent, from busy to idle. */
  published: Message[];
}

/** A client of one kernel process. */
export interface KernelClient {
  process: ChildProcess;
  wire: Wire;
  key: string;
  folder: string;
  /** All iopub messages so far. */
  iopub: Message[];
  /** All replies so far, from shell and control. */
  replies: Message[];
  /** All questions of cells so far. */
  questions: Message[];
  /** Folder of the kernel's history. */
  history: string;
  /** Sends a request without waiting; returns its id. */
  send(msgType: string, content?: object, channel?: Channel, more?: Partial<Message>): string;
  /** Sends frames as they are. */
  sendFrames(frames: Buffer[], channel?: Channel): Promise<void>;
  /** Waits for the reply and for idle. */
  answer(id: string): Promise<Exchange>;
  request(msgType: string, content?: object, channel?: Channel): Promise<Exchange>;
  execute(code: string, options?: object): Promise<Exchange>;
  /** Waits for a comm message to be handled. */
  comm(msgType: string, content: object, buffers?: Buffer[]): Promise<Message[]>;
  /** Resolves with question number `count`, from 0, once it has come. */
  question(count: number): Promise<Message>;
  /** Resolves when an iopub message satisfies `condition`, also one that has already come. */
  published(condition: (message: Message) => boolean): Promise<Message>;
  /** Round trip of the heartbeat. */
  heartbeat(): Promise<string>;
  /** Closes the client's sockets. */
  disconnect(): void;
  /** Ends the kernel and disconnects; resolves with its exit code. */
  shutdown(): Promise<number | null>;
}

/**
 * Starts a kernel from its sources in `folder`, a new one by default, and connects to it. `stderr: "pipe"` gives what it
 * logs to the test, `parent: true` puts a process between it and the test, `env` is added to its environment.
 */
export async function startKernel(
  folder: string = mkdtempSync(join(tmpdir(), "lclab-kernel-")),
  {
    history = mkdtempSync(join(tmpdir(), "lclab-history-")),
    stderr = "inherit",
    parent = false,
    env = {},
  }: {
    history?: string;
    stderr?: "inherit" | "pipe";
    parent?: boolean;
    env?: Record<string, string>;
  } = {},
): Promise<KernelClient> {
  const key = randomUUID();
  const free = await freePorts(ports.length);
  const connection = {
    transport: "tcp",
    ip: "127.0.0.1",
    key,
    signature_scheme: "hmac-sha256",
    ...Object.fromEntries(ports.map((port, i) => [port, free[i]])),
  };
  const file = join(mkdtempSync(join(tmpdir(), "lclab-connection-")), "kernel.json");
  writeFileSync(file, JSON.stringify(connection), { mode: 0o600 });
  const program = [...nodeOptions, "--import", tsx, main, "kernel", file];
  // With `parent`, another process starts the kernel, and `process` is that one.
  const starter = `require("child_process").spawn(process.execPath, ${JSON.stringify(program)}, { stdio: "inherit" });
    setInterval(() => {}, 1000);`;
  const child = spawn(process.execPath, parent ? ["-e", starter] : program, {
    cwd: folder,
    stdio: ["ignore", "ignore", stderr],
    env: { ...process.env, LCLAB_HISTORY: history, ...env },
  });

  const session = randomUUID();
  const at = (i: number) => `tcp://127.0.0.1:${free[i]}`;
  const shell = new Dealer({ routingId: session, linger: 0 });
  const control = new Dealer({ routingId: session, linger: 0 });
  const stdin = new Dealer({ routingId: session, linger: 0 });
  const subscriber = new Subscriber({ linger: 0, receiveHighWaterMark: 0 });
  const heart = new Request({ linger: 0 });
  subscriber.subscribe("");
  subscriber.connect(at(1));
  shell.connect(at(0));
  control.connect(at(3));
  stdin.connect(at(2));
  heart.connect(at(4));

  const sending = wire(key);
  const receiving = wire(key);
  const iopub: Message[] = [];
  const replies: Message[] = [];
  const questions: Message[] = [];
  let wake = signal();
  const pump = async (socket: Dealer | Subscriber, into: Message[]) => {
    for await (const frames of socket) {
      into.push(receiving.decode(frames));
      wake.resolve();
      wake = signal();
    }
  };
  void pump(shell, replies);
  void pump(control, replies);
  void pump(stdin, questions);
  void pump(subscriber, iopub);

  async function until<T>(find: () => T | undefined): Promise<T> {
    for (;;) {
      const found = find();
      if (found !== undefined) return found;
      await wake.promise;
    }
  }
  const isChild = (id: string) => (message: Message) => message.parent.msg_id === id;
  const isIdle = (message: Message) => message.content.execution_state === "idle";

  const client: KernelClient = {
    process: child,
    wire: sending,
    key,
    folder,
    iopub,
    replies,
    questions,
    history,
    send(msgType, content = {}, channel = "shell", more = {}) {
      const id = randomUUID();
      const header = {
        msg_id: id,
        msg_type: msgType,
        session,
        username: "test",
        date: new Date().toISOString(),
        version: "5.4",
      };
      const frames = sending.encode({
        identities: [],
        header,
        parent: {},
        metadata: {},
        content: content as Record<string, unknown>,
        buffers: [],
        ...more,
      });
      void { shell, control, stdin }[channel].send(frames);
      return id;
    },
    sendFrames: (frames, channel = "shell") => ({ shell, control, stdin })[channel].send(frames),
    async answer(id) {
      const reply = await until(() => replies.find(isChild(id)));
      await until(() => iopub.find((message) => isChild(id)(message) && isIdle(message)));
      return { id, reply, published: iopub.filter(isChild(id)) };
    },
    request: (msgType, content, channel) => client.answer(client.send(msgType, content, channel)),
    execute: (code, options = {}) => client.request("execute_request", { code, ...options }),
    async comm(msgType, content, buffers = []) {
      const id = client.send(msgType, content, "shell", { buffers });
      await until(() => iopub.find((message) => isChild(id)(message) && isIdle(message)));
      return iopub.filter(isChild(id));
    },
    question: (count) => until(() => questions[count]),
    published: (condition) => until(() => iopub.find(condition)),
    async heartbeat() {
      await heart.send("beat");
      return String((await heart.receive())[0]);
    },
    disconnect() {
      for (const socket of [shell, control, stdin, subscriber, heart]) socket.close();
      rmSync(file);
    },
    async shutdown() {
      const exited =
        child.exitCode === null && child.signalCode === null
          ? once(child, "exit")
          : Promise.resolve([child.exitCode]);
      client.send("shutdown_request", { restart: false }, "control");
      const [code] = await exited;
      client.disconnect();
      return code as number | null;
    },
  };
  // The welcome message says that the subscription has reached the kernel.
  await client.published(({ header }) => header.msg_type === "iopub_welcome");
  return client;
}

/** Resolves when none of the processes is left. */
export async function gone(pids: number[]): Promise<void> {
  const alive = (pid: number) => {
    try {
      process.kill(pid, 0);
      return true;
    } catch {
      return false;
    }
  };
  while (pids.some(alive)) await new Promise((resolve) => setTimeout(resolve, 10));
}

async function freePorts(count: number): Promise<number[]> {
  const servers = Array.from({ length: count }, () => createServer().listen(0, "127.0.0.1"));
  await Promise.all(servers.map((server) => once(server, "listening")));
  const free = servers.map((server) => (server.address() as { port: number }).port);
  await Promise.all(servers.map((server) => once(server.close(), "close")));
  return free;
}

/** Promise.withResolvers, which Node 20 does not have. */
function signal(): { promise: Promise<void>; resolve: () => void } {
  let resolve = () => {};
  const promise = new Promise<void>((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
