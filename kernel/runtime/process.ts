import { type ChildProcess, spawn } from "node:child_process";
import { createRequire } from "node:module";
import type { Readable, Writable } from "node:stream";
import { setImmediate as turn } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  type Command,
  descriptors,
  encodeFrame,
  type Frame,
  frameReader,
  type InputAnswer,
} from "./frames.ts";
import { type ImportSettings, settingsVariable } from "./tsconfig.ts";

/** How long a process asked to close may take before it is killed. */
const closeMs = 500;

/** What node prints when a process with an inspector session exits. */
const inspectorFarewell = "Waiting for the debugger to disconnect...\n";

/** What a user process reports. */
export interface UserProcessEvents {
  frame(frame: Frame, buffers: Buffer[]): void;
  /** Output of native code or of a child process of the user's code, straight from the descriptor. */
  output(name: "stdout" | "stderr", text: string): void;
  /** It ended, by itself or because it was told to; nothing more comes. */
  exit(how: { code: number | null; signal: NodeJS.Signals | null }): void;
}

/** The process that runs user code. */
export interface UserProcess {
  send(command: Command, buffers?: readonly Uint8Array[]): void;
  interrupt(cell: number): void;
  /** Answers a question of a cell, also while its main thread waits. */
  answer(answer: InputAnswer): void;
  /** Asks it to end, then kills it and its children. Resolves when it has ended. */
  close(): Promise<void>;
}

/** Starts a user process in the present folder; `settings` are those of its tsconfig.json. */
export function userProcess(events: UserProcessEvents, settings?: ImportSettings): UserProcess {
  const group = process.platform !== "win32";
  const child = spawn(process.execPath, arguments_(), {
    stdio: ["ignore", "pipe", "pipe", "pipe", "pipe", "pipe"],
    detached: group, // its own process group, to end its children with it
    windowsHide: true,
    // Without settings of its own it must not have those of a kernel that it runs in.
    env: { ...process.env, [settingsVariable]: settings && JSON.stringify(settings) },
  });
  let ended = false;
  const exited = new Promise<void>((resolve) => {
    child.once("error", () => resolve());
    child.once("exit", (code, signal) => {
      kill(child, group);
      // What the process wrote before its end is still in the pipes.
      const finish = async () => {
        await turn();
        if (ended) return;
        ended = true;
        events.exit({ code, signal });
        resolve();
      };
      child.once("close", () => void finish());
      setTimeout(() => void finish(), closeMs).unref();
    });
  });

  const pipe = (fd: number) => child.stdio[fd] as Readable & Writable;
  // A process whose frames cannot be read is as good as dead: its exit says so to whoever waits.
  const garbled = () => kill(child, group);
  pipe(descriptors.frames).on("data", frameReader<Frame>(events.frame, garbled));
  for (const [name, stream] of [
    ["stdout", child.stdout],
    ["stderr", child.stderr],
  ] as const)
    stream?.setEncoding("utf8").on("data", (text: string) => {
      const own = text.replace(inspectorFarewell, "");
      if (own !== "") events.output(name, own);
    });
  for (let fd = 1; fd <= descriptors.commands; fd++) pipe(fd).on("error", () => {}); // its exit tells

  return {
    send: (command, buffers) =>
      void pipe(descriptors.commands).write(encodeFrame(command, buffers)),
    interrupt: (cell) =>
      void pipe(descriptors.relay).write(encodeFrame({ type: "interrupt", cell })),
    answer: (answer) => void pipe(descriptors.relay).write(encodeFrame(answer)),
    async close() {
      if (!ended) pipe(descriptors.commands).write(encodeFrame({ type: "close" }));
      const timer = setTimeout(() => kill(child, group), closeMs);
      await exited;
      clearTimeout(timer);
    },
  };
}

function kill(child: ChildProcess, group: boolean): void {
  if (child.pid === undefined) return;
  try {
    process.kill(group ? -child.pid : child.pid, "SIGKILL");
  } catch {
    // it has already ended
  }
}

/** The loader for the kernel's own sources. */
const tsx = () => pathToFileURL(createRequire(import.meta.url).resolve("tsx")).href;

function arguments_(): string[] {
  const source = import.meta.url.endsWith(".ts");
  const major = Number(process.versions.node.split(".")[0]);
  return [
    // Terminating a cell inside an async hook must not abort the process.
    "--no-force-async-hooks-checks",
    // Some of what the runtime builds on is experimental in older versions; no cell should say so.
    "--disable-warning=ExperimentalWarning",
    // A rejection was shown already; the next cell may still await its promise.
    "--disable-warning=PromiseRejectionHandledWarning",
    // `import.meta.resolve` of a cell resolves from the notebook's folder.
    "--experimental-import-meta-resolve",
    ...(major >= 22 && major < 24 ? ["--experimental-async-context-frame"] : []),
    ...(source ? ["--import", tsx()] : []),
    fileURLToPath(new URL(source ? "./user.ts" : "./user.js", import.meta.url)),
  ];
}
